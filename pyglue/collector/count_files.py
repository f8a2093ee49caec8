"""Counts per minute on disk, written beside the collector's work; see `counts` for the form.

Its law: nothing here may stop the collector or cost an event. A folder that can't be written is told once in the log,
and the finished minutes are kept until it can. A collector that is killed loses the counts of a second at most; those
that it left in `open.json` are then marked as not complete by the next one.

All calls come from one thread, which is not the event loop's: a disk may hang.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from pyglue.collector.counts import MINUTE_MS, OPEN, Counts, open_text, read_open

log = logging.getLogger("pyglue.collector")

BEAT_MS = 10_000  # so often `open.json` is written although nothing has changed: it tells until when all was counted


class CountFiles:
    """The folder of one collector. `keep_days` is for how many days finished minutes are kept; `run` is this life."""

    def __init__(self, directory: Path, keep_days: int, run: int) -> None:
        self._directory = directory
        self._keep_days = keep_days
        self._run = run
        self._pending: list[Counts] = []
        self._minutes: list[Counts] = []
        self._written_ms = 0
        self._begun = False
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
        if not self._failing:
            self._path(OPEN).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._directory / name

    def _begin(self) -> None:
        """Take over what a collector that was killed has left."""
        if self._begun:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        try:
            text = self._path(OPEN).read_text(encoding="utf-8")
        except FileNotFoundError:
            text = ""
        if text:
            try:
                self._pending = left_behind(text) + self._pending
            except ValueError as error:
                log.warning("%s can't be read (%s): its counts are lost", self._path(OPEN), error)
        self._begun = True

    def _append(self) -> None:
        by_file = groupby(sorted(self._pending, key=lambda one: one.minute), key=lambda one: one.file)
        for name, minutes in [(name, list(group)) for name, group in by_file]:
            append(self._path(name), minutes)
            self._pending = [minute for minute in self._pending if minute not in minutes]

    def _replace(self, unfinished: Iterable[Counts], now_ms: int) -> None:
        minutes = list(unfinished)
        fresh = self._path(OPEN + ".new")
        fresh.write_text(open_text(self._run, now_ms, minutes), encoding="utf-8")
        fresh.replace(self._path(OPEN))
        self._minutes, self._written_ms = minutes, now_ms

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
    """Write lines at the end of a file, all or nothing; raises OSError."""
    lines = "".join(minute.line() for minute in minutes).encode()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        if (
            size and os.pread(descriptor, 1, size - 1) != b"\n"
        ):  # the machine went down in the middle of a line
            lines = b"\n" + lines
        try:
            while lines:
                lines = lines[os.write(descriptor, lines) :]
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
