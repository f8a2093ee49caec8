"""A spool's files: entries go to the disk in groups, and a file is removed once all that is in it is in Kafka.

What comes while a group is being written and synced waits for the next one. Files have numbers, which are the order of
what is in them; one that is full is followed by another. The folder is one collector's: it holds a lock on it.

The loop hands entries over and is told where they are. One thread writes; all other calls come from the loop's.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from pyglue.collector.disk import sync_directory
from pyglue.collector.sinks.sink import Queue
from pyglue.collector.spool.entries import MAGIC, Entry
from pyglue.collector.workers.share import Share
from pyglue.errors import InputError, Problem

log = logging.getLogger("pyglue.collector")

FILE_BYTES = 16 * 2**20
RETRY_SECONDS = 1.0  # between two tries to write on a disk that fails
HOLD_PAUSE = 0.05  # seconds between two tries to lock a folder
MAX_WAITING_BYTES = 64 * 2**20  # of entries that wait for the disk
_NAME = re.compile(r"[0-9]{12}\.spool\Z")


class File:
    """One file. `size` is what is on the disk for sure; `entries` are in it, `settled` of them in Kafka.

    `full`: no more is added. `counted`: `entries` is known, which a file of an earlier life begins without. `damaged`: it
    is renamed instead of removed.
    """

    def __init__(self, path: Path, size: int, *, left: bool = False) -> None:
        self.path = path
        self.number = int(path.stem)
        self.size = size
        self.entries = 0
        self.settled = 0
        self.full = left
        self.counted = not left
        self.damaged = False


Written = Callable[[File | None], None]
_Group = list[tuple[bytes, Written]]


class Store:
    """The files of a folder. Make it inside the running loop.

    `used` are bytes on the disk and on their way to it; those of all workers together are at most `max_bytes`, but for what
    several begin at one moment. `works` tells that the disk took the last group. `files` are in order, beginning with what
    an earlier life left; what is in those is not counted yet.
    """

    def __init__(
        self,
        directory: Path,
        max_bytes: int,
        share: Share | None = None,
        *,
        sync: Callable[[int], None] = os.fdatasync,
        file_bytes: int = FILE_BYTES,
    ) -> None:
        """Raises InputError if the folder can't be used, or another collector uses it."""
        self._lock = hold(directory)
        self._share = share or Share()
        self._directory = directory
        self._sync = sync
        self._file_bytes = file_bytes
        self.max_bytes = max_bytes
        self.files = [File(path, path.stat().st_size, left=True) for path in files_in(directory)]
        self.used = sum(file.size for file in self.files)
        self.works = True
        self._untold = 0
        self._refused = 0 if self._fits(1) else 1  # bytes of the last entry, if there was no room for it
        self._next = max((file.number for file in self.files), default=0) + 1
        self._loop = asyncio.get_running_loop()
        self._news = threading.Condition()  # guards the next five
        self._waiting: _Group = []
        self._waiting_bytes = 0
        self._roll = False
        self._removable: list[File] = []
        self._closing = False
        self._pause = threading.Event()
        # The thread's alone:
        self._file: File | None = None
        self._descriptor = -1
        self._length = 0
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._thread.start()

    @property
    def used(self) -> int:
        """See above."""
        return self._share.spooled[self._share.number]

    @used.setter
    def used(self, value: int) -> None:
        self._share.spooled[self._share.number] = value

    def _fits(self, size: int) -> bool:
        return sum(self._share.spooled) + size <= self.max_bytes

    @property
    def busy(self) -> bool:
        """Whether there are entries of which nobody was told yet where they are."""
        return self._untold > 0

    @property
    def queue(self) -> Queue:
        """What is not in Kafka."""
        return Queue(self._untold + sum(file.entries - file.settled for file in self.files), self.used)

    @property
    def accepts(self) -> bool:
        """Whether a further entry is likely to come to the disk."""
        return self.works and (not self._refused or self._fits(self._refused))

    def append(self, entry: Entry, written: Written) -> bool:
        """Write an entry, then call `written` with its file, or with None if the disk failed; False if it is full."""
        data = entry.encoded()
        with self._news:
            if (
                not self._fits(len(data))
                or self._waiting_bytes + len(data) > MAX_WAITING_BYTES
                or self._closing
            ):
                self._refused = len(data)
                return False
            self._refused = 0
            self.used += len(data)
            self._untold += 1
            self._waiting.append((data, written))
            self._waiting_bytes += len(data)
            if len(self._waiting) == 1:
                self._news.notify()
        return True

    def settle(self, file: File) -> None:
        """One of a file's entries is in Kafka. The last one removes the file."""
        file.settled += 1
        self.tidy([file])

    def tidy(self, files: Iterable[File]) -> None:
        """Remove those of `files` of which Kafka has all, once nothing more is added to them."""
        if any(not file.full and _done(file) for file in files):
            with self._news:
                self._roll = True
                self._news.notify()
        gone = [file for file in files if file.full and _done(file) and file in self.files]
        for file in gone:
            self.files.remove(file)
            self.free(file.size)
        if gone:
            with self._news:
                self._removable += gone
                self._news.notify()

    def free(self, size: int) -> None:
        """So many bytes of the files are no entries any more."""
        self.used -= size

    def close(self) -> None:
        """Write what waits, and end. Blocks; `written` is called when the loop gets to it."""
        with self._news:
            self._closing = True
            self._pause.set()
            self._news.notify()
        self._thread.join()
        if not self._untold:  # else a file has more than is known of it
            self._remove([file for file in self.files if _done(file)])
        os.close(self._lock)

    def _tell(self, group: _Group, file: File | None, size: int) -> None:
        """In the loop: `size` bytes of a group are in `file`, or, without one, on no disk."""
        self.works = file is not None
        if file is None:
            self.free(size)
            self._loop.call_later(RETRY_SECONDS, self._hope)
        else:
            if file not in self.files:
                self.files.append(file)
                file.size = len(MAGIC)
                self.used += len(MAGIC)
            file.size += size
            file.entries += len(group)
        self._untold -= len(group)  # last: `close` takes what is known of files for all there is
        for _, written in group:
            try:
                written(file)
            except Exception:
                log.exception("word of a spooled record could not be passed on")
        if file is not None:
            self.tidy([file])

    def _hope(self) -> None:
        """What a disk takes is only known by writing to it."""
        self.works = True

    # in the thread

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._waiting or self._removable or self._roll or self._closing)
                group, self._waiting, self._waiting_bytes = self._waiting, [], 0
                roll, self._roll = self._roll, False
                removable, self._removable = self._removable, []
                closing = self._closing
            self._remove(removable)
            if group:
                self._commit(group)
            elif roll and self._file is not None:
                self._finish(self._file)
            elif closing:
                break
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def _commit(self, group: _Group) -> None:
        data = b"".join(data for data, _ in group)
        try:
            file = self._append(data)
        except OSError as error:
            file = None
            log.error("can't write the spool in %s: %s", self._directory, error.strerror or error)  # noqa: TRY400
        except Exception:
            file = None
            log.exception("can't write the spool in %s", self._directory)
        self._call(self._tell, group, file, len(data))
        if file is None:
            self._pause.wait(RETRY_SECONDS)
        elif self._length >= self._file_bytes:
            self._finish(file)

    def _append(self, data: bytes) -> File:
        """Write and sync, in a new file if need be; raises OSError, and what was written is cut off."""
        file = self._file
        if file is None:
            path = self._directory / name_of(self._next)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._next += 1
            file = self._file = File(path, 0)
            self._length = 0
        begin = self._length
        try:
            self._write(data if begin else MAGIC + data)
            self._sync(self._descriptor)
            if not begin:
                sync_directory(self._directory)
        except OSError:
            self._give_up(file, begin)
            raise
        return file

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, self._length)
            self._length += written
            view = view[written:]

    def _give_up(self, file: File, length: int) -> None:
        """Cut off what may be torn, and write no more into this file: who knows what the disk has of it."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, length)
        if not length:
            with suppress(OSError):
                file.path.unlink()
        self._finish(file)

    def _finish(self, file: File) -> None:
        descriptor, self._descriptor, self._file = self._descriptor, -1, None
        with suppress(OSError):  # what was answered is synced
            os.close(descriptor)
        self._call(self._filled, file)

    def _filled(self, file: File) -> None:
        """In the loop."""
        file.full = True
        self.tidy([file])

    def _remove(self, files: Iterable[File]) -> None:
        for file in files:
            try:
                if file.damaged:
                    file.path.rename(_kept_name(file.path))
                else:
                    file.path.unlink(missing_ok=True)
            except OSError as error:
                log.error(  # noqa: TRY400 - no bug
                    "can't remove %s, whose records are in Kafka: %s", file.path, error.strerror or error
                )

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            log.debug("news of the spool after the end")


def _done(file: File) -> bool:
    return file.counted and file.settled >= file.entries


def _kept_name(path: Path) -> Path:
    """Under which a damaged file stays. Numbers come again once a folder is empty, and none of these may go."""
    name, again = path.with_suffix(".damaged"), 1
    while name.exists():
        again += 1
        name = path.with_name(f"{path.stem}-{again}.damaged")
    return name


def hold(directory: Path, seconds: float = 0.0) -> int:
    """Make a spool's folder and lock it, as one that is going may for so long; the lock's descriptor.

    Raises InputError if the folder can't be used, or another collector uses it.
    """
    try:
        if not directory.exists():
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(directory.parent)
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InputError(
            [Problem(str(directory), None, None, f"can't hold the spool: {error.strerror or error}")]
        ) from error
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError as error:
            if time.monotonic() < deadline:
                time.sleep(HOLD_PAUSE)
                continue
            os.close(descriptor)
            message = "is another collector's spool; name another folder in pyglue.collector.spool.directory"
            raise InputError([Problem(str(directory), None, None, message)]) from error


def files_in(directory: Path) -> list[Path]:
    """A spool's files, in order; none where there is no folder."""
    return sorted(path for path in directory.glob("*.spool") if _NAME.match(path.name))


def name_of(number: int) -> str:
    """The name of a spool's file."""
    return f"{number:012}.spool"
