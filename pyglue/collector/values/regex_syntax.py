r"""Java's regular expressions (java.util.regex of JDK 17) rewritten for the `regex` module, one method per production.

    alternatives = sequence { "|" sequence }
    sequence     = { atom [ quantifier [ "?" | "+" ] ] | flags }
    atom         = group | set | "." | "^" | "$" | "\" escape | character
    group        = "(" [ "?" kind ] alternatives ")"        kinds: : = ! > <= <! <name> and flags before a colon
    flags        = "(?" letters [ "-" letters ] ")"         to the end of the group they stand in
    quantifier   = "*" | "+" | "?" | "{" least [ "," [ most ] ] "}"

Sets and escapes are the matter of `regex_characters`.

What Java refuses raises JavaRegexError; what Java takes and this can't say in `regex` raises a plain ValueError. The
rewriting uses groups, sets, quantifiers, look-around, back references, `\A`, `\Z` and `\X` alone; every other
character is escaped, and flags are worked into the characters that they bear upon.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from pyglue.collector.values import regex_classes as classes
from pyglue.collector.values.regex_characters import CharacterReader
from pyglue.collector.values.regex_classes import JavaRegexError

_FLAG_LETTERS = "idmsuxU"
_MAX_REPEAT = 2**31 - 1
_MAX_SIZE = 10_000

_BOUNDS = re.compile(r"\{([0-9]+)(,?)([0-9]*)\}")
_GROUP_NAME = re.compile(r"([A-Za-z][A-Za-z0-9]*)>")
_REFERENCE = re.compile(r"\(\?:\\g<([0-9]+)>\)")

_LINE_END = r"(?:\r\n|[\n\r\x85\u2028\u2029])"
_ANY_LINE_END = rf"(?:\r\n|{classes.VERTICAL})"
_WHOLE_LINE_END = rf"(?>\r\n|{classes.VERTICAL})"  # if repeated, Java never splits a CRLF
_NOT_INSIDE_CRLF = r"(?<!\r(?=\n))"
# A mark without width belongs to a word if the letter that bears it does; a letter bears some thirty at most.
_BORNE_MARK = r"[\p{L}\p{Nd}]\p{Mn}{1,30}"


@dataclass(frozen=True)
class Piece:
    """A part of the rewritten pattern.

    On a text of n characters its matcher can come to about `factor` times n to the power of `degree` different ends,
    without bound if `degree` is ENDLESS. `bounded`: Java thinks that it knows how long its matches are at most.
    `unit`: a quantifier may follow as it stands. `plain`: one character or none, even if in a group. `size` counts the
    parts as often as they are there at least, for so often `regex` writes them out.
    """

    text: str
    degree: int = 0
    factor: int = 1
    bounded: bool = True
    unit: bool = False
    plain: bool = False
    size: int = 1


ENDLESS: Final = 99


@dataclass(frozen=True)
class Translation:
    """A pattern for `regex`, a faster one that does the same to ASCII, the number of groups, and those with names."""

    pattern: Piece
    for_ascii: str
    groups: int
    names: dict[str, int]


def translate(pattern: str) -> Translation:
    """`pattern` for `regex.compile` under VERSION1; raises JavaRegexError or ValueError, saying why."""
    translator = _Translator(pattern)
    piece = translator.whole()
    for_ascii = piece.text
    for precise, plain in translator.boundaries.items():
        for_ascii = for_ascii.replace(precise, plain)
    return Translation(piece, for_ascii, translator.groups, translator.names)


class _Translator(CharacterReader):
    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        self.groups = 0
        self.names: dict[str, int] = {}
        self.boundaries: dict[str, str] = {}  # those in the text, with `regex`'s own, which knows other words

    def whole(self) -> Piece:
        piece = self._alternatives()
        if self._peek():
            raise JavaRegexError("a ')' closes no group")
        return replace(piece, text=_REFERENCE.sub(self._checked_reference, piece.text))

    def _checked_reference(self, found: re.Match[str]) -> str:
        """A reference to a group that comes later may match in a repetition, one to no group never does."""
        return found[0] if int(found[1]) <= self.groups else "(?!)"

    def _alternatives(self) -> Piece:
        pieces = [self._sequence()]
        while self._accept("|"):
            pieces.append(self._sequence())
        if len(pieces) == 1:
            return pieces[0]
        return Piece(
            "|".join(piece.text for piece in pieces),
            max(piece.degree for piece in pieces),
            sum(piece.factor for piece in pieces),
            all(piece.bounded for piece in pieces),
            size=sum(piece.size for piece in pieces),
        )

    def _sequence(self) -> Piece:
        pieces: list[Piece] = []
        while (character := self._peek()) and character not in "|)":
            if character in "*+?":
                raise JavaRegexError(f"a '{character}' with nothing before it to repeat")
            piece = self._group() if character == "(" else self._atom(character)
            if piece is not None:
                pieces.append(self._repeated(piece))
        if len(pieces) == 1:
            return pieces[0]
        return Piece(
            "".join(
                f"(?:{piece.text})" if "|" in piece.text and not piece.unit else piece.text
                for piece in pieces
            ),
            sum(piece.degree for piece in pieces),
            math.prod(piece.factor for piece in pieces),
            all(piece.bounded for piece in pieces),
            size=sum(piece.size for piece in pieces),
        )

    def _repeated(self, piece: Piece) -> Piece:
        character = self._peek()
        if not character or character not in "*+?{":
            return piece
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(character)
        if simple:
            self._at += 1
        least, most = simple or self._bounds()
        suffix = self._peek()
        if suffix and suffix in "?+":
            self._at += 1
        else:
            suffix = ""
        if not piece.text:
            return piece
        quantifier = character if simple else f"{{{least},{'' if most is None else most}}}"
        degree, factor = _repeated_work(piece, least, most)
        # Java overlooks that a+ has no bound where it repeats one character.
        bounded = piece.bounded and (most is not None or piece.plain)
        base = piece.text if piece.unit else f"(?:{piece.text})"
        if piece.text == _ANY_LINE_END:
            base = _WHOLE_LINE_END
        elif suffix == "+" and not piece.plain:
            base = f"(?>{piece.text})"  # no repetition is tried again, the first no more than the last
        size = piece.size * max(least, 1)
        if size > _MAX_SIZE:
            raise ValueError(f"repetitions that add up to more than {_MAX_SIZE} can't be translated")
        return Piece(f"{base}{quantifier}{suffix}", degree, factor, bounded, size=size)

    def _bounds(self) -> tuple[int, int | None]:
        found = _BOUNDS.match(self._text, self._at)
        if not found:
            raise JavaRegexError("a '{' that begins no repetition such as {2,3}")
        self._at = found.end()
        if found[3] and not found[2]:
            raise JavaRegexError("a '{' that begins no repetition such as {2,3}")
        least = int(found[1])
        most = None if found[2] and not found[3] else int(found[3] or least)
        if max(least, most or 0) > _MAX_REPEAT or (most is not None and most < least):
            raise JavaRegexError(f"the repetition {found[0]} has no such range")
        return least, most

    # Groups

    def _group(self) -> Piece | None:
        """A group, or None for flags that hold from here on."""
        self._at += 1
        before, opening = self._flags, "("
        if self._peek() == "?":
            self._at += 1
            kind = self._kind()
            if kind is None:
                return None
            opening = kind
        else:
            self.groups += 1
        self._deeper()
        inner = self._alternatives()
        self._depth -= 1
        if not self._accept(")"):
            raise JavaRegexError("a group that is not closed")
        self._flags = before
        if opening in ("(?<=", "(?<!") and not inner.bounded:
            raise JavaRegexError("a look-behind without a greatest length")
        around = opening in ("(?=", "(?!", "(?<=", "(?<!")
        bounded, plain = (True, True) if around else (inner.bounded, inner.plain or not inner.text)
        return replace(inner, text=f"{opening}{inner.text})", bounded=bounded, unit=True, plain=plain)

    def _kind(self) -> str | None:
        """What a group opens with, None for flags alone."""
        for kind in (":", "=", "!", ">", "<=", "<!"):
            if self._text.startswith(kind, self._at):
                self._at += len(kind)
                return f"(?{kind}"
        if self._text.startswith("<", self._at):
            self._at += 1
            self._named_group()
            return "("
        return self._flags_until(":)")

    def _named_group(self) -> None:
        found = _GROUP_NAME.match(self._text, self._at)
        if not found:
            raise JavaRegexError(
                "a group's name is letters and digits, begins with a letter and ends with '>'"
            )
        if found[1] in self.names:
            raise JavaRegexError(f"two groups are called {found[1]}")
        self._at = found.end()
        self.groups += 1
        self.names[found[1]] = self.groups

    def _flags_until(self, ends: str) -> str | None:
        on = True
        while (letter := self._peek()) not in ends or not letter:
            if letter == "-" and on:
                on = False
            elif letter == "c":
                raise ValueError("flag c (canonical equivalence) can't be translated")
            elif not letter or letter not in _FLAG_LETTERS:
                raise JavaRegexError(f"there is no flag or group (?{letter}")
            else:
                changed = {letter, "u"} if letter == "U" else {letter}
                self._flags = self._flags | changed if on else self._flags - changed
            self._at += 1
        self._at += 1
        return "(?:" if letter == ":" else None

    # Atoms

    def _atom(self, character: str) -> Piece:
        if character == "{":
            return Piece("")  # a repetition of nothing, which Java takes where it is well-formed
        self._at += 1
        if character == "[":
            return _one(self._set())
        if character == ".":
            return _one(classes.dot(self._flags))
        if character == "^":
            return _anchor(self._line_begin())
        if character == "$":
            return _anchor(self._line_end() if "m" in self._flags else self._last_end())
        if character == "\\":
            return self._escape(self._read())
        return _one(classes.any_case(ord(character), self._flags))

    def _line_begin(self) -> str:
        if "m" not in self._flags:
            return r"\A"
        if "d" in self._flags:
            return r"(?:\A|(?<=\n))(?!\Z)"
        return r"(?:\A|(?<=[\n\x85\u2028\u2029])|(?<=\r)(?!\n))(?!\Z)"

    def _line_end(self) -> str:
        if "d" in self._flags:
            return r"(?=\n|\Z)"
        return rf"(?:\Z|(?={classes.terminators(self._flags)}){_NOT_INSIDE_CRLF})"

    def _last_end(self) -> str:
        if "d" in self._flags:
            return r"(?=\n?\Z)"
        return rf"(?:\Z|(?={_LINE_END}\Z){_NOT_INSIDE_CRLF})"

    def _escape(self, letter: str) -> Piece:
        """What an escape outside of a set matches."""
        if letter and letter in "123456789":
            return self._numbered_reference(int(letter))
        special: dict[str, Callable[[], Piece]] = {
            "A": lambda: _anchor(r"\A"),
            "G": lambda: _anchor(r"\A"),  # where the last match ended: a whole match has none before it
            "z": lambda: _anchor(r"\Z"),
            "Z": lambda: _anchor(self._last_end()),
            "b": self._boundary,
            "B": lambda: self._boundary(inverted=True),
            "R": lambda: Piece(_ANY_LINE_END, factor=2, unit=True),
            "X": lambda: Piece(r"\X", unit=True, plain=True),
            "k": self._named_reference,
        }
        if letter in special:
            return special[letter]()
        found = self._class_escape(letter)
        if found is not None:
            return _one(found)
        return _one(classes.any_case(self._code(letter), self._flags))

    def _boundary(self, *, inverted: bool = False) -> Piece:
        if not inverted and self._text.startswith("{g}", self._at):
            raise ValueError(r"\b{g} can't be translated")
        word = classes.word(self._flags)
        before = rf"{word}|{_BORNE_MARK}"
        after = rf"{word}|\p{{Mn}}(?<={_BORNE_MARK})"
        ends, begins = ("(?=", "(?!") if inverted else ("(?!", "(?=")
        precise = rf"(?:(?<={before}){ends}{after})|(?<!{before}){begins}{after}))"
        self.boundaries[precise] = r"\B" if inverted else r"\b"
        return Piece(precise, unit=True, plain=True)

    def _numbered_reference(self, number: int) -> Piece:
        """The group of that number; further digits count as long as so many groups have begun."""
        while (digit := self._peek()) and digit in "0123456789" and number * 10 + int(digit) <= self.groups:
            number = number * 10 + int(digit)
            self._at += 1
        return self._reference(number)

    def _named_reference(self) -> Piece:
        if not self._text.startswith("<", self._at):
            raise JavaRegexError(r"a \k without the name of a group, as in \k<name>")
        found = _GROUP_NAME.match(self._text, self._at + 1)
        if not found or found[1] not in self.names:
            raise JavaRegexError(r"a \k<name> whose name no group before it has")
        self._at = found.end()
        return self._reference(self.names[found[1]])

    def _reference(self, number: int) -> Piece:
        text = rf"(?:\g<{number}>)"
        if "i" in self._flags:
            if "u" not in self._flags:
                raise ValueError("a back reference under flag i can't be translated, only one under flags iu")
            text = f"(?i-f:{text})"
        return Piece(text, degree=1, bounded=False, unit=True)


def _one(text: str) -> Piece:
    return Piece(text, unit=True, plain=True)


def _anchor(text: str) -> Piece:
    return Piece(f"(?:{text})", unit=True, plain=True)


def _repeated_work(piece: Piece, least: int, most: int | None) -> tuple[int, int]:
    """Degree and factor of `piece` repeated."""
    simple = piece.degree == 0 and piece.factor == 1
    if most is None:
        return (1, 1) if simple else (ENDLESS, 1)
    if simple:
        return 0, most - least + 1
    if most > 3:
        return ENDLESS, 1
    return piece.degree * most, (piece.factor + 1) ** most
