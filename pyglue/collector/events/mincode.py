"""Mincode: the compact JSON in which the tag sends an event's custom parameters.

    value  = kind payload              an object's entry has its name, ended by `!`, between kind and payload
    kinds  = s text!  t  f  n          string, true, false, null
             d digits!  j number!      whole number in base 36; number as in JSON
             ( entries )  a values .   object; array
    `~` escapes the next character in names and texts.

What follows the first complete value is ignored; of a repeated name the last value wins. The parser keeps its own
stack, so nesting costs memory in proportion to the text and no recursion. Numbers of more than a thousand digits
are refused: no client sends them, and their texts would take quadratic time. (Divolte's own sign for an empty object,
`o`, never worked there, and is refused, too.)

An object without escapes, arrays and further objects is taken apart at its `!`; anything else is read character by
character. Both give the same (a property test says so).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import TypeAlias

from pyglue.collector.events import base36

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | Decimal | bool | None"
Container: TypeAlias = "dict[str, Json] | list[Json]"

_TEXT = re.compile(r"([^~!]*+(?:~.[^~!]*+)*+)!", re.DOTALL)
_ESCAPED = re.compile(r"~(.)", re.DOTALL)
# As Java's `BigDecimal` has it: ten digits of an exponent, besides zeros in front.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([+-]?)0*([0-9]{1,10}))?")
_CONSTANTS: dict[str, bool | None] = {"t": True, "f": False, "n": None}
_SURE_DIGITS = 12  # so many in base 36 need no further look

# Exponents and scales of Java's decimals.
_INTS = range(-(2**31), 2**31)
_CONTEXT = Context(prec=base36.MAX_DIGITS + 1, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


class MincodeError(ValueError):
    """The text is no mincode."""


def parse(text: str) -> Json:
    """The value that `text` starts with; raises MincodeError if there is none.

    Numbers of kind `d` are int. Of kind `j` those are that Java holds without a scale (`5`, `5.`, `0.5e1`); others are
    Decimal without trailing zeros.
    """
    if text[:1] == "(" and "~" not in text:
        flat = _flat(text)
        if flat is not None:
            return flat
    return _any(text)


def encode_texts(values: Mapping[str, str]) -> str:
    """`values` as a mincode object of strings, as the tag writes it."""
    return "(" + "".join(f"s{_escape(name)}!{_escape(value)}!" for name, value in values.items()) + ")"


def _flat(text: str) -> dict[str, Json] | None:
    """The object that `text`, which has no escapes, starts with; None if there is none, or it holds more than scalars."""
    pieces = text[1:].split("!")
    last = len(pieces) - 1  # no `!` stands behind this one
    values: dict[str, Json] = {}
    at = 0
    while at < last:
        piece = pieces[at]
        kind, name = piece[:1], piece[1:]
        at += 1
        if kind in _CONSTANTS:
            values[name] = _CONSTANTS[kind]
            continue
        if kind not in ("s", "d", "j") or at == last:
            return values if kind == ")" else None
        given = pieces[at]
        at += 1
        if kind == "s":
            values[name] = given
        elif kind == "d" and len(given) <= _SURE_DIGITS and given.isascii() and given.isalnum():
            values[name] = int(given, 36)
        else:
            number = base36.parse(given) if kind == "d" else _number(given)
            if number is None:
                return None
            values[name] = number
    return values if pieces[last][:1] == ")" else None


def _any(text: str) -> Json:
    """The value that `text` starts with, whatever it holds."""
    around: list[tuple[Container | None, str | None]] = []  # what each container is in, and its name there
    inside: Container | None = None
    at = 0
    while True:
        kind = text[at : at + 1]
        at += 1
        name = None
        if (kind == ")" and inside.__class__ is dict) or (kind == "." and inside.__class__ is list):
            value: Json = inside
            inside, name = around.pop()
        else:
            if inside.__class__ is dict:
                name, at = _text(text, at)
            if kind == "(" or kind == "a":
                around.append((inside, name))
                inside = {} if kind == "(" else []
                continue
            value, at = _scalar(kind, text, at)
        if isinstance(inside, list):
            inside.append(value)
        elif inside is None or name is None:
            return value
        else:
            inside[name] = value


def _scalar(kind: str, text: str, at: int) -> tuple[Json, int]:
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], at
    if kind == "s":
        return _text(text, at)
    if kind in ("d", "j"):
        digits, at = _text(text, at)
        number = base36.parse(digits) if kind == "d" else _number(digits)
        if number is None:
            raise MincodeError("bad number")
        return number, at
    raise MincodeError(f"unknown kind {kind!r}" if kind else "text ends early")


def _text(text: str, at: int) -> tuple[str, int]:
    found = _TEXT.match(text, at)
    if not found:
        raise MincodeError("unterminated text")
    given = found[1]
    return _ESCAPED.sub(r"\1", given) if "~" in given else given, found.end()


def _number(text: str) -> int | Decimal | None:
    text = base36.ascii_digits(text)
    found = _NUMBER.fullmatch(text) if len(text) <= base36.MAX_DIGITS else None
    if not found or int(f"{found[1] or ''}{found[2] or 0}") not in _INTS:
        return None
    number = Decimal(text)
    exponent = int(number.as_tuple().exponent)
    if exponent == 0:
        return int(number)
    if -exponent not in _INTS:
        return None
    return number.normalize(_CONTEXT) if number else Decimal(0)


def _escape(text: str) -> str:
    return text.replace("~", "~~").replace("!", "~!")
