"""The proof: an event through all hops, and where it stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyglue.pipeline.smoke import Probe, Report
from tests.pipeline.fakes import World, error_of

SCHEMA = {"type": "record", "name": "E", "fields": [{"name": "eventId", "type": "string"}]}


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A pipeline in which everything works."""
    (tmp_path / "E.avsc").write_text(json.dumps(SCHEMA))
    return World(tmp_path / "E.avsc")


def run(world: World) -> Report:
    return Probe(world.pipeline(), 5.0, world.time.wait, world.time).run()


def hops(report: Report) -> list[tuple[str, bool]]:
    return [(hop.hop, hop.ok) for hop in report.hops]


def test_an_event_that_arrives_everywhere(world: World) -> None:
    """Four hops, each with the milliseconds since the event was sent, and one JSON object."""
    report = run(world)
    assert report.ok
    assert report.failed_service is None
    assert hops(report) == [("collector", True), ("kafka", True), ("druid", True), ("superset", True)]
    assert report.ms("druid") == pytest.approx(50, abs=10)
    assert report.ms("superset") == pytest.approx(100, abs=10)
    answer: dict[str, Any] = json.loads(json.dumps(report.to_json()))
    assert set(answer) == {"ok", "event_id", "hops", "problem"}
    assert (answer["ok"], answer["event_id"], answer["problem"]) == (True, world.event, None)
    assert answer["hops"][0]["status"] == 200
    assert (answer["hops"][1]["partition"], answer["hops"][1]["offset"]) == (1, 0)
    assert all({"hop", "ok", "ms"} <= set(hop) for hop in answer["hops"])


def test_a_collector_without_kafka_is_asked_again(world: World) -> None:
    """503 means not now; the time counts from the request that was accepted."""
    world.collector_answers = [503, 503, 200]
    report = run(world)
    assert report.ok
    assert report.ms("druid") == pytest.approx(50, abs=10)


@pytest.mark.parametrize(("status", "said"), [(0, "does not answer"), (405, "405"), (503, "503")])
def test_it_stops_at_the_collector(world: World, status: int, said: str) -> None:
    """No answer, another answer, or 503 for ever: at once, or after the time; nobody goes on reading the topic."""
    world.collector_answers = [status]
    report = run(world)
    assert hops(report) == [("collector", False)]
    assert report.failed_service == "divolte"
    assert said in error_of(report.problem).message
    assert report.to_json()["problem"].startswith(error_of(report.problem).message)


def test_it_stops_before_it_began_where_kafka_is_away(world: World) -> None:
    """Without Kafka nothing is sent."""
    world.kafka_is_there = False
    report = run(world)
    assert hops(report) == [("kafka", False)]
    assert report.failed_service == "kafka"
    assert world.event == ""


def test_it_stops_at_kafka(world: World) -> None:
    """The collector said yes, but the event is not in the topic."""
    world.kafka_gets_it = False
    report = run(world)
    assert hops(report) == [("collector", True), ("kafka", False)]
    assert (
        "the collector answered, but the event is not in the topic divolte"
        in error_of(report.problem).message
    )


@pytest.mark.parametrize(
    "value", [lambda e: bytes([2]) + b"x" + e.encode(), lambda e: bytes([60]) + b"other!!!" + e.encode()]
)
def test_a_record_of_another_schema_is_noticed(world: World, value: Any) -> None:
    """The bytes hold the id, but read with this checkout's schema they are no such event."""
    world.kafka_value = value
    report = run(world)
    assert hops(report)[-1] == ("kafka", False)


@pytest.mark.parametrize("running", [True, False])
def test_it_stops_at_druid(world: World, running: bool) -> None:
    """What the supervisor says is in the error; without one the next command posts it."""
    world.druid_sees_it_after = 1e9
    if not running:
        world.druid_status = None
    report = run(world)
    error = error_of(report.problem)
    assert hops(report)[-1] == ("druid", False)
    assert report.failed_service == "druid-indexer"
    assert error.message == "the event is in Kafka, but after 5 s not in Druid's clicks"
    if running:
        assert error.details == ["supervisor RUNNING, lag 0, unparseable 1", "bad row"]
    else:
        assert error.details == ["no supervisor reads the topic"]
        assert error.try_ == "pyglue submit-spec"


def test_a_broker_that_is_away_for_a_moment_is_asked_again(world: World) -> None:
    """A service that does not answer yet is no lost event."""
    world.druid_breaks = 3
    assert run(world).ok


def test_a_broker_that_stays_away_is_told(world: World) -> None:
    """After the time the connection's own error is the problem."""
    world.druid_breaks = 10**9
    assert error_of(run(world).problem).message == "druid-broker does not answer"


@pytest.mark.parametrize(
    ("dataset", "said"), [(None, "Superset has no dataset clicks"), (7, "not in a chart of Superset")]
)
def test_it_stops_at_superset(world: World, dataset: int | None, said: str) -> None:
    """No dataset, or no row in a chart's data."""
    world.superset_dataset = dataset
    world.superset_sees_it_after = 1e9
    report = run(world)
    assert hops(report)[-1] == ("superset", False)
    assert report.failed_service == "superset"
    assert said in error_of(report.problem).message
    assert error_of(report.problem).try_ == "pyglue refresh-datasources"
