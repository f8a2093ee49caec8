"""Druid's API against a real local server that answers as Druid does, or worse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pyglue.errors import BadAnswer, PyglueError, Unreachable
from pyglue.pipeline.druid import LEADER_SECONDS, PAUSE, SUPERVISOR, Druid
from tests.local_server import Asked, LocalServer, Reply, serve


def reply(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode())


class Waits:
    """Counts what would have been slept."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, seconds: float) -> None:
        self.seconds += seconds


@contextmanager
def druid(
    answer: Callable[[Asked], Reply], waits: Waits | None = None
) -> Iterator[tuple[Druid, LocalServer]]:
    with serve(answer) as server:
        client = Druid(server.url, server.url, waits or Waits())
        try:
            yield client, server
        finally:
            client.close()


def leaderless(asked: Asked) -> Reply:
    """What a coordinator answers that has no leader: go to myself."""
    return Reply(307, b"", {"Location": asked.path})


def test_a_307_to_itself_means_not_yet() -> None:
    """While there is no leader the question is repeated; then its answer is the answer."""
    replies: list[Callable[[Asked], Reply]] = [leaderless, leaderless, lambda _: reply({"id": "clicks"})]
    answers = iter(replies)
    waits = Waits()
    with druid(lambda asked: next(answers)(asked), waits) as (client, server):
        assert client.submit({"type": "kafka"}) == "clicks"
        assert server.paths() == [f"POST {SUPERVISOR}"] * 3
        assert json.loads(server.asked[2].body) == {"type": "kafka"}
    assert waits.seconds == pytest.approx(2 * PAUSE)


def test_a_503_means_not_yet_too() -> None:
    """An overlord that is still starting is given time."""
    spec = {"spec": {"dataSchema": {}, "ioConfig": {"topic": "clicks"}}}
    answers = iter([Reply(503), reply(spec)])
    with druid(lambda _: next(answers)) as (client, _):
        assert client.supervisor("clicks") == spec


def test_without_a_leader_for_long_it_gives_up() -> None:
    """No endless loop: after the time the error says what is wrong and where to look."""
    waits = Waits()
    with (
        druid(leaderless, waits) as (client, _),
        pytest.raises(PyglueError, match="has had no leader for 20 s") as caught,
    ):
        client.supervisor("clicks")
    assert caught.value.try_ == "pyglue logs druid-coordinator"
    assert waits.seconds == pytest.approx(LEADER_SECONDS, abs=2 * PAUSE)


def test_a_dead_coordinator_is_told_at_once() -> None:
    """Only a living one is waited for."""
    waits = Waits()
    with druid(lambda _: Reply(hang_up=True), waits) as (client, _), pytest.raises(Unreachable):
        client.supervisor("clicks")
    assert waits.seconds == 0


def test_a_refused_spec_carries_druids_reason() -> None:
    """What Druid says about the spec is shown, with the command that prints it."""
    with (
        druid(lambda _: reply({"error": "no such inputFormat"}, 400)) as (client, _),
        pytest.raises(BadAnswer) as caught,
    ):
        client.submit({})
    assert caught.value.message == "Druid refuses the supervisor spec"
    assert "no such inputFormat" in caught.value.details[1]
    assert caught.value.try_ == "pyglue submit-spec --print"


def test_no_supervisor_is_none() -> None:
    """Asking for one that does not run is no failure."""
    with druid(lambda _: reply({"error": "gone"}, 404)) as (client, _):
        assert client.supervisor("clicks") is None


@pytest.mark.parametrize("answer", [[], None, {}, {"spec": {"ioConfig": {}}}, {"spec": "x"}])
def test_what_is_no_supervisor_is_told(answer: Any) -> None:
    """It is not taken for the answer that there is none: what was asked and what came back."""
    with druid(lambda _: reply(answer)) as (client, server), pytest.raises(BadAnswer) as caught:
        client.supervisor("clicks")
    assert caught.value.message == "druid-coordinator answered with JSON of another shape"
    assert caught.value.details[:2] == [
        f"asked      GET {server.url}{SUPERVISOR}/clicks",
        f"came back  {json.dumps(answer)}",
    ]


@pytest.mark.parametrize("answer", [[], [{}], [{"n": "7"}], [{"n": None}], [7], {}, None])
def test_a_count_needs_its_row(answer: Any) -> None:
    """A query that counts has one row with that number; anything else is told."""
    with druid(lambda _: reply(answer)) as (client, _), pytest.raises(BadAnswer) as caught:
        client.sql_row("SELECT COUNT(*) AS n FROM clicks", {"n!": int})
    assert "/druid/v2/sql/" in caught.value.details[0]


STATUS = {
    "id": "clicks",
    "payload": {
        "state": "RUNNING",
        "detailedState": "RUNNING",
        "healthy": True,
        "aggregateLag": 7,
        "recentErrors": [{"message": "first"}, {"exceptionClass": "Second"}],
        "activeTasks": [{"currentOffsets": {"0": 5, "1": 9}}, {"currentOffsets": {"0": 8}}],
        "publishingTasks": [{"currentOffsets": {"2": 3}}, {}],
    },
}
STATS = {
    "0": {
        "task-a": {
            "totals": {"buildSegments": {"processed": 10, "unparseable": 1, "thrownAway": 0, "x": "y"}}
        },
        "task-b": {"totals": {"buildSegments": {"processed": 5, "unparseable": 1, "thrownAway": 2}}},
        "task-c": {"totals": None},
    }
}


def status_and_stats(asked: Asked) -> Reply:
    return reply(STATS if asked.path.endswith("/stats") else STATUS)


def test_a_supervisors_status_sums_its_tasks() -> None:
    """State and lag from the status, rows from every running task."""
    with druid(status_and_stats) as (client, _):
        status = client.status("clicks")
    assert status is not None
    assert (status.state, status.healthy, status.lag) == ("RUNNING", True, 7)
    assert (status.processed, status.unparseable, status.thrown_away) == (15, 2, 2)
    assert status.errors == ("first", "Second")


def test_offsets_are_the_newest_of_all_tasks() -> None:
    """By partition, over reading and publishing tasks."""
    with druid(status_and_stats) as (client, _):
        assert client.offsets("clicks") == {0: 8, 1: 9, 2: 3}


def test_no_status_without_a_supervisor() -> None:
    """Neither state nor offsets of what does not run."""
    with druid(lambda _: reply({"error": "gone"}, 404)) as (client, _):
        assert client.status("clicks") is None
        assert client.offsets("clicks") == {}


def test_sql_sends_typed_parameters_past_the_cache() -> None:
    """Values travel as parameters, never inside the query."""
    with druid(lambda _: reply([{"n": 1}])) as (client, server):
        assert client.sql("SELECT ? , ?", ["o'k", 3]) == [{"n": 1}]
        body = json.loads(server.asked[0].body)
    assert server.paths() == ["POST /druid/v2/sql/"]
    assert body["parameters"] == [{"type": "VARCHAR", "value": "o'k"}, {"type": "BIGINT", "value": 3}]
    assert body["context"] == {"useCache": False, "populateCache": False}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(reply([{"eventId": "e1"}]), True), (reply([]), False), (reply({"error": "x"}, 400), False)],
)
def test_an_event_is_there_or_not_yet(answer: Reply, expected: bool) -> None:
    """A datasource that the broker does not know yet holds no event."""
    with druid(lambda _: answer) as (client, _):
        assert client.has_event("clicks", "e1") is expected


@pytest.mark.parametrize("answer", [reply({"error": "x"}), Reply(500, b"trouble"), Reply(200, b"<html>")])
def test_a_query_that_fails_is_told(answer: Reply) -> None:
    """No list of rows is a bad answer, not an empty result."""
    with druid(lambda _: answer) as (client, _), pytest.raises(BadAnswer):
        client.sql("SELECT 1")


@pytest.mark.parametrize(
    ("pending", "workers", "posted"),
    [([{"id": "t"}], [{"worker": {}}], True), ([], [{"worker": {}}], False), ([{"id": "t"}], [], False)],
)
def test_a_task_is_posted_only_where_one_waits_beside_a_worker(
    pending: list[Any], workers: list[Any], posted: bool
) -> None:
    """It wakes the overlord; without a worker, or with nothing to hand out, there is nothing to wake it for."""

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("/pendingTasks"):
            return reply(pending)
        return reply(workers) if asked.path.endswith("/workers") else reply({"task": "noop"})

    with druid(answer) as (client, server):
        client.wake()
        assert ("POST /druid/indexer/v1/task" in server.paths()) is posted


@pytest.mark.parametrize(
    ("held", "ended"),
    [
        ([[], []], True),  # the worker has it neither now nor then
        ([[], ["index_kafka_clicks_1"]], False),  # it was only just handed out
        ([["index_kafka_clicks_1"], []], False),
        (None, False),  # no worker is there: that is another trouble
    ],
)
def test_a_task_that_no_worker_has_is_replaced(held: list[list[str]] | None, ended: bool) -> None:
    """Ended, and the supervisor begun anew, if it is lost at two looks; tasks of others are left alone."""
    looks = iter(held or ())

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("/workers"):
            return reply([{"worker": {}, "runningTasks": next(looks)}] if held is not None else [])
        return reply([{"id": "index_kafka_clicks_1"}, {"id": "index_kafka_other_1"}])

    with druid(answer) as (client, server):
        client.replace_lost("clicks")
        client.replace_lost("clicks")
        posted = [path for path in server.paths() if path.startswith("POST")]
    assert posted == (
        [
            "POST /druid/indexer/v1/task/index_kafka_clicks_1/shutdown",
            "POST /druid/indexer/v1/supervisor/clicks/suspend",
            "POST /druid/indexer/v1/supervisor/clicks/resume",
        ]
        if ended
        else []
    )


def test_a_supervisor_is_not_left_suspended_by_a_call_that_was_broken_off() -> None:
    """Where the overlord hung up in between, the next call resumes; that it was never suspended is no error."""
    refused = iter((True, False))

    def answer(asked: Asked) -> Reply:
        if asked.path.endswith("/workers"):
            return reply([{"worker": {}, "runningTasks": []}])
        if asked.path.endswith("/resume"):
            return Reply(hang_up=True) if next(refused) else reply({"error": "already running"}, 400)
        return reply([{"id": "index_kafka_clicks_1"}])

    with druid(answer) as (client, server):
        client.replace_lost("clicks")
        with pytest.raises(Unreachable):
            client.replace_lost("clicks")
        before = len(server.paths())
        client.replace_lost("clicks")
        assert server.paths()[before:] == ["POST /druid/indexer/v1/supervisor/clicks/resume"]


def test_retention_and_compaction_are_set_once() -> None:
    """They are posted where Druid has something else, and left alone where it has them with defaults of its own."""
    state: dict[str, Any] = {"rules": [{"type": "loadForever"}], "compaction": None}

    def answer(asked: Asked) -> Reply:
        kind = "rules" if "/rules/" in asked.path else "compaction"
        if asked.method == "POST":
            state[kind] = json.loads(asked.body)
            return Reply(200, b"" if kind == "rules" else b'{"success":true}')
        found = state[kind]
        if found is None:
            return reply({"error": "notFound"}, 404)
        return reply(
            [{**rule, "default": True} for rule in found] if kind == "rules" else {**found, "more": 1}
        )

    rules = [{"type": "loadByPeriod", "period": "P90D"}, {"type": "dropForever"}]
    settings = {"skipOffsetFromLatest": "P1D", "tuningConfig": {"maxRowsInMemory": 5}}
    with druid(answer) as (client, _):
        assert client.set_retention("clicks", rules)
        assert not client.set_retention("clicks", rules)
        assert client.set_retention("clicks", rules[1:])
        assert client.set_compaction("clicks", settings)
        assert state["compaction"] == {"dataSource": "clicks", **settings}
        assert not client.set_compaction("clicks", settings)
        assert client.set_compaction("clicks", {**settings, "skipOffsetFromLatest": "P2D"})
