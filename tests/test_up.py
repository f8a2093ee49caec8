"""The steps of `up` that decide: posting a supervisor, letting Druid read the rest, waiting until it runs."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from pyglue.errors import PyglueError
from pyglue.pipeline import supervisors
from pyglue.pipeline.clients import Clients
from pyglue.pipeline.druid import Listed
from pyglue.pipeline.supervisor_status import SupervisorStatus
from pyglue.pipeline.supervisors import RUNNING_SECONDS, await_running
from pyglue.up import DRAIN_SECONDS, drain, reset_if_ahead, submit, suspend_others
from tests.pipeline.fakes import STATUS, Time

SPEC: dict[str, Any] = {
    "type": "kafka",
    "spec": {
        "dataSchema": {"dataSource": "clicks"},
        "ioConfig": {"topic": "divolte", "inputFormat": {"avroBytesDecoder": {"schema": {"name": "A"}}}},
    },
}


def with_schema(name: str) -> dict[str, Any]:
    """The spec with another schema."""
    spec = copy.deepcopy(SPEC)
    spec["spec"]["ioConfig"]["inputFormat"]["avroBytesDecoder"]["schema"]["name"] = name
    return spec


class FakeDruid:
    """An overlord: adds a default to what is posted, reads the topic at some speed."""

    def __init__(self, time: Time, states: list[str] | None = None) -> None:
        self.time = time
        self.running: dict[str, Any] | None = None
        self.posts: list[dict[str, Any]] = []
        self.states = states or ["RUNNING"]
        self.reads_per_second = 100.0
        self.resets: list[str] = []
        self.suspended: list[str] = []
        self.is_suspended = False

    def supervisor(self, _name: str) -> dict[str, Any] | None:
        """What runs, in Druid's own form."""
        return self.running

    def submit(self, spec: dict[str, Any]) -> str:
        """Take a spec over."""
        self.posts.append(spec)
        self.is_suspended = False
        self.running = {**copy.deepcopy(spec), "suspended": False}
        return "clicks"

    def status(self, _name: str) -> SupervisorStatus | None:
        """One state after the other; the last one stays."""
        if self.is_suspended:
            return replace(STATUS, state="SUSPENDED", detail="SUSPENDED", tasks=())
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return None if state == "gone" else replace(STATUS, state=state, detail=state)

    def supervisors(self) -> list[Listed]:
        """The one that there is."""
        return [Listed("clicks", "RUNNING", "RUNNING", True, self.is_suspended, "divolte")]

    def reset(self, name: str) -> None:
        """Forget the offsets."""
        self.resets.append(f"{name} suspended" if self.is_suspended else name)

    def suspend(self, name: str) -> None:
        """End its tasks."""
        self.suspended.append(name)
        self.is_suspended = name == "clicks"

    def resume(self, _name: str) -> None:
        """Begin others."""
        self.is_suspended = False

    def offsets(self, _name: str) -> dict[int, int]:
        """Further from second to second; nothing of partition 1 before the first."""
        read = int((self.time.now - 1000) * self.reads_per_second)
        return {0: read, 1: read} if read else {0: 0}


class FakeKafka:
    """A topic with 100 events in one partition, 7 in another, none in the third."""

    def ends(self, topic: str) -> dict[int, int]:
        """The next offsets."""
        assert topic in ("divolte", "clicks")
        return {0: 100, 1: 7, 2: 0}


class Stack:
    """The clients, the folder, and what was called."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.time = Time()
        self.druid = FakeDruid(self.time)
        self.clients = cast(Clients, type("Fake", (), {"druid": self.druid, "kafka": FakeKafka()}))
        self.stopped_at: list[float] = []

    def submit(self, spec: dict[str, Any], *, topic_made: bool = False) -> bool:
        """Post as `up` does."""
        return submit(
            spec,
            self.clients,
            self.directory,
            self.time.wait,
            before_schema_change=self.stop,
            topic_made=topic_made,
        )

    def stop(self) -> None:
        """What comes before a change of the schema."""
        self.stopped_at.append(self.time.now)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """Nothing posted yet."""
    return Stack(tmp_path)


def test_a_spec_is_posted_once(stack: Stack) -> None:
    """The second time it is kept, although Druid shows it in another form."""
    assert stack.submit(SPEC)
    assert not stack.submit(copy.deepcopy(SPEC))
    assert stack.druid.posts == [SPEC]
    assert stack.stopped_at == []


def test_a_changed_spec_is_posted_without_stopping_anything(stack: Stack) -> None:
    """While the schema stays nothing has to wait."""
    stack.submit(SPEC)
    changed = copy.deepcopy(SPEC)
    changed["spec"]["dataSchema"]["x"] = 1
    assert stack.submit(changed)
    assert stack.druid.posts == [SPEC, changed]
    assert stack.stopped_at == []


def test_what_somebody_else_posted_is_replaced(stack: Stack) -> None:
    """What runs is no longer what we posted: our file counts."""
    stack.submit(SPEC)
    assert stack.druid.running is not None
    stack.druid.running["suspended"] = True
    assert stack.submit(SPEC)


def test_another_schema_waits_until_the_old_records_are_read(stack: Stack) -> None:
    """First the collector stops, then Druid reads what is left, then the new schema comes."""
    stack.submit(SPEC)
    stack.druid.reads_per_second = 50
    assert stack.submit(with_schema("B"))
    assert stack.stopped_at == [1000.0]
    assert stack.time.now >= 1002.0
    assert stack.druid.posts == [SPEC, with_schema("B")]


def test_another_schema_is_refused_while_old_records_remain(stack: Stack) -> None:
    """Nothing is posted, and the error says how many, where and why."""
    stack.submit(SPEC)
    stack.druid.reads_per_second = 0
    with pytest.raises(PyglueError, match="Druid has not yet read 107 records of the old one") as caught:
        stack.submit(with_schema("B"))
    assert "{0: 100, 1: 7}" in caught.value.details[0]
    assert stack.druid.posts == [SPEC]
    assert stack.time.now == pytest.approx(1000 + DRAIN_SECONDS, abs=1)
    stack.druid.reads_per_second = 1e6
    assert stack.submit(with_schema("B"))


def test_nothing_unread_is_not_waited_for(stack: Stack) -> None:
    """A partition without records does not count."""
    stack.druid.reads_per_second = 1e9
    stack.time.now += 1
    before = stack.time.now
    drain(stack.clients, "clicks", "divolte", stack.time.wait)
    assert stack.time.now == before


def test_a_supervisor_that_comes_to_run(stack: Stack) -> None:
    """While it is pending, or not yet there, it is given time."""
    stack.druid.states = ["gone", "PENDING", "PENDING", "RUNNING"]
    await_running(cast(Any, stack.druid), "clicks", stack.time.wait)
    assert stack.time.now == pytest.approx(1000.3)


def test_an_unhealthy_supervisor_is_told_at_once(stack: Stack) -> None:
    """With its own errors; waiting would not help."""
    stack.druid.states = ["PENDING", "UNHEALTHY_SUPERVISOR"]
    with pytest.raises(
        PyglueError, match="the supervisor clicks does not run: UNHEALTHY_SUPERVISOR"
    ) as caught:
        await_running(cast(Any, stack.druid), "clicks", stack.time.wait)
    assert caught.value.details == ["bad row"]
    assert stack.time.now < 1001


@pytest.mark.parametrize("state", ["gone", "PENDING"])
def test_a_supervisor_that_never_runs_is_told(stack: Stack, state: str) -> None:
    """After the time, with what is known."""
    stack.druid.states = [state]
    with pytest.raises(PyglueError, match=f"the supervisor clicks does not run: {state}"):
        await_running(cast(Any, stack.druid), "clicks", stack.time.wait)
    assert stack.time.now == pytest.approx(1000 + RUNNING_SECONDS, abs=1)


def test_a_post_that_did_not_come_to_run_is_posted_again(stack: Stack) -> None:
    """Only what runs is remembered as done."""
    stack.druid.states = ["UNHEALTHY_SUPERVISOR"]
    with pytest.raises(PyglueError):
        stack.submit(SPEC)
    stack.druid.states = ["RUNNING"]
    assert stack.submit(SPEC)


def test_offsets_beyond_the_topics_end_are_forgotten(tmp_path: Path) -> None:
    """Such offsets belong to a topic of the same name that is gone; up to the end they are right."""
    stack = Stack(tmp_path)
    stack.druid.reads_per_second = 7.0
    stack.time.now += 1
    assert not reset_if_ahead(stack.clients, "clicks", "divolte", stack.time.wait)
    stack.time.now += 1
    assert reset_if_ahead(stack.clients, "clicks", "divolte", stack.time.wait)
    assert stack.druid.resets == ["clicks suspended"]  # its tasks have published what they had
    assert not stack.druid.is_suspended


def test_another_topic_is_begun_at_its_beginning(tmp_path: Path) -> None:
    """The old topic is read to its end first; its offsets mean nothing in the new one."""
    stack = Stack(tmp_path)
    stack.druid.running = copy.deepcopy(SPEC)
    moved = copy.deepcopy(SPEC)
    moved["spec"]["ioConfig"]["topic"] = "clicks"
    stopped: list[bool] = []
    assert submit(
        moved, stack.clients, tmp_path, stack.time.wait, before_schema_change=lambda: stopped.append(True)
    )
    assert stopped == [True]
    assert stack.druid.resets == ["clicks suspended"]  # its tasks have published what they had
    assert not stack.druid.is_suspended


@pytest.mark.parametrize("spec", [SPEC, {**SPEC, "context": {}}], ids=["same spec", "another spec"])
def test_what_was_read_of_a_topic_that_is_new_is_forgotten(stack: Stack, spec: dict[str, Any]) -> None:
    """Even where the new topic goes further than Druid had read of the old one."""
    stack.submit(SPEC)
    stack.druid.reads_per_second = 5.0
    stack.time.now += 0.1  # Druid does not tell yet that it has read
    assert stack.submit(spec, topic_made=True)
    assert stack.druid.resets == ["clicks suspended"]
    assert not stack.druid.is_suspended


def test_a_topic_that_is_new_with_nothing_read_changes_nothing(stack: Stack) -> None:
    """As on a first start that was broken off."""
    stack.submit(SPEC)
    stack.druid.reads_per_second = 0.0
    assert not stack.submit(SPEC, topic_made=True)
    assert stack.druid.resets == []


@pytest.mark.parametrize("broken", [PyglueError("gone"), KeyboardInterrupt()])
def test_a_supervisor_that_ran_goes_on_where_beginning_anew_is_broken_off(
    stack: Stack, broken: BaseException
) -> None:
    """Nobody suspended it, so nobody would resume it."""

    def reset(_name: str) -> None:
        raise broken

    stack.druid.reset = reset  # type: ignore[assignment,method-assign]
    with pytest.raises(type(broken)):
        supervisors.begin_anew(cast(Any, stack.druid), "clicks", stack.time.wait)
    assert stack.druid.suspended == ["clicks"]
    assert not stack.druid.is_suspended


def test_a_topic_that_was_deleted_has_nothing_left_to_read(tmp_path: Path) -> None:
    """Then the spec can be posted for another topic all the same."""
    stack = Stack(tmp_path)

    def gone(_topic: str) -> dict[int, int]:
        raise PyglueError("Kafka has no topic", code="topic-missing")

    stack.clients = cast(
        Clients,
        type("Fake", (), {"druid": stack.druid, "kafka": type("Gone", (), {"ends": staticmethod(gone)})}),
    )
    drain(stack.clients, "clicks", "divolte", stack.time.wait)
    assert stack.time.now == 1000


def test_supervisors_under_other_names_are_suspended_once(tmp_path: Path) -> None:
    """What was posted from here before under another datasource gives its task slot back."""
    stack = Stack(tmp_path)
    submit(SPEC, stack.clients, tmp_path, stack.time.wait, before_schema_change=lambda: None)
    suspend_others(cast(Any, stack.druid), tmp_path, "clicks")
    assert stack.druid.suspended == []
    suspend_others(cast(Any, stack.druid), tmp_path, "visits")
    suspend_others(cast(Any, stack.druid), tmp_path, "visits")
    assert stack.druid.suspended == ["clicks"]


def test_a_suspended_supervisor_is_not_waited_for(tmp_path: Path) -> None:
    """It will not run by itself."""
    stack = Stack(tmp_path)
    stack.druid.states = ["SUSPENDED"]
    with pytest.raises(PyglueError, match="SUSPENDED"):
        await_running(cast(Any, stack.druid), "clicks", stack.time.wait)
    assert stack.time.now == 1000
