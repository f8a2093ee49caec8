"""From the parsed script to actions: the script is run once, as Groovy would run it, with nothing but names to call.

Variables are bound here and are gone afterwards; what an event is asked for remains, as `nodes`. Every type is checked.
What Divolte refuses at start is a problem, with its place; what it accepts although its worker will end at an event that
reaches it is a warning, and such events are dropped with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn, TypeAlias

from pyglue.collector.mapping import writing
from pyglue.collector.mapping.functions import COMMANDS, DIGESTS, FUNCTIONS, PARSERS, Function
from pyglue.collector.mapping.nodes import (
    JSON_TYPES,
    Action,
    Exit,
    MapOnto,
    Mapped,
    Node,
    Section,
    Stop,
    When,
)
from pyglue.collector.mapping.parser import Assign, Call, Closure, Expression, Literal, Name, Statement
from pyglue.collector.mapping.tokens import Place, Source
from pyglue.collector.schema import RecordSchema
from pyglue.collector.values import digests, javaregex, jsonpath
from pyglue.errors import Problem

_MAX_SECTIONS = 16  # one within the other
_TEXTUAL = ("boolean", "int", "long", "float", "double", "string")


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
class _Bound:
    """A closure with the variables that it sees."""

    closure: Closure
    scope: Scope


@dataclass(frozen=True)
class _Partial:
    """The first half of a sentence, such as `map x` before `onto`: what it is about, by the word that opened it."""

    word: str
    subject: Any
    place: Place


@dataclass
class _Digest:
    """A digest that collects its pieces."""

    algorithm: str
    seed: str | None
    pieces: list[Node]


@dataclass(frozen=True)
class _Nothing:
    """What an action gives."""


Value: TypeAlias = Node | Literal | _Bound | _Partial | _Digest | _Nothing


@dataclass(frozen=True)
class Built:
    """What a script means for a schema: actions, a list of its `map`s, and all that is wrong or will be."""

    actions: tuple[Action, ...]
    mapped: tuple[Mapped, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def build(statements: tuple[Statement, ...], source: Source, schema: RecordSchema, *, geo: bool) -> Built:
    """Run the script; `geo` says whether there is a database for `ip2geo`."""
    builder = _Builder(source, schema, geo)
    builder.script(statements)
    return Built(
        tuple(builder.actions), tuple(builder.mapped), tuple(builder.problems), tuple(builder.warnings)
    )


class _Refused(Exception):
    """A statement can't be carried out; its problem is noted already."""


class _Builder:
    def __init__(self, source: Source, schema: RecordSchema, geo: bool) -> None:
        self._source = source
        self._schema = schema
        self._geo = geo
        self._inside = False
        self._sections = 0
        self._patterns: dict[Hashable, javaregex.JavaRegex] = {}
        self.actions: list[Action] = []
        self.mapped: list[Mapped] = []
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def script(self, statements: tuple[Statement, ...]) -> None:
        """Everything outside of `mapping { ... }` is variables only."""
        self._run(statements, Scope())

    # statements

    def _run(self, statements: tuple[Statement, ...], scope: Scope) -> Value:
        """Carry out all statements; the value of the last one."""
        value: Value = _Nothing()
        for statement in statements:
            value = _Nothing()
            try:
                if isinstance(statement, Assign):
                    self._assign(statement, scope)
                else:
                    value = self._value(statement, scope)
            except _Refused:
                continue
            if isinstance(value, _Partial):
                self._note(value.place, f"'{value.word}' is not complete: {_REST[value.word]}")
        return value

    def _assign(self, statement: Assign, scope: Scope) -> None:
        try:
            value = self._value(statement.value, scope)
        except _Refused:
            # So that only its own mistake is told, not that of everything which uses it.
            value = _Nothing()
        owner = scope if statement.declares else scope.find(statement.name) or scope
        owner.set(statement.name, value)

    def _within(self, bound: _Bound) -> tuple[Action, ...]:
        """The actions of a closure."""
        outside, self.actions = self.actions, []
        self._run(bound.closure.statements, Scope(bound.scope))
        inside, self.actions = self.actions, outside
        return tuple(inside)

    # expressions

    def _value(self, expression: Expression, scope: Scope) -> Value:
        if isinstance(expression, Literal):
            return expression
        if isinstance(expression, Closure):
            return _Bound(expression, scope)
        if isinstance(expression, Name):
            return self._variable(expression, scope)
        if expression.receiver is None:
            return self._command(expression, scope)
        return self._method(self._value(expression.receiver, scope), expression, scope)

    def _variable(self, name: Name, scope: Scope) -> Value:
        owner = scope.find(name.name)
        if owner is None:
            known = name.name in COMMANDS or name.name in FUNCTIONS[None]
            self._refuse(
                name.place,
                f"'{name.name}' needs brackets: {name.name}()" if known else f"unknown name '{name.name}'",
            )
        value = owner.get(name.name)
        if isinstance(value, _Nothing):
            raise _Refused  # its own mistake is told already
        return value

    def _command(self, call: Call, scope: Scope) -> Value:
        if call.name == "mapping":
            return self._mapping(call, scope)
        if not self._inside:
            self._refuse(call.place, f"'{call.name}' stands outside of mapping {{ ... }}")
        if call.name in COMMANDS:
            command: Callable[[Call, Scope], Value] = getattr(self, f"_{call.name}")
            return command(call, scope)
        function = FUNCTIONS[None].get(call.name)
        if function is None:
            self._refuse(
                call.place,
                f"'{call.name}' is not a function that is understood here; expected one of "
                + ", ".join(sorted((*FUNCTIONS[None], *COMMANDS))),
            )
        return self._function(function, (), call, scope)

    def _mapping(self, call: Call, scope: Scope) -> Value:
        bound = self._closure(call, scope)
        if self._inside:
            self._refuse(call.place, "mapping stands within mapping")
        self._inside = True
        self.actions += self._within(bound)
        self._inside = False
        return _Nothing()

    def _method(self, receiver: Value, call: Call, scope: Scope) -> Value:
        if isinstance(receiver, _Partial):
            if call.name not in _METHODS[receiver.word]:
                self._refuse(call.place, f"'{receiver.word}' {_REST[receiver.word]}; found '{call.name}'")
            finish: Callable[[_Partial, Call, Scope], Value] = getattr(self, f"_{receiver.word}_{call.name}")
            return finish(receiver, call, scope)
        if isinstance(receiver, _Digest):
            return self._of_digest(receiver, call, scope)
        if not isinstance(receiver, Node):
            self._refuse(call.place, f"'{call.name}' has no value before it")
        if call.name in _ANY:
            return self._of_any(receiver, call, scope)
        if receiver.type == "boolean" and call.name in _LOGIC:
            return self._of_boolean(receiver, call, scope)
        if receiver.type == "matcher" and call.name in ("matches", "group"):
            return self._of_matcher(receiver, call, scope)
        if receiver.type == "parameters" and call.name == "path":
            return self._path(receiver, call, scope)
        function = FUNCTIONS.get(receiver.type, {}).get(call.name)
        if function is None:
            self._refuse(
                call.place,
                f"{_article(receiver.type)} has no function '{call.name}'; it has {_has(receiver)}",
            )
        return self._function(function, (receiver,), call, scope)

    def _function(self, function: Function, arguments: tuple[Node, ...], call: Call, scope: Scope) -> Node:
        constants: tuple[str | int, ...] = ()
        if function.parameter is None:
            self._arity(call, 0)
        else:
            self._arity(call, 1)
            constants = (self._constant(call, 0, function.parameter, scope),)
        return Node(
            function.result,
            function.python,
            arguments,
            constants,
            constants,
            certain=function.certain,
            total=function.total,
            utf8=function.utf8,
        )

    # arguments

    def _arity(self, call: Call, least: int, most: int | None = None) -> None:
        if not least <= len(call.arguments) <= (least if most is None else most):
            wanted = f"{least}" if most is None else f"{least} or {most}"
            number = "no argument" if wanted == "0" else f"{wanted} argument{'s' if wanted != '1' else ''}"
            self._refuse(call.place, f"{call.name} takes {number}, found {len(call.arguments)}")

    def _closure(self, call: Call, scope: Scope) -> _Bound:
        """The one argument of `call`, a closure."""
        self._arity(call, 1)
        value = self._value(call.arguments[0], scope)
        if not isinstance(value, _Bound):
            self._refuse(call.place, f"{call.name} takes a block in braces")
        return value

    def _constant(self, call: Call, at: int, type_: str, scope: Scope) -> Any:
        argument = call.arguments[at]
        value = self._value(argument, scope)
        if not isinstance(value, Literal) or value.type != type_:
            expected = "a text in quotes" if type_ == "string" else "a whole number"
            self._refuse(argument.place, f"{call.name} takes {expected}")
        return value.value

    def _producer(self, expression: Expression, scope: Scope) -> Node:
        """A value of the event; a closure stands for the value of its last statement."""
        value = self._value(expression, scope)
        if isinstance(value, _Bound):
            before = len(self.problems)
            value = self._run(value.closure.statements, Scope(value.scope))
            if len(self.problems) > before:
                raise _Refused
        if isinstance(value, _Digest):
            self._refuse(expression.place, f"a digest is no value yet; expected {_names(DIGESTS)} after it")
        if not isinstance(value, Node):
            self._refuse(expression.place, "expected a value of the event, such as partyId()")
        return value

    def _text(self, expression: Expression, scope: Scope, word: str) -> Node:
        node = self._producer(expression, scope)
        if node.type != "string":
            self._refuse(expression.place, f"{word} takes a text, and this is {_article(node.type)}")
        return _as_str(node)

    # map

    def _map(self, call: Call, scope: Scope) -> Value:
        self._arity(call, 1)
        argument = call.arguments[0]
        value = self._value(argument, scope)
        return _Partial(
            "map", value if isinstance(value, Literal) else self._producer(argument, scope), call.place
        )

    def _map_onto(self, partial: _Partial, call: Call, scope: Scope) -> Value:
        self._arity(call, 1)
        name = self._constant(call, 0, "string", scope)
        place = call.arguments[0].place
        field = self._schema.field(name)
        if field is None:
            self._refuse(place, f"the schema {self._schema.file} has no field '{name}'")
        subject = partial.subject
        node = _literal(subject) if isinstance(subject, Literal) else subject
        reason = writing.mismatch(node, field)
        if reason:
            self._refuse(place, f"field '{name}': {reason}")
        self.actions.append(MapOnto(node, field))
        self.mapped.append(Mapped(name, writing.described(field), node.type, place))
        return _Nothing()

    # conditions

    def _when(self, call: Call, scope: Scope) -> Value:
        self._arity(call, 1)
        argument = call.arguments[0]
        value = self._value(argument, scope)
        if isinstance(value, Literal):
            self._refuse(argument.place, "when takes a condition that an event decides")
        condition = self._producer(argument, scope)
        if condition.type != "boolean":
            reason = f"when on {_article(condition.type)}"
            self._warn(argument.place, f"this is {_article(condition.type)}, no condition")
            condition = Node("boolean", "", (condition,), (reason,), fails=reason)
        return _Partial("when", condition, call.place)

    def _when_apply(self, partial: _Partial, call: Call, scope: Scope) -> Value:
        self.actions.append(When(partial.subject, self._within(self._closure(call, scope))))
        return _Nothing()

    def _when_exit(self, partial: _Partial, call: Call, scope: Scope) -> Value:  # noqa: ARG002 - as its sisters
        self._arity(call, 0)
        self.actions.append(When(partial.subject, (Exit(),)))
        return _Nothing()

    def _when_stop(self, partial: _Partial, call: Call, scope: Scope) -> Value:  # noqa: ARG002 - as its sisters
        self._arity(call, 0)
        self.actions.append(When(partial.subject, (Stop(),)))
        return _Nothing()

    def _section(self, call: Call, scope: Scope) -> Value:
        self._sections += 1
        if self._sections > _MAX_SECTIONS:
            self._refuse(call.place, f"more than {_MAX_SECTIONS} sections within one another")
        self.actions.append(Section(self._within(self._closure(call, scope))))
        self._sections -= 1
        return _Nothing()

    def _exit(self, call: Call, scope: Scope) -> Value:  # noqa: ARG002 - as its sisters
        self._arity(call, 0)
        self.actions.append(Exit())
        return _Nothing()

    def _stop(self, call: Call, scope: Scope) -> Value:  # noqa: ARG002 - as its sisters
        self._arity(call, 0)
        self.actions.append(Stop())
        return _Nothing()

    def _not(self, call: Call, scope: Scope) -> Value:
        self._arity(call, 1)
        return _negated(self._condition(call, scope))

    def _condition(self, call: Call, scope: Scope) -> Node:
        node = self._producer(call.arguments[0], scope)
        if node.type != "boolean":
            self._refuse(
                call.arguments[0].place, f"{call.name} takes a condition, and this is {_article(node.type)}"
            )
        return node

    def _of_boolean(self, receiver: Node, call: Call, scope: Scope) -> Value:
        if call.name == "negate":
            self._arity(call, 0)
            return _negated(receiver)
        self._arity(call, 1)
        other = self._condition(call, scope)
        return Node(
            "boolean",
            f"{{0}} {call.name} {{1}}",
            (receiver, other),
            certain=receiver.certain and other.certain,
        )

    def _of_any(self, receiver: Node, call: Call, scope: Scope) -> Value:
        if call.name == "equalTo":
            return self._equal(receiver, call, scope)
        self._arity(call, 0)
        mark = "is not" if call.name == "isPresent" else "is"
        empty = "ABSENT" if receiver.type in JSON_TYPES else "None"
        return Node("boolean", f"{{0}} {mark} {empty}", (receiver,), certain=True, total=True)

    def _equal(self, receiver: Node, call: Call, scope: Scope) -> Node:
        self._arity(call, 1)
        value = self._value(call.arguments[0], scope)
        other = (
            _literal(value)
            if isinstance(value, Literal) and value.type != "null"
            else self._producer(call.arguments[0], scope)
        )
        if receiver.type != other.type:
            # Values of two types are never equal, but two empty ones are.
            return Node("boolean", "empty({0}) and empty({1})", (receiver, other), certain=True, total=True)
        if receiver.type == "string":
            return Node(
                "boolean", "{0} == {1}", (_as_utf8(receiver), _as_utf8(other)), certain=True, total=True
            )
        python = "{0} == {1}" if receiver.type in ("boolean", "int", "long") else "same({0}, {1})"
        return Node("boolean", python, (receiver, other), certain=True, total=True)

    # texts

    def _parse(self, call: Call, scope: Scope) -> Value:
        self._arity(call, 1)
        return _Partial("parse", self._text(call.arguments[0], scope, "parse"), call.place)

    def _parse_to(self, partial: _Partial, call: Call, scope: Scope) -> Value:  # noqa: ARG002 - as its sisters
        self._arity(call, 1)
        target = call.arguments[0]
        if not isinstance(target, Name) or target.name not in PARSERS:
            self._refuse(target.place, f"parse ... to takes one of {', '.join(PARSERS)}")
        function = PARSERS[target.name]
        return Node(function.result, function.python, (partial.subject,))

    def _match(self, call: Call, scope: Scope) -> Value:
        self._arity(call, 1)
        pattern = self._constant(call, 0, "string", scope)
        place = call.arguments[0].place
        try:
            compiled: javaregex.JavaRegex | None = javaregex.compile(pattern)
        except javaregex.JavaRegexError as error:
            self._warn(place, f"this regular expression is none: {error}")
            compiled = None
        except ValueError as error:
            self._refuse(place, f"this regular expression can't be used here: {error}")
        return _Partial("match", (pattern, compiled), call.place)

    def _match_against(self, partial: _Partial, call: Call, scope: Scope) -> Value:
        self._arity(call, 1)
        text = self._text(call.arguments[0], scope, "match ... against")
        pattern, compiled = partial.subject
        if compiled is None:
            return Node("matcher", "", (text,), (pattern,), fails="broken regular expression")
        self._patterns[pattern] = compiled
        return Node("matcher", "{k0}({0}) or False", (text,), (pattern,), (compiled.match,))

    def _of_matcher(self, receiver: Node, call: Call, scope: Scope) -> Value:
        if call.name == "matches":
            self._arity(call, 0)
            return Node("boolean", "{0} is not False", (receiver,))
        self._arity(call, 1)
        argument = call.arguments[0]
        value = self._value(argument, scope)
        if not isinstance(value, Literal) or value.type not in ("int", "string"):
            self._refuse(argument.place, "group takes a number or a name in quotes")
        if receiver.fails:
            return Node("string", "None", (receiver,))
        compiled = self._patterns[receiver.constants[0]]
        named = value.value
        number = compiled.names.get(named) if isinstance(named, str) else int(named or 0)
        if number is None or not 0 <= number <= compiled.groups:
            self._warn(argument.place, f"the regular expression has no group {value.value}")
            reason = "no such group in a regular expression"
            matched = Node("boolean", "{0} or None", (receiver,))
            return Node("string", "", (matched,), (reason,), fails=reason)
        return Node("string", "{0}.group({k0}) if {0} else None", (receiver,), (number,), (number,))

    # what the request brought

    def _cookie(self, call: Call, scope: Scope) -> Value:
        self._arity(call, 1)
        name = self._constant(call, 0, "string", scope)
        return Node("string", "cookie(e.header_lines(b'cookie'), {k0})", (), (name,), (name,))

    def _header(self, call: Call, scope: Scope) -> Value:
        self._arity(call, 1)
        name = self._constant(call, 0, "string", scope)
        key = name.lower().encode("utf-8", "replace")
        return Node("header", "header(e.header_lines({k0}))", (), (key,), (key,))

    def _userAgent(self, call: Call, scope: Scope) -> Value:  # noqa: ARG002, N802 - named as in the language
        self._arity(call, 0)
        return Node("agent", "agents(e.header(b'user-agent'))")

    def _ip2geo(self, call: Call, scope: Scope) -> Value:
        self._arity(call, 0, 1)
        if not self._geo:
            self._refuse(
                call.place,
                "ip2geo needs a database: set divolte.global.mapper.ip2geo_database in the configuration",
            )
        if not call.arguments:
            return Node("geo", "geo_of_host(e.remote_host.decode())")
        return Node("geo", "geo_of_text({0})", (self._text(call.arguments[0], scope, "ip2geo"),))

    def _eventParameter(self, call: Call, scope: Scope) -> Value:  # noqa: N802 - named as in the language
        return self._function(
            FUNCTIONS["parameters"]["value"], (_parameters(),), replace(call, name="eventParameter"), scope
        )

    def _path(self, receiver: Node, call: Call, scope: Scope) -> Node:
        self._arity(call, 1)
        path = self._constant(call, 0, "string", scope)
        try:
            compiled = jsonpath.compile(path)
        except ValueError as error:
            self._refuse(call.arguments[0].place, f"this JsonPath can't be used: {error}")
        return Node(
            "json",
            "ABSENT if {0} is ABSENT else {k0}({0})",
            (receiver,),
            (path,),
            (compiled,),
            total=True,
        )

    # digests

    def _digest(self, call: Call, scope: Scope) -> Value:
        self._arity(call, 1, 2)
        algorithm = self._constant(call, 0, "string", scope)
        seed = self._constant(call, 1, "string", scope) if len(call.arguments) == 2 else None
        return _Digest(algorithm, seed, [])

    def _of_digest(self, digest: _Digest, call: Call, scope: Scope) -> Value:
        if call.name == "add":
            self._arity(call, 1)
            argument = call.arguments[0]
            value = self._value(argument, scope)
            node = _literal(value) if isinstance(value, Literal) else self._producer(argument, scope)
            piece = _piece(node)
            if piece is None:
                self._refuse(
                    argument.place, f"a digest takes texts, numbers and conditions, not {_article(node.type)}"
                )
            if piece not in digest.pieces:
                digest.pieces.append(piece)
            return digest
        function = DIGESTS.get(call.name, "")
        if not function:
            self._refuse(
                call.place, f"a digest has no function '{call.name}'; it has add(), {_names(DIGESTS)}"
            )
        self._arity(call, 0)
        try:
            digester = digests.digester(digest.algorithm, digest.seed)
        except ValueError as error:
            self._refuse(call.place, str(error))
        given = ", ".join(f"{{{at}}}" for at in range(len(digest.pieces)))
        result = Node(
            "bytes",
            f"{{k0}}([piece for piece in ({given}{',' if given else ''}) if piece is not None])",
            tuple(digest.pieces),
            (digest.algorithm.lower(), digest.seed),
            (digester,),
            certain=True,
            total=True,
        )
        return result if call.name == "result" else Node("string", function, (result,), certain=True)

    # problems

    def _refuse(self, place: Place, message: str) -> NoReturn:
        self._note(place, message)
        raise _Refused

    def _note(self, place: Place, message: str) -> None:
        self.problems.append(self._source.problem(place, message))

    def _warn(self, place: Place, message: str) -> None:
        self.warnings.append(
            self._source.problem(place, f"{message}; events that reach this will be dropped")
        )


_METHODS: Mapping[str, tuple[str, ...]] = {
    "map": ("onto",),
    "when": ("apply", "exit", "stop"),
    "parse": ("to",),
    "match": ("against",),
}
_REST = {
    "map": "needs onto and a field's name",
    "when": "needs apply and a block, exit() or stop()",
    "parse": f"needs to and one of {', '.join(PARSERS)}",
    "match": "needs against and a text",
}
_ANY = ("equalTo", "isPresent", "isAbsent")
_LOGIC = ("negate", "and", "or")
_ARTICLES = {
    "int": "an int",
    "ints": "a list of ints",
    "strings": "a list of texts",
    "string": "a text",
    "boolean": "a condition",
    "header": "a header",
    "agent": "a user agent",
    "geo": "a place",
    "uri": "a URI",
    "query": "a query",
    "matcher": "a match",
    "json": "JSON",
    "parameters": "event parameters (JSON)",
    "bytes": "bytes",
}


def _article(type_: str) -> str:
    return _ARTICLES.get(type_, f"a {type_}")


def _names(functions: Mapping[str, object]) -> str:
    return ", ".join(f"{name}()" for name in functions)


def _has(node: Node) -> str:
    special = {"boolean": _LOGIC, "matcher": ("matches", "group"), "parameters": ("path",)}
    return _names(dict.fromkeys((*FUNCTIONS.get(node.type, {}), *special.get(node.type, ()), *_ANY)))


def _parameters() -> Node:
    function = FUNCTIONS[None]["eventParameters"]
    return Node(function.result, function.python, total=function.total)


def _literal(literal: Literal) -> Node:
    """A constant as a value that is always there."""
    value: Any = literal.value
    utf8 = literal.type == "string"
    held = value.encode("utf-8", "replace") if utf8 else value
    return Node(literal.type, "{k0}", (), (repr(value),), (held,), certain=True, utf8=utf8)


def _negated(node: Node) -> Node:
    return Node("boolean", "not {0}", (node,), certain=node.certain)


def _as_str(node: Node) -> Node:
    return Node("string", "{0}.decode()", (node,), certain=node.certain) if node.utf8 else node


def _as_utf8(node: Node) -> Node:
    if node.utf8:
        return node
    return Node("string", "{0}.encode('utf-8', 'replace')", (node,), certain=node.certain, utf8=True)


def _piece(node: Node) -> Node | None:
    """A digest's piece as UTF-8, None if values of this type can't be one."""
    if node.type == "string":
        return _as_utf8(node)
    if node.type in JSON_TYPES:
        return Node("piece", "scalar_piece({0})", (node,), total=True)
    if node.type in _TEXTUAL:
        return Node("piece", "piece({0})", (node,))
    return None
