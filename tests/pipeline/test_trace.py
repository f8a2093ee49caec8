"""An event that came some time ago: where it lies, at which hop it is missing, and whether the hops agree."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pyglue.errors import BadAnswer
from pyglue.pipeline import trace
from pyglue.pipeline.kafka import Record
from pyglue.pipeline.smoke import Pipeline

NOW = 1_800_000_000
SCHEMA = {"type": "record", "name": "E", "fields": [{"name": "eventId", "type": "string"}]}


class Hops:
    """Kafka, Druid and Superset that know the event, or not."""

    def __init__(self, tmp_path: Path, *, kafka: bool = True, druid: bool = True, chart: bool = True) -> None:
        self.in_kafka, self.in_druid, self.on_chart = kafka, druid, chart
        self.alike = b"\x06e12"
        self.read_from: dict[int, int] = {}
        (tmp_path / "E.avsc").write_text(json.dumps(SCHEMA))
        me = cast(Any, self)
        superset = cast(
            Any, SimpleNamespace(find=self.find, post=self.post, http=SimpleNamespace(base="http://s"))
        )
        self.pipeline = Pipeline(me, me, me, superset, "divolte", "clicks", tmp_path / "E.avsc")

    def has_event(self, _datasource: str, _event: str) -> bool:
        """Druid's row."""
        return self.in_druid

    def sql(self, _query: str, _parameters: list[Any], **_: object) -> list[dict[str, Any]]:
        """All of its columns."""
        return [{"__time": "2027-01-15T08:00:00.250Z", "eventId": "e1"}]

    def bounds(self, _topic: str) -> dict[int, tuple[int, int]]:
        """Kafka's first and next offsets."""
        return {0: (0, 500_000), 1: (7, 7)}

    def since(self, _topic: str, time_ms: int) -> dict[int, int]:
        """From the row's time on."""
        assert time_ms == 1_800_000_000_250
        return {0: 499_990, 1: 7}

    def batches(
        self, _topic: str, starts: Mapping[int, int], ends: Mapping[int, int]
    ) -> Iterator[list[Record]]:
        """Another record, and the event's if it is there."""
        self.read_from = dict(starts)
        assert ends == {0: 500_000, 1: 7}
        yield [Record(0, 499_997, (NOW - 200) * 1000, b"\x04e0"), Record(0, 499_998, NOW * 1000, self.alike)]
        if self.in_kafka:
            yield [Record(0, 499_999, NOW * 1000, b"\x04e1")]

    def find(self, _resource: str, **_: Any) -> dict[str, Any] | None:
        """Superset's dataset."""
        return {"id": 1}

    def post(self, _path: str, body: Any) -> dict[str, Any]:
        """The chart's query, over all times."""
        assert body["queries"][0]["time_range"] == "No filter"
        return {"result": [{"data": [{"eventId": "e1"}] if self.on_chart else []}]}


def told(hops: Hops) -> tuple[list[tuple[str, bool]], str | None]:
    """Each hop with its verdict, and the code of what is wrong."""
    report, _ = trace.follow(hops.pipeline, "e1", NOW)
    return [(hop.hop, hop.ok) for hop in report.hops], report.problem.code if report.problem else None


def test_an_event_is_found_at_every_hop(tmp_path: Path) -> None:
    """Its place in Kafka is looked for from the row's time on; record and row come along."""
    hops = Hops(tmp_path)
    report, row = trace.follow(hops.pipeline, "e1", NOW)
    assert report.ok
    assert report.hops[1].known == {"partition": 0, "offset": 499_999}
    assert (report.record, row is not None and row["eventId"]) == ({"eventId": "e1"}, "e1")
    assert hops.read_from == {0: 499_990, 1: 7}


def test_an_event_that_kafka_has_deleted_is_followed_all_the_same(tmp_path: Path) -> None:
    """Kafka keeps records for days, Druid rows for months."""
    assert told(Hops(tmp_path, kafka=False)) == (
        [("collector", True), ("kafka", True), ("druid", True), ("superset", True)],
        None,
    )


def test_an_event_that_druid_lacks_is_looked_for_among_the_newest_records(tmp_path: Path) -> None:
    """The hop is Druid's."""
    hops = Hops(tmp_path, druid=False)
    assert told(hops) == ([("collector", True), ("kafka", True), ("druid", False)], "event-not-in-druid")
    assert hops.read_from == {0: 300_000, 1: 7}


def test_an_event_that_no_chart_finds(tmp_path: Path) -> None:
    """The hop is Superset's."""
    hops, code = told(Hops(tmp_path, chart=False))
    assert (hops[-1], code) == (("superset", False), "event-not-on-charts")


def test_an_event_that_nobody_knows(tmp_path: Path) -> None:
    """No hop is blamed; it is said how far back Kafka was looked through."""
    hops = Hops(tmp_path, kafka=False, druid=False)
    assert told(hops) == ([], "event-unknown")
    report, _ = trace.follow(hops.pipeline, "e1\x1b[31m", NOW)
    assert report.problem is not None
    assert report.failed_service is None
    assert report.problem.message == (
        r"there is no event with the id e1\u001b[31m in the last 4 minutes of Kafka, nor in Druid"
    )
    assert "2 records" in report.problem.details[0]


def test_a_topic_without_records_is_told_as_such(tmp_path: Path) -> None:
    """There is no time to name."""
    hops = Hops(tmp_path, kafka=False, druid=False)
    hops.batches = lambda *_: iter(())  # type: ignore[method-assign] # a topic of another kind
    report, _ = trace.follow(hops.pipeline, "e1", NOW)
    assert "in Kafka, which has no record now, nor in Druid" in str(report.problem)


def test_a_record_that_cannot_be_read_is_told_if_it_has_the_id(tmp_path: Path) -> None:
    """Unless the event itself is there, too."""
    hops = Hops(tmp_path, kafka=False, druid=False)
    hops.alike = b"e1"
    with pytest.raises(BadAnswer):
        trace.follow(hops.pipeline, "e1", NOW)
    hops.in_kafka = True
    assert told(hops)[1] == "event-not-in-druid"


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (True, 1, True),
        (False, 0, True),
        (None, "", True),
        ("", None, True),
        (7, "7", True),
        (2.0, 2, True),
        (2.5, 2.5, True),
        ("a", "b", False),
        (1, 0, False),
        (["a"], "[a]", True),
    ],
)
def test_a_record_and_its_row_are_compared_as_druid_writes_values(ours: Any, theirs: Any, same: bool) -> None:
    """Booleans are 0 and 1 there, an empty text is nothing; lists are not compared."""
    assert (trace.differences({"x": ours, "unknown": 1}, {"x": theirs}) == []) is same


def test_percentiles_are_values_that_were_seen() -> None:
    """Nearest rank: of a hundred values the 99th percentile is the second greatest."""
    values = [float(number) for number in range(100, 0, -1)]
    assert [trace.percentile(values, percent) for percent in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert trace.percentile([3.0], 50) == 3.0
