"""The native stack's folders, and the lock that lets one pyglue at a time change it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue.errors import PyglueError
from pyglue.layout import Layout


def test_folders_are_made_for_this_user_alone(tmp_path: Path) -> None:
    """Everything that may hold data or sockets has mode 0700; twice is harmless."""
    layout = Layout(tmp_path)
    layout.make()
    layout.make()
    for folder in (layout.state, layout.data, layout.logs, layout.programs, layout.run):
        assert folder.stat().st_mode & 0o777 == 0o700
    layout.run.rmdir()


def test_a_sockets_path_is_short_however_deep_the_checkout(tmp_path: Path) -> None:
    """A Unix socket's path ends at 107 characters, a service's below it included."""
    deep = tmp_path / ("x" * 100) / ("y" * 100)
    assert len(str(Layout(deep).run / "druid-coordinator" / "metrics.sock")) < 100


def test_two_checkouts_are_two_stacks_and_a_link_is_the_same_one(tmp_path: Path) -> None:
    """The identity is the real folder's."""
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert Layout(tmp_path / "a").identity == Layout(tmp_path / "link").identity
    assert Layout(tmp_path / "a").identity != Layout(tmp_path / "b").identity


def test_a_folder_open_to_others_is_not_used(tmp_path: Path) -> None:
    """In /tmp somebody else could have made our folder before us."""
    layout = Layout(tmp_path)
    layout.make()
    layout.run.chmod(0o777)
    with pytest.raises(PyglueError, match="is open to other users"):
        layout.make()
    layout.run.rmdir()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file where the state should be is known trouble, not a bug."""
    (tmp_path / ".pyglue").write_text("")
    with pytest.raises(PyglueError, match=r"can't make its folder .*\.pyglue: File exists"):
        Layout(tmp_path).make()


def test_the_lock_refuses_a_second_holder_and_names_the_first(tmp_path: Path) -> None:
    """Two `up` at once are refused, and the first is named."""
    layout = Layout(tmp_path)
    said = r"another pyglue is at work on this checkout: `pyglue up`, process \d+"
    with layout.locked("up"), pytest.raises(PyglueError, match=said), layout.locked("down"):
        pass
    layout.run.rmdir()


def fails_with_the_lock(layout: Layout) -> None:
    with layout.locked("up"):
        raise ZeroDivisionError


def test_the_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    """Whatever happened while it was held, the next one gets it and is named in it."""
    layout = Layout(tmp_path)
    with pytest.raises(ZeroDivisionError):
        fails_with_the_lock(layout)
    with layout.locked("down"):
        assert (layout.state / "lock").read_text().startswith("`pyglue down`")
    layout.run.rmdir()


def test_two_checkouts_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """The lock is the checkout's."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    layouts = Layout(tmp_path / "a"), Layout(tmp_path / "b")
    with layouts[0].locked("up"), layouts[1].locked("up"):
        pass
    for layout in layouts:
        layout.run.rmdir()
