"""The ledger: what happened to requests, counted by kind and by the minute in which they came; never who sent them.

Its law: an event that was received is in flight until its fate is known, and its fate is one of: acknowledged, discarded
for a reason, refused for a reason. So whenever the loop is between two of its calls, over the whole life of a collector,

    received = acknowledged + discarded + refused + in flight.

What is told of the collector's counts, on disk, in the log and to Prometheus, comes from here. A further fate is a field
of Minute and of Counts, and a method beside `acknowledge`.

The totals since the start are the sums of the minutes. An event belongs to the minute of its receive time, which is also
that of its records, whenever it is acknowledged: so what is counted here can be compared with what lies in Kafka.
Counting is part of every event's way and takes some tenths of a microsecond.
"""

from __future__ import annotations

from collections import Counter

from pyglue.collector.counting.counts import MINUTE_MS, Counts, plus

_NEVER = -1


class Minute:
    """The counts of one minute, as they grow; see Counts for what they mean. `number` is minutes since 1970."""

    __slots__ = (
        "acknowledged",
        "discarded",
        "dropped",
        "landed",
        "number",
        "part",
        "received",
        "records",
        "refusals",
        "requests",
        "spooled",
    )

    def __init__(self, number: int, part: int) -> None:
        self.number = number
        self.part = part
        self.received = 0
        self.acknowledged = 0
        self.spooled = 0
        self.landed = 0
        self.discarded: dict[str, int] = {}
        self.refusals: dict[str, int] = {}
        self.dropped: dict[str, int] = {}
        self.requests: dict[str, int] = {}
        self.records: dict[str, int] = {}

    def drop(self, reason: str) -> None:
        """Count an event, or one record of it, that is not made; reasons come from a fixed set."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def request(self, kind: str) -> None:
        """Count a request that was no event; kinds come from a fixed set."""
        self.requests[kind] = self.requests.get(kind, 0) + 1

    def counts(self, run: int) -> Counts:
        """As they are now."""
        return Counts(
            self.number,
            self.received,
            self.acknowledged,
            sum(self.refusals.values()),
            dict(self.dropped),
            dict(self.requests),
            dict(self.records),
            run=run,
            part=self.part,
            spooled=self.spooled,
            landed=self.landed,
            discarded=dict(self.discarded),
            refusals=dict(self.refusals),
        )


class Counters:
    """The minutes since the start. `run` tells this life of the collector from others (ms since 1970).

    Events are known by when they came (ms since 1970); `in_flight` are those whose fate is not known.
    """

    def __init__(self, run: int = 0) -> None:
        self.run = run
        self.in_flight = 0
        self._open: dict[int, Minute] = {}
        self._last = Minute(_NEVER, 0)
        self._parts = 0
        self._closed = Counts(_NEVER)
        self._reported: Counter[str] = Counter()

    def receive(self, received: int) -> Minute:
        """Count an event that came; its minute, for what else there is to count of it at once."""
        self.in_flight += 1
        minute = self._last  # as `at`, without a call
        if minute.number != received // MINUTE_MS:
            minute = self.at(received)
        minute.received += 1
        return minute

    def acknowledge(self, received: int) -> None:
        """All records of an event are safe."""
        self.in_flight -= 1
        minute = self._last
        if minute.number != received // MINUTE_MS:
            minute = self.at(received)
        minute.acknowledged += 1

    def discard(self, received: int, reason: str) -> None:
        """No record is to be made of an event; reasons come from a fixed set."""
        self.in_flight -= 1
        discarded = self.at(received).discarded
        discarded[reason] = discarded.get(reason, 0) + 1

    def refuse(self, received: int, reason: str) -> None:
        """Not all records of an event are safe; reasons come from a fixed set."""
        self.in_flight -= 1
        refusals = self.at(received).refusals
        refusals[reason] = refusals.get(reason, 0) + 1

    def at(self, milliseconds: int) -> Minute:
        """The minute of a moment (since 1970), to count in; don't keep it."""
        number = milliseconds // MINUTE_MS
        last = self._last
        return last if last.number == number else self._other(number)

    def _other(self, number: int) -> Minute:
        found = self._open.get(number)
        if found is None:
            self._parts += 1
            found = self._open[number] = Minute(number, self._parts)
        self._last = found
        return found

    def spooled(self, timestamp: int) -> None:
        """Count a record of this time (ms since 1970) that is safe on the disk, and not in Kafka yet."""
        self.at(timestamp).spooled += 1

    def landed(self, timestamp: int) -> None:
        """Count such a record that is in Kafka by now."""
        self.at(timestamp).landed += 1

    def close(self, before: int | None = None) -> list[Counts]:
        """Take out the minutes that ended before this moment (ms since 1970), or all of them.

        What happens later to an event of such a minute makes a further part of it.
        """
        over = [
            one for one in self._open.values() if before is None or (one.number + 1) * MINUTE_MS <= before
        ]
        closed = [minute.counts(self.run) for minute in over]
        for minute, counts in zip(over, closed, strict=True):
            del self._open[minute.number]
            self._closed = plus(self._closed, counts)
        if self._last in over:
            self._last = Minute(_NEVER, 0)
        return closed

    def open(self) -> list[Counts]:
        """The minutes that are not closed, as they are now."""
        return [minute.counts(self.run) for minute in self._open.values()]

    def totals(self) -> Counts:
        """All counts since the start."""
        totals = self._closed
        for counts in self.open():
            totals = plus(totals, counts)
        return totals

    def __getitem__(self, name: str) -> int:
        return _named(self.totals())[name]

    def report(self) -> str | None:
        """One line with all counts since the start; None if nothing changed since the last such line."""
        named = _named(self.totals())
        if named == self._reported:
            return None
        self._reported = named
        return str(self)

    def __str__(self) -> str:
        return in_words(self.totals())


def in_words(counts: Counts) -> str:
    """For the log."""
    named = sorted(_named(counts).items())
    return ", ".join(f"{name} {count}" for name, count in named if count) or "nothing happened"


def _named(counts: Counts) -> Counter[str]:
    """By the names that the log has for them."""
    return Counter(
        {
            "received": counts.received,
            "acknowledged": counts.acknowledged,
            "refused": counts.refused,
            "spooled": counts.spooled,
            "landed": counts.landed,
            **{f"dropped: {reason}": count for reason, count in counts.dropped.items()},
            **counts.requests,
        }
    )
