"""Regular expressions of Java, matched against whole texts within a bounded time.

`regex` does the matching: it has what Java has and Python's `re` lacks (possessive quantifiers, sets of sets, Unicode
classes, look-behind of any length) and a clock. `regex_syntax` rewrites the pattern. The clock costs more than an
ordinary match, so a text is matched without it where the form of the pattern bounds the work well below the limit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import regex

from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.values import regex_syntax
from pyglue.collector.values.regex_classes import JavaRegexError

__all__ = ["MAX_SECONDS", "JavaRegex", "JavaRegexError", "Match", "TooSlow", "compile"]

Match: TypeAlias = "regex.Match[str]"

MAX_SECONDS = 0.05  # no honest pattern needs a thousandth of this on the longest request
# A pattern that took so long is likely to again: for a while its matches are given up after a fraction of that, so that
# texts made for it can't have all the time that there is.
WARY_SECONDS = 2.0
WARY_MAX_SECONDS = 0.001
# So many steps take a few milliseconds.
_UNCLOCKED_STEPS = 300_000


class TooSlow(DroppedEvent):
    """A match was given up."""

    def __init__(self) -> None:
        super().__init__("slow regular expression")


class JavaRegex:
    """A compiled pattern: the number of its `groups`, and their numbers by `names`."""

    def __init__(self, pattern: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Compile `pattern`; raises JavaRegexError if Java refuses it, another ValueError if it can't be translated."""
        self._clock = clock
        self._wary_until = -math.inf
        translation = regex_syntax.translate(pattern)
        self._fullmatch = regex.compile(translation.pattern.text, regex.VERSION1).fullmatch
        self._fullmatch_of_ascii = regex.compile(translation.for_ascii, regex.VERSION1).fullmatch
        self._unclocked_length = _unclocked_length(translation.pattern)
        self.groups = translation.groups
        self.names: Mapping[str, int] = MappingProxyType(translation.names)

    def match(self, text: str) -> Match | None:
        """The match if the pattern matches all of `text`; `Match.group(number)` is str or None. Raises TooSlow."""
        fullmatch = self._fullmatch_of_ascii if text.isascii() else self._fullmatch
        if len(text) <= self._unclocked_length:
            return fullmatch(text)
        wary = self._clock() < self._wary_until
        try:
            return fullmatch(text, timeout=WARY_MAX_SECONDS if wary else MAX_SECONDS)
        except TimeoutError:
            if not wary:
                self._wary_until = self._clock() + WARY_SECONDS
            raise TooSlow from None


def compile(pattern: str) -> JavaRegex:
    """Java's `pattern`; raises JavaRegexError if Java refuses it, another ValueError if it can't be translated."""
    return JavaRegex(pattern)


def _unclocked_length(pattern: regex_syntax.Piece) -> float:
    """The longest text that surely takes no more than _UNCLOCKED_STEPS."""
    if pattern.degree == 0:
        return math.inf
    if pattern.degree >= regex_syntax.ENDLESS:
        return 0
    return math.pow(_UNCLOCKED_STEPS / pattern.factor, 1 / pattern.degree)
