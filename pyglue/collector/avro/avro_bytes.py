"""Avro's binary encoding of single values (Avro specification 1.11, "Binary Encoding").

Whole numbers are written from tables, fourteen bits at a time, because lengths, sizes and times make up most of a
record. Collections are written in one block, as Java's library does.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

FALSE, TRUE = b"\x00", b"\x01"

_STEP = 14  # bits that two bytes of a number hold
_MASK = (1 << _STEP) - 1


def _ending(number: int) -> bytes:
    """The last byte of a number, or the last two."""
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80, number >> 7])


_ENDINGS = [_ending(number) for number in range(_MASK + 1)]
_PAIRS = [bytes([number & 0x7F | 0x80, number >> 7 | 0x80]) for number in range(_MASK + 1)]


def integer(number: int) -> bytes:
    """An int or long: zigzag, seven bits a byte, least significant first."""
    rest = (number << 1) ^ (number >> 63)
    if rest <= _MASK:
        return _ENDINGS[rest]
    encoded = _PAIRS[rest & _MASK]
    rest >>= _STEP
    while rest > _MASK:
        encoded += _PAIRS[rest & _MASK]
        rest >>= _STEP
    return encoded + _ENDINGS[rest]


def string(text: str) -> bytes:
    """A string: its length in bytes, then UTF-8; a surrogate without its partner becomes `?`, as in Java."""
    encoded = text.encode("utf-8", "replace")
    return integer(len(encoded)) + encoded


def sized(value: bytes) -> bytes:
    """Bytes, or a string that is UTF-8 already: the length, then the bytes."""
    return integer(len(value)) + value


def boolean(value: bool) -> bytes:
    """A boolean: one byte."""
    return TRUE if value else FALSE


def single(number: float) -> bytes:
    """A float: four bytes, little endian; what is too large becomes infinite, as in Java."""
    try:
        return struct.pack("<f", number)
    except OverflowError:
        return struct.pack("<f", float("-inf") if number < 0 else float("inf"))


double = struct.Struct("<d").pack


def block(items: Sequence[bytes]) -> bytes:
    """An array of encoded items, or a map of encoded names with their values: one block and the end."""
    return integer(len(items)) + b"".join(items) + b"\x00" if items else b"\x00"
