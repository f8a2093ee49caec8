"""The grammar of the conditions in a JsonPath's filters, one method per production.

    filter   = all { "||" all }            all = operand { "&&" operand }
    operand  = "!" operand | "(" filter ")" | value [ operator value ]
    value    = path | 'text' | number | true | false | null | [json] | {json} | /pattern/[i]

`!` before a path that is compared says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from pyglue.collector.values import javaregex
from pyglue.collector.values.jsonpath_nodes import (
    OPERATORS,
    All,
    Any,
    Comparison,
    Condition,
    Exists,
    JsonLiteral,
    Not,
    Operand,
    Path,
)
from pyglue.collector.values.jsonpath_text import MAX_DEPTH, Reader, decimal, unescape

_NUMBER = re.compile(r"[\d.\-]*")
_OPERATOR_SIGNS = "<>=~!"


class FilterReader(Reader):
    """Reads a condition in brackets; `parse` reads the paths in it, given their depth."""

    def __init__(self, text: str, depth: int, parse: Callable[[str, int], Path]) -> None:
        super().__init__(text, depth)
        self._parse = parse

    def whole(self) -> Condition:
        """The condition in the brackets that the text begins and ends with."""
        condition = self._any()
        if self._skip_blanks() < self.end:
            self.refuse("the end of the filter")
        return condition

    def _skip_blanks(self) -> int:
        while self.at < self.end - 1 and self.text[self.at] == " ":
            self.at += 1
        return self.at

    def _character(self) -> str:
        return self.text[self._skip_blanks()]

    def _accept(self, word: str) -> bool:
        if not self.text.startswith(word, self._skip_blanks()):
            return False
        self.at += len(word)
        return True

    def _any(self) -> Condition:
        conditions = [self._all()]
        while self._accept("||"):
            conditions.append(self._all())
        return conditions[0] if len(conditions) == 1 else Any(tuple(conditions))

    def _all(self) -> Condition:
        conditions = [self._operand()]
        while self._accept("&&"):
            conditions.append(self._operand())
        return conditions[0] if len(conditions) == 1 else All(tuple(conditions))

    def _operand(self) -> Condition:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ValueError(f"conditions nested deeper than {MAX_DEPTH} levels")
        try:
            if self._character() == "!" and self.next_significant(self.at) not in "$@":
                self.at += 1
                return Not(self._operand())
            if self._accept("("):
                condition = self._any()
                if not self._accept(")"):
                    self.refuse("a ')'")
                return condition
            return self._comparison()
        finally:
            self.depth -= 1

    def _comparison(self) -> Condition:
        negated = self._character() == "!"
        left = self._value()
        after = self.at
        operator = self._operator()
        if operator in OPERATORS:
            return Comparison(left, operator, self._value())
        self.at = after
        if not isinstance(left, Path):
            self.refuse("an operator")
        return Exists(left, not negated)

    def _operator(self) -> str:
        start = at = self._skip_blanks()
        if at < self.end and self.text[at] in _OPERATOR_SIGNS:
            while at < self.end and self.text[at] in _OPERATOR_SIGNS:
                at += 1
        else:
            while at < self.end and self.text[at] != " ":
                at += 1
        self.at = at
        return self.text[start:at].upper()

    def _value(self) -> Operand:
        character = self._character()
        if character == "!":
            self.at += 1
            character = self._character()
            if character not in "$@":
                self.refuse("a path after '!'")
        readers: dict[str, Callable[[], Operand]] = {
            "$": self._path,
            "@": self._path,
            "'": self._string,
            '"': self._string,
            "t": lambda: self._word("true", True),
            "f": lambda: self._word("false", False),
            "n": lambda: self._word("null", None),
            "{": lambda: self._json("}"),
            "[": lambda: self._json("]"),
            "/": self._pattern,
        }
        return readers.get(character, self._number)()

    def _word(self, word: str, value: bool | None) -> bool | None:
        if not self.text.startswith(word, self.at):
            self.refuse(f"a value such as {word}")
        self.at += len(word)
        return value

    def _string(self) -> str:
        start = self.at
        self.at = self.unescaped(start) + 1
        return unescape(self.text[start + 1 : self.at - 1])

    def _number(self) -> Decimal:
        found = _NUMBER.match(self.text, self.at, self.end)
        number = decimal(found[0]) if found else None
        if found is None or number is None:
            self.refuse("a value")
        self.at = found.end()
        return number

    def _json(self, close: str) -> JsonLiteral:
        start = self.at
        self.at = self.closing(start, close) + 1
        return JsonLiteral(self.text[start : self.at])

    def _pattern(self) -> javaregex.JavaRegex:
        start = self.at
        end = self.unescaped(start)
        flag = self.text[end + 1 : end + 2] == "i"
        self.at = end + 1 + flag
        inner = self.text[start + 1 : end]
        return javaregex.compile(f"(?i){inner}" if flag else inner)

    def _path(self) -> Path:
        start = self.at
        self.at += 1
        while self.at < self.end:
            if self.text[self.at] == "[":
                self.at = self.closing(self.at, "]") + 1
            character = self.text[self.at]
            if character in _OPERATOR_SIGNS + " " or (character == ")" and not self._closes_function(start)):
                break
            self.at += 1
        return self._parse(self.text[start : self.at], self.depth + 1)

    def _closes_function(self, start: int) -> bool:
        """Whether the `)` here belongs to the `(` right before it and a name after a dot."""
        opening = len(self.text[: self.at].rstrip(" ")) - 1
        return self.text[opening] == "(" and "." in self.text[start + 1 : opening]
