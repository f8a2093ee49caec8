"""From statements and a schema to one Python function that writes a record's bytes.

Every statement becomes an assignment to the local variable of its field, in the script's order; then every field is
written in the schema's order. All types are checked here, so an event can fail in one way only: a field that has no
default and that no producer filled (DroppedEvent).

The generated text holds names of this module's tables, Python literals made by `repr`, and positions of fields:
never text of the mapping or the schema as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pyglue.collector import avro_bytes
from pyglue.collector.event import DroppedEvent, Event
from pyglue.collector.mapping import values
from pyglue.collector.mapping.parser import Call, Chain, Literal, Map, Producer, parse
from pyglue.collector.mapping.producers import FUNCTIONS, JSON_TYPES, PATH, Function, path_steps
from pyglue.collector.mapping.tokens import Place, Source
from pyglue.collector.schema import Field, RecordSchema
from pyglue.collector.useragent import AgentCache
from pyglue.errors import InputError, Problem

Encoder = Callable[[Event], bytes]

_WRITERS = {
    "boolean": avro_bytes.boolean,
    "int": avro_bytes.integer,
    "long": avro_bytes.integer,
    "float": avro_bytes.single,
    "double": avro_bytes.double,
    "string": avro_bytes.string,
}


def compile_mapping(source: Source, schema: RecordSchema, agents: AgentCache) -> Encoder:
    """The function that writes an event's record, bare Avro; raises InputError with all problems of the mapping.

    The function raises DroppedEvent for an event that leaves a required field empty.
    """
    statements, unreadable = parse(source)
    checker = _Checker(source, schema)
    assignments = [checker.assignment(statement) for statement in statements]
    mapped = {statement.field for statement in statements}
    missing = [field.name for field in schema.fields if field.unset is None and field.name not in mapped]
    problems = sorted(
        unreadable + checker.problems, key=lambda problem: (problem.line or 0, problem.column or 0)
    )
    if not unreadable:
        problems += [
            Problem(
                source.file,
                None,
                None,
                f"nothing is mapped onto '{name}', which has no default in {schema.file}",
            )
            for name in missing
        ]
    if problems:
        raise InputError(problems)
    python = _function([line for assignment in assignments for line in assignment], schema.fields)
    scope: dict[str, Any] = {
        "UNSET": values.UNSET,
        "dig": values.dig,
        "agents": agents,
        "unfilled": _unfilled,
        **{f"to_{name}": convert for name, convert in values.CONVERTERS.items()},
        **{f"write_{name}": write for name, write in _WRITERS.items()},
    }
    exec(compile(python, f"<{source.file}, compiled>", "exec"), scope)  # noqa: S102 - see the module's law
    encoder: Encoder = scope["encode"]
    return encoder


def _unfilled(name: str) -> DroppedEvent:
    return DroppedEvent(f"no value for field {name}")


class _Checker:
    """Turns statements into Python lines and notes what is wrong with them."""

    def __init__(self, source: Source, schema: RecordSchema) -> None:
        self._source = source
        self._schema = schema
        self.problems: list[Problem] = []

    def assignment(self, statement: Map) -> list[str]:
        """The lines that carry out `statement`; empty if a problem was noted."""
        resolved = self._producer(statement.producer)
        field = self._field(statement)
        if resolved is None or field is None:
            return []
        function = resolved
        variable = f"f{self._schema.fields.index(field)}"
        if function.result in JSON_TYPES and field.type in values.CONVERTERS:
            null = "" if field.null_branch is not None else " and v is not None"
            return [f"v = to_{field.type}({function.python})", f"if v is not UNSET{null}: {variable} = v"]
        if function.result != field.type:
            self._note(statement.producer.place, _mismatch(function, field))
            return []
        if function.certain:
            return [f"{variable} = {function.python}"]
        return [f"v = {function.python}", f"if v is not None: {variable} = v"]

    def _field(self, statement: Map) -> Field | None:
        field = self._schema.field(statement.field)
        if field is None:
            self._note(
                statement.field_place, f"the schema {self._schema.file} has no field '{statement.field}'"
            )
        return field

    def _producer(self, producer: Producer) -> Function | None:
        if isinstance(producer, Literal):
            return Function(producer.type, repr(producer.value), certain=True)
        return self._chain(producer)

    def _chain(self, chain: Chain) -> Function | None:
        function: Function | None = None
        for call in chain.calls:
            function = self._call(call, function)
            if function is None:
                return None
        return function

    def _call(self, call: Call, before: Function | None) -> Function | None:
        known = FUNCTIONS.get(before.result if before else None, {})
        function = known.get(call.name)
        if function is None:
            names = ", ".join(f"{name}()" for name in known)
            expected = f"expected one of {names}" if known else "nothing more is expected here"
            self._note(call.place, f"'{call.name}' is not a function that is understood here; {expected}")
            return None
        return self._with_argument(call, function)

    def _with_argument(self, call: Call, function: Function) -> Function | None:
        wanted = 0 if function.parameter is None else 1
        if len(call.arguments) != wanted or any(argument.type != "string" for argument in call.arguments):
            self._note(call.place, f"{call.name} takes {'one string' if wanted else 'no argument'}")
            return None
        if not wanted:
            return function
        argument = call.arguments[0]
        value: Any = argument.value
        if function.parameter == PATH:
            try:
                value = path_steps(str(argument.value))
            except ValueError as error:
                self._note(argument.place, str(error))
                return None
        return Function(function.result, function.python.format(repr(value)), function.certain)

    def _note(self, place: Place, message: str) -> None:
        self.problems.append(self._source.problem(place, message))


def _mismatch(function: Function, field: Field) -> str:
    of_field = f"field '{field.name}' is of type {field.type}"
    if function.result in JSON_TYPES:
        return f"{of_field}; event parameters go onto {', '.join(values.CONVERTERS)} only"
    if function.result in FUNCTIONS:
        names = ", ".join(f".{name}()" for name in FUNCTIONS[function.result])
        return f"this is no value yet; expected one of {names} after it"
    return f"this is of type {function.result}, but {of_field}"


def _function(assignments: list[str], fields: tuple[Field, ...]) -> str:
    used = "\n".join(assignments)
    lines = ["agent = agents(e.user_agent)"] if re.search(r"\bagent\b", used) else []
    lines += ["custom = e.custom()"] if re.search(r"\bcustom\b", used) else []
    lines += [f"f{at} = UNSET" for at in range(len(fields))]
    lines += assignments
    lines.append("out = bytearray()")
    for at, field in enumerate(fields):
        lines += _writing(f"f{at}", field)
    lines.append("return bytes(out)")
    return "def encode(e):\n" + "\n".join(f"    {line}" for line in lines)


def _writing(variable: str, field: Field) -> list[str]:
    """The lines that write one field: its value, its null, or what is written where it is unset."""
    if field.type not in _WRITERS:
        # Nothing can be mapped onto such a field, so it has a default.
        return [f"out += {field.unset!r}"]
    unset = f"raise unfilled({field.name!r})" if field.unset is None else f"out += {field.unset!r}"
    lines = [f"if {variable} is UNSET: {unset}"]
    value = f"write_{field.type}({variable})"
    if field.null_branch is None:
        return [*lines, f"else: out += {value}"]
    null, branch = avro_bytes.integer(field.null_branch), avro_bytes.integer(1 - field.null_branch)
    return [
        *lines,
        f"elif {variable} is None: out += {null!r}",
        f"else: out += {branch!r}; out += {value}",
    ]
