"""`pyglue reconcile` where nothing runs, and the spans of time that it understands."""

from __future__ import annotations

from datetime import datetime

import pytest

from pyglue.cli.reconcile import _span
from pyglue.errors import UsageError
from pyglue.pipeline.reconcile import Span
from tests.cli.ended import Run

M = 29_000_480  # 2025-02-20T05:20Z
NOW = M * 60.0
AT = datetime(2025, 2, 20, 5, 0)


@pytest.mark.parametrize(
    ("seconds", "begin", "until", "now", "span"),
    [
        (3600, None, None, NOW + 5, Span(M - 60, M)),
        (3600, None, None, NOW + 4.9, Span(M - 61, M - 1)),
        (30, None, None, NOW + 5, Span(M - 1, M)),
        (3600, AT, None, NOW + 5, Span(M - 20, M)),
        (600, None, AT, NOW + 5, Span(M - 30, M - 20)),
        (3600, AT, datetime(2025, 2, 21), NOW + 5, Span(M - 20, M)),
    ],
)
def test_spans_are_whole_minutes_that_are_over(
    seconds: float, begin: datetime | None, until: datetime | None, now: float, span: Span
) -> None:
    """Over for five seconds at least, so that nothing that is on its way is called missing."""
    assert _span(seconds, begin, until, now) == span


@pytest.mark.parametrize(("begin", "now"), [(AT, NOW - 20 * 60), (datetime(2024, 12, 1), NOW)])
def test_spans_that_make_no_sense(begin: datetime, now: float) -> None:
    """One that has no minute, and one that no chart could answer."""
    with pytest.raises(UsageError):
        _span(3600, begin, None, now)


def test_where_nothing_runs(pyglue: Run) -> None:
    """It says what to type."""
    ended = pyglue("reconcile")
    assert (ended.code, ended.out) == (1, "")
    assert "nothing runs here" in ended.err
    assert "try: pyglue up" in ended.err


@pytest.mark.parametrize("words", [["--since", "soon"], ["--from", "yesterday"], ["--to", "12:00"]])
def test_times_that_are_none(pyglue: Run, words: list[str]) -> None:
    """A usage error names the option."""
    ended = pyglue("reconcile", *words)
    assert ended.code == 2
    assert words[0] in ended.err
