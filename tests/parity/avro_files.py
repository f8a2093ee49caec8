"""Records, and the bytes that each of them is, out of Avro object container files.

The container is taken apart here because a library hands out records without their bytes; only the records
themselves are fastavro's.
"""

from __future__ import annotations

import glob
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro

MAGIC = b"Obj\x01"
SYNC_SIZE = 16


@dataclass(frozen=True)
class Stored:
    """A record of a file: its value, its own bytes, and the schema it was written with."""

    sink: str
    record: Any
    raw: bytes
    schema: Any


def read_sinks(folder: Path, sinks: Iterable[str]) -> tuple[list[Stored], list[str]]:
    """All records below out/, sink by sink, published files before those still open; and the unreadable files."""
    records: list[Stored] = []
    unreadable: list[str] = []
    for sink in sinks:
        for path in _files(folder / "out" / sink):
            try:
                records += read_container(path, sink)
            except Exception as error:  # noqa: BLE001 - no container, or not what its own schema says
                unreadable.append(f"{path.relative_to(folder)}: {error!r}")
    return records, unreadable


def read_container(path: Path, sink: str) -> list[Stored]:
    """The records of one file; a torn tail, of a file that is being written, is left out."""
    records: list[Stored] = []
    with suppress(EOFError):
        for record in _records(path.read_bytes(), sink):
            records.append(record)
    return records


def has_big_map(value: Any, schema: Any) -> bool:
    """Is an Avro map with more than one entry inside? The order of its bytes is not defined."""
    if isinstance(schema, list):
        return value is not None and any(has_big_map(value, branch) for branch in schema if branch != "null")
    if not isinstance(schema, dict):
        return False
    kind = schema["type"]
    if kind == "map" and isinstance(value, dict):
        return len(value) > 1 or any(has_big_map(entry, schema["values"]) for entry in value.values())
    if kind == "array" and isinstance(value, list):
        return any(has_big_map(item, schema["items"]) for item in value)
    if kind in ("record", "error") and isinstance(value, dict):
        return any(has_big_map(value.get(field["name"]), field["type"]) for field in schema["fields"])
    return isinstance(kind, dict | list) and has_big_map(value, kind)


def _files(folder: Path) -> list[Path]:
    found: list[str] = []
    for pattern in ("**/*.avro", "**/*.avro.partial"):
        names = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207 - pathlib's finds hidden files too
        found += sorted(names)
    return [folder / name for name in found]


def _records(data: bytes, sink: str) -> Iterator[Stored]:
    file = io.BytesIO(data)
    if file.read(len(MAGIC)) != MAGIC:
        return
    meta = _metadata(file)
    sync = file.read(SYNC_SIZE)
    schema = _physical(json.loads(meta["avro.schema"]))
    parsed = fastavro.parse_schema(schema, named_schemas={})
    codec = meta.get("avro.codec", b"null").decode()
    while file.tell() < len(data):
        count, size = _long(file), _long(file)
        block = file.read(size)
        if len(block) < size or file.read(SYNC_SIZE) != sync:
            return
        block = _unpacked(block, codec)
        stream = io.BytesIO(block)
        for _ in range(count):
            start = stream.tell()
            record = fastavro.schemaless_reader(stream, parsed, None)
            yield Stored(sink, record, block[start : stream.tell()], schema)
        if stream.tell() != len(block):
            raise ValueError("block holds more than its records")


def _metadata(file: io.BytesIO) -> dict[str, bytes]:
    meta = {}
    while count := _long(file):
        if count < 0:  # then the map's block has its size in bytes before its entries
            _long(file)
        for _ in range(abs(count)):
            key = file.read(_long(file)).decode()
            meta[key] = file.read(_long(file))
    return meta


def _unpacked(block: bytes, codec: str) -> bytes:
    if codec == "null":
        return block
    if codec == "deflate":
        return zlib.decompress(block, -15)
    raise ValueError(f"codec {codec}")


def _long(file: io.BytesIO) -> int:
    shift = number = 0
    while True:
        byte = file.read(1)
        if not byte:
            raise EOFError
        number |= (byte[0] & 0x7F) << shift
        shift += 7
        if not byte[0] & 0x80:
            return (number >> 1) ^ -(number & 1)


def _physical(schema: Any) -> Any:
    """The schema without logical types: values are compared as they are stored."""
    if isinstance(schema, list):
        return [_physical(branch) for branch in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _physical(value) if key in ("type", "items", "values", "fields") else value
        for key, value in schema.items()
        if key != "logicalType"
    }
