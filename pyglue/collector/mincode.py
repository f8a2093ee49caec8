"""Mincode: the compact JSON in which the tag sends an event's custom parameters.

    value  = kind payload              an object's entry has its name, ended by `!`, between kind and payload
    kinds  = s text!  t  f  n          string, true, false, null
             d digits!  j number!      whole number in base 36; number as in JSON
             ( entries )  a values .   object; array
    `~` escapes the next character in names and texts.

What follows the first complete value is ignored; of a repeated name the last value wins. The parser keeps its own
stack, so nesting costs memory in proportion to the text and no recursion. Numbers of more than a thousand digits
are refused: no client sends them, and their texts would take quadratic time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import TypeAlias

from pyglue.collector import base36

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | Decimal | bool | None"

_TEXT = re.compile(r"([^~!]*(?:~.[^~!]*)*)!", re.DOTALL)
_ESCAPED = re.compile(r"~(.)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(\.[0-9]*)?|(\.[0-9]+))([eE][+-]?[0-9]+)?\Z")
_CONSTANTS: dict[str, bool | None] = {"t": True, "f": False, "n": None}

# Java's decimals have a 32-bit scale.
_MAX_SCALE = 2**31 - 1
_CONTEXT = Context(prec=base36.MAX_DIGITS + 1, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


class MincodeError(ValueError):
    """The text is no mincode."""


def parse(text: str) -> Json:
    """The value that `text` starts with; raises MincodeError if there is none.

    Numbers of kind `d`, and of kind `j` without fraction and exponent, are int; others Decimal without trailing
    zeros.
    """
    stack: list[tuple[str | None, dict[str, Json] | list[Json]]] = []
    at = 0
    while True:
        kind = text[at : at + 1]
        at += 1
        if stack and _closes(kind, stack[-1][1]):
            name, container = stack.pop()
            value: Json = container
        else:
            name = None
            if stack and isinstance(stack[-1][1], dict):
                name, at = _text(text, at)
            if kind in ("(", "a"):
                stack.append((name, {} if kind == "(" else []))
                continue
            value, at = _scalar(kind, text, at)
        if not stack:
            return value
        _add(stack[-1][1], name, value)


def encode_texts(values: Mapping[str, str]) -> str:
    """`values` as a mincode object of strings, as the tag writes it."""
    return "(" + "".join(f"s{_escape(name)}!{_escape(value)}!" for name, value in values.items()) + ")"


def _closes(kind: str, container: dict[str, Json] | list[Json]) -> bool:
    return kind == (")" if isinstance(container, dict) else ".")


def _add(container: dict[str, Json] | list[Json], name: str | None, value: Json) -> None:
    if isinstance(container, list):
        container.append(value)
    elif name is not None:
        container[name] = value


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
    return _ESCAPED.sub(r"\1", found[1]), found.end()


def _number(text: str) -> int | Decimal | None:
    found = _NUMBER.match(text)
    if not found or len(text) > base36.MAX_DIGITS:
        return None
    if not any(found.groups()):
        return int(text)
    number = Decimal(text)
    if not number.is_finite() or abs(int(number.as_tuple().exponent)) > _MAX_SCALE:
        return None
    return number.normalize(_CONTEXT) if number else Decimal(0)


def _escape(text: str) -> str:
    return text.replace("~", "~~").replace("!", "~!")
