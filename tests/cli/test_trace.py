"""`pyglue trace` as typed: ids that are none, and an event that nobody knows."""

from __future__ import annotations

from typing import cast

import pytest

from pyglue.cli.trace import _error, _json, explained
from pyglue.diagnosis.findings import Finding
from pyglue.engine import Engine
from pyglue.errors import PyglueError
from pyglue.pipeline.kept import Kept
from pyglue.pipeline.smoke import Hop, Report
from tests.cli.ended import Run
from tests.pipeline.bad_events import Files, bad_event, unreadable


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


def test_an_event_that_the_collector_has_kept_is_explained() -> None:
    """Also one that was sent just now and did not reach Kafka; what went wrong behind Kafka has another cause."""
    problem = PyglueError("there is no event with the id event-1", code="event-unknown")
    bad = [unreadable(9), bad_event(1), bad_event(2)]
    for hops in ((), (Hop("collector", ok=True, ms=1), Hop("kafka", ok=False, ms=None))):
        report = explained(Report("event-1", hops, problem), bad, {})
        assert report.problem is not None
        assert (report.problem.code, report.problem.details[1]) == (
            "event-kept",
            "because    no value for field eventType (schema)",
        )
        assert [(hop.hop, hop.ok) for hop in report.hops] == [("collector", False)][: len(hops)]
    settled = explained(Report("event-1", (), problem), bad, {"test-1": "a probe\x1b"}).problem
    assert settled is not None
    assert (settled.details[2], settled.try_) == ("dismissed  a probe\\u001b", None)
    for report in (
        Report("event-7", (), problem),
        Report("event-1", ()),
        Report("event-1", (Hop("druid", ok=False, ms=None),), problem),
    ):
        assert explained(report, bad, {}) is report


def test_a_folder_that_can_not_be_read_hides_nothing() -> None:
    """The problem that there is, is told."""
    files = Files(bad_event(1))
    files.error = PermissionError(13, "Permission denied")
    report = Report("event-1", (), PyglueError("there is no event with the id event-1", code="event-unknown"))
    assert explained(report, Kept(cast(Engine, files), ()), {}) is report
