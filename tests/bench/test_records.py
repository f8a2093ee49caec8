"""The made-up events and the supervisor that reads them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, cast

import avro.io
import avro.schema
import pytest

from bench.ingest import renamed
from bench.records import SPAN, encoded, events

NEWEST = 1_700_000_000_000
SCHEMA = Path("divolte") / "DefaultEventRecord.avsc"


@pytest.fixture
def read(checkout: Path) -> list[dict[str, Any]]:
    """A thousand records of the shipped schema, read back by Apache's own library."""
    reader = avro.io.DatumReader(avro.schema.parse((checkout / SCHEMA).read_text(encoding="utf-8")))
    return [
        cast("dict[str, Any]", reader.read(avro.io.BinaryDecoder(io.BytesIO(value))))
        for _, value in encoded(checkout / SCHEMA, events(1000, NEWEST))
    ]


def test_records_are_of_the_shipped_schema(read: list[dict[str, Any]]) -> None:
    """An independent reader gets back exactly the events that were made up."""
    assert read == list(events(1000, NEWEST))


def test_events_differ_as_real_ones_do(read: list[dict[str, Any]]) -> None:
    """Every event has an id of its own; visitors come back; some fields are null; time goes forward."""
    assert len({event["eventId"] for event in read}) == 1000
    assert 100 < len({event["partyId"] for event in read}) < 1000
    assert {event["eventType"] for event in read} == {"click", "pageView"}
    assert any(event["technology"] is None for event in read)
    times = [event["timestamp"] for event in read]
    assert times == sorted(times)
    assert times[-1] == NEWEST
    assert times[0] > NEWEST - SPAN


def test_every_run_reads_the_same_events() -> None:
    """Nothing but the time is left to chance, so that two runs are the same work."""
    assert list(events(50, NEWEST)) == list(events(50, NEWEST))


def test_the_key_is_the_party(checkout: Path) -> None:
    """Records are spread over partitions as the collector spreads them."""
    made = list(events(20, NEWEST))
    keys = [key for key, _ in encoded(checkout / SCHEMA, iter(made))]
    assert keys == [event["partyId"] for event in made]


def test_the_benchs_supervisor_is_the_shipped_one(checkout: Path) -> None:
    """Only the names of datasource and topic and Kafka's address differ, and the shipped spec stays as it was."""
    shipped = json.loads((checkout / "supervisor-spec.json").read_text(encoding="utf-8"))
    before = json.dumps(shipped)
    spec = renamed(shipped, "bench-0", "bench", "127.0.0.1:1")
    assert json.dumps(shipped) == before
    assert spec["spec"]["dataSchema"].pop("dataSource") == "bench-0"
    assert spec["spec"]["ioConfig"].pop("topic") == "bench"
    assert spec["spec"]["ioConfig"].pop("consumerProperties")["bootstrap.servers"] == "127.0.0.1:1"
    for key in ("topic", "consumerProperties"):
        del shipped["spec"]["ioConfig"][key]
    del shipped["spec"]["dataSchema"]["dataSource"]
    assert spec == shipped
