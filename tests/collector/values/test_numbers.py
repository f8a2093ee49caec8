"""Numbers, against what Guava's `tryParse` gave."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.values.numbers import boolean, fp32, fp64, int32, int64

LARGEST_FLOAT = float.fromhex("0x1.fffffep127")
SMALLEST_FLOAT = float.fromhex("0x1p-149")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("-0", 0),
        ("007", 7),
        ("-12", -12),
        ("2147483647", 2**31 - 1),
        ("-2147483648", -(2**31)),
        ("2147483648", None),
        ("-2147483649", None),
        ("0" * 5000 + "7", 7),
        ("9" * 5000, None),
        *(
            (text, None)
            for text in (
                "",
                "-",
                "+1",
                " 1",
                "1 ",
                "1\n",
                "1.0",
                "1e3",
                "1_0",
                "0x1",
                "\u0663",
                "\uff11",
                "--1",
            )
        ),
    ],
)
def test_whole_numbers(text: str, number: int | None) -> None:
    """ASCII digits within 32 bits, nothing else: no plus sign, no blanks."""
    assert int32(text) == number


def test_longer_whole_numbers() -> None:
    """64 bits have their own bounds."""
    assert int64("9223372036854775807") == 2**63 - 1
    assert int64("-9223372036854775808") == -(2**63)
    assert int64("9223372036854775808") is int64("-9223372036854775809") is int64("+1") is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", 1.0),
        ("+42", 42.0),
        ("1e3", 1000.0),
        ("1.5f", 1.5),
        ("1.5D", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("5.e-1", 0.5),
        ("0x1p3", 8.0),
        ("0X1.8P-1f", 0.75),
        ("-0x.8p1", -1.0),
        ("0x1.p+3", 8.0),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        ("1e400", math.inf),
        ("-1e400", -math.inf),
        ("0x1p9999", math.inf),
        ("-0x1p9999", -math.inf),
        ("1e" + "9" * 5000, math.inf),
        ("0x1p-" + "9" * 5000, 0.0),
        ("0x1p" + "0" * 5000 + "3", 8.0),
        ("1e-400", 0.0),
    ],
)
def test_floating_point(text: str, number: float) -> None:
    """Java's literals count, hexadecimal ones and type letters too; beyond the range they are infinite or zero."""
    assert fp64(text) == number
    assert fp32(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "", "+", ".", "e3", "1e", "1e+", " 1", "1 ", "1\n", "1_0", "1fd", "1L", "NaNf", "Infinityd", "nan", "inf",
        "infinity", "0x1", "0x1.8", "0xp1", "0x.p1", "0x1pf", "1,5", "\u0663", "--1",
    ],
)  # fmt: skip
def test_no_floating_point(text: str) -> None:
    """Nothing is trimmed, and Python's own spellings do not count."""
    assert fp64(text) is None
    assert fp32(text) is None


def test_signs_of_what_is_not_ordinary() -> None:
    """NaN takes a sign, zero keeps one."""
    for text in ("NaN", "+NaN", "-NaN"):
        assert repr(fp64(text)) == repr(fp32(text)) == "nan"
    assert repr(fp64("-0")) == repr(fp32("-0")) == repr(fp32("-1e-60")) == "-0.0"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("16777217", 16777216.0),
        # Halfway between two floats: to the even one. Next to it: to the nearer one, whatever a double would say.
        ("1.000000059604644775390625", 1.0),
        ("1.0000000596046447753906250000000000000001", float.fromhex("0x1.000002p0")),
        ("1.0000001788139343261718749999999999999999", float.fromhex("0x1.000002p0")),
        ("0x1.0000010000000000000000001p0", float.fromhex("0x1.000002p0")),
        ("0x1.000002fffffff4p0", float.fromhex("0x1.000002p0")),
        ("0x1.000002ffffffffffffffffffp0", float.fromhex("0x1.000002p0")),
        ("3.40282356779733661637539395458142568447e38", LARGEST_FLOAT),
        ("3.40282356779733661637539395458142568448e38", math.inf),
        ("-3.5e38", -math.inf),
        ("7.006492321624085e-46", 0.0),
        ("7.006492321624086e-46", SMALLEST_FLOAT),
        ("0x1p-150", 0.0),
        ("0x1.0000000000000000001p-150", SMALLEST_FLOAT),
    ],
)
def test_rounding_to_32_bits(text: str, number: float) -> None:
    """A float is the one next to the text's number, not to the double next to it."""
    assert fp32(text) == number


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.integers(-9, 9))
def test_nearest_float(number: float, tail: int) -> None:
    """No neighbour of a float is nearer to a text than the float itself."""
    (bits,) = struct.unpack("<i", struct.pack("<f", abs(number)))
    if bits + 1 >= 0x7F800000:
        return
    (neighbour,) = struct.unpack("<f", struct.pack("<i", bits + 1))
    middle = (Fraction(abs(number)) + Fraction(neighbour)) / 2
    text = f"{middle.numerator * 10**200 // middle.denominator + tail}e-200"
    rounded = fp32(text)
    assert rounded is not None
    distances = [abs(Fraction(text) - Fraction(value)) for value in (rounded, abs(number), neighbour)]
    assert distances[0] == min(distances)


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("true", True),
        ("TRUE", True),
        ("tRuE", True),
        ("false", False),
        ("", False),
        (" true", False),
        ("1", False),
    ],
)
def test_truths(text: str, truth: bool) -> None:
    """Only `true` is true, in upper or lower case; everything else is false."""
    assert boolean(text) is truth


@given(st.text(alphabet="0123456789+-.eExXpPfFdDNaInfity \n"))
def test_any_text(text: str) -> None:
    """Any text is a number or none; a whole number is a floating one, too."""
    fp32(text)
    whole = int64(text)
    if whole is not None:
        assert fp64(text) == float(whole)
