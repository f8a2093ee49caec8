"""Variables in values: the table of Compose's documentation, and what is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.stack.interpolate import BadVariable, interpolate

VARIABLES = {"SET": "value", "EMPTY": "", "DOLLAR": "$SET"}

# Compose's documentation, "Interpolation": each form with a variable that is set, empty, and not set.
TABLE = [
    ("${SET}", "value"),
    ("${EMPTY}", ""),
    ("${SET:-default}", "value"),
    ("${EMPTY:-default}", "default"),
    ("${UNSET:-default}", "default"),
    ("${SET-default}", "value"),
    ("${EMPTY-default}", ""),
    ("${UNSET-default}", "default"),
    ("${SET:?error}", "value"),
    ("${SET?error}", "value"),
    ("${EMPTY?error}", ""),
    ("${SET:+other}", "other"),
    ("${EMPTY:+other}", ""),
    ("${UNSET:+other}", ""),
    ("${SET+other}", "other"),
    ("${EMPTY+other}", "other"),
    ("${UNSET+other}", ""),
    ("${UNSET:-}", ""),
    ("${UNSET:-${SET}}", "value"),
    ("${UNSET:-a${UNSET:-b${SET}c}d}", "abvaluecd"),
    ("${UNSET-${EMPTY:-inner}}", "inner"),
    ("$SET", "value"),
    ("$SET/x", "value/x"),
    ("a-$SET-${SET}-z", "a-value-value-z"),
    ("$$SET", "$SET"),
    ("$${SET}", "${SET}"),
    ("$$$SET", "$value"),
    ("${UNSET:-$$}", "$"),
    ("100% {of} }it", "100% {of} }it"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), TABLE)
def test_every_form_of_compose(text: str, expected: str) -> None:
    """Each form gives what Compose's documentation says."""
    assert interpolate(text, VARIABLES) == expected


def test_a_value_is_not_read_again() -> None:
    """A dollar inside a variable's value stays what it is."""
    assert interpolate("${DOLLAR}", VARIABLES) == "$SET"


@pytest.mark.parametrize(
    "text", ["${SET:-${UNSET}}", "${SET-${UNSET:?}}", "${UNSET:+$UNSET}", "${UNSET+${A?b}}"]
)
def test_what_is_not_used_need_not_be_set(text: str) -> None:
    """A default asks for its variables only where it is used."""
    assert interpolate(text, VARIABLES) in ("value", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("$UNSET", "UNSET is not set and has no default"),
        ("${UNSET}", "UNSET is not set and has no default"),
        ("${UNSET:-${OTHER}}", "OTHER is not set"),
        ("${EMPTY:?set it in .env}", "EMPTY is not set: set it in .env"),
        ("${UNSET?}", "UNSET is not set: it is required"),
        ("${SET", "followed by something"),
        ("${SET:-default", "never closed"),
        ("${SET:-${", "after `$` comes a name"),
        ("${SET:=x}", "neither `}` nor one of"),
        ("${SET!}", "neither `}` nor one of"),
        ("${}", "after `$` comes a name"),
        ("${1}", "after `$` comes a name"),
        ("costs 5$", "a dollar itself is written `$$`"),
        ("5$ each", "a dollar itself is written `$$`"),
    ],
)
def test_what_cannot_be_replaced_is_said(text: str, said: str) -> None:
    """A variable that is missing or badly written is an error that names it, never an empty value."""
    with pytest.raises(BadVariable, match=said.replace("$", r"\$").replace("}", r"\}")):
        interpolate(text, VARIABLES)


@given(st.text())
def test_a_text_with_its_dollars_doubled_comes_back(text: str) -> None:
    """Doubling every dollar is all that is needed to keep any text as it is."""
    assert interpolate(text.replace("$", "$$"), {}) == text


@given(st.text(alphabet="${}:-?+AB_1 "))
def test_any_text_is_replaced_or_refused(text: str) -> None:
    """Whatever is written, the answer is a text or BadVariable."""
    with contextlib.suppress(BadVariable):
        assert isinstance(interpolate(text, {"A": "x"}), str)
