"""What the hops have counted: the collector's files, and batches of Kafka's records."""

from __future__ import annotations

from typing import Any, cast

import pytest

from pyglue.collector.counting.counts import Counts, open_text
from pyglue.engine import Engine
from pyglue.errors import BadAnswer, PyglueError
from pyglue.pipeline import hop_counts
from pyglue.pipeline.druid import Druid
from pyglue.pipeline.kafka import Kafka
from pyglue.pipeline.minutes import Span
from pyglue.superset.client import Superset
from tests.superset.conftest import fake as fake
from tests.superset.conftest import superset as superset
from tests.superset.fake import FakeSuperset

M = 29_000_480  # 2025-02-20T05:20Z
SPAN = Span(M, M + 60)


class Files:
    """An engine whose collector has these files."""

    def __init__(self, **files: str) -> None:
        self.files = {f"counts/{name}": text.encode() for name, text in files.items()}

    def read_data(self, service: str, name: str) -> bytes | None:
        assert service == "divolte"
        return self.files.get(name)


def counted(files: dict[str, str], span: Span = SPAN) -> tuple[dict[int, Counts], tuple[str, ...]]:
    return hop_counts.collector(cast(Engine, Files(**files)), span)


def test_lines_of_a_day_and_open_minutes_are_put_together() -> None:
    """A minute in both counts once; minutes outside of the span don't count; a torn line is told."""
    closed, still = Counts(M, 5, run=1, part=1), Counts(M + 1, 2, run=1, part=2)
    files = {
        "2025-02-20.jsonl": Counts(M - 1, 9).line() + closed.line() + "{torn\n",
        "open.json": open_text(1, (M + 2) * 60_000, [closed, still]),
    }
    found, damaged = counted(files)
    assert {minute: one.received for minute, one in found.items()} == {M: 5, M + 1: 2}
    assert damaged == ("counts/2025-02-20.jsonl, line 3",)
    assert all(one.complete for one in found.values())


def test_open_minutes_of_all_workers_are_added_up() -> None:
    """Whole only if each of them counted on to their end; what was left before counts, too, and a number may be missing."""
    files = {
        f"open-{at}.json": open_text(at, (M + 2) * 60_000 - at, [Counts(M, 5, run=at)]) for at in (1, 2, 62)
    }
    files["open.json"] = open_text(9, M * 60_000, [Counts(M - 1, 1, run=9)])
    found, damaged = counted(files, Span(M - 1, M + 60))
    assert {minute: (one.received, one.complete) for minute, one in found.items()} == {
        M - 1: (1, True),
        M: (15, True),
    }
    files["open-1.json"] = open_text(1, (M + 1) * 60_000 - 1, [Counts(M, 5, run=1)])
    assert not counted(files)[0][M].complete
    assert damaged == ()


def test_an_open_minute_is_complete_if_it_was_counted_to_its_end() -> None:
    """A collector that was killed before leaves a lower bound."""
    found, _ = counted({"open.json": open_text(1, (M + 1) * 60_000 - 1, [Counts(M, 5)])})
    assert not found[M].complete


def test_every_day_of_the_span_is_read() -> None:
    """Its first and its last, too."""
    files = {"2025-02-20.jsonl": Counts(M, 1).line(), "2025-02-22.jsonl": Counts(M + 2880, 1).line()}
    assert set(counted(files, Span(M, M + 2881))[0]) == {M, M + 2880}


def test_without_counts_the_hop_cannot_be_asked() -> None:
    """It is an error of its own."""
    with pytest.raises(PyglueError) as caught:
        counted({})
    assert caught.value.code == "no-counts"


@pytest.mark.parametrize("text", ["half", "[" * 100_000, '{"run": 1, "written": -1, "minutes": []}'])
def test_open_minutes_that_cannot_be_read_are_damage(text: str) -> None:
    """They are told; the day's file counts all the same."""
    found, damaged = counted({"2025-02-20.jsonl": Counts(M, 5).line(), "open.json": text})
    assert found[M].received == 5
    assert [place.partition(":")[0] for place in damaged] == ["counts/open.json"]


def test_of_many_damaged_lines_some_are_named() -> None:
    """A file of rubbish makes one line on the screen."""
    _, (place,) = counted({"2025-02-20.jsonl": "rubbish\n" * 1000})
    assert place == "counts/2025-02-20.jsonl, line 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 990 more"


class Message:
    """A record; its value is its minute, or nothing that can be read."""

    def __init__(self, offset: int, minute: int | None, written: int = M + 7) -> None:
        self._offset, self._minute, self._written = offset, minute, written

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes:
        return b"" if self._minute is None else str(self._minute).encode()

    def timestamp(self) -> tuple[int, int]:
        return 1, self._written * 60_000


class Topic:
    """Kafka with two partitions, handed over in batches."""

    def __init__(self, batches: dict[int, list[list[Message]]], low: int = 0) -> None:
        self.batches, self.low = batches, low

    def bounds(self, _topic: str) -> dict[int, tuple[int, int]]:
        return {part: (self.low, self.low + sum(map(len, found))) for part, found in self.batches.items()}

    def since(self, _topic: str, time_ms: int) -> dict[int, int]:
        assert time_ms == M * 60_000
        return dict.fromkeys(self.batches, self.low)

    def bulk(self, _topic: str, partition: int, _start: int, _end: int) -> Any:
        yield from self.batches[partition]


def test_records_are_counted_by_their_own_minute() -> None:
    """Read or not is told by Druid's offset, in the middle of a batch, too; what is no record has Kafka's time."""
    batches = {
        0: [[Message(0, M, M + 5), Message(1, M)], [Message(2, M), Message(3, None)], [Message(4, M + 1)]],
        1: [[Message(0, M + 99), Message(1, M + 2)]],
    }
    told: list[tuple[int, int]] = []
    found = hop_counts.in_kafka(
        cast(Kafka, Topic(batches)),
        "divolte",
        SPAN,
        lambda values: [int(value) if value else None for value in values],
        {0: 3, 1: 1},
        lambda done, total: told.append((done, total)),
    )
    assert found.records == {M: 3, M + 1: 1, M + 7: 1, M + 2: 1}
    assert found.unread == {M + 7: 1, M + 1: 1, M + 2: 1}
    assert found.unreadable == {M + 7: 1}
    assert (found.fresh, found.removed, found.began, found.told) == (True, False, M + 5, True)
    assert max(told) == (7, 7)


def test_a_topic_that_lost_its_beginning() -> None:
    """Records of the span may have been deleted."""
    topic = cast(Kafka, Topic({0: [[Message(9, M)]]}, low=9))
    found = hop_counts.in_kafka(
        topic, "divolte", SPAN, lambda values: [M for _ in values], {}, lambda *_: None
    )
    assert (found.fresh, found.removed, found.unread, found.told) == (False, True, {M: 1}, False)


class SomeDruid:
    """Druid with these answers to SQL; an error is raised."""

    def __init__(self, answer: list[dict[str, Any]] | PyglueError, columns: set[str]) -> None:
        self.answer, self._columns, self.asked = answer, columns, ""

    def sql(self, query: str, *, columns: object, timeout: float) -> list[dict[str, Any]]:
        assert timeout > 10
        assert columns == {"minute!": int, "n!": int}
        self.asked = query
        if isinstance(self.answer, PyglueError):
            raise self.answer
        return self.answer

    def columns(self, _datasource: str) -> set[str]:
        return self._columns


def test_rows_are_asked_for_by_minute() -> None:
    """Of the span alone, so that Druid leaves out all other segments."""
    druid = SomeDruid([{"minute": M * 60_000, "n": 3}], {"__time"})
    assert hop_counts.in_druid(cast(Druid, druid), "clicks", SPAN) == {M: 3}
    assert (
        "__time >= TIMESTAMP '2025-02-20 05:20:00' AND __time < TIMESTAMP '2025-02-20 06:20:00'"
        in druid.asked
    )


def test_no_datasource_has_no_rows() -> None:
    """A refusal for any other reason is an error."""
    refusal = BadAnswer("druid-broker answered 400", status=400)
    assert hop_counts.in_druid(cast(Druid, SomeDruid(refusal, set())), "clicks", SPAN) == {}
    with pytest.raises(BadAnswer):
        hop_counts.in_druid(cast(Druid, SomeDruid(refusal, {"__time"})), "clicks", SPAN)


def test_a_dataset_that_is_not_there(fake: FakeSuperset, superset: Superset) -> None:
    """It is told with what makes it."""
    with pytest.raises(PyglueError) as caught:
        hop_counts.in_superset(superset, "clicks", SPAN)
    assert (caught.value.code, caught.value.try_) == ("dataset-missing", "pyglue refresh-datasources")
    assert ("GET", "/api/v1/dataset/") in [(method, path) for method, path, _ in fake.asked]
