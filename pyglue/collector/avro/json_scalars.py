"""JSON scalars as numbers and bytes, read as Jackson 2.9 reads them for Java's types.

Everything that is no such scalar raises Unfit, but an array of one element, which counts as that element.
"""

from __future__ import annotations

import binascii
import re
from decimal import Decimal
from typing import Any

from pyglue.collector.events.base36 import ascii_digits
from pyglue.collector.events.json_text import JAVA_BLANKS, text

NULLS = ("", "null")  # texts, trimmed, that are null where a number or a truth is wanted

_WHOLE = re.compile(r"[+-]?(?=[0-9])0*+([0-9]{0,19}+)")
_QUADS = re.compile(r"[\0-\x20]*((?:[A-Za-z0-9+/]{4})++|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)")
_ZEROS_OF_NOTHING = 64  # a number with this many zeros before the point is 0 in its lowest 64 bits


class Unfit(Exception):
    """The value can't be converted to the type."""


def only(values: list[Any]) -> Any:
    """The one element of an array, or of the array that is its one element, and so on."""
    value: Any = values
    while value.__class__ is list:
        if len(value) != 1:
            raise Unfit
        value = value[0]
    return value


def scalar_text(value: Any) -> str:
    """The text of a value that is none itself; null has no text."""
    if value.__class__ is list:
        value = only(value)
    if value is None or value.__class__ is dict:
        raise Unfit
    return text(value)


def whole_number(trimmed: str) -> int:
    """The number that a text of at most 19 significant digits is; other scripts' digits count, as in Java."""
    trimmed = ascii_digits(trimmed)
    found = _WHOLE.fullmatch(trimmed)
    if not found:
        raise Unfit
    number = int(found[1] or "0")
    return -number if trimmed[0] == "-" else number


def within(value: Any, bound: int) -> int:
    """A number cut towards zero, from -bound to below `bound`: doubles saturate, others keep their lowest bits."""
    if value.__class__ is float:
        return int(max(-bound, min(value, bound - 1)))
    if value.__class__ is Decimal:
        nothing_left = value.adjusted() < 0 or int(value.as_tuple().exponent) >= _ZEROS_OF_NOTHING
        value = 0 if nothing_left else int(value)
    elif value.__class__ is not int:
        raise Unfit
    return int((value + bound) % (2 * bound) - bound)


def nearest(number: int | Decimal) -> float:
    """The double next to a number, infinite beyond their range."""
    try:
        return float(number)
    except OverflowError:
        return float("-inf") if number < 0 else float("inf")


def base64(value: str) -> bytes:
    """What a text in base64 holds: padded, blanks only between groups of four characters."""
    trimmed = value.strip(JAVA_BLANKS)
    pieces, at = [], 0
    while at < len(trimmed):
        found = _QUADS.match(trimmed, at)
        if not found:
            raise Unfit
        pieces.append(binascii.a2b_base64(found[1]))
        at = found.end()
    return b"".join(pieces)


def byte(value: Any) -> int:
    """The byte that an element of an array is: null is 0, a text the number that it holds."""
    if value.__class__ is list:
        value = only(value)
    if value is None:
        return 0
    if isinstance(value, str):
        trimmed = value.strip(JAVA_BLANKS)
        value = 0 if trimmed in NULLS else whole_number(trimmed)
        return _eight_bits(value)
    return byte_of_number(value)


def byte_of_number(value: Any) -> int:
    """The byte that a number is, cut towards zero."""
    return _eight_bits(within(value, 1 << 31))


def _eight_bits(number: int) -> int:
    """Eight bits, with or without sign."""
    if not -0x80 <= number <= 0xFF:
        raise Unfit
    return number & 0xFF
