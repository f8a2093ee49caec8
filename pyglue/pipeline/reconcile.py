"""The counts of every hop, compared minute by minute: what is missing, between which hops, and what only looks so. Pure.

An event belongs to the minute of its receive time, at every hop: the collector's counts, the record's `timestamp` and
Druid's `__time` are the same value. So one too few in a minute and one too many in the next don't cancel out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pyglue.collector.counts import Counts
from pyglue.diagnosis.findings import Finding
from pyglue.errors import PyglueError

MINUTE_MS = 60_000
SHOWN = 6  # ranges of minutes that are told in words
NO_COUNTS = Counts(0)
Minutes = Mapping[int, int]


@dataclass(frozen=True)
class Span:
    """From the minute `first` to before the minute `end`, in minutes since 1970."""

    first: int
    end: int

    @property
    def minutes(self) -> int:
        """How many there are."""
        return self.end - self.first


@dataclass
class InKafka:
    """Records by minute; of them those that Druid has not `unread` yet, and those that are `unreadable`.

    `removed`: Kafka has deleted old records, perhaps of the span. `fresh`: its first record is of the span or younger.
    """

    records: Counter[int] = field(default_factory=Counter)
    unread: Counter[int] = field(default_factory=Counter)
    unreadable: Counter[int] = field(default_factory=Counter)
    removed: bool = False
    fresh: bool = False


@dataclass(frozen=True)
class Seen:
    """What the hops have counted; an error stands for a hop that could not be asked.

    `torn` are lines of the collector's files that can't be read. `reads` tells whether Druid is reading the topic;
    `unparseable` and `thrown_away` are its own counts since its tasks began.
    """

    span: Span
    topic: str
    collector: Mapping[int, Counts] | PyglueError
    kafka: InKafka | PyglueError
    druid: Minutes | PyglueError
    superset: Minutes | PyglueError
    torn: int = 0
    reads: bool = True
    unparseable: int = 0
    thrown_away: int = 0


@dataclass(frozen=True)
class Gap:
    """A difference between a hop and the one before it, with its count by minute.

    `kind` is `missing`, which is a fault, or what explains it: `on its way`, `no longer in kafka`, `past the collector`,
    `foreign records`, `stored though refused`, `more in druid`, `counts incomplete`.
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
        found += _incomplete(seen, seen.collector)
        if not isinstance(seen.kafka, PyglueError):
            found += _kafka(seen, seen.collector, seen.kafka)
    if not isinstance(seen.druid, PyglueError):
        if not isinstance(seen.kafka, PyglueError):
            found += _druid(seen, seen.kafka, seen.druid)
        if not isinstance(seen.superset, PyglueError):
            found += _superset(seen.druid, seen.superset)
    return tuple(found)


def findings(seen: Seen, found: Iterable[Gap], causes: Sequence[Finding]) -> tuple[Finding, ...]:
    """Causes first: what is wrong with the hops by a look at everything, then what could not be asked or is missing.

    A hop that could not be asked is left out where one of the causes is at that hop: it is the same news.
    """
    own: list[Finding] = []
    for hop in ("collector", "kafka", "druid", "superset"):
        error = getattr(seen, hop)
        if isinstance(error, PyglueError) and all(one.hop != hop for one in causes):
            own.append(_unasked(hop, error))
        for gap in found:
            if gap.kind == "missing" and gap.hop == hop:
                cause = next((one for one in causes if one.hop == hop), None)
                own.append(_missing(seen, gap, cause))
    return (*causes, *own)


def _unasked(hop: str, error: PyglueError) -> Finding:
    return Finding(
        error.code if error.code else "bad-answer",
        hop,
        error.message,
        error.try_ or "pyglue status",
        None,
        tuple(error.details),
    )


def _missing(seen: Seen, gap: Gap, cause: Finding | None) -> Finding:
    where = f"in         {shown(gap.minutes)}"
    if gap.hop == "kafka":
        details = (where, f"perhaps    {_lost_in_kafka(seen)}")
        return Finding("records-missing", "kafka", gap.message, "pyglue check", None, details)
    why, try_ = (cause.message, cause.try_) if cause else _lost_in(gap.hop, seen)
    details = (where, f"because    {why}" if cause else f"perhaps    {why}")
    if gap.hop == "druid":
        return Finding("rows-missing", "druid", gap.message, try_, None, details)
    return Finding("chart-count-differs", "superset", gap.message, try_, None, details)


def _lost_in_kafka(seen: Seen) -> str:
    kafka = seen.kafka
    if isinstance(kafka, InKafka) and kafka.removed:
        return "Kafka deleted them after KAFKA_RETENTION_HOURS, before Druid had read them"
    if isinstance(kafka, InKafka) and kafka.fresh:
        return "the topic was deleted and made anew, before Druid had read them"
    return f"the collector writes to another topic than {seen.topic}, or to another Kafka"


def _lost_in(hop: str, seen: Seen) -> tuple[str, str]:
    """A likely cause and what to type, where no service says what is wrong."""
    if hop == "superset":
        return "the dataset asks another table, or a cache answered", "pyglue refresh-datasources"
    kafka = seen.kafka
    unreadable = sum(kafka.unreadable.values()) if isinstance(kafka, InKafka) else 0
    if unreadable or seen.unparseable:
        count = max(unreadable, seen.unparseable)
        return (
            f"Druid can't parse them: {count:,} unparseable since its tasks began",
            "pyglue tail --bad --no-follow",
        )
    if seen.thrown_away:
        reason = f"Druid threw {seen.thrown_away:,} away: a filter of the spec, or too early or late for it"
        return reason, "pyglue submit-spec --dry-run"
    return "Druid skipped them: a reset of the supervisor, or rows older than its retention", "pyglue status"


# -- between two hops


def _incomplete(seen: Seen, collector: Mapping[int, Counts]) -> Iterator[Gap]:
    minutes = {minute: 0 for minute, counts in collector.items() if not counts.complete}
    if minutes:
        message = f"the collector was killed in {shown(minutes)}: its counts there are the least that it can have been"
        yield Gap("counts incomplete", "collector", minutes, message)
    if seen.torn:
        message = (
            f"{_number(seen.torn, 'line')} of the collector's counts can't be read: there may have been more"
        )
        yield Gap("counts incomplete", "collector", {}, message)


def _kafka(seen: Seen, collector: Mapping[int, Counts], kafka: InKafka) -> Iterator[Gap]:
    """Acknowledged records against those in the topic."""
    missing, gone, late, past = _Tally(), _Tally(), _Tally(), _Tally()
    rows = seen.druid if not isinstance(seen.druid, PyglueError) else {}
    for minute in range(seen.span.first, seen.span.end):
        counts, there = collector.get(minute, NO_COUNTS), kafka.records[minute]
        lacking = counts.records.get(seen.topic, 0) - there
        if lacking > 0:
            arrived = min(lacking, max(0, rows.get(minute, 0) - there))
            gone.add(minute, arrived)
            missing.add(minute, lacking - arrived)
        elif counts.complete:
            refused = min(-lacking, counts.refused)
            late.add(minute, refused)
            past.add(minute, -lacking - refused)
    records = sum(counts.records.get(seen.topic, 0) for counts in collector.values())
    if missing:
        yield missing.gap(
            "missing",
            "kafka",
            f"Kafka lacks {{n}} of the {records:,} records that the collector acknowledged",
        )
    if gone:
        why = "after KAFKA_RETENTION_HOURS" if kafka.removed else "the topic was deleted or made anew"
        yield gone.gap(
            "no longer in kafka", "kafka", f"Kafka no longer has {{n}} that Druid has ({why}): no loss"
        )
    if late:
        yield late.gap(
            "stored though refused",
            "kafka",
            "Kafka has {n} that were answered with 503: acknowledged too late, no loss",
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
        lacking = kafka.records[minute] - rows.get(minute, 0)
        coming = max(0, min(lacking, kafka.unread[minute])) if seen.reads else 0
        way.add(minute, coming)
        strange = max(0, min(lacking - coming, kafka.unreadable[minute], _foreign(seen, kafka, minute)))
        foreign.add(minute, strange)
        missing.add(minute, lacking - coming - strange)
        more.add(minute, -lacking - _gone(seen, kafka, minute))
    records = sum(kafka.records.values())
    if missing:
        yield missing.gap("missing", "druid", f"Druid lacks {{n}} of the {records:,} records in Kafka")
    if way:
        yield way.gap("on its way", "druid", "{n} on the way from Kafka to Druid: not read yet, not missing")
    if foreign:
        yield foreign.gap(
            "foreign records",
            "druid",
            "{n} in Kafka that no collector wrote and nobody can read: they make no rows",
        )
    if more:
        yield more.gap(
            "more in druid",
            "druid",
            "Druid has {n} rows more than Kafka has records: deleted there by now, or read twice after a reset",
        )


def _foreign(seen: Seen, kafka: InKafka, minute: int) -> int:
    """Records that the collector has not counted: another program wrote them."""
    if isinstance(seen.collector, PyglueError):
        return 0
    return max(0, kafka.records[minute] - seen.collector.get(minute, NO_COUNTS).records.get(seen.topic, 0))


def _gone(seen: Seen, kafka: InKafka, minute: int) -> int:
    """Of the rows that have no record any more, those whose records the collector has counted."""
    if isinstance(seen.collector, PyglueError):
        return 0
    return max(0, seen.collector.get(minute, NO_COUNTS).records.get(seen.topic, 0) - kafka.records[minute])


def _superset(rows: Minutes, charts: Minutes) -> Iterator[Gap]:
    """Rows against what a chart counts, which is asked later, so that it may have more."""
    missing = _Tally()
    for minute, count in rows.items():
        missing.add(minute, count - charts.get(minute, 0))
    if missing:
        yield missing.gap("missing", "superset", "the dashboards count {n} fewer than Druid has rows")


class _Tally:
    """Differences by minute; what is none is left out."""

    def __init__(self) -> None:
        self.minutes: dict[int, int] = {}

    def add(self, minute: int, count: int) -> None:
        """Note `count` if it is more than none."""
        if count > 0:
            self.minutes[minute] = count

    def __bool__(self) -> bool:
        return bool(self.minutes)

    def gap(self, kind: str, hop: str, message: str) -> Gap:
        """As a gap; `{n}` in the message is the sum."""
        return Gap(kind, hop, self.minutes, message.format(n=f"{sum(self.minutes.values()):,}"))


# -- minutes in words


def ranges_of(minutes: Iterable[int]) -> list[tuple[int, int]]:
    """First and last minute of each run of minutes without a hole."""
    found: list[tuple[int, int]] = []
    for minute in sorted(minutes):
        if found and minute == found[-1][1] + 1:
            found[-1] = (found[-1][0], minute)
        else:
            found.append((minute, minute))
    return found


def shown(minutes: Iterable[int]) -> str:
    """Minutes for people, such as `2026-11-26 05:41 to 05:43, 05:50 UTC`."""
    words, day = [], ""
    runs = ranges_of(minutes)
    for first, last in runs[:SHOWN]:
        at, to = _moment(first), _moment(last)
        begin = f"{at:%H:%M}" if f"{at:%F}" == day else f"{at:%F %H:%M}"
        end = f"{to:%H:%M}" if f"{to:%F}" == f"{at:%F}" else f"{to:%F %H:%M}"
        day = f"{to:%F}"
        words.append(begin if first == last else f"{begin} to {end}")
    more = f" and {len(runs) - SHOWN} more" if len(runs) > SHOWN else ""
    return ", ".join(words) + f"{more} UTC"


def text(minute: int) -> str:
    """A minute for programs, in ISO 8601."""
    return f"{_moment(minute):%Y-%m-%dT%H:%MZ}"


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


def _number(count: int, name: str) -> str:
    return f"{count:,} {name}" + ("" if count == 1 else "s")
