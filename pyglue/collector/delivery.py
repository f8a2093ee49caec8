"""Events of which records are on their way, from the first one that is sent to the last one whose fate is known.

Its law: an event is acknowledged once all its records are safe, and refused as soon as the fate of all is known if one of
them is not; then it is forgotten by the duplicate memory, so that the client's next try counts as the first. A duplicate
may end without records of its own only where its first is safe, or if it shares that one's fate. Fates are counted before
anybody is told.

An event that was refused for being late, and is on its way all the same, must not come twice: the client's next try
finds it here or in the duplicate memory, and is refused as well until the first one is safe, and acknowledged then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from pyglue.collector.counting.counters import Counters
from pyglue.collector.counting.timings import Timings
from pyglue.collector.duplicates import Memory, Seen
from pyglue.collector.http.answers import Answer
from pyglue.collector.sinks.sink import LATE, Outlet, Word

DUPLICATE = "duplicate"
OUR_BUG = "internal error"
MOST_ARRIVED = 20_000  # events that were late, are safe, and of which no further try came so far

Reply = Callable[[Answer], None]


class _Twin:
    """A discarded duplicate of an event that is under way; it shares that one's fate."""

    __slots__ = ("received", "reply", "success")

    def __init__(self, received: int, success: Answer, reply: Reply) -> None:
        self.received = received
        self.success = success
        self.reply = reply


class _Delivery:
    """The records of one event. `lost` is why one of them is not safe, None as long as none is lost.

    `late` are so many that are lost for being late, and on their way all the same; `keep`, if there is any, is to be called
    once such an event is acknowledged after all. As long as it is `awaited`, its next try is refused.
    """

    __slots__ = (
        "_all", "_sent", "awaited", "keep", "late", "left", "lost", "received", "reply", "seen", "success", "twins"
    )  # fmt: skip
    keep: Callable[[], None] | None

    def __init__(
        self, all_: Deliveries, seen: Seen, success: Answer, reply: Reply, records: int, received: int
    ) -> None:
        self.left = records
        self.received = received
        self.seen = seen
        self.success = success
        self.reply = reply
        self.late = 0
        self.awaited = False
        self.lost: str | None = None
        self.twins: list[_Twin] | None = None  # where there are some; nearly all events have none
        self._all = all_
        self._sent = all_.timer()

    def done(self, place: str, lost: str | None) -> Word | None:
        """The word of the outlet into `place` on one of the records."""
        all_ = self._all
        after_all = None
        if lost is None:
            records = all_.counters.at(self.received).records
            records[place] = records.get(place, 0) + 1
            all_.acknowledgements[place].add(all_.timer() - self._sent)
        elif lost == LATE:
            self.lost = self.lost or lost
            self.late += 1
            after_all = partial(self._after_all, place)
        else:
            self.lost = lost
        self.left -= 1
        if not self.left:
            all_.settle(self)
        return after_all

    def _after_all(self, place: str, lost: str | None) -> None:
        """The outlet's last word on a record that was late."""
        self.late -= 1
        if lost is None:
            records = self._all.counters.at(self.received).records
            records[place] = records.get(place, 0) + 1
        else:
            self.lost = lost
        if not self.left and self.lost != LATE:
            self._all.give_up(self)
        elif not self.left and not self.late:
            self._all.arrive(self)


class Deliveries:
    """All events under way. `timer` gives seconds that only grow; `try_later` is the answer to those that are refused."""

    def __init__(
        self, memory: Memory, counters: Counters, timer: Callable[[], float], try_later: Answer
    ) -> None:
        self.counters = counters
        self.timings = Timings()
        self.acknowledgements = self.timings.acknowledgements
        self.timer = timer
        self._memory = memory
        self._try_later = try_later
        self._discarding: dict[int, _Delivery] = {}  # by signature, where duplicates are discarded
        self.late: dict[int, _Delivery] = {}  # by signature, until a further try is acknowledged
        self._arrived: deque[int] = deque()  # the signatures of those that are safe

    def send(
        self,
        key: bytes,
        records: Sequence[tuple[Outlet, bytes]],
        received: int,
        seen: Seen,
        success: Answer,
        reply: Reply,
        discards_duplicates: bool,
    ) -> None:
        """Send an event's records, and reply once their fate is known. After an exception the reply is the caller's."""
        delivery = _Delivery(self, seen, success, reply, len(records), received)
        if discards_duplicates:
            _, _, signature, _ = seen
            self._discarding[signature] = delivery
        try:
            for outlet, value in records:
                outlet.send(key, value, received, partial(delivery.done, outlet.place))
        except Exception:
            if delivery.left > 0:
                delivery.left = 0  # what was sent before is waited for no more
                delivery.lost = OUR_BUG
                delivery.reply = _unheard
                self.settle(delivery)
            raise

    def stands_for(self, seen: Seen, shares: bool) -> bool:
        """Whether a duplicate's first is safe, or, for one that `shares` its fate, under way here.

        One with records of its own is answered for these alone. Of what another worker does nobody here is told.
        """
        _, _, signature, _ = seen
        return self._memory.was_safe(seen) or (shares and signature in self._discarding)

    def join(self, seen: Seen, received: int, success: Answer, reply: Reply) -> bool:
        """Let a discarded duplicate share the fate of its first, if that is under way."""
        _, _, signature, _ = seen
        first = self._discarding.get(signature)
        if first is None:
            return False
        if first.twins is None:
            first.twins = []
        first.twins.append(_Twin(received, success, reply))
        return True

    def again(
        self, seen: Seen, received: int, success: Answer, reply: Reply, keep: Callable[[], None]
    ) -> bool:
        """Answer the further try of an event that was late, here or at another worker: whether it is one.

        `keep` keeps what it lacks, if it lacks something: what is to be kept of a first one elsewhere is not known here.
        """
        _, _, signature, _ = seen
        first = self.late.get(signature)
        arrived = self._memory.arrived(seen) if first is None else not first.late
        if arrived is None:
            return False
        if arrived:
            self.late.pop(signature, None)
            if first is None:
                keep()
            elif first.keep is not None:
                first.keep()
            self._memory.keep(seen)
            self.counters.acknowledge(received)
            reply(success)
        else:
            self._memory.delay(seen)  # another event may have taken its slot meanwhile
            self.counters.refuse(received, LATE)
            reply(self._try_later)
        return True

    def arrive(self, delivery: _Delivery) -> None:
        """An event that was late is safe: the next try of it is told so."""
        self._memory.arrive(delivery.seen)
        _, _, signature, _ = delivery.seen
        self._arrived.append(signature)
        if len(self._arrived) > MOST_ARRIVED:
            oldest = self._arrived.popleft()
            if oldest in self.late and not self.late[oldest].late:
                del self.late[oldest]

    def give_up(self, delivery: _Delivery) -> None:
        """An event that was late did not become safe: the next try of it counts as the first.

        Once, for then that one has its place in the memory.
        """
        if not delivery.awaited:
            return
        delivery.awaited = False
        _, _, signature, _ = delivery.seen
        if self.late.get(signature) is delivery:
            del self.late[signature]
        self._memory.forget(delivery.seen)

    def settle(self, delivery: _Delivery) -> None:
        """Count and answer an event of whose last record the fate is known."""
        if self._discarding:
            _, _, signature, _ = delivery.seen
            if self._discarding.get(signature) is delivery:
                del self._discarding[signature]
        reply, twins = delivery.reply, delivery.twins
        if delivery.lost is None:
            self._memory.keep(delivery.seen)
            self.counters.acknowledge(delivery.received)
            for twin in twins or ():
                self.counters.discard(twin.received, DUPLICATE)
            reply(delivery.success)
        else:
            if delivery.lost == LATE:
                self._keep_late(delivery)
            else:
                self._memory.forget(delivery.seen)
            self.counters.refuse(delivery.received, delivery.lost)
            for twin in twins or ():
                self.counters.refuse(twin.received, delivery.lost)
            reply(self._try_later)
        for twin in twins or ():
            twin.reply(twin.success if delivery.lost is None else self._try_later)

    def _keep_late(self, delivery: _Delivery) -> None:
        """Its client was answered, and is not held on to."""
        delivery.keep = delivery.reply.keep if isinstance(delivery.reply, Keeping) else None
        delivery.reply, delivery.twins = _unheard, None
        delivery.awaited = True
        _, _, signature, _ = delivery.seen
        self.late[signature] = delivery
        self._memory.delay(delivery.seen)
        if not delivery.late:  # it arrived while its other records were waited for
            self.arrive(delivery)


class Keeping:
    """A reply that calls `keep` before it passes success on: what is to be done once an event is acknowledged."""

    def __init__(self, reply: Reply, success: Answer, keep: Callable[[], None]) -> None:
        self.keep = keep
        self._reply = reply
        self._success = success

    def __call__(self, answer: Answer) -> None:
        """Pass it on."""
        if answer is self._success:
            self.keep()
        self._reply(answer)


class Held:
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


def _unheard(_: Answer) -> None:
    """No reply."""
