"""What the words of the mapping language do: from the parsed script to actions.

The script is run once (`interpreter`). Variables are gone afterwards; what an event is asked for remains, as `nodes`. Every
type is checked. What Divolte refuses at start is a problem, with its place; what it accepts although its worker will end
at an event that reaches it is a warning, and such events are dropped with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace

from pyglue.collector.avro.schema import RecordSchema
from pyglue.collector.mapping import wording, writing
from pyglue.collector.mapping.functions import COMMANDS, DIGESTS, FUNCTIONS, PARSERS, USER_AGENT, Function
from pyglue.collector.mapping.interpreter import (
    Digest,
    Interpreter,
    Nothing,
    Partial,
    Scope,
    Value,
)
from pyglue.collector.mapping.nodes import (
    JSON_TYPES,
    Action,
    Alike,
    Exit,
    MapOnto,
    Mapped,
    Node,
    Section,
    Stop,
    When,
    as_utf8,
    constant,
    negated,
    piece,
)
from pyglue.collector.mapping.parser import Call, Literal, Name, Statement
from pyglue.collector.mapping.tokens import Source
from pyglue.collector.values import digests, javaregex, jsonpath
from pyglue.errors import Problem

_MAX_SECTIONS = 16  # one within the other


@dataclass(frozen=True)
class Built:
    """What a script means for a schema: actions, a list of its `map`s, and all that is wrong or will be.

    `headers` and `cookies` are those of a request that it reads, names of headers in lower case.
    """

    actions: tuple[Action, ...]
    mapped: tuple[Mapped, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    headers: frozenset[bytes]
    cookies: frozenset[str]


def build(
    statements: tuple[Statement, ...],
    source: Source,
    schema: RecordSchema,
    *,
    geo: bool,
    unread: Mapping[str, str],
) -> Built:
    """Run the script; `geo` says whether there is a database for `ip2geo`, `unread` why which headers are closed to it."""
    builder = _Builder(source, schema, geo, unread)
    builder.script(statements)
    return Built(
        tuple(builder.actions),
        tuple(builder.mapped),
        tuple(builder.problems),
        tuple(builder.warnings),
        frozenset(builder.headers),
        frozenset(builder.cookies),
    )


class _Builder(Interpreter):
    def __init__(self, source: Source, schema: RecordSchema, geo: bool, unread: Mapping[str, str]) -> None:
        super().__init__(source)
        self._schema = schema
        self._geo = geo
        self._unread = unread
        self._inside = False
        self._sections = 0
        self._alike = Alike()
        self._patterns: dict[Hashable, javaregex.JavaRegex] = {}
        self.mapped: list[Mapped] = []
        self.headers: set[bytes] = set()
        self.cookies: set[str] = set()

    def script(self, statements: tuple[Statement, ...]) -> None:
        """Everything outside of `mapping { ... }` is variables only."""
        self.run(statements, Scope())

    def is_word(self, name: str) -> bool:
        """See Interpreter."""
        return name in COMMANDS or name in FUNCTIONS[None]

    def command(self, call: Call, scope: Scope) -> Value:
        """See Interpreter."""
        if call.name == "mapping":
            return self._mapping(call, scope)
        if not self._inside:
            self.refuse(call.place, f"'{call.name}' stands outside of mapping {{ ... }}")
        if call.name in COMMANDS:
            command: Callable[[Call, Scope], Value] = getattr(self, f"_{call.name}")
            return command(call, scope)
        function = FUNCTIONS[None].get(call.name)
        if function is None:
            self.refuse(
                call.place,
                f"'{call.name}' is not a function that is understood here; expected one of "
                + ", ".join(sorted((*FUNCTIONS[None], *COMMANDS))),
            )
        return self._function(function, (), call, scope)

    def _mapping(self, call: Call, scope: Scope) -> Value:
        bound = self.closure(call, scope)
        if self._inside:
            self.refuse(call.place, "mapping stands within mapping")
        self._inside = True
        self.actions += self.within(bound)
        self._inside = False
        return Nothing()

    def method(self, receiver: Value, call: Call, scope: Scope) -> Value:
        """See Interpreter."""
        if isinstance(receiver, Partial):
            if call.name not in wording.METHODS[receiver.word]:
                self.refuse(
                    call.place, f"'{receiver.word}' {wording.REST[receiver.word]}; found '{call.name}'"
                )
            finish: Callable[[Partial, Call, Scope], Value] = getattr(self, f"_{receiver.word}_{call.name}")
            return finish(receiver, call, scope)
        if isinstance(receiver, Digest):
            return self._of_digest(receiver, call, scope)
        if not isinstance(receiver, Node):
            self.refuse(call.place, f"'{call.name}' has no value before it")
        if call.name in wording.ANY:
            return self._of_any(receiver, call, scope)
        if receiver.type == "boolean" and call.name in wording.LOGIC:
            return self._of_boolean(receiver, call, scope)
        if receiver.type == "matcher" and call.name in ("matches", "group"):
            return self._of_matcher(receiver, call, scope)
        if receiver.type == "parameters" and call.name == "path":
            return self._path(receiver, call, scope)
        function = FUNCTIONS.get(receiver.type, {}).get(call.name)
        if function is None:
            self.refuse(
                call.place,
                f"{wording.article(receiver.type)} has no function '{call.name}'; it has {wording.has(receiver)}",
            )
        return self._function(function, (receiver,), call, scope)

    def _function(self, function: Function, arguments: tuple[Node, ...], call: Call, scope: Scope) -> Node:
        constants: tuple[str | int, ...] = ()
        if function is USER_AGENT:
            self.headers.add(b"user-agent")
        if function.parameter is None:
            self.arity(call, 0)
        else:
            self.arity(call, 1)
            constants = (self.constant(call, 0, function.parameter, scope),)
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

    # map

    def _map(self, call: Call, scope: Scope) -> Value:
        self.arity(call, 1)
        argument = call.arguments[0]
        value = self.value(argument, scope)
        node = constant(value) if isinstance(value, Literal) else self.of_event(value, argument.place)
        return Partial("map", node, call.place)

    def _map_onto(self, partial: Partial, call: Call, scope: Scope) -> Value:
        self.arity(call, 1)
        name = self.constant(call, 0, "string", scope)
        place = call.arguments[0].place
        field = self._schema.field(name)
        if field is None:
            self.refuse(place, f"the schema {self._schema.file} has no field '{name}'")
        node = partial.subject
        reason = writing.mismatch(node, field)
        if reason:
            self.refuse(place, f"field '{name}': {reason}")
        self.actions.append(MapOnto(node, field))
        self.mapped.append(Mapped(name, writing.described(field), place))
        return Nothing()

    # conditions

    def _when(self, call: Call, scope: Scope) -> Value:
        self.arity(call, 1)
        argument = call.arguments[0]
        value = self.value(argument, scope)
        if isinstance(value, Literal):
            self.refuse(argument.place, "when takes a condition that an event decides")
        condition = self.of_event(value, argument.place)
        if condition.type != "boolean":
            reason = f"when on {wording.article(condition.type)}"
            self.warn(argument.place, f"this is {wording.article(condition.type)}, no condition")
            condition = Node("boolean", "", (condition,), (reason,), fails=reason)
        return Partial("when", condition, call.place)

    def _when_apply(self, partial: Partial, call: Call, scope: Scope) -> Value:
        self.actions.append(When(partial.subject, self.within(self.closure(call, scope))))
        return Nothing()

    def _when_exit(self, partial: Partial, call: Call, scope: Scope) -> Value:  # noqa: ARG002 - as its sisters
        self.arity(call, 0)
        self.actions.append(When(partial.subject, (Exit(),)))
        return Nothing()

    def _when_stop(self, partial: Partial, call: Call, scope: Scope) -> Value:  # noqa: ARG002 - as its sisters
        self.arity(call, 0)
        self.actions.append(When(partial.subject, (Stop(),)))
        return Nothing()

    def _section(self, call: Call, scope: Scope) -> Value:
        self._sections += 1
        if self._sections > _MAX_SECTIONS:
            self.refuse(call.place, f"more than {_MAX_SECTIONS} sections within one another")
        self.actions.append(Section(self.within(self.closure(call, scope))))
        self._sections -= 1
        return Nothing()

    def _exit(self, call: Call, scope: Scope) -> Value:  # noqa: ARG002 - as its sisters
        self.arity(call, 0)
        self.actions.append(Exit())
        return Nothing()

    def _stop(self, call: Call, scope: Scope) -> Value:  # noqa: ARG002 - as its sisters
        self.arity(call, 0)
        self.actions.append(Stop())
        return Nothing()

    def _not(self, call: Call, scope: Scope) -> Value:
        self.arity(call, 1)
        return negated(self._condition(call, scope))

    def _condition(self, call: Call, scope: Scope) -> Node:
        node = self.producer(call.arguments[0], scope)
        if node.type != "boolean":
            self.refuse(
                call.arguments[0].place,
                f"{call.name} takes a condition, and this is {wording.article(node.type)}",
            )
        return node

    def _of_boolean(self, receiver: Node, call: Call, scope: Scope) -> Value:
        if call.name == "negate":
            self.arity(call, 0)
            return negated(receiver)
        self.arity(call, 1)
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
        self.arity(call, 0)
        mark = "is not" if call.name == "isPresent" else "is"
        empty = "ABSENT" if receiver.type in JSON_TYPES else "None"
        return Node("boolean", f"{{0}} {mark} {empty}", (receiver,), certain=True, total=True)

    def _equal(self, receiver: Node, call: Call, scope: Scope) -> Node:
        self.arity(call, 1)
        argument = call.arguments[0]
        value = self.value(argument, scope)
        if isinstance(value, Literal) and value.type != "null":
            other = constant(value)
        else:
            other = self.of_event(value, argument.place)
        if receiver.type != other.type:
            # Values of two types are never equal, but two empty ones are.
            return Node("boolean", "empty({0}) and empty({1})", (receiver, other), certain=True, total=True)
        if receiver.type == "string":
            return Node(
                "boolean", "{0} == {1}", (as_utf8(receiver), as_utf8(other)), certain=True, total=True
            )
        python = "{0} == {1}" if receiver.type in ("boolean", "int", "long") else "same({0}, {1})"
        return Node("boolean", python, (receiver, other), certain=True, total=True)

    # texts

    def _parse(self, call: Call, scope: Scope) -> Value:
        self.arity(call, 1)
        return Partial("parse", self.text(call.arguments[0], scope, "parse"), call.place)

    def _parse_to(self, partial: Partial, call: Call, scope: Scope) -> Value:  # noqa: ARG002 - as its sisters
        self.arity(call, 1)
        target = call.arguments[0]
        if not isinstance(target, Name) or target.name not in PARSERS:
            self.refuse(target.place, f"parse ... to takes one of {', '.join(PARSERS)}")
        function = PARSERS[target.name]
        return Node(function.result, function.python, (partial.subject,))

    def _match(self, call: Call, scope: Scope) -> Value:
        self.arity(call, 1)
        pattern = self.constant(call, 0, "string", scope)
        place = call.arguments[0].place
        try:
            compiled: javaregex.JavaRegex | None = javaregex.compile(pattern)
        except javaregex.JavaRegexError as error:
            self.warn(place, f"this regular expression is none: {error}")
            compiled = None
        except ValueError as error:
            self.refuse(place, f"this regular expression can't be used here: {error}")
        return Partial("match", (pattern, compiled), call.place)

    def _match_against(self, partial: Partial, call: Call, scope: Scope) -> Value:
        self.arity(call, 1)
        text = self.text(call.arguments[0], scope, "match ... against")
        pattern, compiled = partial.subject
        if compiled is None:
            return Node("matcher", "", (text,), (pattern,), fails="broken regular expression")
        self._patterns[pattern] = compiled
        return Node("matcher", "{k0}({0}) or False", (text,), (pattern,), (compiled.match,))

    def _of_matcher(self, receiver: Node, call: Call, scope: Scope) -> Value:
        if call.name == "matches":
            self.arity(call, 0)
            return Node("boolean", "{0} is not False", (receiver,))
        self.arity(call, 1)
        argument = call.arguments[0]
        value = self.value(argument, scope)
        if not isinstance(value, Literal) or value.type not in ("int", "string"):
            self.refuse(argument.place, "group takes a number or a name in quotes")
        if receiver.fails:
            return Node("string", "None", (receiver,))
        compiled = self._patterns[receiver.constants[0]]
        named = value.value
        number = compiled.names.get(named) if isinstance(named, str) else int(named or 0)
        if number is None or not 0 <= number <= compiled.groups:
            self.warn(argument.place, f"the regular expression has no group {value.value}")
            reason = "no such group in a regular expression"
            matched = Node("boolean", "{0} or None", (receiver,))
            return Node("string", "", (matched,), (reason,), fails=reason)
        return Node("string", "{0}.group({k0}) if {0} else None", (receiver,), (number,), (number,))

    # what the request brought

    def _cookie(self, call: Call, scope: Scope) -> Value:
        self.arity(call, 1)
        name = self.constant(call, 0, "string", scope)
        self.cookies.add(name)
        return Node("string", "cookie(e.header_lines(b'cookie'), {k0})", (), (name,), (name,))

    def _header(self, call: Call, scope: Scope) -> Value:
        self.arity(call, 1)
        name = self.constant(call, 0, "string", scope)
        if name.lower() in self._unread:
            self.refuse(
                call.arguments[0].place, f"header '{name}' can't be read: {self._unread[name.lower()]}"
            )
        key = name.lower().encode("utf-8", "replace")
        self.headers.add(key)
        return Node("header", "header(e.header_lines({k0}))", (), (key,), (key,))

    def _userAgent(self, call: Call, scope: Scope) -> Value:  # noqa: N802 - named as in the language
        header = self._function(USER_AGENT, (), call, scope)
        return Node("agent", "agents({0})", (header,))

    def _ip2geo(self, call: Call, scope: Scope) -> Value:
        self.arity(call, 0, 1)
        if not self._geo:
            self.refuse(
                call.place,
                "ip2geo needs a database: set divolte.global.mapper.ip2geo_database in the configuration",
            )
        if not call.arguments:
            return Node("geo", "geo_of_host(e.remote_host.decode())")
        return Node("geo", "geo_of_text({0})", (self.text(call.arguments[0], scope, "ip2geo"),))

    def _eventParameter(self, call: Call, scope: Scope) -> Value:  # noqa: N802 - named as in the language
        return self._function(
            FUNCTIONS["parameters"]["value"], (_parameters(),), replace(call, name="eventParameter"), scope
        )

    def _path(self, receiver: Node, call: Call, scope: Scope) -> Node:
        self.arity(call, 1)
        path = self.constant(call, 0, "string", scope)
        try:
            compiled = jsonpath.compile(path)
        except ValueError as error:
            self.refuse(call.arguments[0].place, f"this JsonPath can't be used: {error}")
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
        self.arity(call, 1, 2)
        algorithm = self.constant(call, 0, "string", scope)
        seed = self.constant(call, 1, "string", scope) if len(call.arguments) == 2 else None
        return Digest(algorithm, seed, {})

    def _of_digest(self, digest: Digest, call: Call, scope: Scope) -> Value:
        if call.name == "add":
            self.arity(call, 1)
            argument = call.arguments[0]
            value = self.value(argument, scope)
            node = constant(value) if isinstance(value, Literal) else self.of_event(value, argument.place)
            written = piece(node)
            if written is None:
                self.refuse(
                    argument.place,
                    f"a digest takes texts, numbers and conditions, not {wording.article(node.type)}",
                )
            digest.pieces.setdefault(self._alike.number(written), written)
            return digest
        function = DIGESTS.get(call.name, "")
        if not function:
            self.refuse(
                call.place, f"a digest has no function '{call.name}'; it has add(), {wording.names(DIGESTS)}"
            )
        self.arity(call, 0)
        try:
            digester = digests.digester(digest.algorithm, digest.seed)
        except ValueError as error:
            self.refuse(call.place, str(error))
        given = ", ".join(f"{{{at}}}" for at in range(len(digest.pieces)))
        result = Node(
            "bytes",
            f"{{k0}}([piece for piece in ({given}{',' if given else ''}) if piece is not None])",
            tuple(digest.pieces.values()),
            (digest.algorithm.lower(), digest.seed),
            (digester,),
            certain=True,
            total=True,
        )
        return result if call.name == "result" else Node("string", function, (result,), certain=True)


def _parameters() -> Node:
    function = FUNCTIONS[None]["eventParameters"]
    return Node(function.result, function.python, total=function.total)
