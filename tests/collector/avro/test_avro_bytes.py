"""Avro's encoding of single values equals that of fastavro."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.avro import avro_bytes


def expected(type_: Any, value: Any) -> bytes:
    """What fastavro writes."""
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(type_), value)
    return stream.getvalue()


@given(st.integers(-(2**63), 2**63 - 1))
def test_integers(number: int) -> None:
    """Every long has its zigzag form."""
    assert avro_bytes.integer(number) == expected("long", number)


@pytest.mark.parametrize("power", range(64))
def test_integers_around_the_limits_of_bytes(power: int) -> None:
    """So have the numbers next to where another byte begins."""
    for number in {2**power - 1, -(2**power), min(2**power, 2**63 - 1), max(-(2**power) - 1, -(2**63))}:
        assert avro_bytes.integer(number) == expected("long", number)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_strings(text: str) -> None:
    """Every text has its length and its UTF-8; as bytes it may come in UTF-8 already."""
    assert avro_bytes.string(text) == expected("string", text)
    assert avro_bytes.sized(text.encode()) == expected("string", text)


def test_half_a_surrogate_pair() -> None:
    """What UTF-8 has no form for is a question mark."""
    assert avro_bytes.string("a\ud83d") == b"\x04a?"


@pytest.mark.parametrize("number", [0.0, -1.5, 1e300, float("inf"), float("-inf")])
def test_floating_point(number: float) -> None:
    """Doubles are exact; a float that is too large becomes infinite."""
    assert avro_bytes.double(number) == expected("double", number)
    infinite = number if abs(number) < 1e38 else float("inf") if number > 0 else float("-inf")
    assert avro_bytes.single(number) == expected("float", infinite)


def test_booleans() -> None:
    """A boolean is one byte."""
    assert (avro_bytes.boolean(True), avro_bytes.boolean(False)) == (b"\x01", b"\x00")


@given(st.lists(st.integers(-100, 10_000), max_size=100))
def test_blocks(numbers: list[int]) -> None:
    """An array is one block and the end; an empty one only the end."""
    items = [avro_bytes.integer(number) for number in numbers]
    assert avro_bytes.block(items) == expected({"type": "array", "items": "int"}, numbers)
