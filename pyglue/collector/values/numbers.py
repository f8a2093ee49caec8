"""Texts as numbers and truths, the numbers read as Guava's `tryParse` reads them.

Nothing is trimmed and only ASCII digits count. Whole numbers have no `+`. Floating point numbers follow Java's own
grammar: decimal or hexadecimal, perhaps with a type letter at the end.
"""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal
from fractions import Fraction

_WHOLE = re.compile("(-?)0*([0-9]{1,19})")
_DECIMAL = re.compile(r"([+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)[fFdD]?")
_HEXADECIMAL = re.compile(
    r"(([+-]?)0[xX](?=\.?[0-9a-fA-F])([0-9a-fA-F]*+)(?:\.([0-9a-fA-F]*+))?[pP]([+-]?)(?=[0-9])0*+([0-9]*+))[fFdD]?"
)
_TELLING_DIGITS = 40  # hexadecimal ones, three times a double's
_NAMED = {
    sign + name: factor * value
    for sign, factor in (("", 1), ("+", 1), ("-", -1))
    for name, value in (("NaN", math.nan), ("Infinity", math.inf))
}


def int32(text: str) -> int | None:
    """The whole number of 32 bits that `text` is, None if it is none."""
    return _whole(text, 32)


def int64(text: str) -> int | None:
    """The whole number of 64 bits that `text` is, None if it is none."""
    return _whole(text, 64)


def fp64(text: str) -> float | None:
    """The double next to the number that `text` is, infinite beyond their range; None if it is no number."""
    found = _DECIMAL.fullmatch(text)
    if found:
        return float(found[1])
    found = _HEXADECIMAL.fullmatch(text)
    if not found:
        return _NAMED.get(text)
    try:
        return float.fromhex(found[1])
    except OverflowError:
        return -math.inf if found[2] == "-" else math.inf


def fp32(text: str) -> float | None:
    """The float of 32 bits next to the number that `text` is, infinite beyond their range; None if it is no number."""
    double = fp64(text)
    if double is None or double == 0 or not math.isfinite(double):
        return double
    try:
        rounded: float = struct.unpack("<f", struct.pack("<f", _to_odd(double, _exact(text))))[0]
    except OverflowError:
        return math.copysign(math.inf, double)
    return rounded


def boolean(text: str) -> bool:
    """Whether `text` is `true` in upper or lower case."""
    return text.lower() == "true"


def _whole(text: str, bits: int) -> int | None:
    found = _WHOLE.fullmatch(text)
    if not found:
        return None
    number = int(found[1] + found[2])
    bound = 1 << (bits - 1)
    return number if -bound <= number < bound else None


def _exact(text: str) -> Decimal | Fraction:
    """The number that a text for `fp64` is, if that is neither zero nor beyond the doubles.

    Of very many hexadecimal digits the last ones are but looked at for whether they are zeros: that is all that a comparison
    with a double needs, and the arithmetic of long fractions takes quadratic time.
    """
    found = _DECIMAL.fullmatch(text)
    if found:
        return Decimal(found[1])
    found = _HEXADECIMAL.fullmatch(text)
    if not found:
        raise ValueError(text)
    _, sign, whole, part, exponent_sign, exponent = found.groups(default="")
    digits = (whole + part).lstrip("0")
    kept, rest = digits[:_TELLING_DIGITS], digits[_TELLING_DIGITS:]
    last = "1" if rest.strip("0") else "0"
    power = int(f"{exponent_sign}{exponent or 0}") + 4 * (len(rest) - len(part) - 1)
    return Fraction(int(f"{sign}{kept}{last}", 16)) * Fraction(2) ** power


def _to_odd(double: float, exact: Decimal | Fraction) -> float:
    """`exact` rounded to a double whose last bit is 1 if that is inexact.

    Such a double rounds to the same float as `exact` does, because it is never halfway between two floats by chance
    (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd").
    """
    (bits,) = struct.unpack("<q", struct.pack("<d", double))
    if exact == double or bits & 1:
        return double
    return math.nextafter(double, math.inf if exact > double else -math.inf)
