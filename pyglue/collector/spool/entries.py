"""A record in a spool's file.

A file begins with MAGIC. Each entry follows as length (4 bytes) and CRC-32 (4 bytes) of what comes then: the time stamp
(8 bytes, milliseconds since 1970), whether the producer had the record when it was written (1 byte), the lengths of topic
(2 bytes) and key (4 bytes), then topic, key and value. Numbers are little-endian. What does not fit its checksum ends the
file: a group of entries that was not wholly written was not answered either. Only where a whole one follows it was
written once, is damaged, and is passed over.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

MAGIC = b"pyglue spool 1\n"
_FRAME = struct.Struct("<II")
_HEAD = struct.Struct("<q?HI")
_TIMESTAMP_BYTES = 8
# What follows them: a flag, and lengths of topic and key; topics have up to 249 characters.
_INSIDE = re.compile(rb"(?=[\0\1][\x01-\xff]\0[\s\S]{2}\0\0)")
_MOST = 64 * 2**20  # bytes of an entry; more is no length but damage
_MOST_LOOKED_AT = 64 * 2**20  # bytes of what may be entries: some tenths of a second


class Entry(NamedTuple):
    """A record that is to be in `topic`; `timestamp` in ms since 1970. `queued`: a producer had it already."""

    topic: str
    key: bytes
    value: bytes
    timestamp: int
    queued: bool

    @property
    def size(self) -> int:
        """The bytes that it has in a file."""
        return _FRAME.size + _HEAD.size + len(self.topic.encode()) + len(self.key) + len(self.value)

    def encoded(self) -> bytes:
        """As it lies in a file."""
        topic = self.topic.encode()
        head = _HEAD.pack(self.timestamp, self.queued, len(topic), len(self.key))
        body = b"".join((head, topic, self.key, self.value))
        return _FRAME.pack(len(body), zlib.crc32(body)) + body


def read(file: BinaryIO, start: int, end: int) -> Iterator[tuple[Entry, int]]:
    """The whole entries between two places of a file, each with the place behind it, up to where none follows any more.

    `start` 0 is the file's beginning; a file that is none of a spool has no entries.
    """
    file.seek(start)
    if not start and file.read(len(MAGIC)) != MAGIC:
        return
    place = start or len(MAGIC)
    while place < end:
        body, behind = _framed(file, place, end)
        if body is not None:
            yield _decoded(body), behind
        elif _framed(file, behind, end)[0] is None:
            return
        else:
            file.seek(behind)
        place = behind


def holds_whole(file: BinaryIO, start: int, end: int) -> bool:
    """Whether a whole entry begins anywhere behind `start`: then what is there is no torn end, but damage.

    It is not to be sent: a client can write what looks like an entry into its event. It can write many, too: what would
    take too long to look through counts as damage.
    """
    file.seek(start)
    rest = memoryview(file.read(end - start))
    left = _MOST_LOOKED_AT
    for found in _INSIDE.finditer(rest):
        at = found.start() - _TIMESTAMP_BYTES
        if at < _FRAME.size:
            continue
        length, checksum = _FRAME.unpack_from(rest, at - _FRAME.size)
        if _HEAD.size <= length <= len(rest) - at:
            left -= length
            if left < 0 or zlib.crc32(rest[at : at + length]) == checksum:
                return True
    return False


def _framed(file: BinaryIO, place: int, end: int) -> tuple[bytes | None, int]:
    """The body of the entry at `place`, where the file stands, or None; and the place behind it, as its length says."""
    if place + _FRAME.size > end:
        return None, end
    length, checksum = _FRAME.unpack(file.read(_FRAME.size))
    if not _HEAD.size <= length <= min(_MOST, end - place - _FRAME.size):
        return None, end
    body = file.read(length)
    whole = len(body) == length and zlib.crc32(body) == checksum
    return body if whole else None, place + _FRAME.size + length


def _decoded(body: bytes) -> Entry:
    timestamp, queued, topic, key = _HEAD.unpack_from(body)
    key_at = _HEAD.size + topic
    value_at = key_at + key
    return Entry(
        body[_HEAD.size : key_at].decode(), body[key_at:value_at], body[value_at:], timestamp, queued
    )
