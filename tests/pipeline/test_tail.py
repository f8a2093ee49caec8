"""Where `tail` begins and ends, what it leaves out, and its lines: with a Kafka that is a dictionary."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import fastavro
import pytest

from pyglue.collector.avro import records, schema
from pyglue.pipeline import filters
from pyglue.pipeline.kafka import Record
from pyglue.pipeline.tail import Begin, Event, Reader, batches, clock, json_line, line

TIME = 1_700_000_000_000


@pytest.fixture(scope="session")
def shipped(checkout: Path) -> schema.RecordSchema:
    """The shipped schema."""
    return schema.read(checkout / "divolte" / "DefaultEventRecord.avsc")


@pytest.fixture(scope="session")
def encoded(shipped: schema.RecordSchema) -> Callable[..., bytes]:
    """Bytes of an event with these fields."""

    def make(**fields: Any) -> bytes:
        row = {
            "detectedDuplicate": False,
            "detectedCorruption": False,
            "firstInSession": False,
            "timestamp": TIME,
            "clientTimestamp": TIME,
            "remoteHost": "192.0.2.1",
            "eventType": "click",
            "partyId": "0:lq1a7c3k:from-a-tester",
        }
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, shipped.parsed, row | fields)
        return stream.getvalue()

    return make


class Topic:
    """A topic of two partitions; its times are those given, its values the offsets."""

    def __init__(self, low: int = 0) -> None:
        self.times = {0: [10, 20, 30, 40], 1: [15, 25]}
        self.low = low
        self.asked: list[tuple[dict[int, int], dict[int, int] | None]] = []

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        assert topic == "clicks"
        return {number: (self.low, len(times)) for number, times in self.times.items()}

    def since(self, topic: str, time_ms: int) -> dict[int, int]:
        assert topic == "clicks"
        return {number: sum(time < time_ms for time in times) for number, times in self.times.items()}

    def batches(
        self,
        topic: str,
        starts: Mapping[int, int],
        ends: Mapping[int, int] | None = None,
        away: Callable[[bool], None] | None = None,
    ) -> Iterator[list[Record]]:
        assert topic == "clicks"
        assert (away is None) == (ends is not None)  # who wants an end wants no endless outage
        self.asked.append((dict(starts), None if ends is None else dict(ends)))
        for number, times in self.times.items():
            end = len(times) if ends is None else ends[number]
            yield [Record(number, at, times[at], b"") for at in range(starts[number], end)]
        if ends is None:
            yield [Record(0, len(self.times[0]), 50, b"new")]


def times(begin: Begin, topic: Topic | None = None) -> list[int]:
    """The times of the records that are read."""
    told: list[bool] = []
    found = batches(topic or Topic(), "clicks", begin, told.append)
    return [record.time_ms for batch in found for record in batch]


@pytest.mark.parametrize(
    ("begin", "expected"),
    [
        (Begin(), [50]),
        (Begin(follow=False), [10, 20, 30, 40, 15, 25]),
        (Begin(last=3, follow=False), [25, 30, 40]),
        (Begin(last=3), [25, 30, 40, 50]),
        (Begin(last=100, follow=False), [10, 15, 20, 25, 30, 40]),
        (Begin(last=0), [50]),
        (Begin(last=0, follow=False), []),
        (Begin(since_ms=25, follow=False), [30, 40, 25]),
        (Begin(since_ms=25), [30, 40, 25, 50]),
    ],
)
def test_where_it_begins_and_ends(begin: Begin, expected: list[int]) -> None:
    """From now on; with the last records by their time, wherever they lie; since a time; to the present end."""
    assert times(begin) == expected


def test_what_kafka_has_dropped_is_not_asked_for() -> None:
    """The first offset is where the topic begins now, and no record before the wanted ones is read."""
    topic = Topic(low=1)
    assert times(Begin(last=100, follow=False), topic) == [20, 25, 30, 40]
    assert times(Begin(last=1, follow=False), topic) == [40]
    assert [starts for starts, _ in topic.asked] == [{0: 1, 1: 1}, {0: 3, 1: 1}]


def read(
    shipped: schema.RecordSchema,
    values: list[bytes],
    *conditions: str,
    bad: bool = False,
    count: int | None = None,
) -> tuple[Reader, list[list[Event]]]:
    """The events of values, two at a time."""
    tests = [filters.condition(text, shipped) for text in conditions]
    reader = Reader(records.reader(shipped), tests, bad=bad, count=count)
    found = [Record(0, at, TIME, value) for at, value in enumerate(values)]
    return reader, list(reader.events(iter([found[at : at + 2] for at in range(0, len(found), 2)])))


def offsets(batch: list[list[Event]]) -> list[list[int]]:
    return [[event.record.offset for event in events] for events in batch]


def test_conditions_leave_events_out(shipped: schema.RecordSchema, encoded: Callable[..., bytes]) -> None:
    """What can't be decoded comes all the same, for whoever tells it, and is counted."""
    values = [encoded(), b"\xff", encoded(eventType="pageView"), encoded(eventType="pageView")]
    reader, events = read(shipped, values, "eventType=pageView", "_offset>2")
    assert offsets(events) == [[1], [3]]
    assert (reader.records, reader.matched, reader.undecodable) == (4, 1, 1)
    assert reader.chooses
    assert not Reader(records.reader(shipped)).chooses


def test_a_count_ends_it(shipped: schema.RecordSchema, encoded: Callable[..., bytes]) -> None:
    """In the middle of a batch, too; what can't be decoded is no event; nothing more is asked of Kafka."""
    values = [b"", encoded(), encoded(), encoded(), encoded()]
    reader, events = read(shipped, values, count=2)
    assert offsets(events) == [[0, 1], [2]]
    assert reader.records == 3


def test_bad_ones_only(shipped: schema.RecordSchema, encoded: Callable[..., bytes]) -> None:
    """Those that can't be decoded and those that arrived damaged; a condition leaves only some of the latter."""
    values = [
        encoded(),
        b"",
        encoded(detectedCorruption=True),
        encoded(detectedCorruption=True, eventType="x"),
    ]
    assert offsets(read(shipped, values, bad=True)[1]) == [[1], [2, 3]]
    assert offsets(read(shipped, values, bad=True, count=1)[1]) == [[1]]
    assert offsets(read(shipped, values, "eventType=x", bad=True)[1]) == [[], [3]]


def test_why_a_record_is_bad(shipped: schema.RecordSchema, encoded: Callable[..., bytes]) -> None:
    """In words."""
    good = encoded(location="http://example.org/")
    values = [
        good,
        good[:-3],
        good + b"\x00",
        good.replace(b"example", b"\xff\xfeample"),
        encoded()[:-1] + b"\x08",
        encoded(detectedCorruption=True),
    ]
    events = [event for batch in read(shipped, values)[1] for event in batch]
    assert [event.why for event in events] == [
        None,
        "it ends in the middle of a record",
        "it goes on behind the end of a record",
        "a text in it is no UTF-8",
        "a value in it does not fit its type",
        "detectedCorruption",
    ]


def test_json_lines(shipped: schema.RecordSchema, encoded: Callable[..., bytes]) -> None:
    """All fields and Kafka's; or those that are named, and no others; of bad ones where and why, too."""
    value = encoded(detectedCorruption=True, eventParameters={"step": "3"})
    (whole, rubbish), *_ = read(shipped, [value, b"\xff" * 20])[1]
    found = json.loads(json_line(whole, None))
    assert set(found) == {*(field.name for field in shipped.fields), "_partition", "_offset", "_kafkaTime"}
    assert (found["eventType"], found["_offset"], found["_kafkaTime"]) == ("click", 0, TIME)
    names = filters.names("eventParameters.step,_offset", shipped)
    assert json_line(whole, names) == '{"eventParameters.step": "3", "_offset": 0}'
    assert json.loads(json_line(whole, names, bad=True)) == {
        "eventParameters.step": "3",
        "_partition": 0,
        "_offset": 0,
        "_kafkaTime": TIME,
        "_size": len(value),
        "_first": value[:16].hex(" ") + " ...",
        "_why": "detectedCorruption",
    }
    assert json.loads(json_line(rubbish, names, bad=True)) == {
        "_partition": 0,
        "_offset": 1,
        "_kafkaTime": TIME,
        "_size": 20,
        "_first": " ".join(["ff"] * 16) + " ...",
        "_why": rubbish.why,
    }


def test_lines_for_people(shipped: schema.RecordSchema, encoded: Callable[..., bytes]) -> None:
    """Time, type, the end of the visitor's id, place, technology, and what is true of the event; or what was asked for."""
    value = encoded(path="/a\x1b", technology="Kafka", bot=True)
    (event, rubbish), *_ = read(shipped, [value, b""])[1]
    at = clock(TIME)
    assert line(event, None, shipped) == f"{at}  click         a-tester  /a\\u001b  Kafka  bot"
    known = Event(event.record, event.row | {"eventId": "0:mgx2k1ab-Tq3xyz1"}, None)
    assert "  a-tester  -Tq3xyz1  /a" in line(known, None, shipped, wide=True)
    assert "  a-tester  -         /a" in line(event, None, shipped, wide=True)
    assert line(event, filters.names("bot,path,variant", shipped), shipped) == (
        f"{at}  bot=true  path=/a\\u001b  variant=null"
    )
    where = f"{at}  partition 0, offset 1, 0 bytes: it ends in the middle of a record (empty)"
    assert line(rubbish, None, shipped, bad=True) == where


def test_any_time_has_a_clock() -> None:
    """A producer may say anything that fits into a long."""
    assert clock(TIME + 7).endswith(".007")
    assert clock(-1).endswith(":59.999")
    assert clock(2**63 - 1).endswith(".807")
