"""mapping.groovy: what is understood, and how the rest is refused."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector import query, schema
from pyglue.collector.event import Event
from pyglue.collector.mapping.parser import Map, parse
from pyglue.collector.mapping.producers import path_steps
from pyglue.collector.mapping.tokens import Source
from pyglue.errors import InputError
from tests.collector.support import MAPPING, NOW, SCHEMA, encoder, event_query

RECORD = schema.parse(
    """{"type": "record", "name": "R", "fields": [
      {"name": "text", "type": ["null", "string"], "default": null},   // a comment
      {"name": "yes", "type": "boolean", "default": false},
      {"name": "small", "type": ["int", "null"], "default": 7},
      {"name": "large", "type": "long", "default": 0},
      {"name": "half", "type": "float", "default": 0},
      {"name": "whole", "type": "double", "default": 0},
      {"name": "many", "type": {"type": "array", "items": "string"}, "default": ["a"]}
    ]}""",
    "s.avsc",
)
DEFAULTS = {"text": None, "yes": False, "small": 7, "large": 0, "half": 0.0, "whole": 0.0, "many": ["a"]}


def record(mapping: str, **changes: Any) -> dict[str, object]:
    """The fields that `mapping` sets for an event, those with their defaults left out."""
    event = Event(
        query.parameters(event_query(**changes).encode()),
        received=NOW,
        remote_host="h",
        user_agent="curl/8.0",
    )
    found = fastavro.schemaless_reader(io.BytesIO(encoder(mapping, RECORD)(event)), RECORD.parsed, None)
    assert isinstance(found, dict)
    return {name: value for name, value in found.items() if value != DEFAULTS[name]}


@pytest.mark.parametrize(
    ("statement", "fields"),
    [
        ("map eventType() onto 'text'", {"text": "click"}),
        ("map(eventType()).onto('text')", {"text": "click"}),
        ("map (eventType()) onto 'text'", {"text": "click"}),
        ("map { eventType() } onto 'text'", {"text": "click"}),
        ("map eventType() onto('text');", {"text": "click"}),
        ('map userAgent()\n  .name() onto "text"', {"text": "cURL"}),
        ("map 'it''s' onto 'text'", None),
        ("map 'a\\'\\u00e9\\n' onto 'text'", {"text": "a'é\n"}),
        ("map '''a'b''' onto 'text'", {"text": "a'b"}),
        ("map true onto 'yes'", {"yes": True}),
        ("map 42 onto 'small'", {"small": 42}),
        ("map 42L onto 'large'; map 1_000.5d onto 'whole'", {"large": 42, "whole": 1000.5}),
        ("map 1.5f onto 'half'", {"half": 1.5}),
        ("map timestamp() onto 'large' // when", {"large": NOW}),
        ("/* two\nlines */ map location() onto 'text'", {}),
        ("map 'x' onto 'text'\nmap location() onto 'text'", {"text": "x"}),
        ("map 'x' onto 'text'\nmap eventType() onto 'text'", {"text": "click"}),
        ("map eventParameters().value('n') onto 'text'", {"text": "5"}),
        ("map eventParameters().value('zz') onto 'text'", {"text": ""}),
        ("map eventParameter('n') onto 'text'", {"text": "5"}),
        ("map eventParameters().path('$.n') onto 'large'", {"large": 5}),
        ("map eventParameters().path('$[\\'n\\']') onto 'whole'", {"whole": 5.0}),
        ("map eventParameters().path('$.zz') onto 'small'", {}),
        ("map 'x' onto 'text'; map eventParameters().path('$.zz') onto 'text'", {"text": "x"}),
        ("", {}),
    ],
)
def test_statements(statement: str, fields: dict[str, object] | None) -> None:
    """Each construct sets what it should and leaves the other fields at their defaults."""
    mapping = f"#!groovy\nmapping {{\n{statement}\n}}\n"
    if fields is None:
        with pytest.raises(InputError):
            record(mapping)
    else:
        assert record(mapping, parameters={"n": "5"}) == fields


@pytest.mark.parametrize(
    ("mapping", "line", "column", "message"),
    [
        ("mapping {\n  map partyId() onot 'text'\n}", 2, 17, "expected 'onto', found onot"),
        ("mapping {\n  when x() apply { }\n}", 2, 3, "expected 'map', found when"),
        ("mapping {\n  map foo() onto 'text'\n}", 2, 7, "'foo' is not a function"),
        ("mapping {\n  map userAgent().nme() onto 'text'\n}", 2, 19, "expected one of name()"),
        ("mapping {\n  map userAgent() onto 'text'\n}", 2, 7, "this is no value yet"),
        ("mapping {\n  map partyId() onto 'txt'\n}", 2, 22, "the schema s.avsc has no field 'txt'"),
        (
            "mapping {\n  map partyId() onto 'large'\n}",
            2,
            7,
            "this is of type string, but field 'large' is of type long",
        ),
        ("mapping {\n  map 42 onto 'large'\n}", 2, 7, "this is of type int"),
        ("mapping {\n  map 42.0 onto 'whole'\n}", 2, 7, "BigDecimal"),
        ("mapping {\n  map 2147483648i onto 'small'\n}", 2, 7, "does not fit into type int"),
        ("mapping {\n  map 1e999d onto 'whole'\n}", 2, 7, "does not fit into type double"),
        ("mapping {\n  map 012 onto 'small'\n}", 2, 7, "octal"),
        ("mapping {\n  map eventParameters() onto 'many'\n}", 2, 7, "event parameters go onto"),
        ("mapping {\n  map eventParameters().path('$..a') onto 'text'\n}", 2, 30, "JsonPath"),
        ("mapping {\n  map eventParameters().value() onto 'text'\n}", 2, 25, "value takes one string"),
        ("mapping {\n  map partyId('a') onto 'text'\n}", 2, 7, "partyId takes no argument"),
        ("mapping {\n  map \"a$b\" onto 'text'\n}", 2, 7, "'$' in a string with double quotes"),
        ("mapping {\n  map 'abc onto text\n}", 2, 7, "does not end on its line"),
        ("mapping {\n  map partyId() onto 'text' map\n}", 2, 29, "expected the end of the line, found map"),
        ("mapping {\n  map partyId() onto 'text'\n", 3, 1, "expected '}', found the end of the file"),
        ("mapping { }\nmapping { }", 2, 1, "expected the end of the file after the mapping"),
        ("def x = 1", 1, 1, "expected 'mapping', found def"),
        ("", 1, 1, "expected 'mapping', found the end of the file"),
        ("/* endless", 1, 1, "this comment does not end"),
        ("mapping {\n  map partyId() + 1 onto 'text'\n}", 2, 17, "'+' is not expected here"),
    ],
)
def test_refusals(mapping: str, line: int, column: int, message: str) -> None:
    """What is not understood is refused at its line and column, with what was expected."""
    with pytest.raises(InputError) as refused:
        encoder(mapping, RECORD)
    problem = refused.value.problems[0]
    assert (problem.file, problem.line, problem.column) == ("m.groovy", line, column)
    assert message in problem.message


def test_all_problems_are_told_together_with_carets() -> None:
    """Wrong words, wrong types and unknown fields come in one error, each with its line and a caret."""
    mapping = "mapping {\n\tmap partyId() onot 'text'\n  map foo() onto 'bar'\n}"
    with pytest.raises(InputError) as refused:
        encoder(mapping, RECORD)
    assert [problem.line for problem in refused.value.problems] == [2, 3, 3]
    assert refused.value.problems[0].message.split("\n")[1:] == [
        "    \tmap partyId() onot 'text'",
        "    \t              ^",
    ]


def test_required_fields_must_be_mapped() -> None:
    """A field without default that nothing is mapped onto is told at the start, not at the first event."""
    required = schema.parse('{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}', "s.avsc")
    with pytest.raises(InputError) as refused:
        encoder("mapping { }", required)
    assert "nothing is mapped onto 'a'" in refused.value.problems[0].message


def test_the_shipped_mapping_sets_every_field_of_the_shipped_schema() -> None:
    """No column of the shipped schema stays empty for want of a mapping."""
    statements, problems = parse(Source(MAPPING.read_text(encoding="utf-8"), "mapping.groovy"))
    assert problems == []
    assert all(isinstance(statement, Map) for statement in statements)
    mapped = [statement.field for statement in statements]
    assert sorted(mapped) == sorted(field.name for field in schema.read(SCHEMA).fields)


@given(st.text(alphabet="map onto(){}'\"\\.,;\n/*#$0123ldfe$xé", max_size=60))
def test_the_parser_never_crashes(text: str) -> None:
    """Any text is a mapping or refused with a place in it."""
    source = Source("mapping {" + text, "m")
    _, problems = parse(source)
    lines = source.text.split("\n")
    for problem in problems:
        assert problem.line is not None
        assert problem.column is not None
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1


def test_the_shipped_mapping_cut_at_every_byte() -> None:
    """A mapping that ends early is refused, wherever it ends."""
    text = MAPPING.read_text(encoding="utf-8").rstrip()
    for end in range(0, len(text), 7):
        _, problems = parse(Source(text[:end], "m"))
        assert problems


@pytest.mark.parametrize(
    ("path", "steps"),
    [("$", ()), ("$.a.b", ("a", "b")), ("$.a[0]['x y']", ("a", 0, "x y")), ("$['']", ("",))],
)
def test_paths(path: str, steps: tuple[str | int, ...]) -> None:
    """Definite paths of names and indexes are understood."""
    assert path_steps(path) == steps
