"""The folder of bad events: a file `YYYY-MM-DD.jsonl` for each UTC day of writing, a line for each event.

Its law: several processes may have the same folder. Each holds the folder's one lock while it removes files, looks how much
room is left and writes whole lines at the end of the day's file, so that no line is torn or lost by another process, also
at midnight, and the bound holds for all together.

What has no room: the files of earlier days go first, the oldest before the others, for a folder that is full of an old
cause must not hide a new one; then files that are dated ahead, by a clock that was wrong. Of the day itself nothing is taken
away: what comes last has no place then. Nothing is removed for a line that has no place anyway.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pyglue.collector.disk import append_lines

_FILES = "????-??-??.jsonl"
_LOCK = "lock"
_STEP = 1 << 20  # bytes that are read at a time


@dataclass(frozen=True)
class Written:
    """What became of lines: so many were `kept`, and so many earlier ones `removed` to make room."""

    kept: int
    removed: int


class Folder:
    """`max_bytes` for all files together; a file is removed `keep_days` after its day, or if it is dated further ahead."""

    def __init__(self, directory: Path, max_bytes: int, keep_days: int) -> None:
        self.directory = directory
        self._max_bytes = max_bytes
        self._keep_days = keep_days
        self._day = ""

    def append(self, lines: Sequence[str], now_ms: int) -> Written:
        """Write those of the lines that there is room for, the first ones first, or none at all; raises OSError."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.directory / f"{_day(now_ms)}.jsonl"
        with self._locked():
            self._remove_old(now_ms)
            room, kept = self._max_bytes - _size(path), []
            for line in lines:
                data = f"{line}\n".encode()
                if len(data) <= room:
                    room -= len(data)
                    kept.append(data)
            removed = self._make_room(path, sum(map(len, kept)))
            if kept:
                _write(path, b"".join(kept))
        return Written(len(kept), removed)

    def tidy(self, now_ms: int) -> None:
        """Once a day: remove what is older than is to be kept; raises OSError."""
        if _day(now_ms) != self._day and self.directory.is_dir():
            with self._locked():
                self._remove_old(now_ms)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)  # which ends the lock

    def _remove_old(self, now_ms: int) -> None:
        """Once a day; the caller has the lock."""
        today = _day(now_ms)
        if today != self._day:
            first, last = _day(now_ms, -self._keep_days), _day(now_ms, self._keep_days + 1)
            for path in self.directory.glob(_FILES):
                if not first <= path.stem <= last:
                    path.unlink(missing_ok=True)
            self._day = today

    def _make_room(self, today: Path, wanted: int) -> int:
        """Remove what must go for so many bytes; the lines that were removed. The caller has the lock."""
        sizes = {path: _size(path) for path in self.directory.glob(_FILES)}
        room, removed = self._max_bytes - sum(sizes.values()), 0
        for path in sorted(sizes, key=lambda path: (path > today, path)):
            if room >= wanted:
                break
            if path != today:
                removed += _remove(path)
                room += sizes[path]
        return removed


def _day(now_ms: int, further: int = 0) -> str:
    """The UTC day of a time, or so many days further."""
    return f"{datetime.fromtimestamp(now_ms / 1000, UTC) + timedelta(days=further):%Y-%m-%d}"


def _write(path: Path, data: bytes) -> None:
    """At the end of a file, all or nothing; the caller has the lock. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        append_lines(descriptor, data)
    finally:
        os.close(descriptor)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # somebody has removed it
        return 0


def _remove(path: Path) -> int:
    """Remove a file; how many lines it had, none if somebody was faster."""
    lines = 0
    try:
        with path.open("rb") as file:
            while piece := file.read(_STEP):
                lines += piece.count(b"\n")
        path.unlink()
    except FileNotFoundError:
        return 0
    return lines
