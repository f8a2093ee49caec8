"""From parameters to records: what Divolte 0.9.0 recorded for the same requests."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import quote

import avro.io
import avro.schema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyglue.collector.avro import schema
from pyglue.collector.avro.records import decode
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.events import base36, checksum
from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.events.event import Event, of_json, of_parameters, of_tag
from pyglue.collector.http import query
from pyglue.collector.mapping.runtime import parameter
from pyglue.errors import BadAnswer
from tests.collector.support import NOW, SCHEMA, browser_event, cases, encoder, event_query, shipped_encoder


def event(raw: str, user_agent: str | None = None) -> Event:
    """The event of a query."""
    headers = [] if user_agent is None else [(b"user-agent", user_agent.encode("latin-1"))]
    return browser_event(raw.encode(), headers)


def test_records_equal_divoltes() -> None:
    """Every field of every request that Divolte recorded has the same value here."""
    memory, encode, read = DuplicateMemory(1_000_000), shipped_encoder(), decode(SCHEMA)
    for case in cases("events.jsonl"):
        try:
            found = event(case["query"], case["headers"].get("User-Agent"))
        except DroppedEvent:
            assert case["records"] == []
            continue
        found.duplicate = memory.remember(found.party, found.session, found.event_id)[0]
        record = read(encode(found))
        assert record["eventId"] == found.event_id.decode()
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
        del parameters[name.encode()]
    else:
        parameters[name.encode()] = [value.encode()]
    with pytest.raises(DroppedEvent) as dropped:
        of_parameters(parameters)
    assert dropped.value.reason == reason


def test_custom_parameters_as_text() -> None:
    """Texts follow Divolte's rule: none without parameters, empty for what is missing, `null` for null."""
    assert parameter(event("p=0:a:b&s=0:a:b&v=&e=&c=1&n=t&f=t").parameters(), "k") is None
    assert parameter(event("p=0:a:b&s=0:a:b&v=&e=&c=1&n=t&f=t&u=broken").parameters(), "k") is None
    for custom, text in [
        ("()", ""),
        ("(nk!)", "null"),
        ("(ak!.)", ""),
        ("(tk!)", "true"),
        ("n", ""),
        ("(jk!1e3!)", "1E+3"),
    ]:
        found = event(f"p=0:a:b&s=0:a:b&v=&e=&c=1&n=t&f=t&u={custom}")
        assert parameter(found.parameters(), "k") == text


UNESCAPED = "-_.!~*'()"  # by encodeURIComponent, beside letters and digits
TEXTS = st.text(max_size=12)
NUMBERS = st.integers(0, 36**7)
TAGS = st.fixed_dictionaries(
    {
        "p": st.builds("0:{}:{}".format, NUMBERS.map(base36.render), st.text("aZ9~_!.*-", max_size=6)),
        "s": st.builds("0:{}:{}".format, NUMBERS.map(base36.render), st.text("aZ9~_!.*-:", max_size=6)),
        "v": TEXTS,
        "e": TEXTS,
        "c": NUMBERS.map(base36.render),
        "n": st.sampled_from("tf"),
        "f": st.sampled_from("tf"),
        "l": TEXTS,
    },
    optional={"r": TEXTS},
)
SIZES = st.fixed_dictionaries({name: st.integers(0, 36**6).map(base36.render) for name in "ijkwh"})
RATIOS = st.sampled_from(["1", "1.i", "2", "0", "zzzzz", "1.3llllllllllm", "1.", "zzzzzz"])


@settings(max_examples=400)
@given(TAGS, SIZES, RATIOS, TEXTS, st.none() | TEXTS, st.sampled_from(["right", "divolte", "wrong"]))
def test_the_short_way_is_the_long_way(
    tag: dict[str, str], sizes: dict[str, str], ratio: str, type_: str, custom: str | None, judged: str
) -> None:
    """What the tag sends makes the same event by the one expression and by the general parser."""
    values = {**tag, **sizes, "k": ratio, "t": type_}
    if custom is not None:
        values["u"] = custom
    encoded = {name.encode(): [value.encode()] for name, value in values.items()}
    values["x"] = {
        "right": checksum.checksum(encoded),
        "divolte": base36.render(checksum.divolte_hash(checksum.canonical(encoded).decode())),
        "wrong": "1",
    }[judged]
    raw = "&".join(f"{name}={quote(value, safe=UNESCAPED)}" for name, value in values.items()).encode()
    try:
        wanted = of_parameters(query.parameters(raw))
    except DroppedEvent as dropped:
        with pytest.raises(DroppedEvent, match=dropped.reason):
            event(raw.decode())
        return
    found = event(raw.decode())
    found.headers, found.received, found.remote_host = wanted.headers, wanted.received, wanted.remote_host
    assert {**Event.__dict__, **vars(found)} == {**Event.__dict__, **vars(wanted)}


def test_the_tags_query_takes_the_short_way() -> None:
    """Else the test above would compare the general parser with itself."""
    whole = event_query(location="http://x/e?a=b c", parameters={"a": "b"})
    values = dict(part.split("=", 1) for part in whole.split("&"))
    sizes = {"i": "1hc", "j": "u0", "k": "1.3lllllllm", "w": "zk", "h": "k0"}
    order = ["p", "s", "v", "e", "c", "n", "f", "l", "r", "i", "j", "k", "w", "h", "t", "u", "x"]
    raw = "&".join(f"{name}={({**values, **sizes})[name]}" for name in order if name in {**values, **sizes})
    assert of_tag(raw.encode()) is not None
    assert of_tag(whole.encode()) is None


@settings(max_examples=400)
@given(st.text("%%%aF0=zé", max_size=8), st.sampled_from("vltru"))
def test_what_is_no_escape_never_takes_the_short_way(text: str, name: str) -> None:
    """The short way is gone before a target is checked: it must leave each one to the check that would refuse it."""
    sizes = dict.fromkeys("ijkwh", "1")
    values = {
        "p": "0%3A1%3Ap",
        "s": "0%3A1%3As",
        "v": "v",
        "e": "e",
        "c": "1",
        "n": "f",
        "f": "f",
        "l": "l",
        "r": "r",
    }
    values |= {**sizes, "t": "t", "u": "()", "x": "1", name: text.replace("=", "%3D")}
    raw = "&".join(f"{name}={values[name]}" for name in "psvecnflrijkwhtux").encode("latin-1")
    try:
        query.check_target(raw)
    except query.MalformedTarget:
        assert of_tag(raw) is None


def test_json_events() -> None:
    """A body makes an event without what only browsers have."""
    body = {
        "session_id": "0:00A:s",
        "event_id": "e",
        "is_new_party": True,
        "is_new_session": True,
        "client_timestamp_iso": "2024-02-29T12:34:56.789Z",
        "event_type": "order",
        "parameters": {"a": [1]},
    }
    made = of_json(b"0:a:b", json.dumps(body).encode())
    assert (made.session, made.event_id, made.event_type) == (b"0:a:s", b"e", b"order")
    assert (made.client_time, made.first_in_session) == (1_709_210_096_789, True)
    assert made.parameters() == {"a": [1]}
    assert (made.location, made.page_view, made.screen_width, made.corrupt) == (None, None, None, False)
    with pytest.raises(DroppedEvent):
        of_json(b"0:a:b", b"null")


def test_duplicates_are_remembered_and_forgotten() -> None:
    """The second of two equal events is a duplicate, unless the first was forgotten."""
    memory = DuplicateMemory(100)
    first = memory.remember(b"p", b"s", b"e")
    assert not first[0]
    assert memory.remember(b"p", b"s", b"e")[0]
    memory.forget(first)
    again = memory.remember(b"p", b"s", b"e")
    assert not again[0]
    # Divolte's hash has no separators; neither has this one.
    assert memory.remember(b"p", b"se", b"")[0]


def test_forgetting_leaves_a_slot_that_another_took() -> None:
    """An event that overwrote the slot of one that failed stays remembered."""
    memory = DuplicateMemory(1)
    first = memory.remember(b"p", b"s", b"1")
    memory.remember(b"p", b"s", b"2")
    memory.forget(first)
    assert memory.remember(b"p", b"s", b"2")[0]


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
