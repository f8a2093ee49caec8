"""JSON as the library json-smart reads it in its permissive mode: the arrays and objects in a JsonPath's filters.

Texts may stand in single quotes or none, commas may be missing or too many, and numbers may begin with zeros. What
follows the first value is ignored.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from pyglue.collector.events.json_text import java_double

Lenient: TypeAlias = "dict[str, Lenient] | list[Lenient] | str | Decimal | float | bool | None"

_BLANKS = " \t\r\n"
_WORDS: dict[str, Decimal | float | bool | None] = {
    "null": None,
    "true": True,
    "false": False,
    "NaN": math.nan,
    "-": Decimal(0),
}
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?")
_QUOTED = re.compile(r"'((?:[^'\\]|\\[\s\S])*)'|\"((?:[^\"\\]|\\[\s\S])*)\"")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([\s\S]))")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "b": "\b"}
_PRECISE_LENGTH = 18  # longer numbers with a fraction are no doubles
_MAX_DEPTH = 50


def parse(text: str) -> Lenient:
    """The value that `text` begins with; raises ValueError if it begins with none."""
    return _Parser(text).value("", 0)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def value(self, stops: str, depth: int) -> Lenient:
        """The next value; a text without quotes ends before any of `stops`."""
        character = self._peek()
        if character in ("", ":", "}", "]") or depth > _MAX_DEPTH:
            raise ValueError("expected a value in the JSON of a filter")
        if character == "[":
            return self._array(depth)
        if character == "{":
            return self._object(depth)
        if character in "'\"":
            return self._quoted()
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in stops:
            self._at += 1
        bare = self._text[start : self._at].strip()
        return _WORDS[bare] if bare in _WORDS else _number(bare)

    def _array(self, depth: int) -> list[Lenient]:
        self._at += 1
        values: list[Lenient] = []
        while (character := self._peek()) != "]":
            if character == ",":
                self._at += 1
            else:
                values.append(self.value(",]", depth + 1))
        self._at += 1
        return values

    def _object(self, depth: int) -> dict[str, Lenient]:
        self._at += 1
        values: dict[str, Lenient] = {}
        while (character := self._peek()) != "}":
            if character == ",":
                self._at += 1
                continue
            name = self._name(character)
            if self._peek() != ":":
                raise ValueError("expected a ':' in the JSON of a filter")
            self._at += 1
            values[name] = self.value(",}", depth + 1)
        self._at += 1
        return values

    def _name(self, character: str) -> str:
        if character in ("", ":", "{", "[", "]"):
            raise ValueError("expected a name in the JSON of a filter")
        if character in "'\"":
            return self._quoted()
        start = self._at
        self._at = self._text.find(":", start)
        if self._at < 0:
            raise ValueError("expected a ':' in the JSON of a filter")
        return self._text[start : self._at].strip()

    def _quoted(self) -> str:
        found = _QUOTED.match(self._text, self._at)
        if not found:
            raise ValueError("expected the end of a text in the JSON of a filter")
        self._at = found.end()
        return _ESCAPE.sub(_unescaped, found[1] if found[2] is None else found[2])

    def _peek(self) -> str:
        while self._text[self._at : self._at + 1] in tuple(_BLANKS):
            self._at += 1
        return self._text[self._at : self._at + 1]


def _number(bare: str) -> str | Decimal:
    found = _NUMBER.fullmatch(bare)
    if not found:
        return bare
    if len(bare) <= _PRECISE_LENGTH and (found[1] or found[2]):
        return Decimal(java_double(float(bare)))
    try:
        return Decimal(bare)
    except InvalidOperation:
        raise ValueError(f"the number {bare} in the JSON of a filter is beyond all others") from None


def _unescaped(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    return chr(int(code, 16)) if code else _ESCAPES.get(found[3], found[3])
