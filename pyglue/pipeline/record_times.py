"""The minute of a record, by its own time: what becomes Druid's `__time`. Pure, and made for millions of records.

A record of traffic of the past was written to Kafka with the time of the writing, so Kafka's time stamp is not the one
to compare with. Where only truth values come before the time in the schema, as in the shipped one, a record's first bytes
are enough (Avro specification 1.11, "Binary Encoding": a boolean is one byte, a long a zigzag number in groups of seven
bits, the lowest first); for any other schema the whole record is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

MINUTE_MS = 60_000
_MOST_BYTES = 10  # of a long
_LOW = 2  # bytes of the time that are left out of the key: 13 bits, so 8192 ms have one key
_KEY = 4
_BUCKET_MS = 1 << (7 * _LOW - 1)

MinuteOf = Callable[[bytes], int | None]


def minute_of(
    fields: Iterable[Mapping[str, Any]], name: str, read: Callable[[bytes], Mapping[str, Any]]
) -> MinuteOf:
    """A function from a record to its minute (since 1970), None for what is no record.

    `fields` are those of the schema, `name` is the one that holds the time in ms; `read` reads a whole record and raises
    for what is none.
    """
    before: list[str] = []
    for field in fields:
        if field.get("name") == name:
            return (
                _Head(len(before))
                if field.get("type") == "long" and set(before) <= {"boolean"}
                else _whole(name, read)
            )
        before.append(str(field.get("type")))
    return lambda _: None


def _whole(name: str, read: Callable[[bytes], Mapping[str, Any]]) -> MinuteOf:
    def minute(record: bytes) -> int | None:
        try:
            return int(read(record)[name]) // MINUTE_MS
        except Exception:  # noqa: BLE001 - whatever a reader finds wrong with a record, it is none
            return None

    return minute


class _Head:
    """By the first bytes: so many truth values, then the time."""

    def __init__(self, truths: int) -> None:
        self._truths = truths
        self._from = truths + _LOW
        self._to = truths + _LOW + _KEY
        self._known: dict[bytes, int] = {}  # from the upper part of a time to its minute, where that is sure

    def __call__(self, record: bytes) -> int | None:
        key = record[self._from : self._to]
        return self._known[key] if key in self._known else self._exactly(key, record)

    def _exactly(self, key: bytes, record: bytes) -> int | None:
        if len(record) <= self._truths or any(byte > 1 for byte in record[: self._truths]):
            return None
        number, shift = 0, 0
        for byte in record[self._truths : self._truths + _MOST_BYTES]:
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        else:
            return None
        time = number >> 1 if not number & 1 else -(number + 1 >> 1)
        minute = time // MINUTE_MS
        start = time - time % _BUCKET_MS
        # A key of all the upper bytes, and of a bucket that lies in one minute.
        if shift == 7 * (_LOW + _KEY) and start // MINUTE_MS == (start + _BUCKET_MS - 1) // MINUTE_MS:
            self._known[key] = minute
        return minute
