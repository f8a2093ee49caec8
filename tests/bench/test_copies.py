"""Copies of a checkout: what is in them, and in which environment they run."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from bench import copies
from bench.copies import Copy, Source
from pyglue.errors import PyglueError

COMPOSE = """
name: ${PYGLUE_PROJECT:-pyglue}
services:
  one:
    environment: {URL: "${URL:-http://localhost:${ONE_PORT:-8290}}", HEAP: "$HEAP", TWO: "${TWO_PORT}"}
"""


def numbered(count: int) -> list[int]:
    """Ports as they come."""
    return list(range(1, count + 1))


def test_every_port_of_the_stack_is_chosen() -> None:
    """Each variable that is a port gets one of its own, nested ones too."""
    assert copies.environment(COMPOSE, {}, numbered) == {"ONE_PORT": "1", "TWO_PORT": "2"}


def test_the_callers_settings_do_not_change_what_is_measured() -> None:
    """Variables that the stack or pyglue reads are left out, whatever else there is stays, and so does the cache."""
    outside = {
        "URL": "http://elsewhere",
        "HEAP": "8g",
        "PYGLUE_DRUID_URL": "http://elsewhere",
        "MAKEFLAGS": "-n",
        "PATH": "/bin",
        "PYGLUE_CACHE": "/cache",
    }
    inner = copies.environment(COMPOSE, outside, numbered)
    assert inner == {"PATH": "/bin", "PYGLUE_CACHE": "/cache", "ONE_PORT": "1", "TWO_PORT": "2"}


def test_ports_are_free_and_different() -> None:
    """A port on which something listens is not chosen, none is chosen twice, and too few are said."""
    assert len(set(copies.free_ports(50))) == 50
    with socket.socket() as server:
        server.bind(("127.0.0.1", copies.free_ports(1)[0]))
        server.listen()
        taken = server.getsockname()[1]
        with pytest.raises(PyglueError, match="only 0 of 1 ports"):
            copies.free_ports(1, [taken])


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A checkout with a file that git knows, one that it would add, one that it ignores, and one deleted."""
    project = tmp_path / "checkout"
    (project / "folder").mkdir(parents=True)
    for name, text in (
        (copies.COMPOSE, COMPOSE),
        ("folder/known", "#!/bin/bash\n"),
        ("new", "new\n"),
        ("secret", "secret\n"),
        ("gone", "gone\n"),
        (".gitignore", "secret\n"),
    ):
        (project / name).write_text(text, encoding="utf-8")
    (project / "folder" / "known").chmod(0o755)
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    subprocess.run(["git", "add", "folder", "gone", copies.COMPOSE], cwd=project, check=True)
    (project / "gone").unlink()
    return Source(project, {"PATH": os.environ["PATH"]})


def test_a_copy_is_what_git_would_keep(source: Source, tmp_path: Path) -> None:
    """Files that git knows or would add come along with their modes; secrets, data and deleted files do not."""
    copy = source.copy()
    try:
        names = {str(path.relative_to(copy.project)) for path in copy.project.rglob("*") if path.is_file()}
        assert names == {copies.COMPOSE, "folder/known", "new", ".gitignore"}
        assert os.access(copy.project / "folder" / "known", os.X_OK)
        assert tmp_path not in copy.root.parents
        assert "PYGLUE_CACHE" not in copy.environment
    finally:
        subprocess.run(["rm", "-r", str(copy.root)], check=True)


def test_a_copy_may_have_empty_caches(source: Source) -> None:
    """With `caches`, everything that is downloaded goes into the copy's own folder."""
    copy = source.copy(caches=True)
    try:
        for name in ("PYGLUE_CACHE", "XDG_CACHE_HOME", "PIP_CACHE_DIR"):
            assert Path(copy.environment[name]).is_relative_to(copy.root)
    finally:
        subprocess.run(["rm", "-r", str(copy.root)], check=True)


def test_no_git_is_said(tmp_path: Path) -> None:
    """A folder that is no checkout, or that git does not know, is refused in words."""
    with pytest.raises(PyglueError, match=r"holds no docker-compose\.yml"):
        Source(tmp_path, {})
    (tmp_path / copies.COMPOSE).write_text(COMPOSE, encoding="utf-8")
    with pytest.raises(PyglueError, match="git can't tell the files"):
        Source(tmp_path, {}).files()


class Recorded(Copy):
    """A copy that only notes which commands of pyglue it was to run."""

    fails = False

    def pyglue(self, *arguments: str) -> float:
        """Note it."""
        (self.root.parent / "ran").write_text(" ".join(arguments), encoding="utf-8")
        if self.fails:
            raise PyglueError("down failed")
        return 0.0


def test_a_copy_goes_down_and_away(tmp_path: Path) -> None:
    """However a measurement ends, its stack is brought down and its folder removed."""
    copy = Recorded(tmp_path / "root", tmp_path / "root", {})
    copy.root.mkdir()
    with pytest.raises(KeyboardInterrupt), copy:
        raise KeyboardInterrupt
    assert (tmp_path / "ran").read_text(encoding="utf-8") == "down"
    assert not copy.root.exists()


def test_a_stack_that_stays_up_keeps_its_folder(tmp_path: Path) -> None:
    """Where `down` fails, the folder is left: what still runs in it can be looked at and ended."""
    copy = Recorded(tmp_path / "root", tmp_path / "root", {})
    copy.fails = True
    copy.root.mkdir()
    with pytest.raises(PyglueError, match="down failed"), copy:
        pass
    assert copy.root.exists()


def test_a_failed_command_shows_what_it_said(tmp_path: Path) -> None:
    """The error holds the end of the command's output and its exit code."""
    copy = Copy(tmp_path, tmp_path, {"PATH": os.environ["PATH"]})
    with pytest.raises(PyglueError, match="ended with code 7") as caught:
        copy.run("bash", "-c", "seq 100; echo the end >&2; exit 7")
    assert caught.value.details[-2:] == ["  | 100", "  | the end"]
    assert len(caught.value.details) == copies.TAIL


def test_a_command_may_leave_something_running(tmp_path: Path) -> None:
    """A command has ended when its process has, though a child of it lives on with its output."""
    copy = Copy(tmp_path, tmp_path, {"PATH": os.environ["PATH"]})
    copy.run("bash", "-c", "sleep 600 & echo $! >pid")
    pid = int((tmp_path / "pid").read_text(encoding="utf-8"))
    os.kill(pid, 9)  # raises if it was waited for
