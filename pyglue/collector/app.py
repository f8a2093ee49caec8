"""What a request gets: the whole collector between a parsed request and its answer, without sockets.

Paths and methods are looked at here; what becomes of an event is told in `recording`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial

from pyglue.collector.bad.keeping import Keeper
from pyglue.collector.config.configured import AS_DIVOLTE, Privacy
from pyglue.collector.counting.counters import Counters
from pyglue.collector.delivery import Reply
from pyglue.collector.duplicates import Memory
from pyglue.collector.events import identifiers
from pyglue.collector.events.event import of_json
from pyglue.collector.http import answers, headers, query, requestlog
from pyglue.collector.http.answers import Answer, Tag
from pyglue.collector.http.page import TestPage
from pyglue.collector.http.request import Request
from pyglue.collector.http.routes import Routes, canonical_path, decoded_path
from pyglue.collector.recording import Recorder, Soon, at_once
from pyglue.collector.sources import EventsAt, JsonEventsAt, Source

log = logging.getLogger("pyglue.collector")

# What the server of the test page knows beside the methods that the page is sent on.
_KNOWN_METHODS = frozenset({"OPTIONS", "PUT", "DELETE", "TRACE", "CONNECT"})
_PAGE_METHODS = frozenset({"GET", "HEAD", "POST"})


class Ping:
    """The path that tells whether the collector can do its work."""


class Ready:
    """The path that tells why not, too."""


Place = EventsAt | JsonEventsAt | Tag | Ping | Ready | TestPage


class App:
    """Answers requests.

    `clock` gives milliseconds since 1970, `timer` seconds that only grow; `later` calls a function so many seconds later,
    `soon` at the end of this turn of the loop: events that come in one turn cost less together.
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
        soon: Soon = at_once,
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
        sources = [place for place in table.values() if isinstance(place, Source)]
        self._outlets = tuple(dict.fromkeys(outlet for source in sources for outlet in source.outlets))
        self._clock = clock
        self._recorder = Recorder(
            memory,
            counters,
            clock=clock,
            timer=timer,
            later=later,
            soon=soon,
            try_later=answers.try_later(retry_after_s),
            use_x_forwarded_for=use_x_forwarded_for,
            privacy=privacy,
            bad=bad,
        )
        self.timings = self._recorder.timings
        self._serves_pages = serve_static_resources
        self._debug_requests = debug_requests

    @property
    def in_flight(self) -> int:
        """Events whose fate is not known."""
        return self.counters.in_flight

    @property
    def idle(self) -> bool:
        """Whether no event waits for anything."""
        return not (self.counters.in_flight or self._recorder.waiting)

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
        if isinstance(place, EventsAt) and request.method == "GET":
            self._recorder.browser_event(place, request, raw_query, reply)
            return
        try:
            query.check_target(request.target)
        except query.MalformedTarget:
            self.count("malformed request")
            reply(answers.MALFORMED)
            return
        place = place or self._routes.find(path)
        if isinstance(place, EventsAt):
            if request.method.upper() == "GET":
                self._recorder.browser_event(place, request, raw_query, reply)
            else:
                request.timings = self.timings
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
        self._recorder.json_event(place, request, partial(of_json, party, request.body), reply)


def _is_json(request: Request) -> bool:
    """Whether the one `Content-Type` is JSON's, without parameters."""
    lines = headers.lines(request.headers, b"content-type")
    return len(lines) == 1 and lines[0].lower() == "application/json"


def _party(raw_query: bytes, name: str) -> bytes | None:
    """The party that the first parameter called `name` holds, as it is recorded."""
    values = query.parameters(raw_query).get(name.encode())
    party = identifiers.normalise(values[0].decode()) if values else None
    return None if party is None else party.encode()
