"""Avro's binary encoding of single values (Avro specification 1.11, "Binary Encoding")."""

from __future__ import annotations

import struct

FALSE, TRUE = b"\x00", b"\x01"


def _zigzag(number: int) -> bytes:
    rest = (number << 1) ^ (number >> 63)
    encoded = bytearray()
    while rest > 0x7F:
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)


_SMALL = [_zigzag(number) for number in range(2048)]  # lengths and screen sizes


def integer(number: int) -> bytes:
    """An int or long: zigzag, seven bits a byte, least significant first."""
    return _SMALL[number] if 0 <= number < 2048 else _zigzag(number)


def string(text: str) -> bytes:
    """A string: its length in bytes, then UTF-8."""
    encoded = text.encode()
    return integer(len(encoded)) + encoded


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
