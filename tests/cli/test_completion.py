"""`pyglue completion`: real shells complete what can be typed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    ("shell", "line"), [("zsh", "#compdef pyglue"), ("fish", "complete --no-files --command pyglue")]
)
def test_the_other_shells_have_scripts(pyglue: Run, shell: str, line: str) -> None:
    """They are click's own; neither shell is needed to print them."""
    ended = pyglue("completion", shell)
    assert (ended.code, ended.err) == (0, "")
    assert line in ended.out
    assert "_PYGLUE_COMPLETE" in ended.out
