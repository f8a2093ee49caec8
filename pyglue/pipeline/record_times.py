"""The minutes of records, by their own time: what becomes Druid's `__time`. Pure, and made for millions of records.

A record of traffic of the past was written to Kafka with the time of the writing, so Kafka's time stamp is not the one
to compare with. Where only truth values come before the time in the schema, as in the shipped one, a record's first bytes
are enough (Avro specification 1.11, "Binary Encoding": a boolean is one byte, a long a zigzag number in groups of seven
bits, the lowest first); for any other schema the whole record is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

MINUTE_MS = 60_000
MOST_BYTES = 10  # of a long
LOW = 2  # bytes of the time that are left out of a key: 13 bits, so the times of 8192 ms have one key
KEY = 4  # bytes of a key: with those left out the six that a time of our days has
BUCKET_MS = 1 << (7 * LOW - 1)

MinutesOf = Callable[[Sequence[bytes]], list[int | None]]


def minutes_of(
    fields: Iterable[Mapping[str, Any]], name: str, read: Callable[[bytes], Mapping[str, Any]]
) -> MinutesOf:
    """A function from records to their minutes (since 1970), None for what is no record.

    `fields` are those of the schema, `name` is the one that holds the time in ms; `read` reads a whole record and raises
    for what is none.
    """
    before: list[str] = []
    for field in fields:
        if field.get("name") == name:
            early = field.get("type") == "long" and set(before) <= {"boolean"}
            return _Heads(len(before)) if early else _whole(name, read)
        before.append(str(field.get("type")))
    return lambda records: [None] * len(records)


def _whole(name: str, read: Callable[[bytes], Mapping[str, Any]]) -> MinutesOf:
    def minute(record: bytes) -> int | None:
        try:
            return int(read(record)[name]) // MINUTE_MS
        except Exception:  # noqa: BLE001 - whatever a reader finds wrong with a record, it is none
            return None

    return lambda records: [minute(record) for record in records]


class _Heads:
    """By the first bytes: so many truth values, then the time.

    A key, the upper bytes of a time, has one minute or, seldom, two: what is known of keys is remembered, and most records
    take one look into a table. Several threads may ask.
    """

    def __init__(self, truths: int) -> None:
        self._truths = truths
        self._sure: dict[bytes, int] = {}
        self._two: dict[
            bytes, tuple[int, int]
        ] = {}  # the first minute, and the low bits with which the next begins

    def __call__(self, records: Sequence[bytes]) -> list[int | None]:
        sure, start, end = self._sure.get, self._truths + LOW, self._truths + LOW + KEY
        minutes = [sure(record[start:end]) for record in records]
        if None in minutes:
            return [
                self._look(record) if minute is None else minute
                for minute, record in zip(minutes, records, strict=True)
            ]
        return minutes

    def _look(self, record: bytes) -> int | None:
        at = self._truths
        two = self._two.get(record[at + LOW : at + LOW + KEY])
        if two is None:
            return self._learn(record)
        return two[0] + ((record[at] & 0x7F | (record[at + 1] & 0x7F) << 7) >= two[1])

    def _learn(self, record: bytes) -> int | None:
        time, size = _time(record[self._truths : self._truths + MOST_BYTES])
        if time is None or any(byte > 1 for byte in record[: self._truths]):
            return None
        minute = time // MINUTE_MS
        if size == LOW + KEY and time > 0:
            key = record[self._truths + LOW : self._truths + LOW + KEY]
            bucket = time - time % BUCKET_MS
            first, last = bucket // MINUTE_MS, (bucket + BUCKET_MS - 1) // MINUTE_MS
            if first == last:
                self._sure[key] = minute
            else:
                self._two[key] = (first, (last * MINUTE_MS - bucket) << 1)
        return minute


def _time(encoded: bytes) -> tuple[int | None, int]:
    """The number at the beginning of these bytes, and how many it has; None if there is none."""
    number = 0
    for size, byte in enumerate(encoded, 1):
        number |= (byte & 0x7F) << 7 * (size - 1)
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), size
    return None, 0
