"""Runs the parsed script once, as Groovy would run it: variables, closures, the values of expressions.

What the words of the language do is left to `builder`, which makes this class a whole. A statement that can't be carried
out is noted as a problem with its place, and the next one goes on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from pyglue.collector.mapping import wording
from pyglue.collector.mapping.functions import DIGESTS
from pyglue.collector.mapping.nodes import Action, Node, as_str
from pyglue.collector.mapping.parser import Assign, Call, Closure, Expression, Literal, Name, Statement
from pyglue.collector.mapping.tokens import Place, Source
from pyglue.errors import InputError, Problem


class Scope:
    """Variables by name; those of the closures around it are seen, too."""

    def __init__(self, outer: Scope | None = None) -> None:
        self._outer = outer
        self._values: dict[str, Value] = {}

    def find(self, name: str) -> Scope | None:
        """The scope that holds variable `name`."""
        scope: Scope | None = self
        while scope is not None and name not in scope._values:
            scope = scope._outer
        return scope

    def get(self, name: str) -> Value:
        """What variable `name` of this very scope holds."""
        return self._values[name]

    def set(self, name: str, value: Value) -> None:
        """Bind variable `name` in this scope."""
        self._values[name] = value


@dataclass(frozen=True)
class Bound:
    """A closure with the variables that it sees."""

    closure: Closure
    scope: Scope


@dataclass(frozen=True)
class Partial:
    """The first half of a sentence, such as `map x` before `onto`: what it is about, by the word that opened it."""

    word: str
    subject: Any
    place: Place


@dataclass
class Digest:
    """A digest that collects its pieces, each once, by their numbers."""

    algorithm: str
    seed: str | None
    pieces: dict[int, Node]


@dataclass(frozen=True)
class Nothing:
    """What an action gives."""


Value: TypeAlias = Node | Literal | Bound | Partial | Digest | Nothing


# A closure may be used many times, in closures that are used many times.
_MAX_STATEMENTS = 20_000


class Refused(Exception):
    """A statement can't be carried out; its problem is noted already."""


class Interpreter(ABC):
    """Runs statements. `actions` is where the statements that are run at present put theirs."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.actions: list[Action] = []
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._statements = 0

    @abstractmethod
    def command(self, call: Call, scope: Scope) -> Value:
        """What a call without anything before it gives; raises Refused."""

    @abstractmethod
    def method(self, receiver: Value, call: Call, scope: Scope) -> Value:
        """What a call behind a dot gives; raises Refused."""

    @abstractmethod
    def is_word(self, name: str) -> bool:
        """Whether `name` is one of the language's own, which a call would understand."""

    def run(self, statements: tuple[Statement, ...], scope: Scope) -> Value:
        """Carry out all statements; the value of the last one."""
        value: Value = Nothing()
        for statement in statements:
            self._statements += 1
            if self._statements > _MAX_STATEMENTS:
                reason = (
                    "its closures, one within another, come to more statements than anybody could have meant"
                )
                raise InputError([self._source.problem(statement.place, reason)])
            value = Nothing()
            try:
                if isinstance(statement, Assign):
                    self._assign(statement, scope)
                else:
                    value = self.value(statement, scope)
            except Refused:
                continue
            if isinstance(value, Partial):
                self.note(value.place, f"'{value.word}' is not complete: {wording.REST[value.word]}")
        return value

    def _assign(self, statement: Assign, scope: Scope) -> None:
        try:
            value = self.value(statement.value, scope)
        except Refused:
            # So that only its own mistake is told, not that of everything which uses it.
            value = Nothing()
        owner = scope if statement.declares else scope.find(statement.name) or scope
        owner.set(statement.name, value)

    def within(self, bound: Bound) -> tuple[Action, ...]:
        """The actions of a closure."""
        outside, self.actions = self.actions, []
        self.run(bound.closure.statements, Scope(bound.scope))
        inside, self.actions = self.actions, outside
        return tuple(inside)

    # expressions

    def value(self, expression: Expression, scope: Scope) -> Value:
        """What an expression gives; raises Refused."""
        if isinstance(expression, Literal):
            return expression
        if isinstance(expression, Closure):
            return Bound(expression, scope)
        if isinstance(expression, Name):
            return self._variable(expression, scope)
        if expression.receiver is None:
            return self.command(expression, scope)
        return self.method(self.value(expression.receiver, scope), expression, scope)

    def _variable(self, name: Name, scope: Scope) -> Value:
        owner = scope.find(name.name)
        if owner is None:
            known = self.is_word(name.name)
            self.refuse(
                name.place,
                f"'{name.name}' needs brackets: {name.name}()" if known else f"unknown name '{name.name}'",
            )
        value = owner.get(name.name)
        if isinstance(value, Nothing):
            raise Refused  # its own mistake is told already
        return value

    # arguments

    def arity(self, call: Call, least: int, most: int | None = None) -> None:
        """Refuse a call with another number of arguments."""
        if not least <= len(call.arguments) <= (least if most is None else most):
            wanted = f"{least}" if most is None else f"{least} or {most}"
            number = "no argument" if wanted == "0" else f"{wanted} argument{'s' if wanted != '1' else ''}"
            self.refuse(call.place, f"{call.name} takes {number}, found {len(call.arguments)}")

    def closure(self, call: Call, scope: Scope) -> Bound:
        """The one argument of `call`, a closure."""
        self.arity(call, 1)
        value = self.value(call.arguments[0], scope)
        if not isinstance(value, Bound):
            self.refuse(call.place, f"{call.name} takes a block in braces")
        return value

    def constant(self, call: Call, at: int, type_: str, scope: Scope) -> Any:
        """The text (`string`) or whole number (`int`) that an argument is."""
        argument = call.arguments[at]
        value = self.value(argument, scope)
        if not isinstance(value, Literal) or value.type != type_:
            expected = "a text in quotes" if type_ == "string" else "a whole number"
            self.refuse(argument.place, f"{call.name} takes {expected}")
        return value.value

    def producer(self, expression: Expression, scope: Scope) -> Node:
        """The value of the event that `expression` is."""
        return self.of_event(self.value(expression, scope), expression.place)

    def of_event(self, value: Value, place: Place) -> Node:
        """`value` as one of the event; a closure stands for the value of its last statement."""
        if isinstance(value, Bound):
            before = len(self.problems)
            value = self.run(value.closure.statements, Scope(value.scope))
            if len(self.problems) > before:
                raise Refused
        if isinstance(value, Digest):
            self.refuse(place, f"a digest is no value yet; expected {wording.names(DIGESTS)} after it")
        if not isinstance(value, Node):
            self.refuse(place, "expected a value of the event, such as partyId()")
        return value

    def text(self, expression: Expression, scope: Scope, word: str) -> Node:
        """An argument that is a text of the event, as str; `word` names what takes it."""
        node = self.producer(expression, scope)
        if node.type != "string":
            self.refuse(expression.place, f"{word} takes a text, and this is {wording.article(node.type)}")
        return as_str(node)

    # problems

    def refuse(self, place: Place, message: str) -> NoReturn:
        """Note a problem and give the statement up."""
        self.note(place, message)
        raise Refused

    def note(self, place: Place, message: str) -> None:
        """Note a problem."""
        self.problems.append(self._source.problem(place, message))

    def warn(self, place: Place, message: str) -> None:
        """Note what will drop events."""
        self.warnings.append(
            self._source.problem(place, f"{message}; events that reach this will be dropped")
        )
