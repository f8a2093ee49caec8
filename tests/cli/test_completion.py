"""`pyglue completion`: real shells complete what can be typed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pyglue.pipeline import spec as specs
from tests.cli.ended import Run

Candidates = Callable[..., list[str]]
COMPLETE = """
eval "$(cat script)"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_pyglue_completion pyglue
echo "${COMPREPLY[@]}"
"""


@pytest.fixture
def candidates(pyglue: Run, project: Path, checkout: Path) -> Candidates:
    """What bash offers for the last of the words, with `pyglue` in PATH."""
    script = pyglue("completion", "bash")
    assert (script.code, script.err) == (0, "")
    (project / "script").write_text(script.out)
    command = project / "bin/pyglue"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={checkout} exec {sys.executable} -m pyglue "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}

    def ask(*words: str) -> list[str]:
        ended = subprocess.run(
            ["bash", "-c", COMPLETE, "bash", *words],
            capture_output=True,
            text=True,
            check=True,
            cwd=project,
            env=environment,
        )
        assert ended.stderr == ""
        return ended.stdout.split()

    return ask


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("pyglue", "lo"), ["logs"]),
        (("pyglue", "--eng"), ["--engine"]),
        (("pyglue", "--engine", ""), ["auto", "docker", "native"]),
        (("pyglue", "status", "--engine", "d"), ["docker"]),
        (("pyglue", "logs", "--fol"), ["--follow"]),
        (("pyglue", "logs", "druid-b"), ["druid-broker"]),
        (("pyglue", "logs", "kafka", "div"), ["divolte"]),
        (("pyglue", "install", "zoo"), ["zookeeper"]),
        (("pyglue", "restart", "kafka", "druid-r"), ["druid-router"]),
        (("pyglue", "supervisor", "reset", "div"), ["divolte-clickstream"]),
        (("pyglue", "dashboards", "ex"), ["export"]),
        (("pyglue", "completion", "f"), ["fish"]),
    ],
)
def test_bash_completes(candidates: Candidates, words: tuple[str, ...], found: list[str]) -> None:
    """Commands, options before and behind them, their values, and services."""
    assert candidates(*words) == found


def test_services_of_broken_files_are_none(candidates: Candidates, project: Path) -> None:
    """No error lands in the line that is typed."""
    (project / "docker-compose.yml").write_text("services: [")
    assert candidates("pyglue", "logs", "k") == []
    assert candidates("pyglue", "lo") == ["logs"]


def test_supervisors_are_those_of_the_spec_and_those_posted_from_here(
    candidates: Candidates, project: Path
) -> None:
    """Without asking Druid, which does not run; a broken spec has none."""
    (project / specs.POSTED).mkdir(parents=True)
    (project / specs.POSTED / "divolte-visits.json").touch()
    assert candidates("pyglue", "supervisor", "status", "") == ["divolte-clickstream", "divolte-visits"]
    (project / specs.FILE).write_text("{")
    assert candidates("pyglue", "supervisor", "status", "") == []


@pytest.mark.parametrize(
    "value", ["1", "bash", "bash_", "bash_nonsense", "csh_source", "bash_complete", "_", "ä"]
)
def test_a_value_that_no_shell_gives_means_nothing(
    pyglue: Run, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """The command runs as if it was not there; `bash_complete` without a line to complete is no question either."""
    monkeypatch.setenv("_PYGLUE_COMPLETE", value)
    assert pyglue("--version").out.startswith("pyglue, version ")


@pytest.mark.parametrize(
    "words", ["pyglue 'half", "pyglue --project-dir /nowhere logs ", "\udcff \udcff", ""]
)
@pytest.mark.parametrize("cursor", ["0", "2", "9" * 5000], ids=["first", "third", "no number"])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_an_odd_line_is_no_trouble(
    pyglue: Run, monkeypatch: pytest.MonkeyPatch, shell: str, cursor: str, words: str
) -> None:
    """Whatever stands there: no error on the screen, and no report of a bug."""
    monkeypatch.setenv("_PYGLUE_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", cursor)
    ended = pyglue()
    assert ended.code in (0, 1)
    assert ended.err == ""


@pytest.mark.parametrize(
    ("shell", "line"), [("zsh", "#compdef pyglue"), ("fish", "complete --no-files --command pyglue")]
)
def test_the_other_shells_have_scripts(pyglue: Run, shell: str, line: str) -> None:
    """They are click's own; neither shell is needed to print them."""
    ended = pyglue("completion", shell)
    assert (ended.code, ended.err) == (0, "")
    assert line in ended.out
    assert "_PYGLUE_COMPLETE" in ended.out
