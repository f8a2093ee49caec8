"""The grammar of mappings: the part of Groovy that they are written in, one small method per production.

    script     = { statement }                              statements end with a newline, `;` or `}`
    statement  = [ "def" | TYPE ] NAME "=" command | "return" command | command
    command    = postfix [ arguments ] { NAME ( arguments | brackets | closure ) }
    postfix    = primary { "." NAME [ brackets ] [ closure ] }
    primary    = literal | NAME [ brackets ] [ closure ] | closure | "(" postfix ")"
    brackets   = "(" [ arguments ] ")"
    arguments  = postfix { "," postfix }
    closure    = "{" [ "->" ] { statement } "}"
    literal    = STRING | [ "-" ] NUMBER | "true" | "false" | "null"

A command is Groovy's way to leave out brackets and dots: `map a() onto 'b'` is `map(a()).onto('b')`. It stands where a
statement does, and nowhere inside brackets. The tree that comes out knows calls only; what the names mean is decided
by `builder`. After a problem the parser goes on with the next line, so that all problems are told together.
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
_CONSTANTS: dict[str, tuple[bool | None, str]] = {
    "true": (True, "boolean"),
    "false": (False, "boolean"),
    "null": (None, "null"),
}
_GROOVY = frozenset(
    "if else for while do switch case try catch finally throw new in as class interface enum trait import package "  # noqa: SIM905 - a list of words reads best as one
    "assert static private public protected instanceof break continue synchronized this super".split()
)
_MAX_DEPTH = 64
_MAX_DIGITS = 100  # of a whole number; a long has 19, and zeros in front


@dataclass(frozen=True)
class Literal:
    """A constant; `type` is the Avro type that it may go onto, or `null`."""

    value: bool | int | float | str | None
    type: str
    place: Place


@dataclass(frozen=True)
class Name:
    """A name that stands alone: a variable, or the target of `parse ... to`."""

    name: str
    place: Place


@dataclass(frozen=True)
class Call:
    """`receiver.name(arguments)`; `receiver` is None where nothing stands before the name."""

    receiver: Expression | None
    name: str
    arguments: tuple[Expression, ...]
    place: Place


@dataclass(frozen=True)
class Closure:
    """Statements in braces."""

    statements: tuple[Statement, ...]
    place: Place


@dataclass(frozen=True)
class Assign:
    """`def name = value`, or without `def`."""

    name: str
    value: Expression
    declares: bool
    place: Place


Expression: TypeAlias = Literal | Name | Call | Closure
Statement: TypeAlias = Assign | Expression


def parse(source: Source) -> tuple[tuple[Statement, ...], list[Problem]]:
    """The statements of a mapping that could be read, and the problems with the others."""
    parser = _Parser(source)
    return tuple(parser.script()), parser.problems


class _Failed(Exception):
    """A production did not match; its problem is noted already."""


class _Parser:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._tokens = tokenize(source)
        self._at = 0
        self._depth = 0
        self.problems: list[Problem] = []

    def script(self) -> list[Statement]:
        statements = self._statements()
        while self._token.kind != "end":
            self._note("expected a statement, found }")
            self._advance()
            statements += self._statements()
        return statements

    def _statements(self) -> list[Statement]:
        """Statements up to the `}` or the end that follows them."""
        statements: list[Statement] = []
        self._skip_newlines()
        while self._token.text != "}" and self._token.kind != "end":
            try:
                statement = self._statement()
                if self._token.kind not in ("newline", "end") and self._token.text != "}":
                    self._fail("the end of the line")
                statements.append(statement)
            except _Failed:
                self._skip_line()
            self._skip_newlines()
        return statements

    def _statement(self) -> Statement:
        place = self._token.place
        if self._accept("return"):
            return self._command()
        declares = self._accept("def") or self._accept("final")
        kinds = [token.kind for token in self._tokens[self._at : self._at + 3]]
        texts = [token.text for token in self._tokens[self._at : self._at + 3]]
        if kinds[:2] == ["name", "name"] and texts[2:] == ["="] and texts[0] not in _GROOVY:
            declares = True
            self._advance()  # a type, which says nothing that the value doesn't
        if self._token.kind == "name" and self._tokens[self._at + 1].text == "=":
            name = self._token.text
            self._advance()
            self._advance()
            self._skip_newlines()
            return Assign(name, self._command(), declares, place)
        if declares:
            self._fail("a variable's name and '='")
        return self._command()

    def _command(self) -> Expression:
        """An expression, perhaps with the brackets and dots of its calls left out."""
        expression = self._postfix()
        if isinstance(expression, Name) and self._begins_argument():
            expression = Call(None, expression.name, self._arguments(), expression.place)
        while self._token.kind == "name":
            token = self._token
            self._refuse_groovy(token)
            self._advance()
            if self._token.text == "(" or self._token.text == "{":
                arguments = self._brackets_and_closure()
            elif self._begins_argument():
                arguments = self._arguments()
            else:
                self._fail(f"what '{token.text}' is about")
            expression = self._selectors(Call(expression, token.text, arguments, token.place))
        return expression

    def _begins_argument(self) -> bool:
        return self._token.kind in ("string", "number", "name", "unreadable")

    def _arguments(self) -> tuple[Expression, ...]:
        arguments = [self._postfix()]
        while self._accept(","):
            self._skip_newlines()
            arguments.append(self._postfix())
        return tuple(arguments)

    def _postfix(self) -> Expression:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._refuse(self._token.place, f"nested deeper than {_MAX_DEPTH} levels")
        try:
            return self._selectors(self._primary())
        finally:
            self._depth -= 1

    def _selectors(self, expression: Expression) -> Expression:
        while self._accepts_dot():
            token = self._token
            if token.kind != "name":
                self._fail("a function's name after '.'")
            self._advance()
            if self._token.text not in ("(", "{"):
                self._fail(f"'(' after '{token.text}'")
            expression = Call(expression, token.text, self._brackets_and_closure(), token.place)
        return expression

    def _accepts_dot(self) -> bool:
        """Take a dot that leads to another call; a line may begin with it."""
        ahead = self._at
        while self._tokens[ahead].text == "\n":
            ahead += 1
        if self._tokens[ahead].text != ".":
            return False
        self._at = ahead + 1
        self._skip_newlines()
        return True

    def _primary(self) -> Expression:
        token = self._token
        if token.text == "{":
            return self._closure()
        if self._accept("("):
            self._skip_newlines()
            inner = self._postfix()
            self._skip_newlines()
            self._no_command()
            self._expect(")")
            return inner
        literal = self._literal()
        if literal is not None:
            return literal
        if token.kind != "name":
            self._fail("a value such as partyId()")
        self._refuse_groovy(token)
        self._advance()
        if self._token.text in ("(", "{"):
            return Call(None, token.text, self._brackets_and_closure(), token.place)
        return Name(token.text, token.place)

    def _brackets_and_closure(self) -> tuple[Expression, ...]:
        """Arguments in brackets, and one more in braces behind them; either may be missing."""
        arguments: tuple[Expression, ...] = ()
        if self._accept("("):
            self._skip_newlines()
            if not self._accept(")"):
                arguments = self._arguments()
                self._skip_newlines()
                self._no_command()
                self._expect(")")
        if self._token.text == "{":
            arguments += (self._closure(),)
        return arguments

    def _no_command(self) -> None:
        """Refuse what would be a command, were it not inside brackets."""
        if self._begins_argument() and self._token.kind != "unreadable":
            self._refuse(
                self._token.place,
                f"{self._token} can't follow here: inside brackets a call needs its own brackets and dots; "
                "use a variable (def u = parse x to uri) or a closure ({ parse x to uri })",
            )

    def _closure(self) -> Closure:
        place = self._token.place
        self._expect("{")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._refuse(place, f"nested deeper than {_MAX_DEPTH} levels")
        try:
            self._skip_newlines()
            named = self._token.kind == "name"  # a parameter, which nothing is given for
            if self._tokens[self._at + named].text == "-" and self._tokens[self._at + named + 1].text == ">":
                self._at += 2 + named
            statements = self._statements()
            self._expect("}")
        finally:
            self._depth -= 1
        return Closure(tuple(statements), place)

    def _literal(self) -> Literal | None:
        token = self._token
        if token.kind == "string":
            return Literal(self._string(), "string", token.place)
        if token.kind == "number":
            return self._number(token.place, "")
        if token.text == "-" and self._tokens[self._at + 1].kind == "number":
            self._advance()
            return self._number(token.place, "-")
        if token.kind == "name" and token.text in _CONSTANTS:
            self._advance()
            return Literal(*_CONSTANTS[token.text], token.place)
        return None

    def _string(self) -> str:
        try:
            value = string_value(self._token)
        except ValueError as error:
            self._refuse(self._token.place, str(error))
        self._advance()
        return value

    def _number(self, place: Place, sign: str) -> Literal:
        token = self._token
        text = token.text.replace("_", "").lower()
        base = 16 if text.startswith("0x") else 10
        suffixes = "lig" if base == 16 else "lfdig"
        suffix = text[-1] if text[-1] in suffixes else ""
        digits = text.removesuffix(suffix) if suffix else text
        fraction = base == 10 and re.search(r"[.e]", digits) is not None
        if suffix == "g" or (fraction and suffix not in ("f", "d")):
            message = f"{token.text} is a BigDecimal, which fits no field; write {digits}d or {digits}f"
            self._refuse(place, message if fraction else f"{token.text} is a BigInteger, which fits no field")
        if fraction or suffix in ("f", "d"):
            type_ = _NUMBER_TYPES.get(suffix, "double")
            value = float(sign + digits)
            if math.isinf(value):
                self._refuse(place, f"{token.text} does not fit into type {type_}")
            self._advance()
            return Literal(value, type_, place)
        if base == 10 and len(digits) > 1 and digits[0] == "0":
            self._refuse(place, "a number that begins with 0 is octal in Groovy; write it without")
        if len(digits) > _MAX_DIGITS:
            self._refuse(place, f"{sign}{token.text[:_MAX_DIGITS]}... does not fit into type long")
        whole = int(sign + digits, base)
        type_ = _NUMBER_TYPES.get(suffix, "int" if -_INT_BOUND <= whole < _INT_BOUND else "long")
        bound = _INT_BOUND if type_ == "int" else _LONG_BOUND
        if not -bound <= whole < bound:
            self._refuse(place, f"{sign}{token.text} does not fit into type {type_}")
        self._advance()
        return Literal(whole, type_, place)

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _advance(self) -> None:
        if self._token.kind != "end":
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

    def _refuse_groovy(self, token: Token) -> None:
        if token.text in _GROOVY:
            self._refuse(
                token.place,
                f"'{token.text}' is Groovy that mappings can't use here"
                + ("; write `when`" if token.text == "if" else ""),
            )

    def _fail(self, expected: str) -> NoReturn:
        if self._token.kind == "unreadable":
            self._refuse(self._token.place, unreadable(self._token))
        self._refuse_groovy(self._token)
        self._refuse(self._token.place, f"expected {expected}, found {self._token}")

    def _refuse(self, place: Place, message: str) -> NoReturn:
        self.problems.append(self._source.problem(place, message))
        raise _Failed

    def _note(self, message: str) -> None:
        self.problems.append(self._source.problem(self._token.place, message))
