"""Bad events on their way to the folder, beside the collector's work.

Its law: nothing here may stop the collector or cost an event. Events wait in memory, and four times a second a thread
writes what waits; a disk that fails or hangs is told once in the log and tried again after longer and longer pauses, and
what does not fit into memory meanwhile is counted and forgotten. A collector that is killed loses what waits: its clients
have had their answers, as with Divolte.

`keep` comes from the loop's thread, and so do all counts; only the folder is the other thread's.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from pyglue.collector.bad.entries import BadEvent, Came, Lost
from pyglue.collector.bad.folder import Folder, Written
from pyglue.collector.http import headers
from pyglue.collector.http.headers import Headers
from pyglue.collector.sinks.aside import Aside
from pyglue.collector.values.cookies import cookie

log = logging.getLogger("pyglue.collector")

WRITE_SECONDS = 0.25
RETRY_SECONDS = 10.0  # at most, between two tries on a disk that fails: each costs what all that waits does
MOST_WAITING = 16 * 2**20  # bytes in memory: what 20,000 events a second are in half a second
EVENT_BYTES = 1000  # of objects for each event, besides its texts
TIDY_MS = 3_600_000  # so often it is looked whether a day's file is too old by now
CLOSE_SECONDS = 1.0
FOLDER_FULL, DISK_FAILED, WAITING_FULL = "folder full", "disk failed", "too much waits for the disk"


class Keeper(Protocol):
    """Who is told of bad events."""

    def keep(self, came: Came, lost: Sequence[Lost]) -> None:
        """An event was answered with success, and these records of it were not made."""

    def of(self, lines: Headers) -> tuple[tuple[str, str], ...]:
        """Of a request's headers those that are kept."""


class HeadersKept:
    """Which headers are kept: those that a mapping reads, and of cookies no others than it reads."""

    def __init__(self, names: Collection[bytes], cookies: Collection[str]) -> None:
        """Names of headers are in lower case. With the header `cookie` among them it is kept whole."""
        self._names = sorted(names)
        self._cookies = () if b"cookie" in names else sorted(cookies)

    def of(self, lines: Headers) -> tuple[tuple[str, str], ...]:
        """Of a request's headers those that are kept."""
        found = [
            (name.decode("latin-1"), text) for name in self._names for text in headers.lines(lines, name)
        ]
        if self._cookies:
            given = headers.lines(lines, b"cookie")
            values = [(name, value) for name in self._cookies if (value := cookie(given, name)) is not None]
            found += [("cookie", "; ".join(_cookie(name, value) for name, value in values))] if values else []
        return tuple(found)


class BadEvents:
    """The bad events of one process."""

    def __init__(self, folder: Folder, kept: HeadersKept, clock: Callable[[], int]) -> None:
        """`clock` gives milliseconds since 1970."""
        self.kept = 0
        self.removed = 0
        self.not_kept: Counter[str] = Counter()
        self.of = kept.of
        self._folder = folder
        self._clock = clock
        self._mark = secrets.token_hex(5)
        self._number = 0
        self._waiting: list[BadEvent] = []
        self._bytes = 0
        self._failing = False
        self._tidied = 0
        self._writing: asyncio.Task[None] | None = None
        self._pause = WRITE_SECONDS
        self._thread = Aside("bad events")

    def keep(self, came: Came, lost: Sequence[Lost]) -> None:
        """See Keeper."""
        size = EVENT_BYTES + len(came.target) + len(came.body) + sum(len(text) for _, text in came.headers)
        if self._bytes + size > MOST_WAITING:
            self.not_kept[WAITING_FULL] += 1
            return
        self._number += 1
        self._bytes += size
        self._waiting.append(BadEvent(f"{self._mark}-{self._number}", came, tuple(lost)))

    async def work(self) -> None:
        """Until it is cancelled; what is being written then, is written."""
        while True:
            if self._clock() - self._tidied >= TIDY_MS:
                self._tidied = self._clock()
                await self._tidy()
            if self._waiting:
                self._writing = asyncio.ensure_future(self._write())
                await asyncio.shield(self._writing)
            await asyncio.sleep(self._pause)

    async def end(self) -> None:
        """Write what waits. A disk that hangs is not waited for."""
        tasks = [] if self._writing is None else [self._writing]
        if self._waiting:
            tasks.append(asyncio.ensure_future(self._write()))
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        self._thread.end()

    async def _tidy(self) -> None:
        """Remove what is too old, though nothing new may come for a long time."""
        try:
            await self._thread.call(self._folder.tidy, self._clock())
        except OSError as error:
            self._trouble(error)

    async def _write(self) -> None:
        """Write what waits now. Never raises OSError."""
        events, size = self._waiting, self._bytes
        self._waiting, self._bytes = [], 0
        try:
            written = await self._thread.call(self._append, events)
        except OSError as error:
            self._trouble(error)
            self._pause = min(2 * self._pause, RETRY_SECONDS)
            if self._bytes + size <= MOST_WAITING:
                self._waiting, self._bytes = events + self._waiting, self._bytes + size
            else:
                self.not_kept[DISK_FAILED] += len(events)
            return
        if self._failing:
            log.info("bad events are written again")
        self._failing = False
        self._pause = WRITE_SECONDS
        self.kept += written.kept
        self.removed += written.removed
        if written.kept < len(events):
            self._tell_full(len(events) - written.kept)

    def _append(self, events: Sequence[BadEvent]) -> Written:
        return self._folder.append([event.line() for event in events], self._clock())

    def _tell_full(self, count: int) -> None:
        if FOLDER_FULL not in self.not_kept:
            log.warning("%s is full: further bad events are only counted", self._folder.directory)
        self.not_kept[FOLDER_FULL] += count

    def _trouble(self, error: OSError) -> None:
        if not self._failing:
            log.warning("can't keep bad events (no other event is touched): %s", error)
        self._failing = True


def _cookie(name: str, value: str) -> str:
    """As it is read back: in quotes wherever that is possible."""
    return f"{name}={value}" if '"' in value else f'{name}="{value}"'
