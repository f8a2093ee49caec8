"""The servers of a run: started, awaited, ended, whatever happens."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bench.collector import measure, servers
from pyglue.errors import PyglueError
from pyglue.native.contract import Program


def shell(script: str, folder: Path) -> Program:
    """A server that is a line of shell."""
    return Program(
        name="server",
        argv=("/bin/sh", "-c", script),
        healthy=(),
        directory=str(folder),
        environment={"PATH": os.environ["PATH"]},
        makes=(),
        fingerprint="",
    )


def running(word: str) -> list[psutil.Process]:
    """Our children with a word in their command."""
    return [child for child in psutil.Process().children() if word in " ".join(child.cmdline())]


def there(file: Path) -> Callable[[], bool]:
    """Ready once the file is there."""
    return file.exists


def test_a_server_runs_as_long_as_the_block(tmp_path: Path) -> None:
    """Its process id is that of the program itself, which is ready then; after the block it is gone."""
    program = shell("exec 3>ready; exec sleep 60", tmp_path)
    with servers.running(program, tmp_path, there(tmp_path / "ready")) as pid:
        assert psutil.Process(pid).ppid() == os.getpid()
        pss, rss = servers.memory(pid)
        assert 0 < pss <= rss
    assert not psutil.pid_exists(pid)


def test_a_server_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ignores the wish to end is ended all the same, also when the block failed."""
    monkeypatch.setattr(servers, "STOP_SECONDS", 0.1)
    program = shell("trap '' TERM; : >ready; while :; do sleep 0.1; done", tmp_path)
    with pytest.raises(KeyError), servers.running(program, tmp_path, there(tmp_path / "ready")):
        raise KeyError
    assert running("while :") == []


def test_a_server_that_stops_tells_why(tmp_path: Path) -> None:
    """The last lines of its log are in the error."""
    program = shell("echo no such topic >&2; exit 3", tmp_path)
    with (
        pytest.raises(PyglueError, match="ended with code 3") as caught,
        servers.running(program, tmp_path, lambda: False),
    ):
        raise AssertionError
    assert caught.value.details == ["  | no such topic"]


def test_a_server_that_never_serves_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some time that is an error, and the process is gone."""
    monkeypatch.setattr(servers, "START_SECONDS", 0.1)
    with (
        pytest.raises(PyglueError, match="is not ready"),
        servers.running(shell("exec sleep 60", tmp_path), tmp_path, lambda: False),
    ):
        raise AssertionError
    assert running("sleep") == []


def test_a_lost_event_is_an_error() -> None:
    """As many records as answers: fewer are lost events, more are doubled ones."""
    measure.compare("tag", 5, 5)
    for arrived in (4, 6):
        with pytest.raises(PyglueError, match=f"5 events were answered with success, Kafka holds {arrived}"):
            measure.compare("tag", 5, arrived)
