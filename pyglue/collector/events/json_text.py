"""JSON scalars as text, as a mapping's `value(...)` and Avro's strings have them, and what Java takes texts for.

Numbers read as Java writes them: whole ones plainly, `Decimal` (from mincode) as `BigDecimal.toString`, `float` (from
the JSON source) as `Double.toString` of Java 8 to 18. The latter gives the fewest digits that tell a double from its
neighbours, as Python does, but only where an ordinary number is concerned: 1e23 is `9.999999999999999E22`, and 2**60
has a digit too many. Divolte recorded those, so they are made here, too.
"""

from __future__ import annotations

import math

# Why events are dropped.
BAD_JSON = "bad json"
TOO_DEEP = "json nested too deeply"  # for Python; Java goes on a little longer

JAVA_BLANKS = "".join(map(chr, range(0x21)))  # what Java's `trim` takes off

_WHOLE_FROM, _LONG_BELOW = (
    2.0**53,
    2.0**63,
)  # doubles between these are whole numbers that Java holds in a long
_PLAIN_FROM, _PLAIN_BELOW = 1e-3, 1e7  # outside of these Java writes an exponent
_PRECISION = 53
_LEAST_POWER = -1021  # a double of a lower binary exponent has fewer bits


def text(value: object) -> str:
    """A JSON value as text: empty for objects and arrays, `null` for null."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return java_double(value)
    return "" if isinstance(value, dict | list) else str(value)


def java_double(value: float) -> str:
    """`value` as Java's `Double.toString` writes it."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    size = abs(value)
    if value == 0 or _PLAIN_FROM <= size < _PLAIN_BELOW:
        return repr(value)
    if size < _PLAIN_FROM or size >= _LONG_BELOW:
        digits, exponent = _digits(size)
    elif size >= _WHOLE_FROM:
        digits, exponent = _digits_of_long(int(size))
    else:
        whole, _, part = repr(size).partition(".")
        digits, exponent = (whole + part).rstrip("0"), len(whole) - 1
    return f"{'-' if value < 0 else ''}{digits[0]}.{digits[1:] or '0'}E{exponent}"


def _digits_of_long(size: int) -> tuple[str, int]:
    """The digits of a whole number from 2**53 on, but one or two that Java takes for doubtful, and the exponent."""
    doubtful = size.bit_length() - _PRECISION - 2
    dropped = 0 if doubtful < 4 else 1 if doubtful < 7 else 2
    kept, rest = divmod(size, 10**dropped)
    digits = str(kept + (dropped > 0 and rest >= 10**dropped // 2))
    return digits.rstrip("0"), len(digits) - 1 + dropped


def _digits(size: float) -> tuple[str, int]:
    """The digits of a number that begins 0.00 or is at least 2**63, two or more, and the exponent.

    They are made one by one (Steele and White, "How to Print Floating-Point Numbers Accurately"): the number is
    `rest / unit` of a power of ten, and `step` half the way to the next double. The end is where `rest` is less than
    `step` (low), or one more is as good (high). What fits into 64 bits is done in 64 bits, overflow included.
    """
    exponent, rest, unit, step, in_longs = _scaled(size)

    def is_high() -> bool:
        return _wrapped(rest + step) > 10 * unit if in_longs else rest + step >= 10 * unit

    digit, rest = divmod(rest, unit)
    rest, step = 10 * rest, 10 * step
    digits = str(digit)
    if digit == 0 and not is_high():
        exponent, digits = exponent - 1, ""
    low = high = False
    while not low and not high:
        digit, rest = divmod(rest, unit)
        rest, step = 10 * rest, _wrapped(10 * step) if in_longs else 10 * step
        digits += str(digit)
        low, high = (rest < step, is_high()) if step > 0 else (True, True)
    if high and (not low or (2 * rest, digit % 2) > (10 * unit, 0)):
        rounded = str(int(digits) + 1).zfill(len(digits))
        return rounded[: len(digits)], exponent + len(rounded) - len(digits)
    return digits, exponent


def _scaled(size: float) -> tuple[int, int, int, int, bool]:
    """The decimal exponent (at most one too high), then number, unit and half step; whether all fit into 64 bits."""
    fraction, power = math.frexp(size)
    exponent = math.floor((2 * fraction - 1.5) * 0.289529654 + 0.176091259 + (power - 1) * 0.301029995663981)
    mantissa = int(math.ldexp(fraction, _PRECISION))
    mantissa //= mantissa & -mantissa
    bits = mantissa.bit_length()
    precision = _PRECISION - max(0, _LEAST_POWER - power)
    fives, unit_fives = max(0, -exponent), max(0, exponent)
    # Powers of two in each, without those that number, unit and step have in common.
    below_point = max(0, bits - power)
    twos, unit_twos = fives + below_point + power - bits, unit_fives + below_point
    step_twos = fives + below_point + power - 1 - precision - (bits == 1)
    surplus = min(twos, unit_twos)
    surplus = min(surplus, step_twos)
    twos, unit_twos, step_twos = twos - surplus, unit_twos - surplus, step_twos - surplus
    in_longs = bits + twos + _bits_of_five(fives) < 64 and unit_twos + 1 + _bits_of_five(unit_fives + 1) < 64
    return exponent, mantissa * 5**fives << twos, 5**unit_fives << unit_twos, 5**fives << step_twos, in_longs


def _bits_of_five(power: int) -> int:
    """The bits of 5**power, by Java's reckoning."""
    return (5**power).bit_length() if power < 27 else 3 * power


def _wrapped(number: int) -> int:
    """`number` as a 64-bit integer with sign."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
