"""`pyglue supervisor` against an overlord that a test holds in its hand."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.ended import Run
from tests.fake_overlord import Overlord
from tests.local_server import LocalServer, Reply, serve

NAME = "divolte-clickstream"


@pytest.fixture
def overlord(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Overlord]:
    """One with the checkout's own supervisor, which this machine's pyglue asks."""
    fake = Overlord()
    fake.post(json.loads((project / "supervisor-spec.json").read_text()))
    with serve(fake) as server:
        monkeypatch.setenv("PYGLUE_DRUID_URL", server.url)
        yield fake


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalServer]:
    """A server whose answer a test sets."""
    with serve(lambda _: Reply()) as local:
        monkeypatch.setenv("PYGLUE_DRUID_URL", local.url)
        yield local


def test_the_list(pyglue: Run, overlord: Overlord) -> None:
    """Every supervisor with its state and topic, in the order of names."""
    other = json.loads(json.dumps(overlord.specs[NAME]))
    other["spec"]["dataSchema"]["dataSource"] = "a-second"
    overlord.post(other)
    overlord.states["a-second"] = "UNHEALTHY_TASKS"
    rows = [line.split() for line in pyglue("supervisor", "list").out.splitlines()]
    assert rows[1:] == [
        ["a-second", "UNHEALTHY_TASKS", "no", "divolte"],
        [NAME, "RUNNING", "yes", "divolte"],
    ]
    listed = json.loads(pyglue("supervisor", "list", "--json").out)
    assert [entry["name"] for entry in listed] == ["a-second", NAME]
    assert listed[1] == {
        "name": NAME,
        "state": "RUNNING",
        "detail": "RUNNING",
        "healthy": True,
        "suspended": False,
        "topic": "divolte",
    }


def test_the_status(pyglue: Run, overlord: Overlord) -> None:
    """State, lag by partition, counts, tasks, errors with their times, and why something could not be read."""
    overlord.errors = [{"timestamp": "2026-01-02T03:04:05.000Z", "message": "no such host"}]
    overlord.unread = [{"timeOfException": "2026-01-02T03:04:06.000Z", "details": ["half a record"]}]
    ended = pyglue("supervisor", "status")
    assert ended.code == 0
    for words in (
        f"{NAME}, reads the topic divolte",
        "RUNNING, healthy",
        "12 processed, 1 of them with error, 1 unparseable, 3 thrown away",
        "2026-01-02T03:04:05.000Z  no such host",
        "2026-01-02T03:04:06.000Z  half a record",
        "0          5     6    1",
        "3m20s",
    ):
        assert words in ended.out
    told = json.loads(pyglue("supervisor", "status", NAME, "--json").out)
    assert told["errors"] == [{"time": "2026-01-02T03:04:05.000Z", "message": "no such host"}]
    assert told["partitions"][0] == {"partition": 0, "read": 5, "end": 6, "lag": 1}
    assert (told["supervisor"], told["lag"], told["processed_with_error"]) == (NAME, 1, 1)
    assert told["unread"][0]["reason"] == "half a record"


def test_an_unhealthy_supervisor_is_1(pyglue: Run, overlord: Overlord) -> None:
    """Its status is shown, and scripts see it."""
    overlord.states[NAME] = "UNHEALTHY_SUPERVISOR"
    ended = pyglue("supervisor", "status")
    assert ended.code == 1
    assert "UNHEALTHY_SUPERVISOR, unhealthy" in ended.out


def test_suspend_and_resume_are_harmless_twice(pyglue: Run, overlord: Overlord) -> None:
    """The second time it is kept; the state is reached when the command ends."""
    for verb, verdict, suspended in (("suspend", "stopped", True), ("resume", "ok", False)):
        ended = pyglue("supervisor", verb)
        assert (ended.code, ended.out) == (0, "")
        assert f"{verb.capitalize()} supervisor {NAME}." in ended.err
        assert f".{verdict}" in ended.err
        assert overlord.specs[NAME]["suspended"] is suspended
        assert ".kept" in pyglue("supervisor", verb).err


@pytest.mark.parametrize(
    ("verb", "consequence"),
    [
        ("reset", "anew from its earliest event: rows that are there may come twice"),
        ("terminate", "Data stays; `pyglue submit-spec` brings it back"),
    ],
)
def test_a_no_changes_nothing(
    pyglue: Run, overlord: Overlord, monkeypatch: pytest.MonkeyPatch, verb: str, consequence: str
) -> None:
    """What will happen is said before; without a yes nothing is posted, and that is no success."""
    tasks = overlord.tasks
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    ended = pyglue("supervisor", verb)
    assert ended.code == 1
    assert consequence in ended.err
    assert f"try: pyglue supervisor {verb} {NAME} --yes" in ended.err
    assert (list(overlord.specs), overlord.tasks) == ([NAME], tasks)


def test_a_reset_of_one_that_begins_at_the_end_says_what_is_lost(
    pyglue: Run, overlord: Overlord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a supervisor leaves out what it has not read."""
    overlord.specs[NAME]["spec"]["ioConfig"]["useEarliestOffset"] = False
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert "those not yet read are left out" in pyglue("supervisor", "reset").err


def test_reset_waits_for_new_tasks(pyglue: Run, overlord: Overlord) -> None:
    """Those of before go on for a while. With --yes nothing is asked."""
    tasks = overlord.tasks
    assert pyglue("supervisor", "reset", "--yes").code == 0
    assert overlord.tasks == tasks + 1


def test_a_suspended_one_is_reset_without_waiting(pyglue: Run, overlord: Overlord) -> None:
    """It has no tasks to wait for, and stays suspended."""
    pyglue("supervisor", "suspend")
    assert pyglue("supervisor", "reset", "--yes").code == 0
    assert overlord.specs[NAME]["suspended"] is True


def test_terminate_is_harmless_twice_and_others_say_it_is_gone(pyglue: Run, overlord: Overlord) -> None:
    """The second time is kept; status, suspend and reset say that it was terminated, and what brings it back."""
    assert ".stopped" in pyglue("supervisor", "terminate", "--yes").err
    assert overlord.specs == {}
    assert ".kept" in pyglue("supervisor", "terminate", "--yes").err
    for words in (["status"], ["suspend"], ["resume"], ["reset", "--yes"]):
        ended = pyglue("supervisor", *words)
        assert (ended.code, ended.out) == (1, "")
        assert f"the supervisor {NAME} was terminated" in ended.err
        assert "try: pyglue submit-spec\n" in ended.err
        assert "docs/errors.md#supervisor-missing" in ended.err


def test_an_unknown_supervisor_is_told_with_those_that_are(pyglue: Run, overlord: Overlord) -> None:
    """By every command that takes a name."""
    for words in (
        ["status"],
        ["suspend"],
        ["resume"],
        ["reset", "--yes"],
        ["terminate", "--yes"],
        ["history"],
    ):
        ended = pyglue("supervisor", words[0], "clikcs", *words[1:])
        assert (ended.code, ended.out) == (1, "")
        assert "Druid has no supervisor clikcs" in ended.err
        assert f"there are  {NAME}" in ended.err
        assert f"try: pyglue supervisor status {NAME}\n" in ended.err
    assert list(overlord.specs) == [NAME]


def test_the_history(pyglue: Run, overlord: Overlord) -> None:
    """Newest first: what was posted, suspended, resumed and terminated, and what a version changed."""
    changed: dict[str, Any] = json.loads(json.dumps({"type": "kafka", "spec": overlord.specs[NAME]["spec"]}))
    changed["spec"]["tuningConfig"]["maxRowsInMemory"] = 7
    changed["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"].append({"type": "long", "name": "price"})
    overlord.post(changed)
    pyglue("supervisor", "suspend")
    pyglue("supervisor", "resume")
    pyglue("supervisor", "terminate", "--yes")
    lines = pyglue("supervisor", "history").out.splitlines()
    assert lines == [
        "2026-01-01T00:00:04.000Z  terminated",
        "2026-01-01T00:00:03.000Z  resumed",
        "2026-01-01T00:00:02.000Z  suspended",
        "2026-01-01T00:00:01.000Z  posted",
        '  spec.dataSchema.dimensionsSpec.dimensions.price: added {"type": "long"}',
        "  spec.tuningConfig.maxRowsInMemory: 50000 -> 7",
        "2026-01-01T00:00:00.000Z  posted",
    ]
    told = json.loads(pyglue("supervisor", "history", "--json").out)
    assert [version["kind"] for version in told] == [
        "terminated",
        "resumed",
        "suspended",
        "posted",
        "posted",
    ]
    assert told[3]["changes"][1] == {"path": "spec.tuningConfig.maxRowsInMemory", "old": 50000, "new": 7}


@pytest.mark.parametrize(
    "answer",
    [
        Reply(500, b"<html>oops</html>"),
        Reply(200, b"<html>hello</html>"),
        Reply(401, b"who?"),
        Reply(403, b"no"),
        Reply(200, b'{"id": "x", "pay'),
        Reply(hang_up=True),
    ],
    ids=["500", "html", "401", "403", "half", "hangs-up"],
)
def test_bad_answers_are_told(pyglue: Run, server: LocalServer, answer: Reply) -> None:
    """What was asked, what came back, the next command, code 1."""
    server.answer = lambda _: answer
    for words in (["list"], ["status"], ["suspend"], ["history"], ["terminate", "--yes"]):
        ended = pyglue("supervisor", *words)
        assert (ended.code, ended.out) == (1, ""), words
        assert f"asked      GET {server.url}/druid/indexer/v1/supervisor" in ended.err
        assert "came back  " in ended.err
        assert "try: pyglue logs druid-coordinator" in ended.err


@pytest.mark.parametrize("value", [b"[]", b"{}", b"null", b"5", b'"text"'])
def test_json_of_another_kind_is_no_supervisor(pyglue: Run, server: LocalServer, value: bytes) -> None:
    """It is known trouble, never a bug of ours."""
    server.answer = lambda _: Reply(200, value)
    for words in (["list"], ["status"], ["suspend"], ["history"], ["terminate", "--yes"]):
        assert pyglue("supervisor", *words).code == (0 if words == ["list"] and value == b"[]" else 1), words
