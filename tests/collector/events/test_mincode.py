"""Mincode, as Divolte 0.9.0 understood it."""

from __future__ import annotations

import string
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.events import mincode
from pyglue.collector.events.json_text import text
from tests.collector.recorded import lines

# Letters that make sense, so that a good part of all texts is mincode or nearly so.
ALPHABET = "(())!!!!~..aasdjtfn+-eE01z٣²"


def outcome(parse: Any, encoded: str) -> object:
    """What `parse` makes of the text: the value with its types, or the error's name."""
    try:
        return repr(parse(encoded))
    except mincode.MincodeError:
        return "error"


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        ("(sa!b!tc!)", {"a": "b", "c": True}),
        ("(sa~!~~!x~!!)", {"a!~": "x!"}),
        ("(sa!~b~(~~~!!)", {"a": "b(~!"}),
        ("ad10!j1.50!nf.", [36, Decimal("1.5"), None, False]),
        ("((a!sb!c!)aq!a..)", {"a": {"b": "c"}, "q": [[]]}),
        ("((a!))", {"a": {}}),
        ("(da!1!da!2!)rest", {"a": 2}),
        ("(ta!))(", {"a": True}),
        ("(da!Zz!db!-1!dc!+01!dd!1y2p0ij32e8e8!)", {"a": 1295, "b": -1, "c": 1, "d": 2**63}),
        ("a().", [{}]),
        ("()", {}),
        ("s!", ""),
        ("(s!!)", {"": ""}),
        ("t!", True),
    ],
)
def test_values(encoded: str, value: object) -> None:
    """Nested values are read, a repeated name keeps its last value, text after the value is ignored."""
    assert mincode.parse(encoded) == value


@pytest.mark.parametrize(
    ("number", "value", "text_of_it"),
    [
        ("5", 5, "5"),
        ("5.", 5, "5"),
        ("+05", 5, "5"),
        ("-0", 0, "0"),
        ("0.5e1", 5, "5"),
        ("10.0e1", 100, "100"),
        ("٣", 3, "3"),
        ("1e000000000000000", 1, "1"),
        (".5", Decimal("0.5"), "0.5"),
        ("10.0", Decimal("1e1"), "1E+1"),
        ("1e3", Decimal("1e3"), "1E+3"),
        ("100.50", Decimal("100.5"), "100.5"),
        ("-0.0", Decimal(0), "0"),
        ("0e9", Decimal(0), "0"),
        ("1e-7", Decimal("1e-7"), "1E-7"),
        ("0.000001", Decimal("0.000001"), "0.000001"),
        ("1e2147483647", Decimal("1e2147483647"), "1E+2147483647"),
    ],
)
def test_json_numbers(number: str, value: int | Decimal, text_of_it: str) -> None:
    """What Java's decimals hold without a scale is a whole number, the rest has no trailing zeros."""
    for encoded in (f"(jv!{number}!)", f"((v!jv!{number}!))"):
        parsed: Any = mincode.parse(encoded)
        found = parsed["v"] if encoded.startswith("(j") else parsed["v"]["v"]
        assert (type(found), found, text(found)) == (type(value), value, text_of_it)


@pytest.mark.parametrize(
    "encoded",
    [
        *(
            "",
            "o",
            "(o)",
            "(oa!)",
            "(oa!.)",
            "ao.",
            "(",
            "a",
            "(sa!b",
            "(sa",
            "(s",
            "(s!",
            "(sa!b!",
            "(ta!",
            "S!",
        ),
        *(
            "(a!b!)",
            "((a!.",
            "a(.",
            "(a!)",
            ")",
            ".",
            "(.a!)",
            "s~",
            "(sa~",
            "dx_1!",
            "d 1!",
            "d!",
            "d-!",
            "dé!",
        ),
        *(
            "jNaN!",
            "j1e!",
            "j!",
            "j.!",
            "j1_0!",
            "j0x1!",
            "j 1!",
            "je5!",
            "j1e5.0!",
            "j1e2147483648!",
            "j\U0001d7d1!",
        ),
        *("j1e-2147483648!", "j1e99999999999!", "(sa!)", "(da!)x", "(da!²!)", "(ja!²!)", "d²!"),
    ],
)
def test_what_is_refused(encoded: str) -> None:
    """Unknown kinds, unterminated texts and bad numbers refuse the whole value; so does the sign `o`."""
    with pytest.raises(mincode.MincodeError):
        mincode.parse(encoded)


def test_hostile_depth_and_length() -> None:
    """Neither nesting nor digits reach a limit of Python's."""
    depth = 200_000
    value = mincode.parse("a" * depth + "." * depth)
    for _ in range(depth - 1):
        assert isinstance(value, list)
        value = value[0]
    assert value == []
    for kind in ("d", "j"):
        for encoded in (kind + "1" * 100_000 + "!", f"({kind}a!" + "1" * 100_000 + "!)"):
            with pytest.raises(mincode.MincodeError):
                mincode.parse(encoded)


@given(st.dictionaries(st.text(), st.text()))
def test_round_trip(values: dict[str, str]) -> None:
    """Texts under any names come back as they were."""
    assert mincode.parse(mincode.encode_texts(values)) == values


@given(st.text(alphabet=string.ascii_lowercase + string.digits + "()!~.-+dsjtfna" * 3))
def test_any_text(encoded: str) -> None:
    """Any text gives a value or a MincodeError."""
    with suppress(mincode.MincodeError):
        mincode.parse(encoded)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from("sdj"), st.text(ALPHABET, max_size=3), st.text(ALPHABET, max_size=5)),
            st.tuples(st.sampled_from("tfna(o"), st.text(ALPHABET, max_size=3)),
        ),
        max_size=5,
    ),
    st.sampled_from(["", ")", ")x!y", "))"]),
)
def test_the_short_way_equals_the_long_one(entries: list[tuple[str, ...]], end: str) -> None:
    """An object taken apart at its `!` is what reading it character by character gives."""
    encoded = "(" + "".join(entry[0] + "".join(f"{part}!" for part in entry[1:]) for entry in entries) + end
    assert outcome(mincode.parse, encoded) == outcome(mincode._any, encoded)


@given(st.text(ALPHABET).map("(".__add__))
def test_the_short_way_equals_the_long_one_for_any_text(encoded: str) -> None:
    """The same for texts that are hardly ever mincode."""
    assert outcome(mincode.parse, encoded) == outcome(mincode._any, encoded)


@pytest.mark.parametrize("case", lines("mincode.jsonl")[::6], ids=lambda case: str(case["u"])[:30])
def test_cut_and_followed(case: dict[str, str | None]) -> None:
    """A value cut anywhere is refused or a value, never a crash; what follows it changes nothing."""
    encoded = case["u"] or ""
    for end in range(len(encoded)):
        with suppress(mincode.MincodeError):
            mincode.parse(encoded[:end])
    if case["present"]:
        assert mincode.parse(encoded + ")!~x") == mincode.parse(encoded)
