"""Numbers of things in what people read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pyglue.counted import counted

THINGS = (
    "bytes|charts|columns|connections|errors|events|fields|files|lines|minutes|partitions|ports|records|rows"
)
AS_IT_IS = (  # where the number is never one, or stands in a column of a table
    "cli/support_bundle.py",
    "support/bundle.py",
    "support/pieces.py",
)


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (0, ("event",), "0 events"),
        (1, ("event",), "1 event"),
        (2, ("event",), "2 events"),
        (1204, ("event",), "1,204 events"),
        (1, ("try", "tries"), "1 try"),
        (3, ("try", "tries"), "3 tries"),
        (1, ("record waits", "records wait"), "1 record waits"),
    ],
)
def test_one_is_no_several(number: int, words: tuple[str, ...], text: str) -> None:
    """A number, with the word as it is said of so many."""
    assert counted(number, *words) == text


def test_nobody_counts_by_hand(checkout: Path) -> None:
    """A number that is put in front of the plural says `1 records` one day."""
    by_hand = re.compile(rf"(%d|:,\}}|\{{len\([^{{}}]*\)\}}) ({THINGS})\b")
    found = [
        f"{path.relative_to(checkout)}:{number}"
        for path in sorted((checkout / "pyglue").rglob("*.py"))
        if not str(path).endswith(AS_IT_IS)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if by_hand.search(line)
    ]
    assert found == []
