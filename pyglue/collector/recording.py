"""What becomes of an event: from its request to the records that are sent, and the answer where there are none.

Its law: the answer to an event is success only if its records are safe, or if no record was to be made of it (then
the reason is counted). What becomes of events whose records are on their way is told in `delivery`.

Events that come in one turn of the loop are taken together at its end, step by step: all are read, then all their records
written, then all sent. So the code of a step, and what it looks up, is in the processor's caches for all but the first;
between two readings of sockets it is not, and an event costs a fifth more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from pyglue.collector.bad.entries import Came, Lost
from pyglue.collector.bad.keeping import Keeper
from pyglue.collector.bugs import Bugs
from pyglue.collector.config.configured import Privacy
from pyglue.collector.counting.counters import Counters, Minute
from pyglue.collector.delivery import DUPLICATE, OUR_BUG, Deliveries, Held, Keeping, Reply
from pyglue.collector.duplicates import Memory, Seen
from pyglue.collector.events.dropped import CORRUPT, TOO_LARGE, DroppedEvent
from pyglue.collector.events.event import Event, of_parameters, of_tag
from pyglue.collector.events.json_text import TOO_DEEP
from pyglue.collector.events.privacy import refusal, shortening
from pyglue.collector.http import addresses, answers, headers, query
from pyglue.collector.http.answers import Answer
from pyglue.collector.http.request import Request
from pyglue.collector.sinks.sink import Outlet
from pyglue.collector.sources import EventsAt, JsonEventsAt, Pipeline, Source

_BUGS = Bugs()

NOT_MAPPED = "not mapped"  # no mapping with a sink takes events of that source
TOGETHER = (
    64  # events that are taken together: more of them would not fit into the caches, and the first would wait
)

Soon = Callable[[Callable[[], None]], object]


def at_once(call: Callable[[], None]) -> None:
    """For `soon` where nothing comes together."""
    call()


class _Incoming:
    """An event on its way through the steps. A browser's is known by its `query`; `read` reads any other, which may fail."""

    event: Event  # from the first step on
    minute: Minute
    seen: Seen
    # One is made for each event, so what few need are attributes of the class.
    read: Callable[[], Event] | None = None
    success = answers.EVENT
    ends_here = False

    def __init__(
        self, source: Source, request: Request, query: bytes | None, received: int, reply: Reply
    ) -> None:
        self.source = source
        self.request = request
        self.query = query
        self.received = received
        self.reply = reply
        self.lost: Sequence[Lost] = ()
        self.records: list[tuple[Outlet, bytes]] = []


class Recorder:
    """Records events. See App for what it is made with; `soon` calls a function at the end of this turn of the loop."""

    def __init__(
        self,
        memory: Memory,
        counters: Counters,
        *,
        clock: Callable[[], int],
        timer: Callable[[], float],
        later: Callable[[float, Callable[[], None]], object],
        soon: Soon,
        try_later: Answer,
        use_x_forwarded_for: bool,
        privacy: Privacy,
        bad: Keeper | None,
    ) -> None:
        self._memory = memory
        self._counters = counters
        self._clock = clock
        self._later = later
        self._soon = soon
        self._try_later = try_later
        self._deliveries = Deliveries(memory, counters, timer, try_later)
        self.timings = self._deliveries.timings
        self._use_x_forwarded_for = use_x_forwarded_for
        self._shorten = shortening(privacy)
        self._peer_is_recorded = not use_x_forwarded_for and self._shorten is None
        self._refusal = refusal(privacy)
        self._bad = bad
        self._incoming: list[_Incoming] = []

    @property
    def waiting(self) -> int:
        """Requests that are taken at the end of this turn."""
        return len(self._incoming)

    def browser_event(self, source: EventsAt, request: Request, raw_query: bytes, reply: Reply) -> None:
        """Record a browser's event. Nothing need be known of the request but that it came to this path."""
        self._take(_Incoming(source, request, raw_query, self._clock(), reply))

    def json_event(
        self, source: JsonEventsAt, request: Request, read: Callable[[], Event], reply: Reply
    ) -> None:
        """Record the event that `read` makes of a JSON source's request; it may raise DroppedEvent."""
        one = _Incoming(source, request, None, self._clock(), reply)
        one.read = read
        one.success = answers.ACCEPTED
        self._take(one)

    # the turn

    def _take(self, one: _Incoming) -> None:
        self._incoming.append(one)
        if len(self._incoming) == 1:
            self._soon(self._take_turn)

    def _take_turn(self) -> None:
        incoming, self._incoming = self._incoming, []
        for at in range(0, len(incoming), TOGETHER):
            self._take_together(incoming[at : at + TOGETHER])

    def _take_together(self, incoming: Sequence[_Incoming]) -> None:
        batch: list[_Incoming] = []
        signatures: set[int] = set()
        for one in self._each(self._admit, self._each(self._recognise, incoming)):
            there, _, signature, _ = one.seen
            if there and signature in signatures:
                # A duplicate must know what became of its first, and comes behind it.
                self._record(batch)
                batch = []
                self._remember(one)
            signatures.add(signature)
            batch.append(one)
        self._record(batch)

    def _record(self, batch: Sequence[_Incoming]) -> None:
        self._each(self._send, self._each(self._write, batch))

    def _each(self, step: Callable[[_Incoming], bool], incoming: Sequence[_Incoming]) -> Sequence[_Incoming]:
        """Those with which it goes on after a step. A bug of ours costs its event alone."""
        going_on = []
        for one in incoming:
            try:
                if step(one):
                    going_on.append(one)
            except Exception as error:  # noqa: BLE001 - told, counted and answered
                _BUGS.tell("an event could not be recorded", error)
                self._counters.at(self._clock()).request(OUR_BUG)
                one.reply(answers.BROKEN)
        return going_on

    # the steps: whether an event goes on to the next one

    @staticmethod
    def _recognise(one: _Incoming) -> bool:
        """The event of a query in the tag's own form."""
        if one.query is not None:
            event = of_tag(one.query)
            if event is None:
                one.read = partial(_event_of, one.query)
            else:
                one.event = event
        return True

    def _admit(self, one: _Incoming) -> bool:
        """Count it, read it if that was not done, and see whether it is known; or answer it."""
        request, received = one.request, one.received
        if one.query is not None:  # whatever comes to a browser's path may be malformed, or a reload
            if one.read is not None and not self._is_well_formed(one):
                return False
            if one.source.response_delay_ms:
                one.reply = Held(one.reply, self._later, one.source.response_delay_ms / 1000).reply
            known = headers.first(request.headers, b"if-none-match")
            if known is not None and answers.holds_tag(known, answers.EVENT_TAG):
                request.timings = self.timings
                self._counters.at(received).request("ignored reload")
                one.reply(answers.EVENT_AGAIN)
                return False
        request.timings = self.timings
        one.minute = self._counters.receive(received)
        unwanted: str | None = None
        try:
            event = one.event if one.read is None else one.read()
            if self._refusal is not None:
                unwanted = self._refusal(request.headers)
            remote_host = request.peer if self._peer_is_recorded else self._remote_host(request)
            event.arrived(request.headers, received, remote_host)
            one.event = event
        except DroppedEvent as dropped:
            unwanted = dropped.reason
            self._keep_unread(request, received, unwanted)
        except Exception:
            self._counters.refuse(received, OUR_BUG)
            raise
        if unwanted is not None:
            one.minute.drop(unwanted)
            self._counters.discard(received, unwanted)
            one.reply(one.success)
            return False
        for outlet in one.source.outlets:
            if not outlet.ready:
                self._counters.refuse(received, outlet.away)
                one.reply(self._try_later)
                return False
        self._remember(one)
        return True

    def _is_well_formed(self, one: _Incoming) -> bool:
        """Whether a target that the tag would not ask for may stand in a request; if not, it is answered."""
        try:
            query.check_target(one.request.target)
        except query.MalformedTarget:
            self._counters.at(one.received).request("malformed request")
            one.reply(answers.MALFORMED)
            return False
        return True

    def _remember(self, one: _Incoming) -> None:
        event = one.event
        one.seen = self._memory.remember(event.party, event.session, event.event_id)
        event.duplicate, _, _, _ = one.seen

    def _write(self, one: _Incoming) -> bool:
        """Write its records, unless its fate is that of an earlier try."""
        event, request, seen, pipelines = one.event, one.request, one.seen, one.source.pipelines
        if (event.duplicate or self._deliveries.late) and self._deliveries.again(
            seen, one.received, one.success, one.reply, partial(self._keep_bad, event, request, pipelines)
        ):
            return False
        one.ends_here = event.duplicate and self._deliveries.stands_for(seen, one.source.discards_duplicates)
        try:
            one.lost = _records(event, one.ends_here, pipelines, one.minute, one.records)
        except Exception:
            self._memory.forget(seen)
            self._counters.refuse(one.received, OUR_BUG)
            raise
        if one.lost and self._bad is not None:
            one.reply = self._keeping(self._bad, event, request, one.lost, one.success, one.reply)
        return True

    def _send(self, one: _Incoming) -> bool:
        """Send its records; without any it is answered, or shares the fate of its first."""
        received, seen, success, reply = one.received, one.seen, one.success, one.reply
        if one.records:
            discards = one.source.discards_duplicates
            self._deliveries.send(one.event.party, one.records, received, seen, success, reply, discards)
        elif not (one.ends_here and self._deliveries.join(seen, received, success, reply)):
            if not one.event.duplicate:  # else it would make an unsafe first one safe
                self._memory.keep(seen)
            self._counters.discard(received, one.lost[0].reason if one.lost else NOT_MAPPED)
            reply(success)
        return True

    # bad events

    def _keep_bad(self, event: Event, request: Request, pipelines: tuple[Pipeline, ...]) -> None:
        """Keep an event of which another try told what it lacks, and counted that."""
        if self._bad is not None:
            lost = _records(event, False, pipelines, Minute(0, 0), [])
            if lost:
                self._bad.keep(
                    _came(self._bad, request, event.received, event.remote_host, event.duplicate), lost
                )

    def _keep_unread(self, request: Request, received: int, reason: str) -> None:
        """Keep a request that is no event, unless its visitor would not want that."""
        if self._bad is None or (self._refusal is not None and self._refusal(request.headers) is not None):
            return
        address = request.peer if self._peer_is_recorded else self._remote_host(request)
        self._bad.keep(_came(self._bad, request, received, address), [Lost(reason)])

    @staticmethod
    def _keeping(
        bad: Keeper, event: Event, request: Request, lost: Sequence[Lost], success: Answer, reply: Reply
    ) -> Reply:
        """A reply that keeps the event if it is answered with success: otherwise its client sends it again."""
        unwanted = [one for one in lost if one.reason != DUPLICATE]
        if not unwanted:
            return reply
        came = _came(bad, request, event.received, event.remote_host, event.duplicate)
        return Keeping(reply, success, partial(bad.keep, came, unwanted))

    def _remote_host(self, request: Request) -> bytes:
        """The visitor's address, as far as it is kept."""
        host = request.peer
        if self._use_x_forwarded_for:
            lines = headers.lines(request.headers, b"x-forwarded-for")
            host = addresses.forwarded(lines, host.decode()).encode()
        return host if self._shorten is None else self._shorten(host)


def _records(
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


def _came(
    bad: Keeper, request: Request, received: int, address: bytes, duplicate: bool | None = None
) -> Came:
    kept = bad.of(request.headers)
    return Came(received, request.method, request.target, request.body, kept, address.decode(), duplicate)


def _event_of(raw_query: bytes) -> Event:
    """The event of a query that is not in the tag's own form; raises DroppedEvent."""
    return of_parameters(query.parameters(raw_query))
