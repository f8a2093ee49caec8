"""The folder of bad events: a file `YYYY-MM-DD.jsonl` for each UTC day of writing, a line for each event.

Its law: several processes may have the same folder. Each holds a lock on the day's file while it looks how much room is
left and writes whole lines at its end, so that no line is torn by another process, and the bound holds for all together.

What has no room: the files of earlier days go first, the oldest before the others, for a folder that is full of an old
cause must not hide a new one. Of the day itself nothing is taken away: what comes last has no place then.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_FILES = "????-??-??.jsonl"
_STEP = 1 << 20  # bytes that are read at a time


@dataclass(frozen=True)
class Written:
    """What became of lines: so many were `kept`, and so many earlier ones `removed` to make room."""

    kept: int
    removed: int


class Folder:
    """`max_bytes` for all files together; a file is removed `keep_days` after its day."""

    def __init__(self, directory: Path, max_bytes: int, keep_days: int) -> None:
        self.directory = directory
        self._max_bytes = max_bytes
        self._keep_days = keep_days
        self._day = ""

    def append(self, lines: Sequence[str], now_ms: int) -> Written:
        """Write as many of the lines as there is room for, the first ones, or none at all; raises OSError."""
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.tidy(now_ms)
        path = self.directory / f"{now:%Y-%m-%d}.jsonl"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            data = [f"{line}\n".encode() for line in lines]
            room, removed = self._make_room(path, sum(map(len, data)))
            kept = 0
            while kept < len(data) and len(data[kept]) <= room:
                room -= len(data[kept])
                kept += 1
            _write(descriptor, b"".join(data[:kept]))
        finally:
            os.close(descriptor)  # which ends the lock
        return Written(kept, removed)

    def tidy(self, now_ms: int) -> None:
        """Once a day: remove what is older than is to be kept; raises OSError."""
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        today, oldest = f"{now:%Y-%m-%d}", f"{now - timedelta(days=self._keep_days):%Y-%m-%d}"
        if today != self._day:
            for path in self.directory.glob(_FILES):
                if path.stem < oldest:
                    path.unlink(missing_ok=True)
            self._day = today

    def _make_room(self, today: Path, wanted: int) -> tuple[int, int]:
        """The bytes that there is room for, at least `wanted` if that can be; the lines that were removed for it."""
        sizes = {path: _size(path) for path in sorted(self.directory.glob(_FILES))}
        room, removed = self._max_bytes - sum(sizes.values()), 0
        for path, size in sizes.items():
            if room >= wanted or path >= today:
                break
            removed += _remove(path)
            room += size
        return room, removed


def _write(descriptor: int, data: bytes) -> None:
    """At the end, all or nothing; the caller has the lock. Raises OSError."""
    size = os.fstat(descriptor).st_size
    if data and size and os.pread(descriptor, 1, size - 1) != b"\n":  # a machine went down within a line
        data = b"\n" + data
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # another process has removed it
        return 0


def _remove(path: Path) -> int:
    """Remove a file; how many lines it had, none if another process was faster."""
    lines = 0
    try:
        with path.open("rb") as file:
            while piece := file.read(_STEP):
                lines += piece.count(b"\n")
        path.unlink()
    except FileNotFoundError:
        return 0
    return lines
