"""From parameters to records: what Divolte 0.9.0 recorded for the same requests."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import avro.io
import avro.schema
import pytest

from pyglue.collector import query, schema
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.event import DroppedEvent, Event
from pyglue.collector.mapping import values
from pyglue.collector.mapping.values import CONVERTERS, UNSET
from pyglue.collector.records import decode
from pyglue.errors import BadAnswer
from tests.collector.support import NOW, SCHEMA, cases, encoder, event_query, shipped_encoder


def event(raw: str, user_agent: str | None = None) -> Event:
    """The event of a query."""
    return Event(query.parameters(raw.encode()), received=NOW, remote_host="127.0.0.1", user_agent=user_agent)


def test_records_equal_divoltes() -> None:
    """Every field of every request that Divolte recorded has the same value here."""
    memory, encode, read = DuplicateMemory(1_000_000), shipped_encoder(), decode(SCHEMA)
    for case in cases("events.jsonl"):
        try:
            found = event(case["query"], case["headers"].get("User-Agent"))
        except DroppedEvent:
            assert case["records"] == []
            continue
        found.duplicate = memory.remember(found.party, found.session, found.event_id).duplicate
        record = read(encode(found))
        assert record["eventId"] == found.event_id
        (wanted,) = case["records"]
        assert {name: record[name] for name in wanted if name != "timestamp"} == {
            name: value for name, value in wanted.items() if name != "timestamp"
        }


def test_apaches_library_reads_the_records() -> None:
    """A record is exactly one datum of the schema for Apache's own Avro library."""
    parsed = avro.schema.parse(SCHEMA.read_text(encoding="utf-8"))
    raw = shipped_encoder()(event(event_query(parameters={"technology": "Kä😀"}, location="http://x/é")))
    stream = io.BytesIO(raw)
    record: Any = avro.io.DatumReader(parsed).read(avro.io.BinaryDecoder(stream))
    assert stream.read() == b""
    assert (record["technology"], record["location"], record["timestamp"]) == ("Kä😀", "http://x/é", NOW)
    assert record["detectedCorruption"] is False


def test_technology_is_null_without_the_parameter() -> None:
    """A page view and a signal without technology leave the field null, not empty."""
    read, encode = decode(SCHEMA), shipped_encoder()
    assert read(encode(event(event_query())))["technology"] is None
    assert read(encode(event(event_query(parameters={"other": "x"}))))["technology"] is None


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("p", None, "missing p"),
        ("p", "0:abc", "bad p"),
        ("s", "", "bad s"),
        ("v", None, "missing v"),
        ("e", None, "missing e"),
        ("c", "!", "bad c"),
        ("c", "zzzzzzzzzzzzzzzzzz", "bad c"),
        ("n", None, "missing n"),
        ("f", None, "missing f"),
    ],
)
def test_events_that_are_dropped(name: str, value: str | None, reason: str) -> None:
    """A required parameter that is missing or malformed drops the event with its reason."""
    parameters = query.parameters(event_query().encode())
    if value is None:
        del parameters[name]
    else:
        parameters[name] = [value]
    with pytest.raises(DroppedEvent) as dropped:
        Event(parameters, received=NOW, remote_host="::1", user_agent=None)
    assert dropped.value.reason == reason


def test_custom_parameters_as_text() -> None:
    """Texts follow Divolte's rule: none without parameters, empty for what is missing, `null` for null."""
    assert event("p=0:a:b&s=0:a:b&v=&e=&c=1&n=t&f=t").custom_text("k") is None
    assert event("p=0:a:b&s=0:a:b&v=&e=&c=1&n=t&f=t&u=broken").custom_text("k") is None
    for custom, text in [
        ("()", ""),
        ("(nk!)", "null"),
        ("(ak!.)", ""),
        ("(tk!)", "true"),
        ("n", ""),
        ("(jk!1e3!)", "1E+3"),
    ]:
        assert event(f"p=0:a:b&s=0:a:b&v=&e=&c=1&n=t&f=t&u={custom}").custom_text("k") == text


@pytest.mark.parametrize("case", cases("mincode.jsonl"), ids=lambda case: str(case["u"])[:30])
def test_custom_parameters_as_divolte_converted_them(case: dict[str, Any]) -> None:
    """The parameter `v` becomes the same text, long, double and boolean as in Divolte."""
    found = event(f"p=0:a:b&s=0:a:b&v=&e=&c=1&n=t&f=t{'' if case['u'] is None else '&u='}")
    found._custom_text = case["u"]
    assert found.custom_text("v") == case["text"]
    value = values.dig(found.custom(), ("v",))
    for name in ("string", "long", "double", "boolean"):
        converted = CONVERTERS[name](value)
        wanted = case[name]["$float"] if isinstance(case[name], dict) else case[name]
        got = None if converted is UNSET else converted
        assert str(got) == str(float(wanted) if isinstance(case[name], dict) else wanted)


@pytest.mark.parametrize(
    ("type_", "value", "wanted"),
    [
        ("int", 2**31, -(2**31)),
        ("long", Decimal("1e999999999"), 0),
        ("long", Decimal("-1.9"), -1),
        ("int", "2147483648", UNSET),
        ("int", "", None),
        ("int", " +5 ", 5),
        ("double", 10**400, float("inf")),
        ("double", "1e400", float("inf")),
        ("double", "0x1", UNSET),
        ("boolean", "TRUE", UNSET),
        ("boolean", 2, True),
        ("boolean", Decimal("1.5"), UNSET),
        ("string", [["x"]], "x"),
        ("string", ["x", "y"], UNSET),
        ("long", True, UNSET),
    ],
)
def test_conversions_at_their_edges(type_: str, value: Any, wanted: Any) -> None:
    """Integers wrap, other numbers saturate, what can't be converted leaves the field alone."""
    assert CONVERTERS[type_](value) == wanted


def test_duplicates_are_remembered_and_forgotten() -> None:
    """The second of two equal events is a duplicate, unless the first was forgotten."""
    memory = DuplicateMemory(100)
    first = memory.remember("p", "s", "e")
    assert not first.duplicate
    assert memory.remember("p", "s", "e").duplicate
    memory.forget(first)
    again = memory.remember("p", "s", "e")
    assert not again.duplicate
    # Divolte's hash has no separators; neither has this one.
    assert memory.remember("p", "se", "").duplicate


def test_forgetting_leaves_a_slot_that_another_took() -> None:
    """An event that overwrote the slot of one that failed stays remembered."""
    memory = DuplicateMemory(1)
    first = memory.remember("p", "s", "1")
    memory.remember("p", "s", "2")
    memory.forget(first)
    assert memory.remember("p", "s", "2").duplicate


def test_decoding_refuses_what_is_no_record() -> None:
    """A cut record and one with trailing bytes are refused with a clear error."""
    raw = shipped_encoder()(event(event_query()))
    for broken in (raw[:-1], raw + b"\x00", b""):
        with pytest.raises(BadAnswer):
            decode(SCHEMA)(broken)


def test_a_required_field_that_stays_empty_drops_the_event() -> None:
    """A producer with nothing to give onto a field without default drops the event, with the field's name."""
    record = schema.parse(
        '{"type":"record","name":"R","fields":[{"name":"where","type":"string"}]}', "s.avsc"
    )
    encode = encoder("mapping { map location() onto 'where' }", record)
    with pytest.raises(DroppedEvent, match="no value for field where"):
        encode(event(event_query()))
    assert encode(event(event_query(location="ab"))) == b"\x04ab"
