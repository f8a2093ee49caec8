"""From the bytes of a JSON text to its characters, as Jackson 2.9 finds the encoding and decodes it.

UTF-8, or UTF-16 and UTF-32 in either order of bytes, with a mark in front or without. Strings may hold what no encoder
should write, but Java's own does: surrogates without a partner, and forms of UTF-8 that are too long (of two or three
bytes; Jackson would make something of such with four bytes as well).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Literal

from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.events.json_text import BAD_JSON

# By the marks in front of a text, and by which bytes of its first character are zero.
_MARKS = (
    (b"\0\0\xfe\xff", "utf-32-be"),
    (b"\xff\xfe\0\0", "utf-32-le"),
    (b"\0\0\xff\xfe", ""),
    (b"\xfe\xff\0\0", ""),
    (b"\xfe\xff", "utf-16-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xef\xbb\xbf", "utf-8"),
)
_ZEROS = (
    (b"\0\0\0", "utf-32-be"),
    (b"\1\0\0\0", "utf-32-le"),
    (b"\0\1\0\0", ""),
    (b"\0\0\1\0", ""),
    (b"\0", "utf-16-be"),
    (b"\1\0", "utf-16-le"),
)
_LOOSELY = "pyglue-loosely-"  # an encoding's name behind it is the name of its error handler
_LOOSELY_UTF8 = _LOOSELY + "utf-8"
_END = "\0"  # no JSON goes on after this
_LOOSE = re.compile(rb"[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")


def decoded(body: bytes) -> str:
    """The text, in the encoding that its first four bytes show, up to what is no text.

    Raises DroppedEvent for an order of bytes that nobody uses.
    """
    start = body[:4]
    if b"\0" not in start and start < b"\xef":
        return body.decode("utf-8", _LOOSELY_UTF8)
    encoding, skipped = _encoding(start)
    if not encoding:
        raise DroppedEvent(BAD_JSON)
    return body[skipped:].decode(encoding, _LOOSELY + encoding)


def _encoding(start: bytes) -> tuple[str, int]:
    """The encoding, and the length of the mark in front; none for orders of bytes that nobody uses."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding, len(mark)
    zeros = bytes(byte != 0 for byte in start)
    for pattern, encoding in _ZEROS:
        if zeros.startswith(pattern):
            return encoding, 0
    return "utf-8", 0


def _loose_utf8(source: bytes, at: int) -> tuple[str, int]:
    """What is no UTF-8 but has its form, as an escape, so that it can't end a string."""
    found = _LOOSE.match(source, at)
    if not found:
        return _END, len(source)
    lead, *others = found[0]
    value = lead & (0x1F if len(others) == 1 else 0x0F)
    for other in others:
        value = value << 6 | other & 0x3F
    return f"\\u{value:04x}", found.end()


def _loose_utf16(high: int) -> Callable[[bytes, int], tuple[str, int]]:
    """U+FFFD for half a surrogate pair; the first half takes the character after it along, as in Java."""

    def loose(source: bytes, at: int) -> tuple[str, int]:
        skipped = 4 if b"\xd8" <= source[at + high : at + high + 1] < b"\xdc" else 2
        return "\ufffd", min(at + skipped, len(source))

    return loose


def _loose_utf32(order: Literal["big", "little"]) -> Callable[[bytes, int], tuple[str, int]]:
    """Half a surrogate pair as it is."""

    def loose(source: bytes, at: int) -> tuple[str, int]:
        value = int.from_bytes(source[at : at + 4], order)
        return (chr(value), at + 4) if 0xD800 <= value < 0xE000 else (_END, len(source))

    return loose


def _register(encoding: str, loose: Callable[[bytes, int], tuple[str, int]]) -> None:
    """Let `loose` say what stands at a place that can't be decoded, and where the text goes on."""

    def handler(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        return loose(error.object, error.start)

    codecs.register_error(_LOOSELY + encoding, handler)


_register("utf-8", _loose_utf8)
_register("utf-16-be", _loose_utf16(0))
_register("utf-16-le", _loose_utf16(1))
_register("utf-32-be", _loose_utf32("big"))
_register("utf-32-le", _loose_utf32("little"))
