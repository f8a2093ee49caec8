"""JSON scalars as text."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.events.json_text import java_double, text
from tests.collector.recorded import lines


@pytest.mark.parametrize(
    ("value", "as_text"),
    [
        ("a", "a"),
        ("", ""),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (-5, "-5"),
        (10**30, "1" + "0" * 30),
        (10.0, "10.0"),
        (1e10, "1.0E10"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (float("nan"), "NaN"),
        (Decimal("1E+1"), "1E+1"),
        (Decimal("0.001"), "0.001"),
        ([1], ""),
        ({"a": 1}, ""),
    ],
)
def test_texts(value: object, as_text: str) -> None:
    """Scalars have Java's texts, objects and arrays none."""
    assert text(value) == as_text


@pytest.mark.parametrize("case", lines("java_doubles.jsonl"), ids=lambda case: str(case["text"]))
def test_doubles_as_java_17_wrote_them(case: dict[str, Any]) -> None:
    """Digits and exponents are Java's, also where those are not the fewest."""
    assert java_double(float.fromhex(case["hex"])) == case["text"]


@given(st.floats(allow_nan=False))
def test_doubles_come_back(number: float) -> None:
    """The text of every double is read back as that double, sign of zero included."""
    again = float(java_double(number))
    assert (again, math.copysign(1, again)) == (number, math.copysign(1, number))
