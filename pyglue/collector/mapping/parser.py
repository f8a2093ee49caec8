"""The grammar of the mapping language: one small method per production.

    script    = "mapping" "{" { statement } "}"
    statement = "map" ( "(" source ")" | source ) onto          ended by a newline, `;` or `}`
    onto      = [ "." ] "onto" ( STRING | "(" STRING ")" )
    source    = literal | chain | "{" chain "}"
    chain     = call { "." call }
    call      = NAME "(" [ literal { "," literal } ] ")"
    literal   = STRING | NUMBER | "true" | "false"

After a problem the parser goes on with the next line, so that all problems are told together.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from pyglue.collector.mapping.tokens import Place, Source, Token, string_value, tokenize, unreadable
from pyglue.errors import Problem

_NUMBER_TYPES = {"l": "long", "f": "float", "d": "double", "i": "int"}
_INT_BOUND, _LONG_BOUND = 2**31, 2**63


@dataclass(frozen=True)
class Literal:
    """A constant; `type` is the Avro type that it may go onto."""

    value: bool | int | float | str
    type: str
    place: Place


@dataclass(frozen=True)
class Call:
    """A function with its arguments, `name('a')`."""

    name: str
    arguments: tuple[Literal, ...]
    place: Place


@dataclass(frozen=True)
class Chain:
    """Calls joined by dots: a producer."""

    calls: tuple[Call, ...]

    @property
    def place(self) -> Place:
        """Where the chain begins."""
        return self.calls[0].place


Producer: TypeAlias = Literal | Chain


@dataclass(frozen=True)
class Map:
    """`map producer onto 'field'`."""

    producer: Producer
    field: str
    field_place: Place


def parse(source: Source) -> tuple[list[Map], list[Problem]]:
    """The statements of a mapping that could be read, and the problems with the others."""
    parser = _Parser(source)
    return parser.script(), parser.problems


class _Failed(Exception):
    """A production did not match; its problem is noted already."""


class _Parser:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._tokens = tokenize(source)
        self._at = 0
        self.problems: list[Problem] = []

    def script(self) -> list[Map]:
        statements: list[Map] = []
        try:
            self._skip_newlines()
            self._expect("mapping")
            self._expect("{")
            self._statements(statements)
            self._expect("}")
            self._skip_newlines()
            if self._token.kind != "end":
                self._fail("the end of the file after the mapping")
        except _Failed:
            pass  # the problem is noted; there is nothing left to go on with
        return statements

    def _statements(self, statements: list[Map]) -> None:
        self._skip_newlines()
        while self._token.text != "}" and self._token.kind != "end":
            try:
                statements.append(self._statement())
                if self._token.kind != "newline" and self._token.text != "}":
                    self._fail("the end of the line")
            except _Failed:
                self._skip_line()
            self._skip_newlines()

    def _statement(self) -> Map:
        if self._token.text != "map":
            self._fail("'map'")
        self._advance()
        if self._accept("("):
            producer = self._producer()
            self._expect(")")
        else:
            producer = self._producer()
        self._accept(".")
        self._expect("onto")
        bracket = self._accept("(")
        token = self._token
        if token.kind != "string":
            self._fail("the name of a field in quotes")
        field = self._string()
        if bracket:
            self._expect(")")
        return Map(producer, field, token.place)

    def _producer(self) -> Producer:
        if self._accept("{"):
            chain = self._chain()
            self._expect("}")
            return chain
        literal = self._literal()
        return literal if literal is not None else self._chain()

    def _chain(self) -> Chain:
        calls = [self._call()]
        while self._accepts_call():
            calls.append(self._call())
        return Chain(tuple(calls))

    def _accepts_call(self) -> bool:
        """Take a dot that leads to another call; not the one of `.onto(`. A line may begin with it."""
        ahead = self._at
        while self._tokens[ahead].text == "\n":
            ahead += 1
        if self._tokens[ahead].text != "." or self._tokens[ahead + 1].text == "onto":
            return False
        self._at = ahead + 1
        return True

    def _call(self) -> Call:
        token = self._token
        if token.kind != "name":
            self._fail("a producer such as partyId()")
        self._advance()
        self._expect("(")
        arguments: list[Literal] = []
        if not self._accept(")"):
            arguments.append(self._argument())
            while self._accept(","):
                arguments.append(self._argument())
            self._expect(")")
        return Call(token.text, tuple(arguments), token.place)

    def _argument(self) -> Literal:
        literal = self._literal()
        if literal is None:
            self._fail("a literal")
        return literal

    def _literal(self) -> Literal | None:
        token = self._token
        if token.kind == "string":
            return Literal(self._string(), "string", token.place)
        if token.kind == "number":
            return self._number()
        if token.text in ("true", "false"):
            self._advance()
            return Literal(token.text == "true", "boolean", token.place)
        return None

    def _string(self) -> str:
        try:
            value = string_value(self._token)
        except ValueError as error:
            self._refuse(self._token.place, str(error))
        self._advance()
        return value

    def _number(self) -> Literal:
        token = self._token
        text = token.text.replace("_", "").lower()
        suffix = text[-1] if text[-1].isalpha() else ""
        digits = text.removesuffix(suffix) if suffix else text
        fraction = re.search(r"[.e]", digits) is not None
        type_ = _NUMBER_TYPES.get(suffix, "long" if not fraction and int(digits) >= _INT_BOUND else "int")
        if suffix == "g" or (fraction and suffix not in ("f", "d")):
            self._refuse(
                token.place,
                f"{token.text} is a BigDecimal, which fits no field; write {digits}d or {digits}f",
            )
        if fraction or suffix in ("f", "d"):
            if math.isinf(float(digits)):
                self._refuse(token.place, f"{token.text} does not fit into type {type_}")
            self._advance()
            return Literal(float(digits), type_, token.place)
        if len(digits) > 1 and digits[0] == "0":
            self._refuse(token.place, "a number that begins with 0 is octal in Groovy; write it without")
        if int(digits) >= (_INT_BOUND if type_ == "int" else _LONG_BOUND):
            self._refuse(token.place, f"{token.text} does not fit into type {type_}")
        self._advance()
        return Literal(int(digits), type_, token.place)

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _advance(self) -> None:
        self._at += 1

    def _accept(self, text: str) -> bool:
        if self._token.text != text or self._token.kind == "string":
            return False
        self._advance()
        return True

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            self._fail(f"'{text}'")

    def _skip_newlines(self) -> None:
        while self._token.kind == "newline":
            self._advance()

    def _skip_line(self) -> None:
        """Go to the end of the line, and of the braces that it opens."""
        depth = 0
        while self._token.kind != "end" and (depth > 0 or self._token.kind != "newline"):
            depth += {"{": 1, "}": -1}.get(self._token.text, 0)
            if depth < 0:
                return
            self._advance()

    def _fail(self, expected: str) -> NoReturn:
        if self._token.kind == "unreadable":
            self._refuse(self._token.place, unreadable(self._token))
        self._refuse(self._token.place, f"expected {expected}, found {self._token}")

    def _refuse(self, place: Place, message: str) -> NoReturn:
        self.problems.append(self._source.problem(place, message))
        raise _Failed
