"""What a request gets: the whole collector between a parsed request and its answer, without sockets.

Its law: the answer to an event is success only if its records are safe, or if no record was to be made of it (then
the reason is counted). An event whose records are not safe is forgotten by the duplicate memory, so that the client's
next try counts as the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pyglue.collector import addresses, answers, query
from pyglue.collector.answers import Answer, Tag
from pyglue.collector.counters import Counters
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.event import DroppedEvent, Event
from pyglue.collector.mapping.compiler import Encoder
from pyglue.collector.routes import Routes
from pyglue.collector.sinks import Message, Sink

Reply = Callable[[Answer], None]


@dataclass(frozen=True)
class Request:
    """A request as it came. Header names are in lower case; `peer` is the address of the other end."""

    method: str
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    peer: str

    def header(self, name: bytes) -> str | None:
        """The first line of header `name`, None if there is none; bytes are Latin-1."""
        for given, value in self.headers:
            if given == name:
                return value.decode("latin-1")
        return None


@dataclass(frozen=True)
class Pipeline:
    """One mapping at work: how a record is written and where it goes."""

    encode: Encoder
    topics: tuple[str, ...]
    discard_corrupted: bool = False
    discard_duplicates: bool = False


@dataclass(frozen=True)
class EventsAt:
    """A path that takes events for these pipelines."""

    pipelines: tuple[Pipeline, ...]


class Ping:
    """The path that tells whether the collector can do its work."""


Place = EventsAt | Tag | Ping


class App:
    """Answers requests. `clock` gives milliseconds since 1970."""

    def __init__(
        self,
        table: Mapping[str, Place],
        sink: Sink,
        memory: DuplicateMemory,
        counters: Counters,
        *,
        clock: Callable[[], int],
        retry_after_s: int,
        use_x_forwarded_for: bool = False,
    ) -> None:
        self.stopping = False
        self.counters = counters
        self.in_flight = 0
        self._routes: Routes[Place] = Routes(table)
        self._sink = sink
        self._memory = memory
        self._clock = clock
        self._try_later = answers.try_later(retry_after_s)
        self._use_x_forwarded_for = use_x_forwarded_for

    def respond(self, request: Request, reply: Reply) -> None:
        """Answer `request` by calling `reply` once, now or when its records are safe."""
        try:
            query.check_target(request.target)
            path, _, raw_query = request.target.partition(b"?")
            place = self._routes.find(path)
            if isinstance(place, Ping):
                reply(self._ping())
            elif place is None:
                reply(answers.NOT_FOUND)
            elif request.method != "GET":
                reply(answers.method_not_allowed(request.method))
            elif isinstance(place, Tag):
                reply(place.answer(request.header(b"accept-encoding"), request.header(b"if-none-match")))
            else:
                self._event(place, request, raw_query, reply)
        except query.MalformedTarget:
            self.counters.add("malformed request")
            reply(answers.MALFORMED)

    def _ping(self) -> Answer:
        if self.stopping:
            return answers.STOPPING
        return answers.PONG if self._sink.ready else answers.WAITING

    def _event(self, place: EventsAt, request: Request, raw_query: bytes, reply: Reply) -> None:
        parameters = query.parameters(raw_query)
        if answers.holds_tag(request.header(b"if-none-match"), answers.EVENT_TAG):
            self.counters.add("ignored reload")
            reply(answers.EVENT_AGAIN)
            return
        self.counters.add("received")
        try:
            event = Event(
                parameters,
                received=self._clock(),
                remote_host=self._remote_host(request),
                user_agent=request.header(b"user-agent"),
            )
        except DroppedEvent as dropped:
            self.counters.add(f"dropped: {dropped.reason}")
            reply(answers.EVENT)
            return
        if not self._sink.ready:
            self.counters.add("refused")
            reply(self._try_later)
            return
        self._record(event, place, reply)

    def _record(self, event: Event, place: EventsAt, reply: Reply) -> None:
        seen = self._memory.remember(event.party, event.session, event.event_id)
        event.duplicate = seen.duplicate
        messages = self._messages(event, place.pipelines)
        if not messages:
            reply(answers.EVENT)
            return

        def done(safe: bool) -> None:
            self.in_flight -= 1
            if not safe:
                self._memory.forget(seen)
            self.counters.add("acknowledged" if safe else "refused")
            reply(answers.EVENT if safe else self._try_later)

        self.in_flight += 1
        self._sink.send(messages, done)

    def _messages(self, event: Event, pipelines: tuple[Pipeline, ...]) -> list[Message]:
        messages: list[Message] = []
        key = event.party.encode()
        for pipeline in pipelines:
            if pipeline.discard_corrupted and event.corrupt:
                self.counters.add("dropped: corrupt")
                continue
            if pipeline.discard_duplicates and event.duplicate:
                self.counters.add("dropped: duplicate")
                continue
            try:
                value = pipeline.encode(event)
            except DroppedEvent as dropped:
                self.counters.add(f"dropped: {dropped.reason}")
                continue
            if len(key) + len(value) > self._sink.max_message_bytes:
                self.counters.add("dropped: too large")
                continue
            messages += [Message(topic, key, value, event.received) for topic in pipeline.topics]
        return messages

    def _remote_host(self, request: Request) -> str:
        peer = addresses.canonical(request.peer)
        if not self._use_x_forwarded_for:
            return peer
        lines = [value.decode("latin-1") for name, value in request.headers if name == b"x-forwarded-for"]
        return addresses.forwarded(lines, peer)
