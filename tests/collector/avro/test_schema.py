"""Schemas of records, and what is wrong with them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import avro.io
import avro.schema
import fastavro
import pytest

from pyglue.collector.avro import schema
from pyglue.errors import InputError

ALL = """
{ // the namespace holds for all names within
  "type": "record", "name": "Event", "namespace": "a.b", "doc": "http://not/a/comment", "aliases": ["Old"],
  /* every
     type */
  "fields": [
    {"name": "text", "type": "string"},
    {"name": "annotated", "type": {"type": "long", "logicalType": "timestamp-millis"}, "default": 5},
    {"name": "maybe", "type": ["null", "int"], "default": null},
    {"name": "certainly", "type": ["int", "null"], "default": -1},
    {"name": "only", "type": ["double"], "default": 2.5},
    {"name": "any", "type": ["string", "int", "null"], "default": "x"},
    {"name": "two", "type": ["string", "int"], "default": "y"},
    {"name": "list", "type": {"type": "array", "items": "string"}, "default": ["a", "b"]},
    {"name": "map", "type": {"type": "map", "values": ["null", "int"]}, "default": {"k": null}},
    {"name": "colour", "type": {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}, "default": "BLUE"},
    {"name": "again", "type": ["null", "Colour"], "default": null},
    {"name": "four", "type": {"type": "fixed", "name": "c.Four", "size": 4}, "default": "\\u00ff\\u0000ab"},
    {"name": "bytes", "type": "bytes", "default": "\\u0001\\u00ff"},
    {"name": "flag", "type": "boolean", "default": true},
    {"name": "float", "type": "float", "default": 1.5},
    {"name": "nothing", "type": "null", "default": null},
    {"name": "inner", "default": {"b": 2}, "type": {"type": "record", "name": "Inner", "fields": [
      {"name": "a", "type": "int", "default": 1}, {"name": "b", "type": "int"},
      {"name": "next", "type": ["null", "Inner"], "default": null}]}}
  ]
}
"""


def problems(source: str) -> list[str]:
    """What is wrong with the schema."""
    with pytest.raises(InputError) as refused:
        schema.parse(source, "s.avsc")
    return [str(problem) for problem in refused.value.problems]


def field(type_: Any, **more: Any) -> str:
    """A schema of one field."""
    return json.dumps({"type": "record", "name": "R", "fields": [{"name": "f", "type": type_, **more}]})


def test_fields() -> None:
    """Every field has its kind, and the branch of null in a union of two."""
    record = schema.parse(ALL, "s.avsc")
    assert record.name == "a.b.Event"
    assert [(field.name, field.kind, field.null_branch) for field in record.fields] == [
        ("text", "string", None),
        ("annotated", "long", None),
        ("maybe", "int", 0),
        ("certainly", "int", 1),
        ("only", "double", None),
        ("any", "union", None),
        ("two", "union", None),
        ("list", "array", None),
        ("map", "map", None),
        ("colour", "enum", None),
        ("again", "enum", 0),
        ("four", "fixed", None),
        ("bytes", "bytes", None),
        ("flag", "boolean", None),
        ("float", "float", None),
        ("nothing", "null", None),
        ("inner", "record", None),
    ]


def test_types_stand_where_they_are_mentioned() -> None:
    """Names are replaced by what they mean, and annotations are gone."""
    record = schema.parse(ALL, "s.avsc")
    by_name = {field.name: field.schema for field in record.fields}
    assert by_name["annotated"] == "long"
    colour = {"type": "enum", "name": "a.b.Colour", "symbols": ["RED", "BLUE"]}
    assert (by_name["colour"], by_name["again"]) == (colour, ["null", colour])
    assert by_name["four"] == {"type": "fixed", "name": "c.Four", "size": 4}
    inner = by_name["inner"]
    assert inner["fields"][2]["type"][1] is inner
    assert [entry["unset"] for entry in inner["fields"]] == [b"\x02", None, b"\x00"]


def test_defaults_equal_those_of_apaches_library() -> None:
    """What is written for a field without a value is read as the default that Apache's library has for it."""
    record = schema.parse(ALL, "s.avsc")
    theirs = avro.schema.parse(record.text)
    only_text = avro.schema.parse(
        '{"type":"record","name":"a.b.Event","fields":[{"name":"text","type":"string"}]}'
    )
    written = b"\x02x" + b"".join(field.unset or b"" for field in record.fields)
    read: Any = avro.io.DatumReader(theirs).read(avro.io.BinaryDecoder(io.BytesIO(written)))
    defaults: Any = avro.io.DatumReader(only_text, theirs).read(avro.io.BinaryDecoder(io.BytesIO(b"\x02x")))
    # Apache's library for Python takes defaults of bytes for UTF-8, and reads times from numbers, but not from defaults.
    assert (read["bytes"], read["four"]) == (b"\x01\xff", b"\xff\0ab")
    assert record.field("annotated") == schema.Field("annotated", "long", "long", None, b"\x0a")
    for name in ("bytes", "four", "annotated"):
        del read[name], defaults[name]
    assert read == defaults


def test_text_for_a_files_header() -> None:
    """The text is the file's JSON without its comments, and other libraries read records by it."""
    record = schema.parse(ALL, "s.avsc")
    assert "\n" not in record.text
    assert json.loads(record.text) == json.loads(schema.without_comments(ALL))
    assert fastavro.schema.to_parsing_canonical_form(
        json.loads(record.text)
    ) == fastavro.schema.to_parsing_canonical_form(record.parsed)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("", "s.avsc:1:1: no JSON: "),
        ('{"type":\n  x}', "s.avsc:2:3: no JSON: "),
        ("[" * 100_000, "s.avsc: no JSON that can be read: "),
        ('"string"', "s.avsc: expected a schema of type record"),
        ("[]", "s.avsc: expected a schema of type record"),
        ("5", "s.avsc: no Avro schema: "),
        ('{"type":"record","name":"R"}', "s.avsc: expected a schema of type record, with fields"),
        ('{"type":"enum","name":"E","symbols":[]}', "s.avsc: expected a schema of type record"),
        (field("strin"), "s.avsc: no Avro schema: "),
        (field({"type": "array"}), "s.avsc: no Avro schema: "),
        (field({"type": "enum", "name": "E", "symbols": ["a-b"]}), "s.avsc: no Avro schema: "),
        (
            '{"type":"record","name":"R","fields":[{"name":"f","type":"int"},{"name":"f","type":"int"}]}',
            "s.avsc: no Avro schema: a field of R is there twice",
        ),
    ],
)
def test_what_is_no_schema(source: str, problem: str) -> None:
    """What is no JSON, no Avro or no record is refused, with the place where there is one."""
    (found,) = problems(source)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("type_", "default", "message"),
    [
        ("int", "5", '"5" is no int'),
        ("int", 2**31, "2147483648 is no int"),
        ("int", True, "true is no int"),
        ("long", 1.5, "1.5 is no long"),
        ("float", "NaN", '"NaN" is no float'),
        ("boolean", 1, "1 is no boolean"),
        ("string", None, "null is no string"),
        ("null", 0, "0 is no null"),
        (["int", "null"], "x", '"x" is no int'),
        (["null", "int"], 1, "1 is no null"),
        ("bytes", "\u0100", '"\\u0100" has characters beyond U+00FF'),
        ({"type": "fixed", "name": "F", "size": 2}, "a", '"a" is no fixed'),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, "B", '"B" is no enum'),
        ({"type": "array", "items": "int"}, ["x"], '"x" is no int'),
        ({"type": "array", "items": "int"}, {}, "{} is no array"),
        ({"type": "map", "values": "int"}, {"k": "x"}, '"x" is no int'),
        ({"type": "record", "name": "Q", "fields": [{"name": "q", "type": "int"}]}, {}, "it lacks 'q'"),
    ],
)
def test_defaults_that_do_not_fit(type_: Any, default: Any, message: str) -> None:
    """A default of another type is refused with the field's place."""
    expected = f"s.avsc:1:45: field 'f': its default does not fit its type ({message})"
    assert problems(field(type_, default=default)) == [expected]


def test_all_problems_with_defaults_at_once() -> None:
    """Wrong defaults are told together, within records as well; one that holds itself ends, too."""
    source = ALL.replace('"default": 5', '"default": "5"').replace('"default": true', '"default": "yes"')
    source = source.replace('"type": "int", "default": 1', '"type": "Inner", "default": {"b": 1}')
    assert problems(source) == [
        "s.avsc:8:6: field 'annotated': its default does not fit its type (\"5\" is no long)",
        "s.avsc:20:6: field 'flag': its default does not fit its type (\"yes\" is no boolean)",
        "s.avsc:23:6: field 'inner': its default does not fit its type (it holds itself without end)",
        "s.avsc:24:8: field 'a': its default does not fit its type (it holds itself without end)",
    ]


def test_files(tmp_path: Path) -> None:
    """A file is read as UTF-8; one that can't be read is a problem of its own."""
    path = tmp_path / "s.avsc"
    path.write_text(ALL, encoding="utf-8")
    assert schema.read(path).field("text") == schema.parse(ALL, str(path)).fields[0]
    assert schema.read(path).field("none") is None
    path.write_bytes(b"\xff")
    with pytest.raises(InputError, match="1 problem") as refused:
        schema.read(path)
    assert "it is no UTF-8" in str(refused.value.problems[0])
    with pytest.raises(InputError, match="1 problem"):
        schema.read(tmp_path / "missing.avsc")


def test_null_that_a_union_has_elsewhere_is_no_default() -> None:
    """Such schemas are common, and Divolte starts with them: the field has to be filled."""
    text = '{"type": "record", "name": "R", "fields": [{"name": "a", "type": ["string", "null"], "default": null}]}'
    (field,) = schema.parse(text, "s.avsc").fields
    assert (field.unset, field.null_branch) == (None, 1)


@pytest.mark.parametrize(
    "type_",
    [
        '["null", ["null", "int"]]',
        '{"type": "fixed", "name": "F", "size": "3"}',
        '{"type": "fixed", "name": "F", "size": -1}',
    ],
)
def test_types_that_avro_does_not_know(type_: str) -> None:
    """They are refused here, not at the first event."""
    with pytest.raises(InputError, match="problem"):
        schema.parse(
            f'{{"type": "record", "name": "R", "fields": [{{"name": "a", "type": {type_}}}]}}', "s.avsc"
        )
