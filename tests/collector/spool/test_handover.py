"""A spool whose number of workers changes: what was left is moved to where it is sent, in order, whatever cuts it short."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from pyglue.collector.spool.entries import MAGIC, Entry, read
from pyglue.collector.spool.handover import hand_over, left_in
from pyglue.collector.spool.store import Store, name_of
from pyglue.collector.workers.share import Share
from pyglue.errors import InputError
from tests.collector.spool.loops import lived


def leave(directory: Path, workers: int, files: int = 3) -> list[str]:
    """What so many workers leave when they are killed, a record in each file; all of them, by name."""
    left = []
    for number in range(workers):
        folder = Share(number, workers).spool(directory)
        folder.mkdir(parents=True, exist_ok=True)
        for file in range(1, files + 1):
            name = f"{number}-{file}"
            entry = Entry("clicks", b"party", name.encode(), 1_700_000_000_000 + file, queued=True)
            (folder / name_of(file + number)).write_bytes(MAGIC + entry.encoded())
            left.append(name)
    return left


def names(paths: Iterable[Path]) -> list[str]:
    """The records of files."""
    found = []
    for path in paths:
        with path.open("rb") as file:
            found += [entry.value.decode() for entry, _ in read(file, 0, path.stat().st_size)]
    return found


def sent_by(directory: Path, workers: int) -> list[list[str]]:
    """What each worker has to send before anything new, in its order."""
    found: list[list[str]] = []

    async def play() -> None:
        numbers = [0] * workers
        for number in range(workers):
            share = Share(number, workers, spooled=numbers)
            store = Store(share.spool(directory), 2**20, share)
            found.append(names(file.path for file in store.files))
            store.close()

    lived(play)
    return found


@pytest.mark.parametrize(
    ("before", "now"), [(1, 1), (1, 2), (1, 4), (2, 1), (2, 2), (2, 3), (3, 1), (3, 2), (4, 2)]
)
def test_nothing_is_left_where_nobody_sends_it(tmp_path: Path, before: int, now: int) -> None:
    """From any number of workers to any other, each record is one worker's, and those of a folder keep their order."""
    left = leave(tmp_path, before)
    os.close(hand_over(tmp_path, now))
    sent = sent_by(tmp_path, now)
    assert sorted(name for one in sent for name in one) == sorted(left)
    for one in sent:
        for number in range(before):
            mine = [name for name in one if name.startswith(f"{number}-")]
            assert mine == sorted(mine)
    assert sum(bool(one) for one in sent) == min(before, now)


@pytest.mark.parametrize("now", [1, 2])
@pytest.mark.parametrize("moves", range(6))
def test_a_move_that_is_cut_short_goes_on(tmp_path: Path, now: int, moves: int) -> None:
    """After any number of files, the next start has all of them, in order."""
    left = leave(tmp_path, 4)
    moved: list[Path] = []

    def dies(path: Path, target: Path) -> None:
        if len(moved) == moves:
            raise KeyboardInterrupt
        moved.append(path.rename(target))

    with pytest.raises(KeyboardInterrupt):
        hand_over(tmp_path, now, rename=dies)
    os.close(hand_over(tmp_path, now))
    sent = sent_by(tmp_path, now)
    assert sorted(name for one in sent for name in one) == sorted(left)
    for number in range(4):
        mine = [name for one in sent for name in one if name.startswith(f"{number}-")]
        assert mine == sorted(mine)


def test_what_was_handed_over_is_handed_back(tmp_path: Path) -> None:
    """Through several changes, older records come before those that were left later."""
    left = leave(tmp_path, 1)
    for workers in (2, 1, 3):
        os.close(hand_over(tmp_path, workers))
    later = [name.replace("0-", "0-later-") for name in left]
    for number, name in enumerate(later, 10):
        entry = Entry("clicks", b"party", name.encode(), 1, queued=True)
        (tmp_path / "0" / name_of(number)).write_bytes(MAGIC + entry.encoded())
    os.close(hand_over(tmp_path, 1))
    assert sent_by(tmp_path, 1) == [left + later]


def test_a_torn_end_of_any_folder_is_no_damage(tmp_path: Path) -> None:
    """What was not answered is cut off before its file has another one behind it."""
    left = leave(tmp_path, 3)
    for number in range(3):
        last = max((tmp_path / str(number)).glob("*.spool"))
        with last.open("ab") as file:
            file.write(b"\x40\x00\x00\x00torn")
    os.close(hand_over(tmp_path, 1))
    assert sent_by(tmp_path, 1) == [left]
    sizes = [path.stat().st_size for path in tmp_path.glob("*.spool")]
    assert len(set(sizes)) == 1


@pytest.mark.parametrize("at", [20, 0], ids=["a record", "its length"])
def test_damage_is_not_cut_off(tmp_path: Path, at: int) -> None:
    """Where whole records follow, it is no torn end: the file is kept for people as it is."""
    folder = tmp_path / "1"
    folder.mkdir()
    entry = Entry("clicks", b"party", b"value", 1, queued=True).encoded()
    content = bytearray(MAGIC + entry * 3)
    content[len(MAGIC) + len(entry) + at] ^= 1
    (folder / name_of(1)).write_bytes(content)
    os.close(hand_over(tmp_path, 1))
    assert (tmp_path / name_of(1)).read_bytes() == content


def test_workers_that_have_not_ended_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parent was killed: until they end, their folders are theirs; one that does not end keeps others away."""
    left = leave(tmp_path, 2)
    with (tmp_path / "1" / "lock").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        threading.Timer(0.2, lambda: fcntl.flock(held, fcntl.LOCK_UN)).start()
        began = time.monotonic()
        os.close(hand_over(tmp_path, 1))
        assert time.monotonic() - began >= 0.2
        assert sent_by(tmp_path, 1) == [left]
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(InputError) as refused:
            hand_over(tmp_path, 1, patience=0.1)
    assert "another collector's spool" in str(refused.value.details)


def test_a_collector_that_goes_on_keeps_its_spool(tmp_path: Path) -> None:
    """With how many workers ever another one begins; and it is told whether anything is left."""
    assert not left_in(tmp_path)
    leave(tmp_path, 2)
    assert left_in(tmp_path)
    lock = hand_over(tmp_path, 2)
    for workers in (1, 2, 3):
        with pytest.raises(InputError):
            hand_over(tmp_path, workers)
    os.close(lock)
