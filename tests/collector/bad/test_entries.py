"""Bad events as lines: what was written is what is read, and each reason has its kind."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.bad.entries import KINDS, BadEvent, Came, Lost, kind, read_lines

LATIN = st.text(st.characters(max_codepoint=255))
CAMES = st.builds(
    Came,
    st.integers(0, 2**47),
    st.sampled_from(["GET", "POST"]),
    st.binary(),
    st.binary(),
    st.lists(st.tuples(LATIN, LATIN), max_size=2).map(tuple),
    st.text(),
    st.sampled_from([None, True, False]),
)
NAME = st.none() | st.text()
LOST = st.lists(st.builds(Lost, st.text(), NAME, NAME), min_size=1, max_size=2).map(tuple)


@given(st.lists(st.builds(BadEvent, st.text(), CAMES, LOST), max_size=3))
def test_lines_are_read_back(events: list[BadEvent]) -> None:
    """Whatever bytes a client has sent; each event is one line of ASCII."""
    lines = [event.line() for event in events]
    assert all(line.isascii() and "\n" not in line for line in lines)
    assert list(read_lines("".join(f"{line}\n" for line in lines).encode())) == events


@pytest.mark.parametrize(
    "change",
    [
        {"id": 1},
        {"time": "now"},
        {"time": 2**60},
        {"duplicate": "no"},
        {"target": "\u20ac"},
        {"body_base64": "\u20ac"},
        {"headers": [["one"]]},
        {"headers": [["user-agent", "\u20ac"]]},
        {"lost": []},
        {"lost": [1]},
        {"lost": [{"reason": 1}]},
        {"lost": [{"reason": "x", "mapping": 1}]},
    ],
)
def test_what_is_no_event_is_told_by_its_line(change: dict[str, object]) -> None:
    """A line that was torn or written by hand costs no other one."""
    good = BadEvent("a-1", Came(1, "GET", b"/x", b"", (), "::1"), (Lost("bad p"),)).line()
    bad = json.dumps(json.loads(good) | change)
    text = f"{good}\n{bad}\n[]\n{good[:20]}\n{'[' * 100_000}\n\n{good}\n"
    found = list(read_lines(text.encode() + b"\xff\n" + good[:20].encode()))  # the last is being written
    assert [one if isinstance(one, int) else one.id for one in found] == ["a-1", 2, 3, 4, 5, "a-1", 8]
    assert list(read_lines(b"torn\n\ntorn\n", 7)) == [7, 9]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("missing p", "identifier"),
        ("bad s", "identifier"),
        ("missing event_id", "identifier"),
        ("bad c", "parse"),
        ("missing n", "parse"),
        ("bad json", "parse"),
        ("json nested too deeply", "parse"),
        ("bad client_timestamp_iso", "parse"),
        ("corrupt", "checksum"),
        ("too large", "size"),
        ("no value for field eventType", "schema"),
        ("json lacks a required field", "schema"),
        ("slow JsonPath", "mapping"),
        ("no such group in a regular expression", "mapping"),
    ],
)
def test_each_reason_has_a_kind(reason: str, expected: str) -> None:
    """The kinds by which people choose."""
    assert kind(reason) == expected
    assert expected in KINDS
