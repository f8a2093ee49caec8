"""Cookies, against what the server under Divolte (Undertow 1.4) made of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.values.cookies import cookie


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("a=1; b=2", "b", "2"),
        ("a=1;b=2", "b", "2"),
        (";; a=1", "a", "1"),
        ("a=1,b=2", "a", "1,b"),
        ("a=1,b=2", "b", None),
        ("a=x=y", "a", "x"),
        ("a==y", "a", ""),
        ("a=x=y=z; b=2", "b", "2"),
        ('a=x="y;b=1"', "b", '1"'),
        ("a=1 ; b", "a", "1 "),
        ("a= 1", "a", " 1"),
        ("a =1", "a", None),
        ("a =1", "a ", "1"),
        ("a=x  y\tz", "a", "x y z"),
        ("a=1\t;\tb=2", "b", "2"),
        ('a="x;y"; b=2', "a", "x;y"),
        ('a="x;y"; b=2', "b", "2"),
        ('a="x"y=3', "y", "3"),
        ('a="x"y; b=2', "b", "2"),
        ('a="x\\"y"; b=2', "a", "x\\"),
        ('a="x\\"y"; b=2', "b", "2"),
        ('a=""', "a", ""),
        ('a= "x"', "a", ' "x"'),
        ('a=x"y"', "a", 'x"y"'),
        ('a="never closed; b=2', "a", None),
        ('a="never closed; b=2', "b", None),
        ("a; b=1", "a", None),
        ("a", "a", None),
        ("a=", "a", ""),
        ("=x", "", "x"),
        ("A=1; a=2", "a", "2"),
        ("a=1; a=2", "a", "1"),
        ("ba=1; a=2", "a", "2"),
        ("$Version=1; a=2", "$Version", None),
        ("$Version=1; a=2", "a", "2"),
        ("a=\xc3\xa9", "a", "\xc3\xa9"),
        ("", "a", None),
    ],
)
def test_cookies(line: str, name: str, value: str | None) -> None:
    """A value ends at a semicolon, a second `=` or its closing quote; blanks around it stay."""
    assert cookie([line], name) == value


def test_several_lines() -> None:
    """The first of a line counts, and the last line that has the cookie."""
    assert cookie(["a=1; a=2", "a=3; a=4", "b=5"], "a") == "3"
    assert cookie([], "a") is None


@given(st.text(alphabet='ab=;" $'), st.text(alphabet="ab=;$"))
def test_any_line(other: str, quoted: str) -> None:
    """What stands behind a closed cookie changes nothing, and a quoted value may hold anything but quotes."""
    assert cookie([f"q=1;{other}"], "q") == "1"
    assert cookie([f'q="{quoted}"{other}'], "q") == quoted
