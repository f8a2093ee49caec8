r"""The characters of a Java regular expression: sets in brackets, classes and escapes, and how the text is read.

    set   = "[" [ "^" ] { item | set | "&&" } "]"
    item  = ( character | "\" escape ) [ "-" ( character | "\" escape ) ]

What stands between `\Q` and `\E` is escaped before anything is read, so nothing else knows of it. Under flag x blanks
and comments count nowhere, not even in a set.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from pyglue.collector.values import regex_classes as classes
from pyglue.collector.values.regex_classes import Flags, JavaRegexError

MAX_DEPTH = 100  # nobody writes such groups and sets; `regex` and this recurse

_BLANKS = " \t\n\x0b\f\r"
_PROPERTY = re.compile(r"\{([^}]*)\}|([\s\S])")
_HEXADECIMAL = re.compile(r"([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\}")
_UNICODE = re.compile(r"[0-9A-Fa-f]{4}")
_LOW_SURROGATE = re.compile(r"\\u([Dd][C-Fc-f][0-9A-Fa-f]{2})")
_OCTAL = re.compile(r"[0-3][0-7]{2}|[0-7]{1,2}")
_NAME = re.compile(r"\{([^}]*)\}")
_HIGH_SURROGATES = range(0xD800, 0xDC00)
_QUOTED = re.compile(r"\\Q([\s\S]*?)(?:\\E|\Z)|(\\[\s\S]|[^\\])|\\\Z")
_SIMPLE_ESCAPES = {"a": 0x07, "e": 0x1B, "f": 0x0C, "n": 0x0A, "r": 0x0D, "t": 0x09}


class CharacterReader:
    """Reads sets and escapes of a pattern; `_flags` are those that hold at the place reached."""

    def __init__(self, pattern: str) -> None:
        self._text = _unquoted(pattern)
        self._at = 0
        self._flags: Flags = frozenset()
        self._depth = 0

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ValueError(f"groups or sets nested deeper than {MAX_DEPTH} levels")

    # Sets

    def _set(self) -> str:
        """The set whose bracket was just opened."""
        inverted = self._text.startswith("^", self._at)
        self._at += inverted
        members = self._members(closing=True)
        return f"[^{members}]" if inverted else members

    def _members(self, *, closing: bool) -> str:
        """Everything up to the bracket that ends the set, and that bracket if `closing`."""
        self._deeper()
        union: list[str] = []
        while (character := self._peek()) != "]" or not union:
            if not character:
                raise JavaRegexError("a set that is not closed")
            if character == "[":
                self._at += 1
                union.append(self._set())
            elif self._text.startswith("&&", self._at):
                self._at += 2
                union = self._intersected(union)
            else:
                union.append(self._item(character))
        self._at += closing
        self._depth -= 1
        return f"[{''.join(union)}]"

    def _intersected(self, union: list[str]) -> list[str]:
        """`union` with what follows `&&`; a missing side is no side."""
        right: list[str] = []
        while (character := self._peek()) and character not in "]&":
            if character == "[":
                self._at += 1
                right.append(self._set())
            else:
                right.append(self._members(closing=False))
        if not union and not right:
            raise JavaRegexError("a '&&' between no sets")
        return [f"[[{''.join(union)}]&&[{''.join(right)}]]"] if union and right else union or right

    def _item(self, character: str) -> str:
        self._at += 1
        if character == "\\":
            letter = self._read()
            if letter == "v" and self._text.startswith("-", self._at):
                first = 0x0B
            else:
                found = self._class_escape(letter)
                if found is not None:
                    return found
                first = self._code(letter)
        else:
            first = ord(character)
        if self._peek() != "-" or self._text[self._at + 1 : self._at + 2] in ("[", "]"):
            return classes.in_set(first, self._flags)
        self._at += 1
        last = self._range_end()
        if last < first:
            raise JavaRegexError("a range that ends before it begins")
        return classes.span(first, last, self._flags)

    def _range_end(self) -> int:
        character = self._peek()
        self._at += 1
        if character != "\\":
            return ord(character) if character else -1
        letter = self._read()
        if letter == "v":
            return 0x0B
        if letter and letter in "dDsSwWhHVpP":
            raise JavaRegexError("a range that ends with a class of characters")
        return self._code(letter)

    # Characters

    def _class_escape(self, letter: str) -> str | None:
        """The class of characters that an escape means, None if it means one character."""
        if letter and letter in "pP":
            found = _PROPERTY.match(self._text, self._at)
            if not found:
                raise JavaRegexError(f"a \\{letter} without the name of a class of characters")
            self._at = found.end()
            if found[2] == "{":
                raise JavaRegexError(f"a \\{letter}{{ that is not closed")
            name = found[2] if found[1] is None else found[1]
            return classes.named(name, self._flags, inverted=letter == "P")
        if letter and letter in "dDsSwWhHvV":
            return classes.predefined(letter, self._flags)
        return None

    def _code(self, letter: str) -> int:
        """The character that an escape means."""
        if letter in _SIMPLE_ESCAPES:
            return _SIMPLE_ESCAPES[letter]
        if letter == "0":
            return int(self._take(_OCTAL, "octal digits")[0], 8)
        if letter == "x":
            found = self._take(_HEXADECIMAL, "two hexadecimal digits, or some in braces")
            code = int(found[1] or found[2], 16)
            if code > 0x10FFFF:
                raise JavaRegexError(f"no character has the number {found[2]}")
            return code
        if letter == "u":
            return self._utf16_code()
        if letter == "c":
            if self._at >= len(self._text):
                raise JavaRegexError(r"a \c without a letter")
            return ord(self._read()) ^ 64
        if letter == "N":
            name = self._take(_NAME, "a character's name in braces")[1]
            try:
                return ord(unicodedata.lookup(name))
            except (KeyError, TypeError):
                raise JavaRegexError(f"no character is called {name}") from None
        if not letter or (letter.isascii() and letter.isalnum()):
            raise JavaRegexError(f"there is no escape \\{letter} here")
        return ord(letter)

    def _utf16_code(self) -> int:
        code = int(self._take(_UNICODE, "four hexadecimal digits")[0], 16)
        low = _LOW_SURROGATE.match(self._text, self._at) if code in _HIGH_SURROGATES else None
        if not low:
            return code
        self._at = low.end()
        return 0x10000 + ((code & 0x3FF) << 10) + (int(low[1], 16) & 0x3FF)

    def _take(self, form: re.Pattern[str], expected: str) -> re.Match[str]:
        found = form.match(self._text, self._at)
        if not found:
            raise JavaRegexError(f"an escape \\{self._text[self._at - 1]} without {expected}")
        self._at = found.end()
        return found

    # The text

    def _peek(self) -> str:
        """The next character that counts, empty at the end; under flag x blanks and comments don't count."""
        if "x" in self._flags:
            while (character := self._text[self._at : self._at + 1]) and character in _BLANKS + "#":
                self._at += 1
                while character == "#" and self._at < len(self._text) and not self._ends_comment():
                    self._at += 1
        return self._text[self._at : self._at + 1]

    def _ends_comment(self) -> bool:
        return self._text[self._at] in ("\n" if "d" in self._flags else "\n\r\x85\u2028\u2029")

    def _read(self) -> str:
        """The next character whatever it is, empty at the end."""
        character = self._text[self._at : self._at + 1]
        self._at += 1
        return character

    def _accept(self, character: str) -> bool:
        if self._peek() != character:
            return False
        self._at += 1
        return True


def _unquoted(pattern: str) -> str:
    r"""`pattern` with what stands between `\Q` and `\E` escaped character by character."""

    def escaped(found: re.Match[str]) -> str:
        return found[0] if found[1] is None else _escaped(found[1])

    return _QUOTED.sub(escaped, pattern)


def _escaped(characters: Iterable[str]) -> str:
    return "".join(c if c.isalnum() or not c.isascii() else f"\\{c}" for c in characters)
