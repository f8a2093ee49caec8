"""From a mapping's text and a schema to one Python function that writes a record's bytes.

The way there: `tokens` and `parser` read the text, `builder` runs it once and checks all types against the schema,
`generator` writes the function, `runtime` is what the function calls. An event can fail in one way only: it is dropped
with a reason (DroppedEvent), where Divolte's worker would end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyglue.collector.avro.schema import RecordSchema
from pyglue.collector.events.event import Event
from pyglue.collector.events.useragent import AgentCache
from pyglue.collector.mapping import runtime
from pyglue.collector.mapping.builder import build
from pyglue.collector.mapping.generator import generate
from pyglue.collector.mapping.nodes import Mapped
from pyglue.collector.mapping.parser import parse
from pyglue.collector.mapping.tokens import Source
from pyglue.collector.values.geo import Database
from pyglue.errors import InputError, Problem

Encoder = Callable[[Event], bytes]


@dataclass(frozen=True)
class Compiled:
    """A mapping ready for work.

    `encode` writes an event's record, bare Avro; it raises DroppedEvent for one that can't become a record. `mapped`
    tells every `map` in its order; `warnings` what Divolte would have accepted, too, and what drops events. `headers`
    (in lower case) and `cookies` are those that it reads.
    """

    encode: Encoder
    mapped: tuple[Mapped, ...]
    warnings: tuple[Problem, ...]
    headers: frozenset[bytes] = frozenset()
    cookies: frozenset[str] = frozenset()


def compile_mapping(
    source: Source,
    schema: RecordSchema,
    agents: AgentCache,
    geo: Database | None = None,
    *,
    unread: Mapping[str, str] | None = None,
) -> Compiled:
    """The mapping in `source` for records of `schema`; raises InputError with all its problems.

    `unread` are headers, by their names in lower case, that it may not read, and why.
    """
    statements, unreadable = parse(source)
    try:
        built = build(statements, source, schema, geo=geo is not None, unread=unread or {})
        python, names = generate(built.actions, schema)
    except RecursionError:
        reason = "its values are nested too deeply; a long chain can be cut in two by a variable"
        raise InputError([Problem(source.file, None, None, reason)]) from None
    problems = unreadable + list(built.problems)
    if problems:
        raise InputError(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
    scope = {**runtime.functions(agents, geo), **names}
    exec(compile(python, f"<{source.file}, compiled>", "exec"), scope)  # noqa: S102 - see generator's law
    encoder: Encoder = scope["encode"]
    mapped = {entry.field for entry in built.mapped}
    empty = [
        Problem(
            source.file,
            None,
            None,
            f"nothing is mapped onto '{field.name}', which has no default in {schema.file}; events will be dropped",
        )
        for field in schema.fields
        if field.unset is None and field.name not in mapped
    ]
    return Compiled(encoder, built.mapped, (*built.warnings, *empty), built.headers, built.cookies)
