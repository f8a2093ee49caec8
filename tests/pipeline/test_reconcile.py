"""Counts of hops compared: what is missing is named with its hop and minutes, and what only looks so is explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pyglue.collector.counts import Counts
from pyglue.diagnosis.findings import Finding
from pyglue.errors import PyglueError, Unreachable
from pyglue.pipeline import reconcile
from pyglue.pipeline.reconcile import Gap, InKafka, Seen, Span

M = 29_000_480  # 2025-02-20T05:20Z
HOPS = {M: 5, M + 1: 3}
AWAY = Unreachable("Kafka does not answer", try_="pyglue logs kafka", code="kafka-away")


def counted(records: Mapping[int, int], **more: Any) -> dict[int, Counts]:
    return {
        minute: Counts(minute, count, count, records={"divolte": count}, **more)
        for minute, count in records.items()
    }


def kafka(records: Mapping[int, int] = HOPS, unread: Mapping[int, int] | None = None, **more: Any) -> InKafka:
    return InKafka(Counter(records), Counter(unread or {}), **more)


SEEN = Seen(Span(M, M + 60), "divolte", counted(HOPS), kafka(), HOPS, HOPS)


def told(seen: Seen) -> list[tuple[str, str, Mapping[int, int]]]:
    return [(gap.kind, gap.hop, gap.minutes) for gap in reconcile.gaps(seen)]


def problem(seen: Seen, *causes: Finding) -> Finding:
    """The only finding."""
    (found,) = reconcile.findings(seen, reconcile.gaps(seen), causes)
    return found


def test_equal_counts_are_no_gap() -> None:
    """Nothing is said where nothing differs."""
    assert told(SEEN) == []
    assert reconcile.findings(SEEN, (), ()) == ()


def test_two_errors_do_not_cancel_out() -> None:
    """One too few in a minute and one too many in the next are a missing one and one more."""
    seen = replace(SEEN, druid={M: 4, M + 1: 4}, superset={M: 4, M + 1: 4})
    assert told(seen) == [("missing", "druid", {M: 1}), ("more in druid", "druid", {M + 1: 1})]


def test_what_is_missing_in_kafka() -> None:
    """Acknowledged records that are neither in the topic nor in Druid are a fault of Kafka's hop, with its minutes."""
    seen = replace(SEEN, kafka=kafka({M: 3, M + 1: 3}), druid={M: 3, M + 1: 3}, superset={M: 3, M + 1: 3})
    assert told(seen) == [("missing", "kafka", {M: 2})]
    found = problem(seen)
    assert (found.code, found.hop, found.try_) == ("records-missing", "kafka", "pyglue check")
    assert found.message == "Kafka lacks 2 of the 8 records that the collector acknowledged"
    assert "2025-02-20 05:20 UTC" in found.details[0]


@pytest.mark.parametrize(
    ("more", "word"),
    [({"removed": True}, "RETENTION"), ({"fresh": True}, "made anew"), ({}, "another topic")],
)
def test_why_kafka_may_lack_them(more: dict[str, Any], word: str) -> None:
    """Retention, a topic made anew, or another topic: by where the topic begins."""
    found = problem(replace(SEEN, kafka=kafka({}, **more), druid={}, superset={}))
    assert word in found.details[1]


def test_what_kafka_has_deleted_since_is_not_missing() -> None:
    """Rows in Druid prove that the records were there."""
    seen = replace(SEEN, kafka=kafka({M + 1: 3}, removed=True))
    assert told(seen) == [("no longer in kafka", "kafka", {M: 5})]
    assert reconcile.findings(seen, reconcile.gaps(seen), ()) == ()


def test_what_druid_has_not_read_is_on_its_way() -> None:
    """As many as lie beyond its offsets; more than those are missing."""
    seen = replace(
        SEEN, kafka=kafka(HOPS, {M: 2, M + 1: 3}), druid={M: 2, M + 1: 3}, superset={M: 2, M + 1: 3}
    )
    assert told(seen) == [("missing", "druid", {M: 1}), ("on its way", "druid", {M: 2})]


def test_nothing_is_on_its_way_to_a_druid_that_does_not_read() -> None:
    """Then all of it is missing, for the reason that the diagnosis has, which comes first, with its remedy."""
    seen = replace(SEEN, kafka=kafka(HOPS, HOPS), druid={}, superset={}, reads=False)
    cause = Finding("supervisor-missing", "druid", "Druid has no supervisor", "pyglue submit-spec")
    assert told(seen) == [("missing", "druid", HOPS)]
    first, second = reconcile.findings(seen, reconcile.gaps(seen), [cause])
    assert (first, second.code, second.try_) == (cause, "rows-missing", "pyglue submit-spec")
    assert second.details[1] == "because    Druid has no supervisor"


def test_a_hop_of_which_the_cause_is_known_is_told_once() -> None:
    """Kafka is stopped: that its records can't be counted is the same news; of Superset nothing is known."""
    away = Unreachable("Kafka does not answer", code="kafka-away")
    cause = Finding("service-stopped", "kafka", "kafka is stopped", "pyglue up")
    seen = replace(SEEN, kafka=away, superset=Unreachable("Superset does not answer"))
    assert [(one.hop, one.code) for one in reconcile.findings(seen, (), [cause])] == [
        ("kafka", "service-stopped"),
        ("superset", "no-answer"),
    ]


@pytest.mark.parametrize(
    ("more", "word", "try_"),
    [
        ({"unparseable": 4}, "4 unparseable", "pyglue tail --bad --no-follow"),
        ({"thrown_away": 2}, "threw 2 away", "pyglue submit-spec --dry-run"),
        ({}, "reset", "pyglue status"),
    ],
)
def test_why_druid_may_lack_them(more: dict[str, Any], word: str, try_: str) -> None:
    """By what its tasks have counted."""
    found = problem(replace(SEEN, druid={M: 4, M + 1: 3}, superset={M: 4, M + 1: 3}, **more))
    assert word in found.details[1]
    assert found.try_ == try_


def test_what_another_program_wrote_and_nobody_can_read_is_no_loss() -> None:
    """It makes no row; but what the collector wrote and nobody can read is missing."""
    seen = replace(SEEN, kafka=kafka({M: 6, M + 1: 3}, unreadable=Counter({M: 1})))
    assert ("foreign records", "druid", {M: 1}) in told(seen)
    assert reconcile.findings(seen, reconcile.gaps(seen), ()) == ()
    own = replace(
        SEEN, kafka=kafka(unreadable=Counter({M: 1})), druid={M: 4, M + 1: 3}, superset={M: 4, M + 1: 3}
    )
    assert ("missing", "druid", {M: 1}) in told(own)


def test_what_the_collector_has_not_counted() -> None:
    """A history, or an answer of 503 whose record arrived all the same, is said and no fault."""
    more = {M: 7, M + 1: 3, M + 5: 9}
    collector = {**counted(HOPS), M: Counts(M, 6, 5, 1, records={"divolte": 5})}
    seen = replace(SEEN, collector=collector, kafka=kafka(more), druid=more, superset=more)
    assert told(seen) == [
        ("stored though refused", "kafka", {M: 1}),
        ("past the collector", "kafka", {M: 1, M + 5: 9}),
    ]


def test_incomplete_counts_are_a_lower_bound() -> None:
    """More in Kafka explains nothing else then; fewer is still a fault."""
    seen = replace(SEEN, collector=counted({M: 4, M + 1: 3}, complete=False), torn=1)
    gaps = reconcile.gaps(seen)
    assert [(gap.kind, gap.count) for gap in gaps] == [("counts incomplete", 0), ("counts incomplete", 0)]
    assert "killed in 2025-02-20 05:20 to 05:21 UTC" in gaps[0].message
    assert "1 line" in gaps[1].message
    fewer = replace(SEEN, collector=counted({M: 9}, complete=False))
    assert ("missing", "kafka", {M: 4}) in told(fewer)


def test_a_chart_that_counts_fewer() -> None:
    """Is a fault of Superset's hop; one that was asked later may count more."""
    found = problem(replace(SEEN, superset={M: 5, M + 1: 1}))
    assert (found.code, found.hop) == ("chart-count-differs", "superset")
    assert told(replace(SEEN, superset={M: 6, M + 1: 3})) == []


def test_a_hop_that_cannot_be_asked_hides_no_other() -> None:
    """It is a finding as it was told; hops beside it are compared with nothing but each other."""
    seen = replace(SEEN, kafka=AWAY, superset={M: 1})
    assert told(seen) == [("missing", "superset", {M: 4, M + 1: 3})]
    found = reconcile.findings(seen, reconcile.gaps(seen), ())
    assert [one.code for one in found] == ["kafka-away", "chart-count-differs"]
    alike = Finding("kafka-away", "kafka", "Kafka does not answer", "pyglue up")
    assert len(reconcile.findings(seen, reconcile.gaps(seen), [alike])) == 2


def test_every_hop_may_be_away() -> None:
    """Also one whose error has no code of its own."""
    plain = PyglueError("no leader")
    seen = replace(SEEN, collector=plain, kafka=AWAY, druid=plain, superset=plain)
    assert len(reconcile.findings(seen, reconcile.gaps(seen), ())) == 4


def test_minutes_in_words() -> None:
    """Runs of minutes, the day once, and not more than can be read."""
    assert reconcile.shown([M, M + 2, M + 1, M + 5]) == "2025-02-20 05:20 to 05:22, 05:25 UTC"
    assert reconcile.shown([M, M + 1440]) == "2025-02-20 05:20, 2025-02-21 05:20 UTC"
    assert reconcile.shown(range(M, M + 1441)) == "2025-02-20 05:20 to 2025-02-21 05:20 UTC"
    assert reconcile.shown(range(M, M + 40, 2)).endswith("05:30 and 14 more UTC")
    gap = Gap("missing", "druid", {M: 2, M + 1: 1}, "text")
    assert gap.to_json()["minutes"] == [["2025-02-20T05:20Z", "2025-02-20T05:21Z"]]
