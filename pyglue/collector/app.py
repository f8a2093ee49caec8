"""What a request gets: the whole collector between a parsed request and its answer, without sockets.

Its law: the answer to an event is success only if its records are safe, or if no record was to be made of it (then
the reason is counted). What becomes of events whose records are on their way is told in `delivery`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from pyglue.collector.bad.entries import Came, Lost
from pyglue.collector.bad.keeping import Keeper
from pyglue.collector.config.configured import AS_DIVOLTE, Privacy
from pyglue.collector.counting.counters import Counters, Minute
from pyglue.collector.counting.timings import Timings
from pyglue.collector.delivery import DUPLICATE, OUR_BUG, Deliveries, Held, Keeping, Reply
from pyglue.collector.duplicates import Memory
from pyglue.collector.events import identifiers
from pyglue.collector.events.dropped import CORRUPT, TOO_LARGE, DroppedEvent
from pyglue.collector.events.event import Event, of_json, of_parameters, of_tag
from pyglue.collector.events.json_text import TOO_DEEP
from pyglue.collector.events.privacy import refusal, shortening
from pyglue.collector.http import addresses, answers, headers, query, requestlog
from pyglue.collector.http.answers import Answer, Tag
from pyglue.collector.http.headers import Headers
from pyglue.collector.http.page import TestPage
from pyglue.collector.http.routes import Routes, canonical_path, decoded_path
from pyglue.collector.sinks.sink import Outlet

log = logging.getLogger("pyglue.collector")

BODY_STEP = (
    4096  # bytes; Divolte reads bodies in steps of this size, and their limit is a number of whole steps
)

# What the server of the test page knows beside the methods that the page is sent on.
_KNOWN_METHODS = frozenset({"OPTIONS", "PUT", "DELETE", "TRACE", "CONNECT"})
_PAGE_METHODS = frozenset({"GET", "HEAD", "POST"})

AWAY = "sink away"
NOT_MAPPED = "not mapped"  # no mapping with a sink takes events of that source


class Request:
    """A request as it came.

    `method` is as the client wrote it; header names are in lower case; `peer` is the address of the other end in the
    form that is recorded. A body is only there if the app wanted it (see `App.body_limit`). If the app sets `timings`, it
    wants to know there how long the answer takes.
    """

    __slots__ = ("body", "headers", "method", "peer", "target", "timings")

    def __init__(
        self,
        method: str,
        target: bytes,
        headers: Headers,
        peer: bytes,
        body: bytes = b"",
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.peer = peer
        self.body = body
        self.timings: Timings | None = None


@dataclass(frozen=True)
class Pipeline:
    """One mapping at work: how a record is written and where it goes; `name` is the mapping's."""

    encode: Callable[[Event], bytes]
    outlets: tuple[Outlet, ...]
    discard_corrupted: bool = False
    discard_duplicates: bool = False
    name: str = ""


class _Source:
    """A path that takes events."""

    pipelines: tuple[Pipeline, ...]

    @cached_property
    def outlets(self) -> tuple[Outlet, ...]:
        """Where records of its events may go, each once."""
        return tuple(dict.fromkeys(outlet for pipeline in self.pipelines for outlet in pipeline.outlets))

    @cached_property
    def discards_duplicates(self) -> bool:
        """Whether an event that came before has no record at all: then it may share the fate of the first one."""
        return all(pipeline.discard_duplicates for pipeline in self.pipelines)


@dataclass(frozen=True)
class EventsAt(_Source):
    """A path that takes browsers' events for these pipelines; answers are held back so long after the request."""

    pipelines: tuple[Pipeline, ...]
    response_delay_ms: int = 0


@dataclass(frozen=True)
class JsonEventsAt(_Source):
    """A path that takes events as JSON.

    The query's `party_parameter` names the party; `maximum_body_size` is in bytes, as configured.
    """

    pipelines: tuple[Pipeline, ...]
    party_parameter: str
    maximum_body_size: int

    @property
    def body_limit(self) -> int:
        """The bytes that a body may have."""
        return max(-(-self.maximum_body_size // BODY_STEP), 1) * BODY_STEP


class Ping:
    """The path that tells whether the collector can do its work."""


class Ready:
    """The path that tells why not, too."""


Place = EventsAt | JsonEventsAt | Tag | Ping | Ready | TestPage


class App:
    """Answers requests.

    `clock` gives milliseconds since 1970, `timer` seconds that only grow; `later` calls a function so many seconds later.
    `bad` hears of events that are answered with success although a record of them could not be made.
    """

    def __init__(
        self,
        table: Mapping[str, Place],
        memory: Memory,
        counters: Counters,
        *,
        clock: Callable[[], int],
        later: Callable[[float, Callable[[], None]], object],
        retry_after_s: int,
        timer: Callable[[], float] = time.monotonic,
        use_x_forwarded_for: bool = False,
        serve_static_resources: bool = False,
        debug_requests: bool = False,
        privacy: Privacy = AS_DIVOLTE,
        bad: Keeper | None = None,
    ) -> None:
        """`serve_static_resources` tells that pages are served, whatever lies at their paths."""
        self.stopping = False
        self.counters = counters
        self._routes: Routes[Place] = Routes(table)
        sources = [place for place in table.values() if isinstance(place, _Source)]
        self._outlets = tuple(dict.fromkeys(outlet for source in sources for outlet in source.outlets))
        self._memory = memory
        self._clock = clock
        self._later = later
        self._try_later = answers.try_later(retry_after_s)
        self._deliveries = Deliveries(memory, counters, timer, self._try_later)
        self.timings = self._deliveries.timings
        self._use_x_forwarded_for = use_x_forwarded_for
        self._shorten = shortening(privacy)
        self._peer_is_recorded = not use_x_forwarded_for and self._shorten is None
        self._refusal = refusal(privacy)
        self._bad = bad
        self._serves_pages = serve_static_resources
        self._debug_requests = debug_requests

    @property
    def in_flight(self) -> int:
        """Events whose fate is not known."""
        return self.counters.in_flight

    def troubles(self) -> list[str]:
        """Why events would be refused now, or soon; nothing if all sinks take them."""
        stopping = ["the collector is ending"] if self.stopping else []
        return list(
            dict.fromkeys([*stopping, *(outlet.trouble for outlet in self._outlets if outlet.trouble)])
        )

    def count(self, kind: str) -> None:
        """Count a request that is no event, now; kinds come from a fixed set."""
        self.counters.at(self._clock()).request(kind)

    def body_limit(self, request: Request) -> int | None:
        """The bytes that the body of `request` may have, None if no body is wanted. Looks at all but the body."""
        place = self._routes.find(request.target.partition(b"?")[0])
        if isinstance(place, JsonEventsAt) and request.method.upper() == "POST" and _is_json(request):
            return place.body_limit
        return None

    def respond(self, request: Request, reply: Reply) -> None:
        """Answer `request` by calling `reply` once, now or when its records are safe."""
        if self._debug_requests:
            log.info("%s", requestlog.line(request.method, request.target, request.headers))
        path, _, raw_query = request.target.partition(b"?")
        place = self._routes.known(path)
        event = of_tag(raw_query) if isinstance(place, EventsAt) else None
        if event is None:  # nothing is known of the target yet
            try:
                query.check_target(request.target)
            except query.MalformedTarget:
                self.count("malformed request")
                reply(answers.MALFORMED)
                return
            place = place or self._routes.find(path)
        if isinstance(place, EventsAt):
            request.timings = self.timings
            if request.method == "GET" or request.method.upper() == "GET":
                self._browser_event(place, request, event or partial(_event_of, raw_query), reply)
            else:
                reply(answers.method_not_allowed(request.method, "GET"))
        elif isinstance(place, JsonEventsAt):
            request.timings = self.timings
            self._json_event(place, request, raw_query, reply)
        else:
            reply(self._answer(place, request, path, raw_query))

    def _answer(
        self, place: Tag | Ping | Ready | TestPage | None, request: Request, path: bytes, raw_query: bytes
    ) -> Answer:
        if isinstance(place, Ping):
            return self._ping()
        if isinstance(place, Ready):
            troubles = self.troubles()
            return answers.not_ready(troubles) if troubles else answers.READY
        if isinstance(place, Tag):
            if request.method.upper() != "GET":
                return answers.method_not_allowed(request.method, "GET")
            return place.answer(
                headers.lines(request.headers, b"accept-encoding"),
                headers.first(request.headers, b"if-none-match"),
            )
        method = request.method.upper()
        if self._serves_pages and method not in _PAGE_METHODS:
            return answers.NOT_A_PAGE_METHOD if method in _KNOWN_METHODS else answers.UNKNOWN_METHOD
        if isinstance(place, TestPage):
            return self._page(place, request, path, raw_query)
        return answers.NOT_FOUND

    def _page(self, page: TestPage, request: Request, path: bytes, raw_query: bytes) -> Answer:
        """The page, for a path that names the page's file or ends like a directory."""
        canonical = canonical_path(path)
        if canonical != b"/" and canonical.endswith(b"/"):
            return answers.NOT_FOUND
        if canonical == b"/" and not decoded_path(path).endswith(b"/"):
            return answers.found_at("/" + ("?" + raw_query.decode("ascii") if raw_query else ""))
        return page.answer({name: headers.text(value) for name, value in reversed(request.headers)})

    def _ping(self) -> Answer:
        if self.stopping:
            return answers.STOPPING
        return answers.PONG if all(outlet.ready for outlet in self._outlets) else answers.WAITING

    def _browser_event(
        self, place: EventsAt, request: Request, asked: Event | Callable[[], Event], reply: Reply
    ) -> None:
        if place.response_delay_ms:
            reply = Held(reply, self._later, place.response_delay_ms / 1000).reply
        known = headers.first(request.headers, b"if-none-match")
        if known is not None and answers.holds_tag(known, answers.EVENT_TAG):
            self.count("ignored reload")
            reply(answers.EVENT_AGAIN)
            return
        self._record(asked, request, place, answers.EVENT, reply)

    def _json_event(self, place: JsonEventsAt, request: Request, raw_query: bytes, reply: Reply) -> None:
        if request.method.upper() != "POST":
            reply(answers.method_not_allowed(request.method, "POST"))
            return
        if not _is_json(request):
            reply(answers.NOT_JSON)
            return
        party = _party(raw_query, place.party_parameter)
        if not request.body or party is None:
            self.count("incomplete request")
            reply(answers.INCOMPLETE)
            return
        self._record(partial(of_json, party, request.body), request, place, answers.ACCEPTED, reply)

    def _record(
        self,
        asked: Event | Callable[[], Event],
        request: Request,
        source: _Source,
        success: Answer,
        reply: Reply,
    ) -> None:
        """Record an event: `asked` is it, or reads it where that may fail."""
        received = self._clock()
        minute = self.counters.receive(received)
        unwanted: str | None = None
        try:
            event = asked if isinstance(asked, Event) else asked()
            if self._refusal is not None:
                unwanted = self._refusal(request.headers)
            remote_host = request.peer if self._peer_is_recorded else self._remote_host(request)
            event.arrived(request.headers, received, remote_host)
        except DroppedEvent as dropped:
            unwanted = dropped.reason
            self._keep_unread(request, received, unwanted)
        except Exception:
            self.counters.refuse(received, OUR_BUG)
            raise
        if unwanted is not None:
            minute.drop(unwanted)
            self.counters.discard(received, unwanted)
            reply(success)
            return
        for outlet in source.outlets:
            if not outlet.ready:
                self.counters.refuse(received, AWAY)
                reply(self._try_later)
                return
        seen = self._memory.remember(event.party, event.session, event.event_id)
        event.duplicate, _, _, _ = seen
        if (event.duplicate or self._deliveries.late) and self._deliveries.again(
            seen, received, success, reply, partial(self._keep_bad, event, request, source.pipelines)
        ):
            return
        ends_here = event.duplicate and self._deliveries.stands_for(seen, source.discards_duplicates)
        records: list[tuple[Outlet, bytes]] = []
        try:
            lost = self._write(event, ends_here, source.pipelines, minute, records)
        except Exception:
            self._memory.forget(seen)
            self.counters.refuse(received, OUR_BUG)
            raise
        if lost and self._bad is not None:
            reply = self._keeping(self._bad, event, request, lost, success, reply)
        if records:
            discards = source.discards_duplicates
            self._deliveries.send(event.party, records, received, seen, success, reply, discards)
        elif not (ends_here and self._deliveries.join(seen, received, success, reply)):
            if not event.duplicate:  # else it would make an unsafe first one safe
                self._memory.keep(seen)
            self.counters.discard(received, lost[0].reason if lost else NOT_MAPPED)
            reply(success)

    def _keep_bad(self, event: Event, request: Request, pipelines: tuple[Pipeline, ...]) -> None:
        """Keep an event of which another try told what it lacks, and counted that."""
        if self._bad is not None:
            lost = self._write(event, False, pipelines, Minute(0, 0), [])
            if lost:
                self._bad.keep(
                    self._came(self._bad, request, event.received, event.remote_host, event.duplicate), lost
                )

    def _keep_unread(self, request: Request, received: int, reason: str) -> None:
        """Keep a request that is no event, unless its visitor would not want that."""
        if self._bad is None or (self._refusal is not None and self._refusal(request.headers) is not None):
            return
        address = request.peer if self._peer_is_recorded else self._remote_host(request)
        self._bad.keep(self._came(self._bad, request, received, address), [Lost(reason)])

    def _keeping(
        self, bad: Keeper, event: Event, request: Request, lost: Sequence[Lost], success: Answer, reply: Reply
    ) -> Reply:
        """A reply that keeps the event if it is answered with success: otherwise its client sends it again."""
        unwanted = [one for one in lost if one.reason != DUPLICATE]
        if not unwanted:
            return reply
        came = self._came(bad, request, event.received, event.remote_host, event.duplicate)
        return Keeping(reply, success, partial(bad.keep, came, unwanted))

    @staticmethod
    def _came(
        bad: Keeper, request: Request, received: int, address: bytes, duplicate: bool | None = None
    ) -> Came:
        kept = bad.of(request.headers)
        return Came(received, request.method, request.target, request.body, kept, address.decode(), duplicate)

    @staticmethod
    def _write(
        event: Event,
        ends_here: bool,
        pipelines: tuple[Pipeline, ...],
        minute: Minute,
        records: list[tuple[Outlet, bytes]],
    ) -> Sequence[Lost]:
        """Add what is to be sent to `records`; what is not made of the event, and why.

        `ends_here`: it is a duplicate that needs no record of its own, where duplicates are discarded.
        """
        lost: tuple[Lost, ...] = ()  # nearly always
        for pipeline in pipelines:
            reason = None
            if pipeline.discard_corrupted and event.corrupt:
                reason = CORRUPT
            elif pipeline.discard_duplicates and ends_here:
                reason = DUPLICATE
            else:
                try:
                    value = pipeline.encode(event)
                except DroppedEvent as dropped:
                    reason = dropped.reason
                except RecursionError:
                    reason = TOO_DEEP
            if reason is not None:
                minute.drop(reason)
                lost = (*lost, Lost(reason, pipeline.name))
                continue
            size = len(event.party) + len(value)
            for outlet in pipeline.outlets:
                if size <= outlet.max_bytes:
                    records.append((outlet, value))
                else:
                    minute.drop(TOO_LARGE)
                    lost = (*lost, Lost(TOO_LARGE, pipeline.name, outlet.place))
        return lost

    def _remote_host(self, request: Request) -> bytes:
        """The visitor's address, as far as it is kept."""
        host = request.peer
        if self._use_x_forwarded_for:
            lines = headers.lines(request.headers, b"x-forwarded-for")
            host = addresses.forwarded(lines, host.decode()).encode()
        return host if self._shorten is None else self._shorten(host)


def _is_json(request: Request) -> bool:
    """Whether the one `Content-Type` is JSON's, without parameters."""
    lines = headers.lines(request.headers, b"content-type")
    return len(lines) == 1 and lines[0].lower() == "application/json"


def _event_of(raw_query: bytes) -> Event:
    """The event of a query that is not in the tag's own form; raises DroppedEvent."""
    return of_parameters(query.parameters(raw_query))


def _party(raw_query: bytes, name: str) -> bytes | None:
    """The party that the first parameter called `name` holds, as it is recorded."""
    values = query.parameters(raw_query).get(name.encode())
    party = identifiers.normalise(values[0].decode()) if values else None
    return None if party is None else party.encode()
