"""Records read back: what Kafka carries is bare Avro, and only the schema tells what it means."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro

from pyglue.collector.avro import schema
from pyglue.counted import counted
from pyglue.errors import BadAnswer


def decode(schema_path: Path) -> Callable[[bytes], dict[str, Any]]:
    """As `reader`, by the schema in a file; raises InputError if that is broken."""
    return reader(schema.read(schema_path))


def reader(record_schema: schema.RecordSchema) -> Callable[[bytes], dict[str, Any]]:
    """A function from a record's bytes to its fields.

    It raises BadAnswer for bytes that are no such record, or hold more than one.
    """
    parsed, name = record_schema.parsed, record_schema.file

    def read(record: bytes) -> dict[str, Any]:
        stream = io.BytesIO(record)
        try:
            fields = fastavro.schemaless_reader(stream, parsed, None)
        except (EOFError, ValueError, IndexError, KeyError, TypeError) as error:
            raise BadAnswer(f"{_size(record)} no record of {name}", code="record-unreadable") from error
        if stream.read(1) or not isinstance(fields, dict):
            raise BadAnswer(f"{_size(record)} more than a record of {name}", code="record-unreadable")
        return fields

    return read


def _size(record: bytes) -> str:
    return counted(len(record), "byte is", "bytes are")
