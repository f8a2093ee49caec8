"""Bodies of JSON events: what Divolte recorded, what the libraries beneath it do, and what nobody sends in good faith."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.events import json_body
from pyglue.collector.events.dropped import ABSENT, DroppedEvent
from pyglue.collector.events.json_text import TOO_DEEP
from tests.collector.recorded import lines, suite

GOOD = {
    "session_id": "0:a:s",
    "event_id": "e",
    "is_new_party": False,
    "is_new_session": True,
    "client_timestamp_iso": "2024-02-29T12:34:56.001Z",
    "event_type": "signal",
    "parameters": {"é😀": [1, 2.5, None, "\ud83d"]},
}


def body(**fields: Any) -> bytes:
    """A good body but for `fields`; one that is `...` is left out."""
    given = {name: value for name, value in (GOOD | fields).items() if value is not ...}
    return json.dumps(given).encode()


def reason(raw: bytes) -> str:
    """Why the event is dropped."""
    with pytest.raises(DroppedEvent) as dropped:
        json_body.read(raw)
    return dropped.value.reason


def found(raw: bytes) -> dict[str, Any] | None:
    """The event's fields, without parameters if it has none; None if it is dropped."""
    try:
        event = json_body.read(raw)
    except DroppedEvent:
        return None
    return {name: value for name, value in event._asdict().items() if value is not ABSENT}


def test_all_fields() -> None:
    """Every field arrives; `parameters` is JSON as it was."""
    event = json_body.read(body())
    assert event == json_body.JsonEvent(
        "0:a:s", "e", "signal", GOOD["parameters"], True, False, 1709210096001
    )


@pytest.mark.parametrize("case", lines("json_bodies.jsonl"), ids=range(len(lines("json_bodies.jsonl"))))
def test_what_jackson_makes_of_it(case: dict[str, Any]) -> None:
    """Each body gives the event, or none, that Jackson 2.9.7 and Java 17, called as Divolte calls them, made of it."""
    raw = case["body"].encode() if "body" in case else base64.b64decode(case["b64"])
    assert json.dumps(found(raw), sort_keys=True) == json.dumps(case["event"], sort_keys=True)


def test_events_that_divolte_recorded() -> None:
    """The bodies of a parity suite give the fields of Divolte's records."""
    compared = 0
    for request, records in suite("json-source-http"):
        for entry in records:
            wanted, event = entry["record"], json_body.read(request["body"].encode())
            assert (event.session, event.event_id) == (wanted["session"], wanted["event"])
            assert (event.event_type, event.first_in_session) == (wanted["kind"], wanted["first"])
            assert event.client_time == wanted["clientTs"]
            assert (event.parameters is not ABSENT) == wanted["hasParams"]
            compared += 1
    assert compared > 20


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "bad json"),
        (b"null", "json body is no object"),
        (b"[]", "json body is no object"),
        (b'{"a":NaN}', "bad json"),
        (b'{"a":-Infinity}', "bad json"),
        (body(extra=1), "unknown json field"),
        (body(session_id=...), "missing session_id"),
        (body(session_id=None), "missing session_id"),
        (body(session_id="0:a"), "bad session_id"),
        (body(session_id=5), "bad session_id"),
        (body(event_id=...), "missing event_id"),
        (body(event_id=[]), "bad event_id"),
        (body(event_type={}), "bad event_type"),
        (body(is_new_party=...), "missing is_new_party"),
        (body(is_new_party="TRUE"), "bad is_new_party"),
        (body(is_new_session=1.0), "bad is_new_session"),
        (body(client_timestamp_iso=...), "missing client_timestamp_iso"),
        (body(client_timestamp_iso=""), "bad client_timestamp_iso"),
        (body(client_timestamp_iso=5), "bad client_timestamp_iso"),
        (body(parameters=10**4299)[:-1] + b"0}", "bad json"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", TOO_DEEP),
    ],
)
def test_reasons(raw: bytes, why: str) -> None:
    """An event that is none is dropped with its reason."""
    assert reason(raw) == why


@pytest.mark.parametrize(
    ("fields", "read"),
    [
        ({"session_id": "0:00ABC:q"}, {"session": "0:abc:q"}),
        ({"session_id": "0:0:"}, {"session": "0:0:"}),
        ({"event_id": ""}, {"event_id": ""}),
        ({"event_id": True}, {"event_id": "true"}),
        ({"event_type": None}, {"event_type": None}),
        ({"event_type": ...}, {"event_type": None}),
        ({"event_type": 5}, {"event_type": "5"}),
        ({"is_new_party": None, "is_new_session": "null"}, {"new_party": False, "first_in_session": False}),
        ({"is_new_party": 2, "is_new_session": 0}, {"new_party": True, "first_in_session": False}),
        ({"parameters": None}, {"parameters": ABSENT}),
        ({"parameters": ...}, {"parameters": ABSENT}),
        ({"parameters": False}, {"parameters": False}),
    ],
)
def test_other_values_of_fields(fields: dict[str, Any], read: dict[str, Any]) -> None:
    """Identifiers are written anew, scalars are taken as texts and as truths."""
    event = json_body.read(body(**fields))._asdict()
    assert {name: event[name] for name in read} == read


@pytest.mark.parametrize("number", ["1.50", "-0", "1E400", "12345678901234567890"])
def test_numbers_as_texts(number: str) -> None:
    """A number in place of a text stays as it was written."""
    raw = body(event_id="@", event_type="@", parameters={"event_id": 7}).replace(b'"@"', number.encode())
    event = json_body.read(raw)
    assert (event.event_id, event.event_type) == (number, number)


def test_repeated_names() -> None:
    """The last value counts, but all have to be of the field's type, and by the seventh name none may be null."""
    again = b', "session_id": "0:b:s", "event_id": "f"}'
    event = json_body.read(body()[:-1] + again)
    assert (event.session, event.event_id) == ("0:b:s", "f")
    assert json_body.read(body(session_id=None, event_type=...)[:-1] + again) == event._replace(
        event_type=None
    )
    assert reason(body(session_id=None)[:-1] + again) == "missing session_id"
    assert reason(body(event_id=[])[:-1] + again) == "bad event_id"
    twice = body(parameters={"a": 1}).replace(b'{"a": 1}', b'{"a": 1, "a": 2}')
    assert json_body.read(twice).parameters == {"a": 2}


def test_a_body_cut_anywhere() -> None:
    """A body that ends early is no event, and neither is one that misses its first bytes."""
    raw = body()
    for end in range(len(raw)):
        reason(raw[:end])
    for start in range(1, len(raw)):
        reason(raw[start:])


@pytest.mark.parametrize("rest", [b"}", b"null", b"\0", b"\xff\xfe", b"\xc3", b" {", b"\xed\xa0\x80"])
def test_what_follows_is_ignored(rest: bytes) -> None:
    """Nothing behind the object matters, not even what is no text."""
    assert json_body.read(body() + rest) == json_body.read(body())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["", "-le", "-be"])
def test_encodings(encoding: str, order: str) -> None:
    """The encoding shows in the first bytes, with a mark or without."""
    if encoding == "utf-8":
        order = {"": "", "-le": "-sig", "-be": "-sig"}[order]
    raw = json.dumps(GOOD, ensure_ascii=False).replace("\ud83d", "\\ud83d").encode(encoding + order)
    assert json_body.read(raw) == json_body.read(body())


_TEXTS = st.text(max_size=8)
_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), _TEXTS, st.lists(st.integers(), max_size=2)
)


@given(st.dictionaries(st.sampled_from([*GOOD, "x"]), _VALUES | st.just(...)))
def test_any_values(fields: dict[str, Any]) -> None:
    """Any values give an event or a reason."""
    with suppress(DroppedEvent):
        json_body.read(body(**fields))


@given(st.binary(), st.integers(0, 400), st.sampled_from(["utf-8", "utf-16", "utf-32-le", "utf-16-be"]))
def test_any_bytes(found: bytes, at: int, encoding: str) -> None:
    """Bytes anywhere in a body give an event or a reason."""
    raw = body().decode().encode(encoding)
    for broken in (found, raw[:at] + found + raw[at:]):
        with suppress(DroppedEvent):
            json_body.read(broken)
