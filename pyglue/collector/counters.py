"""What happened to requests, counted by kind and by the minute in which they came; never who sent them.

The totals since the start are the sums of the minutes. An event belongs to the minute of its receive time, which is also
that of its records, whenever it is acknowledged: so what is counted here can be compared with what lies in Kafka.
Counting is part of every event's way and takes some tenths of a microsecond.
"""

from __future__ import annotations

from collections import Counter

from pyglue.collector.counts import MINUTE_MS, Counts

_NEVER = -1


class Minute:
    """The counts of one minute, as they grow; see Counts for what they mean. `number` is minutes since 1970."""

    __slots__ = (
        "acknowledged",
        "dropped",
        "landed",
        "number",
        "part",
        "received",
        "records",
        "refused",
        "requests",
        "spooled",
    )

    def __init__(self, number: int, part: int) -> None:
        self.number = number
        self.part = part
        self.received = 0
        self.acknowledged = 0
        self.refused = 0
        self.spooled = 0
        self.landed = 0
        self.dropped: dict[str, int] = {}
        self.requests: dict[str, int] = {}
        self.records: dict[str, int] = {}

    def drop(self, reason: str) -> None:
        """Count an event of which no record is made; reasons come from a fixed set."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def request(self, kind: str) -> None:
        """Count a request that was no event; kinds come from a fixed set."""
        self.requests[kind] = self.requests.get(kind, 0) + 1

    def record(self, where: str) -> None:
        """Count a record that is safe."""
        self.records[where] = self.records.get(where, 0) + 1

    def counts(self, run: int, *, complete: bool = True) -> Counts:
        """As they are now, for a file."""
        return Counts(
            self.number,
            self.received,
            self.acknowledged,
            self.refused,
            dict(self.dropped),
            dict(self.requests),
            dict(self.records),
            complete,
            run,
            self.part,
            self.spooled,
            self.landed,
        )

    def totals(self) -> Counter[str]:
        """By the names that the log has for them."""
        return Counter(
            {
                "received": self.received,
                "acknowledged": self.acknowledged,
                "refused": self.refused,
                "spooled": self.spooled,
                "landed": self.landed,
                **{f"dropped: {reason}": count for reason, count in self.dropped.items()},
                **self.requests,
            }
        )


class Counters:
    """The minutes since the start. `run` tells this life of the collector from others (ms since 1970)."""

    def __init__(self, run: int = 0) -> None:
        self.run = run
        self._open: dict[int, Minute] = {}
        self._last = Minute(_NEVER, 0)
        self._parts = 0
        self._closed: Counter[str] = Counter()
        self._reported: Counter[str] = Counter()

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
        for minute in over:
            del self._open[minute.number]
            self._closed += minute.totals()
        if self._last in over:
            self._last = Minute(_NEVER, 0)
        return [minute.counts(self.run) for minute in over]

    def open(self) -> list[Counts]:
        """The minutes that are not closed, as they are now."""
        return [minute.counts(self.run) for minute in self._open.values()]

    def totals(self) -> Counter[str]:
        """All counts since the start."""
        return sum((minute.totals() for minute in self._open.values()), self._closed)

    def __getitem__(self, name: str) -> int:
        return self.totals()[name]

    def report(self) -> str | None:
        """One line with all counts since the start; None if nothing changed since the last such line."""
        totals = self.totals()
        if totals == self._reported:
            return None
        self._reported = totals
        return str(self)

    def __str__(self) -> str:
        named = sorted(self.totals().items())
        return ", ".join(f"{name} {count}" for name, count in named if count) or "nothing happened"
