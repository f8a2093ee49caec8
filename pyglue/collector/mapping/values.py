"""A JSON value as a value of a plain Avro type, by the rules of Divolte's mapping of custom parameters.

Each converter takes what `mincode` gives or ABSENT and returns the value, None for null, or UNSET where the value
can't be converted (the field then keeps what it has). Integers wrap as Java's do, other numbers are cut towards zero
and saturate; an array of one element counts as that element.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pyglue.collector.event import ABSENT, text

UNSET: Any = ABSENT  # one mark for "no value", whether it was never there or could not be converted

_INTEGER = re.compile(r"[+-]?[0-9]{1,400}\Z")
_FLOATING = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)[fFdD]?\Z")
_FLOATING_NAMES = {
    "NaN": float("nan"),
    **dict.fromkeys(("Infinity", "+Infinity", "INF"), float("inf")),
    **dict.fromkeys(("-Infinity", "-INF"), float("-inf")),
}
_TRUTHS = {"true": True, "True": True, "false": False, "False": False}
# Beyond this many decimal places a power of ten is a multiple of 2**64, and 0 after wrapping.
_WRAPS_TO_ZERO = 64


def dig(value: Any, steps: tuple[str | int, ...]) -> Any:
    """What a definite path leads to in `value`; ABSENT if there is nothing."""
    for step in steps:
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return ABSENT
            value = value[step]
        else:
            if not isinstance(value, list) or step >= len(value):
                return ABSENT
            value = value[step]
    return value


def _unwrapping(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def converter(value: Any) -> Any:
        while isinstance(value, list) and len(value) == 1:
            value = value[0]
        return value if value is None or value is ABSENT else convert(value)

    return converter


def _string(value: Any) -> Any:
    return UNSET if isinstance(value, dict | list) else text(value)


def _boolean(value: Any) -> Any:
    if isinstance(value, str):
        return None if value == "" else _TRUTHS.get(value, UNSET)
    return value != 0 if isinstance(value, int) else UNSET


def _integer(bits: int) -> Callable[[Any], Any]:
    bound = 1 << (bits - 1)

    def convert(value: Any) -> Any:
        if isinstance(value, str):
            trimmed = value.strip()
            if trimmed == "":
                return None
            number = int(trimmed) if _INTEGER.match(trimmed) else bound
            return number if -bound <= number < bound else UNSET
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            return UNSET
        return (_truncated(value) + bound) % (2 * bound) - bound

    return convert


def _truncated(number: int | Decimal) -> int:
    if isinstance(number, int):
        return number
    if number.adjusted() < 0 or int(number.as_tuple().exponent) >= _WRAPS_TO_ZERO:
        return 0
    return int(number)


def _floating(value: Any) -> Any:
    if isinstance(value, str):
        trimmed = value.strip()
        if trimmed == "":
            return None
        found = _FLOATING.match(trimmed)
        return float(found[1]) if found else _FLOATING_NAMES.get(trimmed, UNSET)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return UNSET
    try:
        return float(value)
    except OverflowError:
        return float("-inf") if value < 0 else float("inf")


CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "string": _unwrapping(_string),
    "boolean": _unwrapping(_boolean),
    "int": _unwrapping(_integer(32)),
    "long": _unwrapping(_integer(64)),
    "float": _unwrapping(_floating),
    "double": _unwrapping(_floating),
}
