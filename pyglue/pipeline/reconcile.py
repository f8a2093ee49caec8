"""The counts of every hop, compared minute by minute: what is missing, between which hops, and what only looks so. Pure.

An event belongs to the minute of its receive time, at every hop: the collector's counts, the record's `timestamp` and
Druid's `__time` are the same value. So one too few in a minute and one too many in the next don't cancel out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyglue.collector.counting.counts import Counts
from pyglue.counted import counted
from pyglue.errors import PyglueError
from pyglue.pipeline.minutes import Span, ranges_of, shown, text
from pyglue.pipeline.replays import Replays
from pyglue.pipeline.resets import Reset

NO_COUNTS = Counts(0)
Minutes = Mapping[int, int]


@dataclass
class InKafka:
    """Records by minute; of them those that Druid has not `unread` yet, and those that are `unreadable`.

    `told`: Druid has said how far it has read; else all are `unread`. `removed`: Kafka has deleted old records, perhaps
    of the span. `fresh`: its first record is of the span or younger; it came in the minute `began`, None if there is none.
    """

    records: Counter[int] = field(default_factory=Counter)
    unread: Counter[int] = field(default_factory=Counter)
    unreadable: Counter[int] = field(default_factory=Counter)
    told: bool = True
    removed: bool = False
    fresh: bool = False
    began: int | None = None

    def begins_after(self, minute: int) -> bool:
        """Whether the topic was made in this minute or later: what came before lay in another one."""
        return self.fresh and (self.began is None or minute <= self.began)


@dataclass(frozen=True)
class Seen:
    """What the hops have counted; an error stands for a hop that could not be asked.

    `damaged` are places in the collector's files that can't be read. `reads` tells whether Druid is reading the topic;
    `unparseable` and `thrown_away` are its own counts since its tasks began. `resets`: what was removed on purpose.
    `replayed`: records that `pyglue replay` made of bad events, by the minute in which these were received, as far as its
    `account` can be read.
    """

    span: Span
    topic: str
    collector: Mapping[int, Counts] | PyglueError
    kafka: InKafka | PyglueError
    druid: Minutes | PyglueError
    superset: Minutes | PyglueError
    damaged: tuple[str, ...] = ()
    reads: bool = True
    unparseable: int = 0
    thrown_away: int = 0
    resets: tuple[Reset, ...] = ()
    replayed: Minutes = field(default_factory=dict)
    account: Replays = field(default_factory=Replays)

    def taken(self, minute: int, counts: Counts) -> int:
        """Records of a minute that Kafka has taken, as far as anybody has counted them."""
        return counts.records.get(self.topic, 0) + self.replayed.get(minute, 0)


@dataclass(frozen=True)
class Gap:
    """A difference between a hop and the one before it, with its count by minute.

    `kind` is `missing`, which is a fault, or what explains it: `on its way`, `no longer in kafka`, `reset`,
    `past the collector`, `foreign records`, `stored though refused`, `more in druid`, `counts incomplete`, `replayed`.
    """

    kind: str
    hop: str
    minutes: Minutes
    message: str

    @property
    def count(self) -> int:
        """Events in all minutes."""
        return sum(self.minutes.values())

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        ranges = [[text(first), text(last)] for first, last in ranges_of(self.minutes)]
        return {
            "kind": self.kind,
            "hop": self.hop,
            "count": self.count,
            "minutes": ranges,
            "message": self.message,
        }


def gaps(seen: Seen) -> tuple[Gap, ...]:
    """All differences, in the order of the hops."""
    found: list[Gap] = []
    if not isinstance(seen.collector, PyglueError):
        found += _incomplete(seen.collector)
        if not isinstance(seen.kafka, PyglueError):
            found += _kafka(seen, seen.collector, seen.kafka)
    if not isinstance(seen.druid, PyglueError):
        if not isinstance(seen.kafka, PyglueError):
            found += _druid(seen, seen.kafka, seen.druid)
        if not isinstance(seen.superset, PyglueError):
            found += _superset(seen.druid, seen.superset)
    return tuple(found)


# -- between two hops


def _incomplete(collector: Mapping[int, Counts]) -> Iterator[Gap]:
    minutes = {minute: 0 for minute, counts in collector.items() if not counts.complete}
    if minutes:
        message = f"the collector was killed in {shown(minutes)}: its counts there are the least that it can have been"
        yield Gap("counts incomplete", "collector", minutes, message)


def _kafka(seen: Seen, collector: Mapping[int, Counts], kafka: InKafka) -> Iterator[Gap]:
    """Acknowledged records against those in the topic."""
    missing, waiting, gone, asked, late, past = (_Tally() for _ in range(6))
    resets: set[Reset] = set()
    rows = seen.druid if not isinstance(seen.druid, PyglueError) else {}
    for minute in range(seen.span.first, seen.span.end):
        counts, there = collector.get(minute, NO_COUNTS), kafka.records[minute]
        lacking = seen.taken(minute, counts) - there
        if lacking > 0:
            spooled = min(lacking, counts.in_spool)
            waiting.add(minute, spooled)
            lacking -= spooled
            arrived = min(lacking, _arrived(seen, kafka, minute, rows))
            gone.add(minute, arrived)
            reset = _reset(seen, kafka, minute)
            (missing if reset is None else asked).add(minute, lacking - arrived)
            if reset is not None and lacking > arrived:
                resets.add(reset)
        elif counts.complete:
            refused = min(-lacking, counts.refused)
            late.add(minute, refused)
            past.add(minute, -lacking - refused)
    span = seen.span
    replayed = _Tally({at: count for at, count in seen.replayed.items() if span.first <= at < span.end})
    records = sum(counts.records.get(seen.topic, 0) for counts in collector.values()) + replayed.count
    if replayed:
        yield replayed.gap(
            "replayed",
            "kafka",
            "{n} that the collector had made no record of {were} sent again by `pyglue replay`",
        )
    if missing:
        yield missing.gap(
            "missing",
            "kafka",
            f"Kafka lacks {{n}} of the {counted(records, 'record')} that the collector acknowledged",
        )
    if waiting:
        yield waiting.gap(
            "on its way", "kafka", "{n} in the collector's spool, until Kafka takes {them}: not missing"
        )
    if gone:
        why = "after KAFKA_RETENTION_HOURS" if kafka.removed else "the topic was deleted or made anew"
        yield gone.gap(
            "no longer in kafka", "kafka", f"Kafka no longer has {{n}} that Druid has ({why}): no loss"
        )
    if asked:
        yield asked.gap(
            "reset",
            "kafka",
            f"{{n}} of the {counted(records, 'record')} that the collector acknowledged {{are}} neither in Kafka nor in"
            f" Druid any more: {_told(resets)}, as it said",
        )
    if late:
        yield late.gap(
            "stored though refused",
            "kafka",
            "Kafka has {n} that {were} answered with 503: acknowledged too late, no loss",
        )
    if past:
        yield past.gap(
            "past the collector",
            "kafka",
            "Kafka has {n} that the collector did not count: written straight to Kafka, as `pyglue traffic --backfill`"
            " does, or from before it kept counts",
        )


def _druid(seen: Seen, kafka: InKafka, rows: Minutes) -> Iterator[Gap]:
    """Records in the topic against rows."""
    missing, way, more, foreign = _Tally(), _Tally(), _Tally(), _Tally()
    for minute in range(seen.span.first, seen.span.end):
        lacking = kafka.records[minute] + _arrived(seen, kafka, minute, rows) - rows.get(minute, 0)
        coming = max(0, min(lacking, kafka.unread[minute])) if seen.reads else 0
        way.add(minute, coming)
        strange = max(0, min(lacking - coming, kafka.unreadable[minute], _foreign(seen, kafka, minute)))
        foreign.add(minute, strange)
        missing.add(minute, lacking - coming - strange)
        more.add(minute, -lacking)
    records = sum(kafka.records.values())
    if missing:
        yield missing.gap(
            "missing", "druid", f"Druid lacks {{n}} of the {counted(records, 'record')} in Kafka"
        )
    if way:
        yield way.gap("on its way", "druid", "{n} on the way from Kafka to Druid: not read yet, not missing")
    if foreign:
        yield foreign.gap(
            "foreign records",
            "druid",
            "{n} in Kafka that no collector wrote and nobody can read: no row is made of {them}",
        )
    if more:
        yield more.gap(
            "more in druid",
            "druid",
            "Druid has {rows} more than Kafka has records: deleted there by now, or read twice after a reset",
        )


def _foreign(seen: Seen, kafka: InKafka, minute: int) -> int:
    """Records that the collector has not counted: another program wrote them."""
    if isinstance(seen.collector, PyglueError):
        return 0
    return max(0, kafka.records[minute] - seen.taken(minute, seen.collector.get(minute, NO_COUNTS)))


def _arrived(seen: Seen, kafka: InKafka, minute: int, rows: Minutes) -> int:
    """Of the records that Kafka does not have any more, those that Druid has rows of.

    Where the topic has lost its beginning, rows may be of records that are gone while those that are there are still to
    be read.
    """
    if isinstance(seen.collector, PyglueError):
        return 0
    there = kafka.records[minute]
    lost_its_beginning = (kafka.fresh or kafka.removed) and (kafka.told or seen.reads)
    read = there - kafka.unread[minute] if lost_its_beginning else there
    counted = seen.taken(minute, seen.collector.get(minute, NO_COUNTS))
    return max(0, min(counted - there, rows.get(minute, 0) - read))


def _reset(seen: Seen, kafka: InKafka, minute: int) -> Reset | None:
    """The last reset that removed what a minute lacks by now in both: of the topic, or of the rows of one that is gone."""
    made_it_so = {"kafka", "druid"} if kafka.removed or kafka.begins_after(minute) else {"kafka"}
    found = [one for one in seen.resets if one.minute >= minute and one.hop in made_it_so]
    return found[-1] if found else None


def _told(resets: set[Reset]) -> str:
    """What removed them, in words."""
    found = sorted(resets, key=lambda one: one.minute)
    return (
        " and ".join(f"`pyglue reset --hop {one.hop}` of {shown([one.minute])}" for one in found)
        + " removed {them}"
    )


def _superset(rows: Minutes, charts: Minutes) -> Iterator[Gap]:
    """Rows against what a chart counts, which is asked later, so that it may have more."""
    missing = _Tally()
    for minute, count in rows.items():
        missing.add(minute, count - charts.get(minute, 0))
    if missing:
        yield missing.gap("missing", "superset", "the dashboards count {n} fewer than Druid has rows")


class _Tally:
    """Differences by minute; what is none is left out."""

    def __init__(self, minutes: Minutes | None = None) -> None:
        self.minutes: dict[int, int] = dict(minutes or {})

    @property
    def count(self) -> int:
        """Of all minutes."""
        return sum(self.minutes.values())

    def add(self, minute: int, count: int) -> None:
        """Note `count` if it is more than none."""
        if count > 0:
            self.minutes[minute] = count

    def __bool__(self) -> bool:
        return bool(self.minutes)

    def gap(self, kind: str, hop: str, message: str) -> Gap:
        """As a gap; `{n}` in the message is the sum, `{rows}` that of rows; some words are as one or several."""
        several = self.count != 1
        words = {
            "n": f"{self.count:,}",
            "rows": counted(self.count, "row"),
            "were": "were" if several else "was",
            "are": "are" if several else "is",
            "them": "them" if several else "it",
        }
        return Gap(kind, hop, self.minutes, message.format(**words))
