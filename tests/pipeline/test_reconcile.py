"""Counts of hops compared: what is missing is named with its hop and minutes, and what only looks so is explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pyglue.collector.counting.counts import Counts
from pyglue.diagnosis.findings import Finding
from pyglue.errors import PyglueError, Unreachable
from pyglue.pipeline import losses, minutes, reconcile
from pyglue.pipeline.minutes import Span
from pyglue.pipeline.reconcile import Gap, InKafka, Seen
from pyglue.pipeline.replays import Replays
from pyglue.pipeline.resets import Reset

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
    (found,) = losses.findings(seen, reconcile.gaps(seen), causes)
    return found


def test_equal_counts_are_no_gap() -> None:
    """Nothing is said where nothing differs."""
    assert told(SEEN) == []
    assert losses.findings(SEEN, (), ()) == ()


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


def test_what_was_sent_again_is_told_and_counts() -> None:
    """Records that `pyglue replay` made are not past the collector, and may be missing as others are."""
    more = {M: 7, M + 1: 3}
    seen = replace(SEEN, kafka=kafka(more), druid=more, superset=more, replayed={M: 2, M - 1: 9})
    assert told(seen) == [("replayed", "kafka", {M: 2})]
    assert losses.findings(seen, reconcile.gaps(seen), ()) == ()
    assert "2 that the collector had made no record of" in reconcile.gaps(seen)[0].message
    lost = replace(seen, kafka=kafka({M: 6, M + 1: 3}), druid=HOPS, superset=HOPS)
    assert told(lost) == [
        ("replayed", "kafka", {M: 2}),
        ("missing", "kafka", {M: 1}),
        ("missing", "druid", {M: 1}),
    ]
    unreadable = kafka(more)
    unreadable.unreadable[M] = 2
    assert told(replace(seen, kafka=unreadable, druid=HOPS, superset=HOPS))[1][0] == "missing"  # not foreign


def test_what_waits_in_the_spool_is_not_missing() -> None:
    """So many as were spooled and have not landed; one more than that is missing."""
    collector = counted({M: 5}, spooled=4, landed=2) | counted({M + 1: 3}, spooled=1, landed=0)
    seen = replace(
        SEEN,
        collector=collector,
        kafka=kafka({M: 3, M + 1: 1}),
        druid={M: 3, M + 1: 1},
        superset={M: 3, M + 1: 1},
    )
    assert told(seen) == [("missing", "kafka", {M + 1: 1}), ("on its way", "kafka", {M: 2, M + 1: 1})]


@pytest.mark.parametrize(
    ("more", "word", "try_"),
    [
        ({"removed": True}, "RETENTION", "a larger KAFKA_RETENTION_HOURS in .env, then `pyglue up`"),
        ({"fresh": True}, "made anew", "pyglue trace  (does what comes now arrive?)"),
        (
            {"fresh": True, "began": M + 1},
            "made anew",
            "pyglue reconcile --from 2025-02-20T05:22Z  (what came since then)",
        ),
        ({"fresh": True, "began": M}, "another topic", "pyglue check"),
        ({}, "another topic", "pyglue check"),
    ],
)
def test_why_kafka_may_lack_them(more: dict[str, Any], word: str, try_: str) -> None:
    """Retention, a topic made anew after that, or another topic: by where the topic begins, each with what helps."""
    found = problem(replace(SEEN, kafka=kafka({}, **more), druid={}, superset={}))
    assert word in found.details[1]
    assert found.try_ == try_


@pytest.mark.parametrize(
    ("hop", "more", "kind"),
    [
        ("kafka", {}, "reset"),
        ("druid", {"fresh": True, "began": M + 1}, "reset"),
        ("druid", {"removed": True}, "reset"),
        ("druid", {}, "missing"),  # the topic is whole: a reset of the rows is no reason
        ("druid", {"fresh": True, "began": M - 1}, "missing"),
    ],
)
def test_what_a_reset_has_removed_is_no_loss(hop: str, more: dict[str, Any], kind: str) -> None:
    """A topic that was made anew on purpose, or rows of one that is gone; not what is missing without that."""
    seen = replace(
        SEEN,
        kafka=kafka({M + 1: 1}, **more),
        druid={M + 1: 1},
        superset={M + 1: 1},
        resets=(Reset(hop, M + 1),),
    )
    (gap,) = [gap for gap in reconcile.gaps(seen) if M in gap.minutes]
    assert (gap.kind, gap.hop, gap.count) == (kind, "kafka", 7)
    if kind == "reset":
        assert f"`pyglue reset --hop {hop}` of 2025-02-20 05:21 UTC" in gap.message
        assert losses.findings(seen, reconcile.gaps(seen), ()) == ()


def test_what_was_lost_after_a_reset_is_missing() -> None:
    """A reset explains nothing of the minutes behind it."""
    seen = replace(SEEN, kafka=kafka({}), druid={}, superset={}, resets=(Reset("kafka", M),))
    assert told(seen) == [("missing", "kafka", {M + 1: 3}), ("reset", "kafka", {M: 5})]


@pytest.mark.parametrize("reads", [True, False])
def test_rows_of_the_old_topic_are_not_taken_for_those_of_the_new_one(reads: bool) -> None:
    """In the minute of the change: rows of what is gone stay, what the new topic has is on its way."""
    anew = kafka({M: 4}, {M: 4}, fresh=True, began=M)
    seen = replace(SEEN, collector=counted({M: 10}), kafka=anew, druid={M: 6}, superset={M: 6}, reads=reads)
    assert told(seen) == [
        ("no longer in kafka", "kafka", {M: 6}),
        ("on its way" if reads else "missing", "druid", {M: 4}),
    ]
    unknown = replace(anew, told=False)
    assert (("no longer in kafka", "kafka", {M: 6}) in told(replace(seen, kafka=unknown))) == reads


def test_damaged_counts_are_a_fault() -> None:
    """Though nothing is missing: more may have been counted than could be read."""
    found = problem(replace(SEEN, damaged=("counts/2025-02-20.jsonl, line 3",)))
    assert (found.code, found.hop) == ("counts-damaged", "collector")
    assert "counts/2025-02-20.jsonl, line 3" in found.details[0]


def test_a_damaged_account_of_replays_is_a_fault() -> None:
    """For records that it does not tell of may stand for others that are missing."""
    found = problem(replace(SEEN, account=Replays(damaged=(3,))))
    assert (found.code, found.hop) == ("replays-damaged", "kafka")
    assert ".pyglue/replays.jsonl, line 3" in found.details[0]
    assert found.try_ == "sed -i.damaged '3d' .pyglue/replays.jsonl"
    assert losses.findings(replace(SEEN, account=Replays({"a"})), (), ()) == ()


def test_what_kafka_has_deleted_since_is_not_missing() -> None:
    """Rows in Druid prove that the records were there."""
    seen = replace(SEEN, kafka=kafka({M + 1: 3}, removed=True))
    assert told(seen) == [("no longer in kafka", "kafka", {M: 5})]
    assert losses.findings(seen, reconcile.gaps(seen), ()) == ()


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
    first, second = losses.findings(seen, reconcile.gaps(seen), [cause])
    assert (first, second.code, second.try_) == (cause, "rows-missing", "pyglue submit-spec")
    assert second.details[1] == "because    Druid has no supervisor"


def test_a_hop_of_which_the_cause_is_known_is_told_once() -> None:
    """Kafka is stopped: that its records can't be counted is the same news; of Superset nothing is known."""
    away = Unreachable("Kafka does not answer", code="kafka-away")
    cause = Finding("service-stopped", "kafka", "kafka is stopped", "pyglue up")
    seen = replace(SEEN, kafka=away, superset=Unreachable("Superset does not answer"))
    assert [(one.hop, one.code) for one in losses.findings(seen, (), [cause])] == [
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
    assert losses.findings(seen, reconcile.gaps(seen), ()) == ()
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
    seen = replace(SEEN, collector=counted({M: 4, M + 1: 3}, complete=False))
    (gap,) = reconcile.gaps(seen)
    assert (gap.kind, gap.count) == ("counts incomplete", 0)
    assert "killed in 2025-02-20 05:20 to 05:21 UTC" in gap.message
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
    found = losses.findings(seen, reconcile.gaps(seen), ())
    assert [one.code for one in found] == ["kafka-away", "chart-count-differs"]
    alike = Finding("kafka-away", "kafka", "Kafka does not answer", "pyglue up")
    assert len(losses.findings(seen, reconcile.gaps(seen), [alike])) == 2


def test_every_hop_may_be_away() -> None:
    """Also one whose error has no code of its own."""
    plain = PyglueError("no leader")
    seen = replace(SEEN, collector=plain, kafka=AWAY, druid=plain, superset=plain)
    assert len(losses.findings(seen, reconcile.gaps(seen), ())) == 4


def test_minutes_in_words() -> None:
    """Runs of minutes, the day once, and not more than can be read."""
    assert minutes.shown([M, M + 2, M + 1, M + 5]) == "2025-02-20 05:20 to 05:22, 05:25 UTC"
    assert minutes.shown([M, M + 1440]) == "2025-02-20 05:20, 2025-02-21 05:20 UTC"
    assert minutes.shown(range(M, M + 1441)) == "2025-02-20 05:20 to 2025-02-21 05:20 UTC"
    assert minutes.shown(range(M, M + 40, 2)).endswith("05:30 and 14 more UTC")
    gap = Gap("missing", "druid", {M: 2, M + 1: 1}, "text")
    assert gap.to_json()["minutes"] == [["2025-02-20T05:20Z", "2025-02-20T05:21Z"]]
