"""What a request gets: the whole collector between a parsed request and its answer, without sockets.

Its law: the answer to an event is success only if its records are safe, or if no record was to be made of it (then
the reason is counted). An event whose records are not safe is forgotten by the duplicate memory, so that the client's
next try counts as the first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

from pyglue.collector import addresses, answers, headers, identifiers, query, requestlog
from pyglue.collector.answers import Answer, Tag
from pyglue.collector.configured import AS_DIVOLTE, Privacy
from pyglue.collector.counters import Counters, Minute
from pyglue.collector.dropped import DroppedEvent
from pyglue.collector.duplicates import DuplicateMemory, Seen
from pyglue.collector.event import Event, of_json, of_parameters, of_tag
from pyglue.collector.headers import Headers
from pyglue.collector.json_text import TOO_DEEP
from pyglue.collector.page import TestPage
from pyglue.collector.privacy import refusal, shortening
from pyglue.collector.routes import Routes, canonical_path, decoded_path
from pyglue.collector.sinks import Outlet

log = logging.getLogger("pyglue.collector")

BODY_STEP = (
    4096  # bytes; Divolte reads bodies in steps of this size, and their limit is a number of whole steps
)

# What the server of the test page knows beside the methods that the page is sent on.
_KNOWN_METHODS = frozenset({"OPTIONS", "PUT", "DELETE", "TRACE", "CONNECT"})
_PAGE_METHODS = frozenset({"GET", "HEAD", "POST"})

Reply = Callable[[Answer], None]


class Request:
    """A request as it came.

    `method` is as the client wrote it; header names are in lower case; `peer` is the address of the other end in the
    form that is recorded. A body is only there if the app wanted it (see `App.body_limit`).
    """

    __slots__ = ("body", "headers", "method", "peer", "target")

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


@dataclass(frozen=True)
class Pipeline:
    """One mapping at work: how a record is written and where it goes."""

    encode: Callable[[Event], bytes]
    outlets: tuple[Outlet, ...]
    discard_corrupted: bool = False
    discard_duplicates: bool = False


class _Source:
    """A path that takes events."""

    pipelines: tuple[Pipeline, ...]

    @cached_property
    def outlets(self) -> tuple[Outlet, ...]:
        """Where records of its events may go, each once."""
        return tuple(dict.fromkeys(outlet for pipeline in self.pipelines for outlet in pipeline.outlets))

    @cached_property
    def discards_duplicates(self) -> bool:
        """Whether an event may end here because it is one that came before."""
        return any(pipeline.discard_duplicates for pipeline in self.pipelines)


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


Place = EventsAt | JsonEventsAt | Tag | Ping | TestPage


class App:
    """Answers requests. `clock` gives milliseconds since 1970; `later` calls a function so many seconds later."""

    def __init__(
        self,
        table: Mapping[str, Place],
        memory: DuplicateMemory,
        counters: Counters,
        *,
        clock: Callable[[], int],
        later: Callable[[float, Callable[[], None]], object],
        retry_after_s: int,
        use_x_forwarded_for: bool = False,
        serve_static_resources: bool = False,
        debug_requests: bool = False,
        privacy: Privacy = AS_DIVOLTE,
    ) -> None:
        """`serve_static_resources` tells that pages are served, whatever lies at their paths."""
        self.stopping = False
        self.counters = counters
        self.in_flight = 0
        self._routes: Routes[Place] = Routes(table)
        sources = [place for place in table.values() if isinstance(place, _Source)]
        self._outlets = tuple(dict.fromkeys(outlet for source in sources for outlet in source.outlets))
        self._under_way: dict[int, _Delivery] = {}  # by signature, where duplicates are discarded
        self._memory = memory
        self._clock = clock
        self._later = later
        self._try_later = answers.try_later(retry_after_s)
        self._use_x_forwarded_for = use_x_forwarded_for
        self._shorten = shortening(privacy)
        self._peer_is_recorded = not use_x_forwarded_for and self._shorten is None
        self._refusal = refusal(privacy)
        self._serves_pages = serve_static_resources
        self._debug_requests = debug_requests

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
            if request.method == "GET" or request.method.upper() == "GET":
                self._browser_event(place, request, event or raw_query, reply)
            else:
                reply(answers.method_not_allowed(request.method, "GET"))
        elif isinstance(place, JsonEventsAt):
            self._json_event(place, request, raw_query, reply)
        else:
            reply(self._answer(place, request, path, raw_query))

    def _answer(
        self, place: Tag | Ping | TestPage | None, request: Request, path: bytes, raw_query: bytes
    ) -> Answer:
        if isinstance(place, Ping):
            return self._ping()
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

    def _browser_event(self, place: EventsAt, request: Request, asked: Event | bytes, reply: Reply) -> None:
        """Record a browser's event: `asked` is it, or its query where that is not in the tag's own form."""
        if place.response_delay_ms:
            reply = _Held(reply, self._later, place.response_delay_ms / 1000).reply
        if answers.holds_tag(headers.first(request.headers, b"if-none-match"), answers.EVENT_TAG):
            self.count("ignored reload")
            reply(answers.EVENT_AGAIN)
            return
        try:
            event = of_parameters(query.parameters(asked)) if isinstance(asked, bytes) else asked
        except DroppedEvent as dropped:
            self._drop(dropped.reason)
            reply(answers.EVENT)
            return
        self._record(event, request, place, answers.EVENT, reply)

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
        try:
            event = of_json(party, request.body)
        except DroppedEvent as dropped:
            self._drop(dropped.reason)
            reply(answers.ACCEPTED)
            return
        self._record(event, request, place, answers.ACCEPTED, reply)

    def _drop(self, reason: str) -> None:
        """Count an event that is not recorded, in the minute in which it came."""
        minute = self.counters.at(self._clock())
        minute.received += 1
        minute.drop(reason)

    def _record(self, event: Event, request: Request, source: _Source, success: Answer, reply: Reply) -> None:
        if self._refusal is not None and (reason := self._refusal(request.headers)):
            self._drop(reason)
            reply(success)
            return
        received = self._clock()
        minute = self.counters.at(received)
        minute.received += 1
        remote_host = request.peer if self._peer_is_recorded else self._remote_host(request)
        event.arrived(request.headers, received, remote_host)
        for outlet in source.outlets:
            if not outlet.ready:
                minute.refused += 1
                reply(self._try_later)
                return
        seen = self._memory.remember(event.party, event.session, event.event_id)
        event.duplicate, _, signature, _ = seen
        try:
            records = self._records(event, source.pipelines, minute)
        except Exception:
            self._memory.forget(seen)
            raise
        if not records:
            first = self._under_way.get(signature) if event.duplicate else None
            if first is None:
                reply(success)
            else:  # discarded as a duplicate of one that is not safe yet
                first.twins.append((success, reply))
            return
        self.in_flight += 1
        delivery = _Delivery(self, seen, success, reply, len(records), received)
        if source.discards_duplicates:
            self._under_way[signature] = delivery
        for outlet, value in records:
            outlet.send(event.party, value, received, partial(delivery.done, outlet.place))

    @staticmethod
    def _records(event: Event, pipelines: tuple[Pipeline, ...], minute: Minute) -> list[tuple[Outlet, bytes]]:
        records = []
        for pipeline in pipelines:
            if pipeline.discard_corrupted and event.corrupt:
                minute.drop("corrupt")
                continue
            if pipeline.discard_duplicates and event.duplicate:
                minute.drop("duplicate")
                continue
            try:
                value = pipeline.encode(event)
            except DroppedEvent as dropped:
                minute.drop(dropped.reason)
                continue
            except RecursionError:
                minute.drop(TOO_DEEP)
                continue
            size = len(event.party) + len(value)
            for outlet in pipeline.outlets:
                if size <= outlet.max_bytes:
                    records.append((outlet, value))
                else:
                    minute.drop("too large")
        return records

    def settle(self, delivery: _Delivery) -> None:
        """Answer an event of whose last record the fate is known."""
        self.in_flight -= 1
        if self._under_way:
            _, _, signature, _ = delivery.seen
            if self._under_way.get(signature) is delivery:
                del self._under_way[signature]
        minute = self.counters.at(delivery.received)
        if delivery.safe:
            minute.acknowledged += 1
            delivery.reply(delivery.success)
        else:
            self._memory.forget(delivery.seen)
            minute.refused += 1
            delivery.reply(self._try_later)
        for success, reply in delivery.twins:
            reply(success if delivery.safe else self._try_later)

    def _remote_host(self, request: Request) -> bytes:
        """The visitor's address, as far as it is kept."""
        host = request.peer
        if self._use_x_forwarded_for:
            lines = headers.lines(request.headers, b"x-forwarded-for")
            host = addresses.forwarded(lines, host.decode()).encode()
        return host if self._shorten is None else self._shorten(host)


class _Delivery:
    """The records of one event on their way."""

    __slots__ = ("_app", "_left", "received", "reply", "safe", "seen", "success", "twins")

    def __init__(
        self, app: App, seen: Seen, success: Answer, reply: Reply, records: int, received: int
    ) -> None:
        self._app = app
        self._left = records
        self.received = received
        self.seen = seen
        self.success = success
        self.reply = reply
        self.safe = True
        self.twins: list[tuple[Answer, Reply]] = []  # answers to discarded duplicates, which share its fate

    def done(self, place: str, safe: bool) -> None:
        """The word of the outlet into `place` on one of the records."""
        if safe:
            self._app.counters.at(self.received).record(place)
        else:
            self.safe = False
        self._left -= 1
        if not self._left:
            self._app.settle(self)


class _Held:
    """Passes an answer on, but not before its time."""

    def __init__(
        self, reply: Reply, later: Callable[[float, Callable[[], None]], object], seconds: float
    ) -> None:
        self._reply = reply
        self._answer: Answer | None = None
        self._due = False
        later(seconds, self._release)

    def reply(self, answer: Answer) -> None:
        """Pass `answer` on, now or when it is due."""
        if self._due:
            self._reply(answer)
        else:
            self._answer = answer

    def _release(self) -> None:
        self._due = True
        if self._answer is not None:
            self._reply(self._answer)


def _is_json(request: Request) -> bool:
    """Whether the one `Content-Type` is JSON's, without parameters."""
    lines = headers.lines(request.headers, b"content-type")
    return len(lines) == 1 and lines[0].lower() == "application/json"


def _party(raw_query: bytes, name: str) -> bytes | None:
    """The party that the first parameter called `name` holds, as it is recorded."""
    values = query.parameters(raw_query).get(name.encode())
    party = identifiers.normalise(values[0].decode()) if values else None
    return None if party is None else party.encode()
