"""What was left in folders that no worker has now goes to the first worker, before any begins; it is sent first then.

A single process has its files in the folder that is configured, each of several workers in one below it that is named by
its number. Whoever starts holds the configured folder, so that there is one collector at a time, and looks into all of
them. Files are moved one by one, within one file system, behind those that are there; a move that is cut short goes on at
the next start.

Workers whose parent was killed finish what is under way: their folders are waited for.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from pyglue.collector.disk import sync_directory
from pyglue.collector.spool.entries import holds_whole, read
from pyglue.collector.spool.store import files_in, hold, name_of
from pyglue.counted import counted
from pyglue.errors import InputError, Problem

log = logging.getLogger("pyglue.collector")

ORPHAN_SECONDS = 15.0  # more than sinks, counts and bad events take to end, once nothing is under way
_NUMBER = re.compile(r"[0-9]{1,4}\Z")


def hand_over(
    directory: Path,
    workers: int,
    patience: float = ORPHAN_SECONDS,
    rename: Callable[[Path, Path], object] = Path.rename,
) -> int:
    """Move what nobody would send to where it is sent; the descriptor of the lock on the configured folder.

    Raises InputError if a folder can't be used, or another collector uses it.
    """
    with ExitStack() as ours:
        lock = hold(directory)
        ours.callback(os.close, lock)
        with ExitStack() as theirs:
            below = _workers_folders(directory)
            for folder in below:
                theirs.callback(os.close, hold(folder, patience))
            if workers == 1:
                first, without = directory, below
            else:
                first = directory / "0"
                without = [directory, *(folder for folder in below if int(folder.name) >= workers)]
            try:
                _move(without, first, rename)
            except OSError as error:
                message = f"can't be sorted: {error.strerror or error}"
                raise InputError([Problem(str(directory), None, None, message)]) from error
        ours.pop_all()
    return lock


def left_in(directory: Path) -> bool:
    """Whether there are records, of one process or of several."""
    return any(files_in(folder) for folder in (directory, *_workers_folders(directory)))


def _workers_folders(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    found = [folder for folder in directory.iterdir() if _NUMBER.match(folder.name) and folder.is_dir()]
    return sorted(found, key=lambda folder: int(folder.name))


def _move(without: list[Path], first: Path, rename: Callable[[Path, Path], object]) -> None:
    """Bring the files of folders without a worker behind those in the folder of the first."""
    moved = 0
    for folder in without:
        files = files_in(folder)
        if not files:
            continue
        if not first.exists():
            first.mkdir(mode=0o700)
            sync_directory(first.parent)
        # Only in the last file of a folder a torn end is no damage, and none of these two stays the last.
        there = files_in(first)
        for last in (*there[-1:], files[-1]):
            _cut(last)
        number = int(there[-1].stem) if there else 0
        for file in files:
            number += 1
            rename(file, first / name_of(number))
        sync_directory(first)
        sync_directory(folder)
        moved += len(files)
    if moved:
        log.info("%s went to %s", counted(moved, "file of the spool", "files of the spool"), first)


def _cut(file: Path) -> None:
    """Cut off what is behind the last whole entry, and was not answered; a file without any is left as it is."""
    size, end = file.stat().st_size, 0
    with file.open("rb") as content:
        for _, end in read(content, 0, size):  # noqa: B007 - the last place counts
            pass
        torn = 0 < end < size and not holds_whole(content, end, size)
    if torn:
        ending = counted(size - end, "byte that was", "bytes that were")
        log.warning("%s ends in %s not answered", file, ending)
        os.truncate(file, end)
