"""Counts per minute on disk, written beside the collector's work; see `counts` for the form.

Its law: nothing here may stop the collector or cost an event. A folder that can't be written is told once in the log,
and the finished minutes are kept until it can. A collector that is killed loses the counts of a second at most; those
that it left in `open.json` are then marked as not complete by the next one. Workers share the files of days, and each
has its own of open minutes; what is left by one whose number nobody has now, the first one takes over.

All calls come from one thread, which is not the event loop's: a disk may hang.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from pyglue.collector.counting.counts import MINUTE_MS, OPEN, Counts, open_of, open_text, read_open
from pyglue.collector.disk import append_lines
from pyglue.collector.workers.share import Share

log = logging.getLogger("pyglue.collector")

BEAT_MS = 10_000  # so often `open.json` is written although nothing has changed: it tells until when all was counted
_OPEN_OF = re.compile(r"open-([0-9]{1,4})\.json\Z")


class CountFiles:
    """One worker's part in a collector's folder. `keep_days` is for how many days finished minutes are kept."""

    def __init__(self, directory: Path, keep_days: int, share: Share) -> None:
        self._directory = directory
        self._keep_days = keep_days
        self._share = share
        self._open = directory / (OPEN if share.alone else open_of(share.number))
        self._pending: list[Counts] = []
        self._minutes: list[Counts] = []
        self._written_ms = 0
        self._begun = False
        self._orphaned: list[Path] = []  # whose minutes are among the pending ones
        self._day = ""
        self._failing = False

    def keep(self, finished: Sequence[Counts], unfinished: Sequence[Counts], now_ms: int) -> None:
        """Append the finished minutes, and replace those that go on. Never raises OSError."""
        self._pending += finished
        try:
            self._begin()
            self._append()
            due = bool(finished) or now_ms - self._written_ms >= BEAT_MS or self._failing
            if due or list(unfinished) != self._minutes:
                self._replace(unfinished, now_ms)
            self._forget(now_ms)
        except OSError as error:
            if not self._failing:
                log.warning("can't write counts (no event is touched): %s", error)
            self._failing = True
            return
        if self._failing:
            log.info("counts are written again")
        self._failing = False

    def end(self, finished: Sequence[Counts], now_ms: int) -> None:
        """Append what there is; nothing is unfinished any more. Never raises OSError."""
        self.keep(finished, (), now_ms)
        if not self._failing and not self._taken():
            self._open.unlink(missing_ok=True)

    def _begin(self) -> None:
        """Take over what was left by those that were killed."""
        if self._begun:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        left: list[Counts] = []
        self._orphaned = list(self._of_nobody())
        for path in (self._open, *self._orphaned):
            text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
            if text:
                try:
                    left += left_behind(text)
                except ValueError as error:
                    log.warning("%s can't be read (%s): its counts are lost", path, error)
        self._pending = left + self._pending
        self._begun = True

    def _of_nobody(self) -> Iterator[Path]:
        """The files of open minutes that no worker has now: all go to the first."""
        if self._share.number:
            return
        if not self._share.alone:
            yield self._directory / OPEN
        for path in sorted(self._directory.iterdir()):
            found = _OPEN_OF.match(path.name)
            if found and (self._share.alone or int(found[1]) >= self._share.workers):
                yield path

    def _append(self) -> None:
        by_file = groupby(sorted(self._pending, key=lambda one: one.minute), key=lambda one: one.file)
        for name, minutes in [(name, list(group)) for name, group in by_file]:
            append(self._directory / name, minutes)
            self._pending = [minute for minute in self._pending if minute not in minutes]
        while self._orphaned:
            self._orphaned.pop().unlink(missing_ok=True)

    def _replace(self, unfinished: Iterable[Counts], now_ms: int) -> None:
        if self._taken():
            return
        minutes = list(unfinished)
        fresh = self._open.with_name(self._open.name + ".new")
        fresh.write_text(open_text(self._share.run, now_ms, minutes), encoding="utf-8")
        fresh.replace(self._open)
        self._minutes, self._written_ms = minutes, now_ms

    def _taken(self) -> bool:
        """Whether the next collector has the file: that of a worker whose parent was killed, and which has not ended yet."""
        if not self._written_ms or not self._open.exists():
            return False
        try:
            run, _, _ = read_open(self._open.read_text(encoding="utf-8", errors="replace"))
        except (ValueError, OSError):
            return False
        return run != self._share.run

    def _forget(self, now_ms: int) -> None:
        """Once a day: remove what is older than is to be kept."""
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        today, oldest = f"{now:%Y-%m-%d}", f"{now - timedelta(days=self._keep_days):%Y-%m-%d}"
        if today != self._day:
            for path in self._directory.glob("????-??-??.jsonl"):
                if path.stem < oldest:
                    path.unlink(missing_ok=True)
            self._day = today


def left_behind(text: str) -> list[Counts]:
    """The minutes of an `open.json` whose collector was killed; raises ValueError if it is none.

    Between its last writing and the end something may have come in a minute that is not in it, too.
    """
    run, written, minutes = read_open(text)
    known = {minute.minute for minute in minutes}
    touched = {written // MINUTE_MS, (written + BEAT_MS) // MINUTE_MS}
    found = [Counts(**{**vars(minute), "complete": False}) for minute in minutes]
    return found + [Counts(minute, complete=False, run=run) for minute in sorted(touched - known)]


def append(path: Path, minutes: Iterable[Counts]) -> None:
    """Write lines at the end of a file, all or nothing; raises OSError. Other workers do so, too."""
    lines = "".join(minute.line() for minute in minutes).encode()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        with suppress(
            OSError
        ):  # where there are no locks, lines of the same moment may be lost on a full disk
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        append_lines(descriptor, lines)
    finally:
        os.close(descriptor)
