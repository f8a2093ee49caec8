"""What is made of Druid's answers about a supervisor."""

from __future__ import annotations

from typing import Any

import pytest

from pyglue.pipeline import supervisor_status
from pyglue.pipeline.supervisor_status import Partition, Task


@pytest.mark.parametrize(
    ("payload", "lag"),
    [
        ({"aggregateLag": 0}, None),  # as in the first 15 s after a post
        ({"aggregateLag": 0, "offsetsLastUpdated": "2026-01-01T00:00:00Z"}, 0),
        ({"aggregateLag": 7}, 7),
        ({"aggregateLag": None, "offsetsLastUpdated": None}, None),
        ({}, None),
    ],
)
def test_no_lag_is_known_before_druid_asked_kafka(payload: dict[str, Any], lag: int | None) -> None:
    """Druid says 0 then, which is not the truth."""
    assert supervisor_status.of_answers(payload, None).lag == lag


def test_partitions_and_tasks() -> None:
    """The newest offset of all tasks counts; what Druid leaves out is None."""
    payload = {
        "activeTasks": [{"id": "a", "currentOffsets": {"0": 5}, "startTime": "then", "remainingSeconds": 9}],
        "publishingTasks": [{"id": "b", "currentOffsets": {"0": 3, "1": 4}}],
        "latestOffsets": {"0": 6, "2": None},
        "minimumLag": {"0": 1},
    }
    found = supervisor_status.of_answers(payload, {})
    assert found.partitions == (Partition(0, 5, 6, 1), Partition(1, 4, None, None))
    assert found.tasks == (Task("a", "reading", "then", 9), Task("b", "publishing", None, None))


def test_errors_have_their_times() -> None:
    """Also where one has none, and where there are no times at all."""
    payload = {"recentErrors": [{"timestamp": "then", "message": "no host"}, {"exceptionClass": "Oops"}]}
    found = supervisor_status.of_answers(payload, None)
    assert found.timed_errors() == ["then  no host", "Oops"]
    assert found.to_json()["errors"] == [
        {"time": "then", "message": "no host"},
        {"time": None, "message": "Oops"},
    ]


@pytest.mark.parametrize(
    "stats", [None, [], {"0": None}, {"0": {"task": None}}, {"0": {"task": {"totals": None}}}]
)
def test_tasks_without_counts_count_nothing(stats: Any) -> None:
    """They have just begun."""
    assert supervisor_status.totals(stats) == {}


def test_what_a_suspended_one_has_read_is_what_it_published() -> None:
    """It has no tasks to ask; nothing is known before Druid has looked how far it is behind."""
    payload = {"latestOffsets": {"0": 6, "1": 9, "2": 4}, "minimumLag": {"0": 1, "1": 0}}
    assert supervisor_status.offsets(payload) == {0: 5, 1: 9}
    assert supervisor_status.offsets({"latestOffsets": None, "minimumLag": {}}) == {}
    reading = payload | {"activeTasks": [{"id": "a", "currentOffsets": {"0": 2}}]}
    assert supervisor_status.offsets(reading) == {0: 2}
