"""A record's minute from its first bytes is that of the whole record."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as some

from pyglue.collector.avro.records import reader
from pyglue.collector.avro.schema import parse
from pyglue.pipeline.record_times import minutes_of

TRUTHS = [{"name": "a", "type": "boolean"}, {"name": "b", "type": "boolean"}]
TIME = {"name": "timestamp", "type": "long"}
TEXT = {"name": "text", "type": "string"}
RECORD = {"a": True, "b": False, "text": "some text"}


def schema(*fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": list(fields)}


def written(record_schema: dict[str, Any], time: int) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, record_schema, {**RECORD, "timestamp": time})
    return out.getvalue()


def never(_: bytes) -> dict[str, Any]:
    raise AssertionError("the whole record was read")


EARLY = schema(*TRUTHS, TIME, TEXT)
HEADS = minutes_of(EARLY["fields"], "timestamp", never)  # one for all examples: it remembers


@given(some.integers(-(2**62), 2**62) | some.integers(1_790_000_000_000, 1_790_000_300_000))
def test_the_head_is_enough(time: int) -> None:
    """For any time, whatever was seen before."""
    assert HEADS([written(EARLY, time)]) == [time // 60_000]


def test_every_time_around_a_minutes_end() -> None:
    """A key that two minutes share is not remembered."""
    around = range(1_790_000_040_000 - 9000, 1_790_000_040_000 + 9000, 7)
    assert HEADS([written(EARLY, time) for time in around]) == [time // 60_000 for time in around]


@pytest.mark.parametrize(
    "junk", [b"", b"\x00", b"\x00\x02\x00", b"\x00\x01", b"\x01\x00\xff", b"\x00\x00" + b"\xff" * 12]
)
def test_what_is_no_record(junk: bytes) -> None:
    """Has no minute."""
    assert HEADS([junk]) == [None]


def test_another_schema_is_read_whole() -> None:
    """Where a text comes before the time; what can't be read has no minute, nor has a schema without the field."""
    late = schema(TEXT, TIME)
    read = reader(parse(str(late).replace("'", '"'), "late.avsc"))
    minutes = minutes_of(late["fields"], "timestamp", read)
    assert minutes([written(late, 1_790_000_040_000), b"\xff"]) == [1_790_000_040_000 // 60_000, None]
    assert minutes_of([TEXT], "timestamp", read)([b"x"]) == [None]


def test_the_shipped_schema_needs_no_more(checkout: Path) -> None:
    """Millions of records are counted in seconds only because the time comes first."""
    fields = json.loads((checkout / "divolte/DefaultEventRecord.avsc").read_text())["fields"]
    record = b"\x00\x00\x00" + written(schema(TIME), 60_000)
    assert minutes_of(fields, "timestamp", never)([record]) == [1]
