"""Header lists, against what Divolte recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.values.headers import folded, get, values

SUITE = Path(__file__).parents[2] / "parity" / "suites" / "header-functions"


def _requests() -> list[tuple[str, list[str], dict[str, Any]]]:
    """Of every request of the suite: id, lines of X-List, what Divolte recorded."""
    requests = map(json.loads, (SUITE / "requests.jsonl").read_text().splitlines())
    answers = map(json.loads, (SUITE / "expected.jsonl").read_text().splitlines())
    cases = []
    for request, answer in zip(requests, answers, strict=True):
        headers = request.get("headers", [])
        pairs = headers.items() if isinstance(headers, dict) else headers
        lines = [value.encode().decode("latin-1") for name, value in pairs if name.lower() == "x-list"]
        cases.append((request["id"], lines, answer["records"][0]["record"]))
    return cases


@pytest.mark.parametrize(
    ("lines", "record"), [case[1:] for case in _requests()], ids=[case[0] for case in _requests()]
)
def test_what_divolte_recorded(lines: list[str], record: dict[str, Any]) -> None:
    """The list, and what stands at which place of it, are Divolte's."""
    found = values(lines)
    assert found == record["all"]
    for name, index in {"first": 0, "last": -1, "g1": 1, "g2": 2, "gm2": -2, "gm3": -3}.items():
        assert (None if found is None else get(found, index)) == record[name]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('a "b"c', ["a b c"]),
        ('a "b""c"d,e"f"g', ["a b c d", "efg"]),
        ('"" b', [" b"]),
        ('"" , ""', []),
        ('" " b', ["  b"]),
        ('"\\', []),
        ('a\\"b, c', ["a\\b, c"]),
        ('"a\\', ["a"]),
        ("\ta\t,\tb\t", ["a", "b"]),
    ],
)
def test_odd_lists(line: str, found: list[str]) -> None:
    """Within a value every piece after the first blank stands apart; a backslash escapes in quotes only."""
    assert values([line]) == found


def test_get_beyond_the_ends() -> None:
    """Places count from 0, from the end if negative; there is nothing beyond either end."""
    found = ["a", "b"]
    assert [get(found, index) for index in range(-3, 3)] == [None, "a", "b", "a", "b", None]
    assert get([], 0) is get([], -1) is None


@given(st.text(alphabet='ab,"\\ \t'))
def test_folding_is_done_once(line: str) -> None:
    """A folded line has single blanks only; folding it again changes nothing, nor does it change the list."""
    once = folded(line)
    assert "  " not in once
    assert "\t" not in once
    assert folded(once) == once
    assert values([once]) == values([line])


@given(st.lists(st.text(alphabet="ab1*/;=", min_size=1)))
def test_plain_lists(items: list[str]) -> None:
    """Values without blanks, commas and quotes come back as they were, quoted or not."""
    assert values([", ".join(items)]) == items
    assert values([",".join(f'"{item}"' for item in items)]) == items
