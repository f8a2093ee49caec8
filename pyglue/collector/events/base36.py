"""Whole numbers in base 36, read as Java's `Long.parseLong(text, 36)` reads them.

Python's `int` takes blanks and underscores and refuses very long texts; Java does neither. So every text passes
the pattern here first. Java also accepts any Unicode decimal digit and full-width Latin letters.
"""

from __future__ import annotations

import re
import unicodedata

INT_BITS = 32
LONG_BITS = 64
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(first + second for first in DIGITS for second in DIGITS)

# A 64-bit number has 13 digits in base 36; leading zeros are allowed, but nobody sends a thousand of them.
MAX_DIGITS = 1000

_ASCII = re.compile(r"[+-]?[0-9A-Za-z]+\Z")
_FULL_WIDTH_UPPER = range(0xFF21, 0xFF3B)
_FULL_WIDTH_LOWER = range(0xFF41, 0xFF5B)


def parse(text: str) -> int | None:
    """The number of any size that `text` holds, or None if it is none or has over MAX_DIGITS digits."""
    if len(text) > MAX_DIGITS + 1:
        return None
    if not text.isascii():
        text = ascii_digits("".join(map(_ascii_letter, text)))
    return int(text, 36) if _ASCII.match(text) else None


def parse_int(text: str) -> int | None:
    """Like `parse`, but None beyond 32 bits with sign."""
    return _within(parse(text), INT_BITS)


def parse_long(text: str) -> int | None:
    """Like `parse`, but None beyond 64 bits with sign."""
    return _within(parse(text), LONG_BITS)


def render(number: int) -> str:
    """`number` in lower case with `-` where it is negative, as Java's `Long.toString(number, 36)` writes it."""
    rest, digits = abs(number), ""
    while rest >= 36:
        rest, pair = divmod(rest, 1296)
        digits = _PAIRS[pair] + digits
    if rest or not digits:
        digits = DIGITS[rest] + digits
    return "-" + digits if number < 0 else digits


def _within(number: int | None, bits: int) -> int | None:
    bound = 1 << (bits - 1)
    return number if number is not None and -bound <= number < bound else None


def ascii_digits(text: str) -> str:
    """`text` with digits of other scripts as ASCII ones, for Java reads numbers from them.

    It reads UTF-16 unit by unit, so a digit beyond the BMP is none.
    """
    return text if text.isascii() else "".join(map(_ascii_digit, text))


def _ascii_digit(character: str) -> str:
    digit = unicodedata.decimal(character, None) if character <= "\uffff" else None
    return character if digit is None else str(digit)


def _ascii_letter(character: str) -> str:
    code = ord(character)
    if code in _FULL_WIDTH_UPPER:
        return chr(code - _FULL_WIDTH_UPPER.start + ord("a"))
    if code in _FULL_WIDTH_LOWER:
        return chr(code - _FULL_WIDTH_LOWER.start + ord("a"))
    return character
