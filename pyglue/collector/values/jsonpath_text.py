"""The text of a JsonPath: how far it was read, where its brackets close, what its escapes and numbers mean."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NoReturn

MAX_DEPTH = 20
INT_BOUND = 2**31

_DECIMAL = re.compile(r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d{1,10})?")
_ESCAPE = re.compile(r"\\(?:u([\s\S]{4})|u[\s\S]*|([\s\S]))")
_ESCAPES = {"r": "\r", "f": "\f", "t": "\t", "n": "\n", "b": "\b"}


def unescape(text: str) -> str:
    """`text` with a backslash before a character taken for that character, and those of JSON for what they mean."""
    return _ESCAPE.sub(_unescaped, text)


def decimal(text: str) -> Decimal | None:
    """The number that `text` is to Java's `BigDecimal`, None if it is none."""
    if not _DECIMAL.fullmatch(text):
        return None
    number = Decimal(text)
    scale = -int(number.as_tuple().exponent)
    return number if -INT_BOUND <= scale < INT_BOUND else None


def _unescaped(found: re.Match[str]) -> str:
    code, character = found.groups()
    if character is not None:
        return _ESCAPES.get(character, character)
    if code is None:
        return ""
    if not re.fullmatch("[+-]?[0-9A-Fa-f]+", code):
        raise ValueError(f"the escape \\u{code} is no character")
    return chr(int(code, 16) & 0xFFFF)


class Reader:
    """A text, how far it was read, and where it ends; `depth` counts the paths and conditions around it."""

    def __init__(self, text: str, depth: int) -> None:
        self.text = text
        self.at = 0
        self.end = len(text)
        self.depth = depth
        if depth > MAX_DEPTH:
            raise ValueError(f"paths and conditions nested deeper than {MAX_DEPTH} levels")

    def significant(self, at: int) -> int:
        """The place of the first character after `at` that is no blank."""
        at += 1
        while at < self.end and self.text[at] == " ":
            at += 1
        return at

    def next_significant(self, at: int) -> str:
        """The first character after `at` that is no blank, a blank if there is none."""
        place = self.significant(at)
        return self.text[place] if place < self.end else " "

    def closing(self, at: int, close: str, *, skip_patterns: bool = False) -> int:
        """The place of the bracket that closes the one at `at`; texts in quotes don't count."""
        opened = 1
        open_ = self.text[at]
        at += 1
        while at < self.end:
            for quotes in ("'\"", "/" if skip_patterns else ""):
                if self.text[at] in quotes:
                    at = self.unescaped(at) + 1
            opened += (self.text[at] == open_) - (self.text[at] == close)
            if opened == 0:
                break
            at += 1
        if opened:
            self.refuse(f"a '{close}'")
        return at

    def unescaped(self, at: int) -> int:
        """The next place of the character at `at` that no backslash precedes."""
        quote = self.text[at]
        at += 1
        while at < self.end and self.text[at] != quote:
            at += 2 if self.text[at] == "\\" else 1
        if at >= self.end:
            self.refuse(f"another {quote}")
        return at

    def refuse(self, expected: str) -> NoReturn:
        """Raise the ValueError that says what was expected here."""
        raise ValueError(f"expected {expected} in {self.text} after {self.text[: self.at]}")
