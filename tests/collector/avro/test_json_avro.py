"""JSON onto Avro: what Divolte recorded, what the libraries beneath it do, and what independent readers read."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import avro.io
import avro.schema
import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyglue.collector.avro import avro_bytes, schema
from pyglue.collector.avro.json_avro import MISSING, NO_TEXT, NULL_INSIDE, TOO_SHORT, converter
from pyglue.collector.events import json_body, mincode
from pyglue.collector.events.dropped import ABSENT, DroppedEvent
from pyglue.collector.events.json_text import TOO_DEEP, text
from pyglue.collector.http import query
from tests.collector.recorded import lines, suite, suite_file


def field_of(type_: Any) -> schema.Field:
    """The field `f` of a record with nothing else."""
    raw = {"type": "record", "name": "Outer", "fields": [{"name": "f", "type": type_}]}
    return schema.parse(json.dumps(raw), "s.avsc").fields[0]


def converted(type_: Any, value: Any) -> str:
    """What becomes of the value: the bytes in hexadecimal, `untouched`, or `dropped`."""
    try:
        result = converter(field_of(type_).schema)(value)
    except DroppedEvent:
        return "dropped"
    return "untouched" if result is None else result.hex()


def parsed(source: str, *, as_mincode: bool) -> Any:
    """JSON as one of the two sources of events gives it."""
    return json.loads(source, parse_float=_decimal if as_mincode else float)


def _decimal(source: str) -> Decimal | int:
    found = mincode.parse(f"j{source}!")
    assert isinstance(found, Decimal | int)
    return found


@pytest.mark.parametrize(
    "group", lines("json_avro.jsonl"), ids=lambda group: json.dumps(group["schema"])[:50]
)
def test_what_jackson_and_avro_make_of_it(group: dict[str, Any]) -> None:
    """Each value becomes what Jackson 2.9.7 and Avro 1.8.2, called as Divolte calls them, made of it."""
    found = [
        [source, converted(group["schema"], parsed(source, as_mincode=group["mincode"]))]
        for source, _ in group["cases"]
    ]
    assert found == group["cases"]


_MAP = re.compile(
    r"map eventParameters?\((?:'(?P<old>.*?)')?\)(?:\.value\('(?P<key>.*?)'\)|\.path\('(?P<path>.*?)'\))?"
    r"(?P<present>\.isPresent\(\))? onto '(?P<field>\w+)'"
)
_MEMBERS = {"$.v": "v", r"$[\'\']": ""}


def mapped(found: re.Match[str], parameters: Any) -> Any:
    """What a line of a suite's mapping gives for its field."""
    members = parameters if isinstance(parameters, dict) else {}
    key = found["old"] or found["key"]
    if key is not None:
        return ABSENT if parameters is ABSENT else text(members.get(key, ""))
    value = members.get(_MEMBERS[found["path"]], ABSENT) if found["path"] else parameters
    return value is not ABSENT if found["present"] else value


def of_body(request: dict[str, Any]) -> Any:
    """The parameters in a JSON event's body."""
    return json_body.read(request["body"].encode()).parameters


def of_query(request: dict[str, Any]) -> Any:
    """The parameters in a browser's event."""
    encoded = query.parameters(request["target"].partition("?")[2].encode())[b"u"][0]
    try:
        return mincode.parse(encoded.decode())
    except mincode.MincodeError:
        return ABSENT


@pytest.mark.parametrize(("name", "parameters"), [("json-scalars-api", of_body), ("mincode-good", of_query)])
def test_records_equal_divoltes(name: str, parameters: Callable[[dict[str, Any]], Any]) -> None:
    """Whole records of a parity suite have Divolte's bytes."""
    record = schema.read(suite_file(name, "schema.avsc"))
    mapping = suite_file(name, "mapping.groovy").read_text(encoding="utf-8")
    convert = {field.name: converter(field.schema) for field in record.fields}
    compared = 0
    for request, records in suite(name):
        if not records or "hex" not in records[0]:
            continue
        json_ = parameters(request)
        values = {found["field"]: mapped(found, json_) for found in _MAP.finditer(mapping)}
        values["caseId"] = request["id"]
        fields = [(field, convert[field.name](values[field.name])) for field in record.fields]
        raw = b"".join(field.unset or b"" if written is None else written for field, written in fields)
        assert raw.hex() == records[0]["hex"]
        compared += 1
    assert compared > 100


@pytest.mark.parametrize("case", lines("mincode.jsonl"), ids=lambda case: str(case["u"])[:30])
def test_custom_parameters_as_divolte_converted_them(case: dict[str, Any]) -> None:
    """The parameter `v` becomes the same text, long, double and boolean as in Divolte."""
    try:
        parameters: Any = ABSENT if case["u"] is None else mincode.parse(case["u"])
    except mincode.MincodeError:
        parameters = ABSENT
    members = parameters if isinstance(parameters, dict) else {}
    assert (None if parameters is ABSENT else text(members.get("v", ""))) == case["text"]
    write: dict[str, Callable[[Any], bytes]] = {
        "string": avro_bytes.string,
        "long": avro_bytes.integer,
        "double": lambda value: avro_bytes.double(
            float(value["$float"] if isinstance(value, dict) else value)
        ),
        "boolean": avro_bytes.boolean,
    }
    for type_, encode in write.items():
        wanted = "untouched" if case[type_] is None else encode(case[type_]).hex()
        assert converted(type_, members.get("v", ABSENT)) == wanted


@pytest.mark.parametrize(
    ("type_", "value", "reason"),
    [
        ("bytes", 5, NO_TEXT),
        ({"type": "fixed", "name": "F", "size": 4}, "AQ==", TOO_SHORT),
        ({"type": "fixed", "name": "F", "size": 4}, None, NULL_INSIDE),
        ({"type": "array", "items": "int"}, None, NULL_INSIDE),
        ({"type": "map", "values": {"type": "array", "items": "int"}}, {"a": [1], "b": [None]}, NULL_INSIDE),
        ({"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}, {}, MISSING),
        ({"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}, {"a": ""}, NULL_INSIDE),
    ],
)
def test_reasons_of_dropped_events(type_: Any, value: Any, reason: str) -> None:
    """Where Divolte's worker ends, the event is dropped with a reason."""
    with pytest.raises(DroppedEvent) as dropped:
        converter(field_of(type_).schema)(value)
    assert dropped.value.reason == reason


@pytest.mark.parametrize("null", ['{"a": null, "b": "x"}', '{"b": "x", "a": null}'])
def test_what_cannot_be_converted_comes_before_what_cannot_be_written(null: str) -> None:
    """A field that holds both stays untouched: Divolte writes nothing before it has converted everything."""
    a, b = {"name": "a", "type": "int", "default": 7}, {"name": "b", "type": "int"}
    type_ = {"type": "record", "name": "R", "fields": [a, b]}
    assert converted(type_, json.loads(null)) == "untouched"
    assert converted(type_, {"a": None, "b": 5}) == "dropped"
    assert converted({"type": "array", "items": "int"}, [None, "x"]) == "untouched"


@pytest.mark.parametrize("type_", ["string", ["null", "int"], {"type": "array", "items": ["null", "int"]}])
def test_no_value(type_: Any) -> None:
    """Where there is no JSON at all, the field stays untouched; that is not null."""
    assert converter(field_of(type_).schema)(ABSENT) is None


@pytest.mark.parametrize(
    "type_",
    [
        ["null", "int", "string"],
        ["int", "string"],
        {"type": "array", "items": ["int", "string"]},
        {"type": "map", "values": {"type": "array", "items": ["null", "int", "string"]}},
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": ["int", "string"], "default": 1}]},
    ],
)
def test_unions_that_nothing_goes_onto(type_: Any) -> None:
    """A union that gives a choice, at any depth, is refused at the start."""
    with pytest.raises(ValueError, match=r"a union of (null, )?int, string"):
        converter(field_of(type_).schema)


def test_records_within_records_of_their_kind() -> None:
    """A list made of records is written to its end; one deeper than Python can go drops the event."""
    node = {
        "type": "record",
        "name": "Node",
        "fields": [{"name": "next", "type": ["null", "Node"], "default": None}],
    }
    value: dict[str, Any] = {}
    for _ in range(100):
        value = {"next": value}
    assert converted(node, value) == "02" * 100 + "00"
    for _ in range(100_000):
        value = {"next": value}
    with pytest.raises(DroppedEvent, match=TOO_DEEP):
        converter(field_of(node).schema)(value)
    while value:  # or the interpreter frees it by recursion
        value = value["next"]


def test_a_hundred_thousand_arrays_around_a_number() -> None:
    """Unwrapping needs no recursion."""
    value: Any = 7
    for _ in range(100_000):
        value = [value]
    assert converted("int", value) == "0e"
    while isinstance(value, list):
        value = value[0]


# Types with values: JSON that means a value exactly, and what a reader of Avro gives for it.


def exact(type_: Any, value: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, Any, Any]]:
    """A plain type with values that are the same in JSON and in Avro."""
    return value.map(lambda drawn: (type_, drawn, drawn))


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_SCALARS: st.SearchStrategy[tuple[Any, Any, Any]] = st.one_of(
    exact("string", _TEXTS),
    exact("int", st.integers(-(2**31), 2**31 - 1)),
    exact("long", st.integers(-(2**63), 2**63 - 1)),
    exact("float", st.floats(width=32, allow_nan=False)),
    exact("double", st.floats(allow_nan=False)),
    exact("boolean", st.booleans()),
    exact({"type": "enum", "symbols": ["RED", "GREEN"]}, st.sampled_from(["RED", "GREEN"])),
    st.binary(max_size=5).map(lambda value: ("bytes", base64.b64encode(value).decode(), value)),
    st.binary(min_size=3, max_size=3).map(
        lambda value: ({"type": "fixed", "size": 3}, base64.b64encode(value).decode(), value)
    ),
)


@st.composite
def typed_values(draw: st.DrawFn, depth: int = 3) -> tuple[Any, Any, Any]:
    """A type without names, a JSON value, and the value that it means."""
    shape = draw(st.sampled_from(["scalar"] if depth == 0 else ["scalar", "array", "map", "record", "union"]))
    if shape == "scalar":
        return draw(_SCALARS)
    if shape == "record":
        members = draw(st.dictionaries(st.sampled_from("abcd"), typed_values(depth=depth - 1), max_size=3))
        fields = [{"name": name, "type": inner[0]} for name, inner in members.items()]
        return (
            {"type": "record", "fields": fields},
            {name: inner[1] for name, inner in members.items()} | {"unknown": 1},
            {name: inner[2] for name, inner in members.items()},
        )
    type_, value, meant = draw(typed_values(depth=depth - 1))
    if shape == "array":
        count = draw(st.integers(0, 3))
        return {"type": "array", "items": type_}, [value] * count, [meant] * count
    if shape == "map":
        names = draw(st.lists(_TEXTS, max_size=3, unique=True))
        return {"type": "map", "values": type_}, dict.fromkeys(names, value), dict.fromkeys(names, meant)
    if not isinstance(type_, list):
        type_ = draw(st.sampled_from([["null", type_], [type_, "null"]]))
    return type_, value, meant


def named(type_: Any, counter: list[int]) -> Any:
    """`type_` with a name for each record, enum and fixed."""
    if isinstance(type_, list):
        return [named(branch, counter) for branch in type_]
    if isinstance(type_, str):
        return type_
    made = {**type_}
    if "values" in made:
        made["values"] = named(made["values"], counter)
    elif "items" in made:
        made["items"] = named(made["items"], counter)
    else:
        counter[0] += 1
        made["name"] = f"T{counter[0]}"
        if "fields" in made:
            made["fields"] = [{**field, "type": named(field["type"], counter)} for field in made["fields"]]
    return made


@settings(max_examples=80)
@given(typed_values())
def test_independent_readers_read_what_is_meant(drawn: tuple[Any, Any, Any]) -> None:
    """Apache's library and fastavro read from the bytes of any type the value that the JSON means, and no byte more."""
    unnamed, value, meant = drawn
    raw = {
        "type": "record",
        "name": "Outer",
        "fields": [{"name": "f", "type": named(unnamed, [0])}],
    }
    encoded = converter(schema.parse(json.dumps(raw), "s.avsc").fields[0].schema)(value)
    assert encoded is not None
    stream = io.BytesIO(encoded)
    reader = avro.io.DatumReader(avro.schema.parse(json.dumps(raw)))
    assert reader.read(avro.io.BinaryDecoder(stream)) == {"f": meant}
    assert stream.read() == b""
    stream = io.BytesIO(encoded)
    assert fastavro.schemaless_reader(stream, fastavro.parse_schema(raw), None) == {"f": meant}
    assert stream.read() == b""


_JSON_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    st.sampled_from(["", " 5 ", "AQID", "RED", "true", "1e3"]),
)
_JSON = st.recursive(
    _JSON_SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(typed_values(), _JSON)
def test_any_json_onto_any_type(drawn: tuple[Any, Any, Any], value: Any) -> None:
    """Any JSON becomes bytes that a reader reads to their end, leaves the field alone, or drops the event."""
    raw = {"type": "record", "name": "Outer", "fields": [{"name": "f", "type": named(drawn[0], [0])}]}
    try:
        encoded = converter(schema.parse(json.dumps(raw), "s.avsc").fields[0].schema)(value)
    except DroppedEvent:
        return
    if encoded is not None:
        stream = io.BytesIO(encoded)
        fastavro.schemaless_reader(stream, fastavro.parse_schema(raw), None)
        assert stream.read() == b""
