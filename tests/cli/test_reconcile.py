"""`pyglue reconcile` where nothing runs, the spans of time that it understands, and what it tells."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from pyglue.cli.reconcile import _headline, _json, _reads, _seen, _span, _tell
from pyglue.collector.counting.counts import Counts
from pyglue.diagnosis.facts import Supervisor
from pyglue.errors import Unreachable, UsageError
from pyglue.pipeline import losses, reconcile
from pyglue.pipeline.minutes import Span
from pyglue.pipeline.reconcile import InKafka, Seen
from pyglue.pipeline.replays import Replays
from pyglue.screen import Screen
from tests.cli.ended import Run
from tests.diagnosis.faults import STATUS, healthy, spec, state, stopped

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


def seen() -> Seen:
    """A span in which Druid lacks two of five records, and Superset does not answer."""
    counts = Counts(M, 8, 5, 1, {"missing p": 2}, records={"divolte": 5}, complete=False)
    away = Unreachable("superset does not answer", try_="pyglue logs superset")
    return Seen(Span(M, M + 60), "divolte", {M: counts}, InKafka(Counter({M: 5})), {M: 3}, away)


@pytest.mark.parametrize(
    ("changes", "reads"),
    [
        ({}, True),
        ({"services": (*map(state, ("kafka", "druid-indexer")), stopped("superset"))}, True),
        ({"services": (state("kafka"), stopped("druid-indexer"))}, False),
        ({"supervisor": None}, False),
        ({"supervisor": Unreachable("druid-coordinator does not answer")}, False),
        ({"supervisor": Supervisor(STATUS, spec(), {0: 99})}, False),
    ],
)
def test_what_is_on_its_way_needs_somebody_who_reads(changes: dict[str, Any], reads: bool) -> None:
    """A supervisor that runs, at offsets of this topic, and the services of its tasks; others may be away."""
    assert _reads(healthy(**changes)) == reads


def test_what_is_told() -> None:
    """Every count of every hop, a note, and the problems with minutes, remedy and page."""
    out = io.StringIO()
    gaps = reconcile.gaps(seen())
    problems = losses.findings(seen(), gaps, ())
    _tell(Screen(out, io.StringIO()), seen(), healthy(), gaps, problems)
    lines = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert lines[:9] == [
        "HOP WHAT EVENTS",
        "collector received 8",
        "collector refused (503) 1",
        "collector acknowledged 5",
        "collector records acknowledged by divolte 5",
        "collector dropped: missing p 2",
        "kafka records in divolte 5",
        "kafka of them unreadable 0",
        "kafka of them not read by Druid yet 0",
    ]
    assert "superset superset does not answer -" in lines
    assert any(line.startswith("note: the collector was killed in 2025-02-20 05:20 UTC") for line in lines)
    first = lines.index("1. Druid lacks 2 of the 5 records in Kafka")
    assert lines[first + 1] == "in 2025-02-20 05:20 UTC"
    assert lines[first + 3 : first + 5] == ["try: pyglue status", "see: docs/errors.md#rows-missing"]
    assert "2. superset does not answer" in lines
    assert "Nothing is missing." not in lines


def test_what_was_sent_again_is_known() -> None:
    """The records of the topic, and whether their account can be read."""
    again = Replays(records={"divolte": Counter({M: 2}), "other": Counter({M: 3})}, damaged=(4,))
    found = _seen(Span(M, M + 60), healthy(), ({}, ()), InKafka(), {}, {}, (), again)
    assert (found.replayed, found.account.damaged) == ({M: 2}, (4,))
    assert _seen(Span(M, M + 60), healthy(), ({}, ()), InKafka(), {}, {}).replayed == {}


@pytest.mark.parametrize(
    ("records", "told", "figure", "shown"),
    [(5, False, None, "not known yet"), (5, True, 5, "5"), (0, False, 0, "0")],
)
def test_how_much_is_not_read_is_told_only_where_druid_says_it(
    records: int, told: bool, figure: int | None, shown: str
) -> None:
    """Just after a reset its tasks have not said how far they are: all that is there may be read by now."""
    minutes = Counter({M: records} if records else {})
    read = replace(seen(), kafka=InKafka(minutes, minutes.copy(), told=told))
    out = io.StringIO()
    _tell(Screen(out, io.StringIO()), read, healthy(), (), ())
    (line,) = [line for line in out.getvalue().splitlines() if "not read by Druid" in line]
    assert line.split("yet", 1)[1].strip() == shown
    assert _json(read, healthy(), (), ())["hops"]["kafka"]["not_yet_read"] == figure


@pytest.mark.parametrize("cut", [True, False])
def test_which_minutes_were_compared(cut: bool) -> None:
    """That the minute which still runs is left out is said, if it was asked for."""
    said = _headline(Span(M, M + 2), cut=cut)
    assert said.startswith("2025-02-20T05:20Z to 2025-02-20T05:22Z, minutes: 2")
    assert ("the minute that still runs is left out" in said) == cut


def test_what_programs_read() -> None:
    """The documented object: hops that answered have counts, the other one its error."""
    gaps = reconcile.gaps(seen())
    told = _json(seen(), healthy(), gaps, losses.findings(seen(), gaps, ()))
    assert list(told) == ["ok", "from", "to", "hops", "gaps", "problems"]
    assert (told["ok"], told["from"], told["to"]) == (False, "2025-02-20T05:20Z", "2025-02-20T06:20Z")
    assert told["hops"]["druid"] == {"rows": 3, "processed": 7, "unparseable": 0, "thrown_away": 0}
    assert told["hops"]["superset"] == {"error": {"code": "no-answer", "message": "superset does not answer"}}
    assert told["hops"]["collector"]["complete"] is False
    assert [gap["kind"] for gap in told["gaps"]] == ["counts incomplete", "missing"]
    assert [problem["code"] for problem in told["problems"]] == ["rows-missing", "no-answer"]
