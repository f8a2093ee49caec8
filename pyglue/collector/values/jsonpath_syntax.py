"""The grammar of JsonPaths as Jayway's library 2.4 reads them, which is generous in its own ways.

    path     = [ "$" | "@" ] { step }                      without the first sign, `$.` stands before the path
    step     = "." name | "..", another step | "[" names | "[" indexes | "[" slice | "[" "*" "]" | "*"
             | "[?(" filter ")]" | "." name "(" arguments ")"

Filters are the matter of `jsonpath_conditions`. Some oddities are kept, because a path of an old mapping may rely on
them: one character after the last step is ignored; a function's argument of one character is no argument; no name in
brackets holds a comma. A path that can't be read raises ValueError.
"""

from __future__ import annotations

import re

from pyglue.collector.values.jsonpath_conditions import FilterReader
from pyglue.collector.values.jsonpath_nodes import (
    Filter,
    Function,
    Indexes,
    Path,
    Properties,
    Scan,
    Slice,
    Step,
    Wildcard,
)
from pyglue.collector.values.jsonpath_text import INT_BOUND, Reader, unescape

_MAX_STEPS = 100
_PLAIN_STOPS = re.compile(r"[ .\[(]")
_ARRAY = re.compile(r"[\d,:\- ]*")
_JAVA_BLANKS = "".join(map(chr, range(33)))
_SPACES = " \t\n\r"


def parse(text: str, depth: int = 0) -> Path:
    """The path that `text` is; raises ValueError with what was expected. `depth` counts paths around it."""
    if not text:
        raise ValueError("expected a JsonPath, found nothing")
    try:
        return _PathReader(text if text[0] in "$@" else f"$.{text}", depth).whole()
    except IndexError:
        raise ValueError(f"the JsonPath {text} ends early") from None


class _PathReader(Reader):
    def __init__(self, text: str, depth: int) -> None:
        super().__init__(text, depth)
        self.end = max(len(text.rstrip(" ")), 1)
        self._steps: list[Step] = []

    def whole(self) -> Path:
        if self.text[self.end - 1] == ".":
            raise ValueError(f"the JsonPath {self.text} ends with a '.'")
        root = self.text[0]
        if not self._is_tail():
            self.at = 1
            if self.text[1] not in ".[":
                self.refuse("'.' or '['")
            self._read_steps()
        return Path(root == "$", tuple(self._steps))

    def _is_tail(self) -> bool:
        return self.at >= self.end - 1

    def _read_steps(self) -> None:
        while True:
            before = self.at
            self._read_step()
            if self._is_tail():
                return
            if self.at <= before or len(self._steps) > _MAX_STEPS:
                self.refuse("fewer steps")

    def _read_step(self) -> None:
        character = self.text[self.at]
        if character == ".":
            self._read_dots()
            character = self.text[self.at]
        if character == "[":
            self._read_brackets()
        elif character == "*":
            self.at += 1
            self._steps.append(Wildcard())
        else:
            self._read_name()

    def _read_dots(self) -> None:
        if self.text.startswith("..", self.at):
            self._steps.append(Scan())
            self.at += 2
        else:
            self.at += 1
        if self.text[self.at] == ".":
            self.refuse("a name")

    # Names and functions

    def _read_name(self) -> None:
        start = self.at
        found = _PLAIN_STOPS.search(self.text, start, self.end)
        stop = found.start() if found else self.end
        if found and (found[0] == " " or (stop == start and found[0] == ".")):
            self.refuse("a name; one with blanks stands in ['...']")
        name = self.text[start:stop]
        if found and found[0] == "(":
            self._steps.append(Function(name, self._arguments(stop)))
        else:
            self.at = stop
            self._steps.append(Properties((name,)))

    def _arguments(self, opening: int) -> tuple[Path | str, ...]:
        self.at = opening + 1
        if opening + 2 >= self.end:
            return ()
        if self.text[opening + 2] == ")":
            self.at = opening + 2
            return ()
        return _ArgumentReader(self).arguments()

    # Brackets

    def _read_brackets(self) -> None:
        inside = self.next_significant(self.at)
        if inside in "'\"":
            self._read_names(inside)
        elif inside == "*":
            star = self.significant(self.at)
            if self.next_significant(star) != "]":
                self.refuse("[*]")
            self.at = self.significant(star) + 1
            self._steps.append(Wildcard())
        elif inside == "?":
            self._read_filter()
        else:
            self._read_array()

    def _read_array(self) -> None:
        close = self.text.find("]", self.at, self.end)
        inside = self.text[self.at + 1 : close].strip(_JAVA_BLANKS) if close >= 0 else ""
        if not inside or not _ARRAY.fullmatch(inside) or self.next_significant(self.at) in ", ":
            self.refuse("[0], [0:1], ['name'], [*] or [?(...)]")
        if ":" in inside:
            first, last, *_ = [self._index(part) if part else None for part in inside.split(":")[:2]]
            if first is None and last is None:
                self.refuse("a slice such as [0:1], [1:] or [:1]")
            self._steps.append(Slice(first, last))
        else:
            self._steps.append(Indexes(tuple(self._index(part.strip(" ")) for part in inside.split(","))))
        self.at = close + 1

    def _index(self, text: str) -> int:
        if not re.fullmatch(r"-?\d{1,4000}", text) or not -INT_BOUND <= int(text) < INT_BOUND:
            self.refuse("a whole number of 32 bits")
        return int(text)

    def _read_names(self, quote: str) -> None:
        names: list[str] = []
        start = place = self.at + 1
        end = 0
        inside = comma = False
        while place < self.end:
            character = self.text[place]
            if character == "\\":
                place += 1
            elif character == "]" and not inside:
                break
            elif character == quote and inside:
                if self.next_significant(place) not in "],":
                    self.refuse("a ',' or ']' after a name in quotes")
                end = place
                names.append(unescape(self.text[start:place]))
                inside = False
            elif character == quote:
                start = place + 1
                inside, comma = True, False
            elif character == ",":
                if comma:
                    self.refuse("a name in quotes before ','")
                comma = True  # in quotes, too, so that no name may hold one
            place += 1
        if comma or not names or self.text[self.significant(end)] != "]":
            self.refuse("a name in quotes and ']'")
        self.at = self.significant(end) + 1
        self._steps.append(Properties(tuple(names)))

    def _read_filter(self) -> None:
        mark = self.significant(self.at)
        opening = self.significant(mark)
        if self.text[opening] != "(":
            self.refuse("[?(...)]")
        close = self.closing(opening, ")", skip_patterns=True)
        bracket = self.significant(close)
        if bracket >= self.end or self.text[bracket] != "]":
            self.refuse("[?(...)]")
        self._steps.append(
            Filter(FilterReader(self.text[opening : close + 1], self.depth + 1, parse).whole())
        )
        self.at = bracket + 1


class _ArgumentReader:
    """Takes the arguments of a function apart, by brackets and double quotes alone."""

    def __init__(self, path: Reader) -> None:
        self._path = path
        self._open = {"(": 1, "[": 0, "{": 0}
        self._quotes = 0
        self._kind = ""
        self._text: list[str] = []
        self._arguments: list[Path | str] = []

    def arguments(self) -> tuple[Path | str, ...]:
        path, before = self._path, ""
        while path.at < path.end and self._open["("]:
            character = path.text[path.at]
            path.at += 1
            if not self._kind:
                if character in _SPACES:
                    continue
                is_json = character in '{"' or character.isdecimal()
                self._kind = "json" if is_json else "path" if character in "$@" else ""
            self._count(character, before)
            if character in "),":
                self._separate(character)
            if self._kind and not (character == "," and self._nesting() == (1, 0, 0)):
                self._text.append(character)
            before = character
        if self._nesting() != (0, 0, 0):
            path.refuse("the end of a function's arguments")
        return tuple(self._arguments)

    def _nesting(self) -> tuple[int, int, int]:
        return self._open["("], self._open["["], self._open["{"]

    def _count(self, character: str, before: str) -> None:
        if character == '"':
            self._quotes += -1 if before != "\\" and self._quotes > 0 else 1
        elif character in self._open:
            self._open[character] += 1
        elif character in ")]}":
            opening = {")": "(", "]": "[", "}": "{"}[character]
            if self._open[opening] == 0:
                self._path.refuse(f"no '{character}'")
            self._open[opening] -= 1

    def _separate(self, character: str) -> None:
        """End an argument at a comma or bracket that is in no others."""
        parentheses, *others = self._nesting()
        if character == ")" and parentheses:
            self._text.append(character)
        ends = (parentheses == 0 and character == ")") or parentheses == 1
        if not ends or any(others) or self._quotes:
            return
        if self._kind == "json":
            self._arguments.append("".join(self._text))
        elif self._kind == "path":
            argument = _PathReader("".join(self._text), self._path.depth + 1)
            self._arguments.append(argument.whole())
        self._text, self._kind = [], ""
