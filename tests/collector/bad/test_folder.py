"""The folder of bad events: bounded, for its owner alone, and whole lines whatever several processes do."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from pyglue.collector.bad.folder import Folder, Written

DAY_MS = 86_400_000
NOW = 20_000 * DAY_MS  # 2024-10-04
TODAY = "2024-10-04.jsonl"


def lines(path: Path) -> list[str]:
    """Of a file."""
    return path.read_text().splitlines()


def days(directory: Path) -> list[str]:
    """Of which there are files."""
    return sorted(path.stem for path in directory.glob("*.jsonl"))


def test_a_day_is_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    """Folders that are missing are made; nobody else may look into them."""
    folder = Folder(tmp_path / "deep" / "bad", 1000, 7)
    assert folder.append(["a", "b"], NOW) == Written(2, 0)
    assert folder.append(["c"], NOW + 1) == Written(1, 0)
    assert folder.append(["d"], NOW + DAY_MS) == Written(1, 0)
    path = tmp_path / "deep" / "bad" / TODAY
    assert lines(path) == ["a", "b", "c"]
    assert [path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777] == [0o600, 0o700]
    assert lines(path.with_name("2024-10-05.jsonl")) == ["d"]


def test_what_is_too_old_is_removed(tmp_path: Path) -> None:
    """After the configured days, also if nothing new comes."""
    folder = Folder(tmp_path, 1000, 2)
    folder.append(["a"], NOW)
    folder.tidy(NOW + 2 * DAY_MS)
    assert (tmp_path / TODAY).exists()
    folder.tidy(NOW + 3 * DAY_MS)
    assert not (tmp_path / TODAY).exists()
    Folder(tmp_path / "none", 1000, 2).tidy(NOW)  # where there is nothing there is nothing to do


def test_an_older_day_makes_room_and_the_day_itself_does_not(tmp_path: Path) -> None:
    """The oldest first and no more than is needed; then the newest events have no place."""
    folder = Folder(tmp_path, 40, 7)
    ten = "x" * 9
    assert folder.append([ten, ten], NOW) == Written(2, 0)
    assert folder.append([ten], NOW + DAY_MS) == Written(1, 0)
    assert folder.append([ten, ten], NOW + 2 * DAY_MS) == Written(2, 2)
    assert days(tmp_path) == ["2024-10-05", "2024-10-06"]
    assert folder.append([ten] * 3, NOW + 2 * DAY_MS) == Written(2, 1)
    assert folder.append([ten], NOW + 2 * DAY_MS) == Written(0, 0)
    assert len(lines(tmp_path / "2024-10-06.jsonl")) == 4


def test_nothing_makes_room_for_what_has_no_place(tmp_path: Path) -> None:
    """A line that is larger than the folder, or than what the day leaves, costs neither days nor other lines."""
    folder = Folder(tmp_path, 40, 7)
    ten = "x" * 9
    folder.append([ten], NOW)
    assert folder.append(["y" * 40, ten], NOW + DAY_MS) == Written(1, 0)
    assert folder.append(["y" * 30], NOW + DAY_MS) == Written(0, 0)
    assert days(tmp_path) == ["2024-10-04", "2024-10-05"]


def test_what_is_dated_ahead_goes_too(tmp_path: Path) -> None:
    """A clock that was wrong for a moment keeps no event from its place: after earlier days, and if far off at once."""
    folder = Folder(tmp_path, 40, 7)
    ten = "x" * 9
    folder.append([ten], NOW - DAY_MS)
    folder.append([ten, ten], NOW + 2 * DAY_MS)
    assert folder.append([ten, ten], NOW) == Written(2, 1)
    assert folder.append([ten], NOW) == Written(1, 2)
    assert days(tmp_path) == ["2024-10-04"]
    (tmp_path / "2024-10-12.jsonl").touch()
    (tmp_path / "2024-10-13.jsonl").touch()
    Folder(tmp_path, 40, 7).tidy(NOW)
    assert days(tmp_path) == ["2024-10-04", "2024-10-12"]


def test_a_torn_line_costs_no_other(tmp_path: Path) -> None:
    """What follows begins on a line of its own."""
    (tmp_path / TODAY).write_text('{"id": "to')
    Folder(tmp_path, 1000, 7).append(["a"], NOW)
    assert lines(tmp_path / TODAY) == ['{"id": "to', "a"]


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    """By an OSError, for whoever writes to handle."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"Not a directory|File exists"):
        Folder(tmp_path / "file", 1000, 7).append(["a"], NOW)


def _write_days(directory: Path, word: str) -> None:
    folder = Folder(directory, 3_100, 1000)
    counts = [folder.append([word * 300] * 5, NOW + day * DAY_MS) for day in range(200)]
    (directory / f"{word}.txt").write_text(f"{sum(one.kept - one.removed for one in counts)}")


def test_at_midnight_no_file_goes_while_another_process_writes_it(tmp_path: Path) -> None:
    """Each line that was said to be kept is there, or was said to be removed, whichever process's day it is."""
    spawn = multiprocessing.get_context("fork")
    processes = [spawn.Process(target=_write_days, args=(tmp_path, word)) for word in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    there = sum(len(lines(path)) for path in tmp_path.glob("*.jsonl"))
    assert there == sum(int(path.read_text()) for path in tmp_path.glob("*.txt"))


def _write(directory: Path, word: str) -> None:
    folder = Folder(directory, 100_000, 7)
    for _ in range(50):
        folder.append([word * 300] * 3, NOW)


def test_several_processes_share_a_folder(tmp_path: Path) -> None:
    """No line is torn by another process, and the bound holds for all together."""
    spawn = multiprocessing.get_context("fork")
    processes = [spawn.Process(target=_write, args=(tmp_path, word)) for word in "abc"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    found = lines(tmp_path / TODAY)
    assert {(len(line), len(set(line))) for line in found} == {(300, 1)}
    assert len(found) == 100_000 // 301
