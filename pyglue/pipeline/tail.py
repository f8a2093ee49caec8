"""Events as they lie in the topic: where to begin, what is wanted, and the line that each makes.

Nothing here waits or prints: `batches` asks a Kafka that is handed in, everything else takes values and returns values.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

from pyglue.collector.avro.schema import RecordSchema
from pyglue.counted import counted
from pyglue.errors import BadAnswer
from pyglue.pipeline.field_statistics import short
from pyglue.pipeline.filters import OF_KAFKA, Condition, Name, as_json, matches
from pyglue.pipeline.kafka import BATCH, Record

CORRUPT = "detectedCorruption"
FIRST_BYTES = 16  # of a bad record, in hexadecimal
WIDTH = 80  # letters of a value on the screen
PLACES = ("path", "location")  # the first that there is tells where somebody was
OF_BAD = ("_size", "_first", "_why")

Away = Callable[[bool], None]


class Source(Protocol):
    """What is asked of Kafka; `pyglue.pipeline.kafka.Kafka` says more."""

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]: ...

    def since(self, topic: str, time_ms: int) -> dict[int, int]: ...

    def batches(
        self,
        topic: str,
        starts: Mapping[int, int],
        ends: Mapping[int, int] | None = None,
        away: Away | None = None,
    ) -> Iterator[list[Record]]: ...


@dataclass(frozen=True)
class Begin:
    """Where to begin: with the last so many records, or at a time; else with what comes from now on.

    Without `follow` it ends with what is there now, and neither `last` nor `since_ms` means all of it.
    """

    last: int | None = None
    since_ms: int | None = None
    follow: bool = True


@dataclass(frozen=True)
class Event:
    """A record that was read: its fields, with what Kafka knows of it; `why` it is bad, None if it isn't.

    `decoded` is false where the record's bytes are none of the schema: then there are no fields but Kafka's.
    """

    record: Record
    row: dict[str, Any]
    why: str | None
    decoded: bool = True


def batches(source: Source, topic: str, begin: Begin, away: Away) -> Generator[list[Record], None, None]:
    """The records, some at a time. Raises Unreachable if Kafka does not answer at first, or before an end."""
    bounds = source.bounds(topic)
    ends = {partition: high for partition, (_, high) in bounds.items()}
    starts = ends
    if begin.last is not None:
        yield from _newest(source, topic, bounds, begin.last)
        if not begin.follow:
            return
    elif begin.since_ms is not None:
        starts = source.since(topic, begin.since_ms)
    elif not begin.follow:
        starts = {partition: low for partition, (low, _) in bounds.items()}
    yield from source.batches(topic, starts, *((None, away) if begin.follow else (ends,)))


def _newest(
    source: Source, topic: str, bounds: Mapping[int, tuple[int, int]], count: int
) -> Iterator[list[Record]]:
    """The newest records before the ends, across partitions, by Kafka's time."""
    starts = {partition: max(low, high - count) for partition, (low, high) in bounds.items()}
    ends = {partition: high for partition, (_, high) in bounds.items()}
    records = chain.from_iterable(source.batches(topic, starts, ends))
    newest = heapq.nlargest(count, records, key=lambda one: (one.time_ms, one.partition, one.offset))[::-1]
    for at in range(0, len(newest), BATCH):
        yield newest[at : at + BATCH]


class Reader:
    """Makes events of records, and leaves out what nobody asked for.

    `bad` leaves only records that can't be decoded, or say of themselves that they arrived damaged; without it, those
    that can't be decoded come, too, for whoever shows them otherwise. They pass no condition. `count` ends it.
    It counts `records`, of them those that `matched` and those that are `undecodable`; `chooses` if not all are wanted.
    """

    def __init__(
        self,
        decode: Callable[[bytes], dict[str, Any]],
        conditions: Sequence[Condition] = (),
        *,
        bad: bool = False,
        count: int | None = None,
    ) -> None:
        self._decode = decode
        self._conditions = conditions
        self._bad = bad
        self.count = count
        self.chooses = bad or bool(conditions)
        self.records = 0
        self.matched = 0
        self.undecodable = 0

    def events(self, found: Iterator[list[Record]]) -> Iterator[list[Event]]:
        """The events that are wanted, a list for each batch, perhaps an empty one."""
        for batch in found:
            events: list[Event] = []
            for record in batch:
                event = self._event(record)
                self.records += 1
                if self._wanted(event):
                    events.append(event)
                    self.matched += event.decoded or self._bad
                    if self.matched == self.count:
                        break
            yield events
            if self.matched == self.count:
                return

    def _event(self, record: Record) -> Event:
        of_kafka = dict(zip(OF_KAFKA, (record.partition, record.offset, record.time_ms), strict=True))
        try:
            fields = self._decode(record.value)
        except BadAnswer as error:
            self.undecodable += 1
            return Event(record, of_kafka, reason(error), decoded=False)
        why = CORRUPT if fields.get(CORRUPT) is True else None
        return Event(record, fields | of_kafka, why)

    def _wanted(self, event: Event) -> bool:
        if not event.decoded:
            return not (self._bad and self._conditions)
        return (event.why is not None or not self._bad) and matches(self._conditions, event.row)


def reason(error: BadAnswer) -> str:
    """Why bytes are no record, in words."""
    cause = error.__cause__
    if cause is None:
        return "it goes on behind the end of a record"
    if isinstance(cause, EOFError):
        return "it ends in the middle of a record"
    if isinstance(cause, UnicodeDecodeError):
        return "a text in it is no UTF-8"
    return "a value in it does not fit its type"


def json_line(event: Event, names: Sequence[Name] | None, *, bad: bool = False) -> str:
    """An event as JSON: the fields that are named, or all; `bad` adds why it is one, its size and first bytes."""
    row = event.row
    if names is not None and event.decoded:
        row = {str(name): name.of(row) for name in names}
    if bad:
        of_bad = dict(zip(OF_BAD, (len(event.record.value), _first(event.record), event.why), strict=True))
        row = {**row, **{name: event.row[name] for name in OF_KAFKA}, **of_bad}
    return as_json(row)


def line(
    event: Event, names: Sequence[Name] | None, schema: RecordSchema, *, bad: bool = False, wide: bool = False
) -> str:
    """An event as people read it: time, and the fields that are named, or type, visitor and what tells something.

    `wide`: there is room for the end of the event's id, too.
    """
    parts = [clock(event.record.time_ms)]
    if bad:
        parts.append(bad_line(event))
    if event.decoded:
        parts += _summary(event.row, schema, wide) if names is None else _chosen(event.row, names)
    return "  ".join(parts).rstrip()


def bad_line(event: Event) -> str:
    """Where a bad record lies, why it is one, and, if it can't be decoded, how it begins."""
    record = event.record
    text = f"partition {record.partition}, offset {record.offset}, {counted(len(record.value), 'byte')}: {event.why}"
    return text if event.decoded else f"{text} ({_first(record) or 'empty'})"


def clock(time_ms: int) -> str:
    """Milliseconds since 1970 as local time: `11-26 05:35:39.123`."""
    return f"{time.strftime('%m-%d %H:%M:%S', time.localtime(time_ms // 1000))}.{time_ms % 1000:03d}"


def _chosen(row: Mapping[str, Any], names: Sequence[Name]) -> list[str]:
    return [f"{name}={short(name.of(row), WIDTH)}" for name in names]


def _summary(row: Mapping[str, Any], schema: RecordSchema, wide: bool) -> list[str]:
    """Type, the end of the visitor's id and of the event's, the place, what was clicked, and the names of what is true."""
    party = short(row.get("partyId") or "-", WIDTH)[-8:]
    place = next((row[name] for name in PLACES if row.get(name)), None)
    telling = [short(value, WIDTH) for value in (place, row.get("technology")) if value]
    true = [field.name for field in schema.fields if row.get(field.name) is True]
    event = [f"{short(row.get('eventId') or '-', WIDTH)[-8:]:<8}"] if wide else []
    return [f"{short(row.get('eventType') or '-', WIDTH):<12}", f"{party:<8}", *event, *telling, *true]


def _first(record: Record) -> str:
    """The first bytes, in hexadecimal."""
    return record.value[:FIRST_BYTES].hex(" ") + (" ..." if len(record.value) > FIRST_BYTES else "")
