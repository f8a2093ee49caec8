"""`pyglue trace` as typed: ids that are none, and an event that nobody knows."""

from __future__ import annotations

from typing import cast

import pytest

from pyglue.cli.trace import _error, _json
from pyglue.diagnosis.findings import Finding
from pyglue.engine import Engine
from pyglue.errors import PyglueError
from pyglue.pipeline.smoke import Hop, Report
from tests.cli.ended import Run


class Silent:
    """An engine whose logs nobody is to read."""

    def last_words(self, name: str) -> list[str]:
        raise AssertionError(name)


@pytest.mark.parametrize("word", ["", "\udcff"])
def test_an_id_that_is_none(pyglue: Run, word: str) -> None:
    """Nothing, and bytes that are no text, are refused before anything is asked."""
    ended = pyglue("trace", word)
    assert (ended.code, ended.out) == (2, "")
    assert "an event's id is a text" in ended.err


def test_an_event_that_nobody_knows_is_nobodys_fault() -> None:
    """No log is quoted and no service blamed, whatever else is wrong now; that is told beside it."""
    problem = PyglueError("there is no event with the id x", code="event-unknown", try_="pyglue tail")
    report = Report("x", (), problem)
    ill = Finding("service-unhealthy", "collector", "divolte hangs", "pyglue logs divolte", "divolte")
    error = _error(report, [ill], [], cast(Engine, Silent()))
    assert (error.message, error.code, error.try_) == (problem.message, "event-unknown", "pyglue tail")
    assert error.details == ["collector: divolte hangs; try: pyglue logs divolte"]
    told = _json([report], None, [ill], [])
    assert (told["ok"], told["hop"], told["hops"]) == (False, None, [])
    stopped = Report("x", (Hop("collector", ok=False, ms=None),), problem)
    assert _json([stopped], None, [], [])["hop"] == "collector"
