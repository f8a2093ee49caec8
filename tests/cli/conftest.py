"""A checkout of one's own for commands: the shipped files, another place for state, and `run` with its output."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from pyglue.cli import run
from pyglue.layout import Layout
from tests.cli.ended import Ended, Run

FOLDERS = ("divolte", "kafka", "druid", "superset", "sample-app", "pyglue")
FILES = ("docker-compose.yml", "mapping.groovy", "supervisor-spec.json")


@pytest.fixture
def project(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped files in a folder of its own; nothing of the caller's environment chooses another one."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in FOLDERS:
        (copy / name).symlink_to(checkout / name)
    for name in FILES:
        shutil.copy(checkout / name, copy)
    for name in ("PYGLUE_PROJECT_DIR", "COMPOSE_PROFILES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYGLUE_ENGINE", "native")  # whatever this machine would choose
    monkeypatch.setenv("PYGLUE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where a report of a bug is written
    return copy


@pytest.fixture
def pyglue(project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in the project, as typed there."""
    monkeypatch.chdir(project)

    def call(*arguments: str) -> Ended:
        capsys.readouterr()
        code = run(list(arguments))
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return call


@pytest.fixture
def layout(project: Path) -> Layout:
    """Where the project keeps its state."""
    return Layout(project)
