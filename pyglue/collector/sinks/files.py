"""Records into Avro container files on local paths: Divolte's sink of type `hdfs`.

A file is written in the working directory under a name that ends in `.partial`, and moved to the directory for
published files when its time is up or the collector ends. One without records is deleted.

Records are committed in groups: what arrives while a group is being written and synced waits for the next one. A
record is safe once its group is on the disk, so the limits of the configuration (a sync after so many records, or so
much time) always hold. Each group is one block of the container (Avro specification 1.11, "Object Container Files"),
so a file that a crash left behind is readable up to its last group. A file with records that are safe is never deleted.

Where the disk fails, the records of the group are not safe, and the torn block is cut off. The file is published with
what it has (one whose torn block can't be cut off stays where it is); until a new one can be made, which is tried
every 15 seconds, the sink is not ready.

The loop only hands records over and is told of their fate. One thread has the open file; another one publishes, because
to another file system that is a copy, which no record should wait for.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import re
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from pyglue.collector.avro import avro_bytes
from pyglue.collector.config.configured import FileSink
from pyglue.collector.disk import sync_directory
from pyglue.collector.sinks.sink import AWAY, Done, Queue
from pyglue.collector.workers.share import Share
from pyglue.errors import InputError, Problem

log = logging.getLogger("pyglue.collector")

RETRY_SECONDS = 15.0  # Divolte's
MAX_BYTES = 64 * 1024 * 1024  # of a record; Divolte has no bound
MAX_WAITING_BYTES = 256 * 1024 * 1024  # of records that wait for the disk
MARKER_BYTES = 16

QUEUE_FULL = "disk queue full"
DISK_FAILED = "disk failed"
ENDING = "ending"

Group = list[tuple[bytes, Done]]


class Instances:
    """Numbers for file names, over all sinks of a process; no two workers have one in common."""

    def __init__(self, share: Share | None = None) -> None:
        self._share = share or Share()
        self._next = self._share.number + 1
        self._lock = threading.Lock()

    def take(self) -> int:
        """The next number."""
        with self._lock:
            taken, self._next = self._next, self._next + self._share.workers
            return taken

    def has(self, number: int) -> bool:
        """Whether a number is one that this worker takes."""
        return (number - 1) % self._share.workers == self._share.number


class Files:
    """One sink's files. Make it inside the running loop. An Outlet itself: records of all its mappings are alike."""

    away = AWAY

    def __init__(
        self,
        sink: FileSink,
        schema: str,
        instances: Instances,
        *,
        retry_seconds: float = RETRY_SECONDS,
        sync: Callable[[int], None] = os.fdatasync,
    ) -> None:
        """Begin a file; raises InputError if a directory is missing or can't be written. `schema` is JSON.

        `sync` brings what was written to a descriptor to the disk.
        """
        _check_directories(sink)
        self.place = str(sink.publish_dir)
        self.max_bytes = MAX_BYTES
        self.ready = False
        self._sink = sink
        self._schema = schema
        self._instances = instances
        self._instance = instances.take()
        self._host = re.sub(r"[^A-Za-z0-9._-]", "_", socket.gethostname())
        self._retry_seconds = retry_seconds
        self._sync = sync
        self._loop = asyncio.get_running_loop()
        self._news = threading.Condition()  # guards the next three
        self._waiting: Group = []
        self._waiting_bytes = 0
        self._closing = False
        self._queued = 0  # the loop's: records that wait or are being written, and their bytes
        self._queued_bytes = 0
        self._warn_of_leftovers()
        # From here on these two are the thread's.
        self._file: _File | None = None
        self._due = 0.0  # when the file's time is up, or, without one, when a new one is tried
        self._renew()
        self._finished: SimpleQueue[_File | None] = SimpleQueue()  # None at the end
        self._threads = [
            threading.Thread(target=self._run, name=f"writing {sink.name}", daemon=True),
            threading.Thread(target=self._publish, name=f"publishing {sink.name}", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def queue(self) -> Queue:
        """What waits for the disk."""
        return Queue(self._queued, self._queued_bytes)

    @property
    def trouble(self) -> str | None:
        """See Outlet."""
        if not self.ready:
            return "no file can be written"
        return "too much waits for the disk" if self._queued_bytes >= MAX_WAITING_BYTES else None

    def send(self, key: bytes, value: bytes, timestamp: int, done: Done) -> None:  # noqa: ARG002 - see Outlet
        """See Outlet."""
        with self._news:
            taken = not self._closing and self._waiting_bytes + len(value) <= MAX_WAITING_BYTES
            if taken:
                self._waiting.append((value, done))
                self._waiting_bytes += len(value)
                if len(self._waiting) == 1:
                    self._news.notify()
        if taken:
            self._queued += 1
            self._queued_bytes += len(value)
        else:
            done(ENDING if self._closing else QUEUE_FULL)

    def close(self) -> None:
        """Write what waits and publish the file. Blocks; `done` is called when the loop gets to it."""
        with self._news:
            self._closing = True
            self._news.notify()
        for thread in self._threads:
            thread.join()

    def _settle(self, group: Group, safe: bool) -> None:
        """In the loop: tell the fate of a group's records."""
        self._queued -= len(group)
        self._queued_bytes -= sum(len(value) for value, _ in group)
        for _, done in group:
            try:
                done(None if safe else DISK_FAILED)
            except Exception:
                log.exception("the fate of a record could not be passed on")

    # in the thread that has the file

    def _run(self) -> None:
        while (group := self._next()) is not None:
            if time.monotonic() >= self._due:
                self._renew()
            if group:
                self._tell(group, self._commit([value for value, _ in group]))
        self._finished.put(self._file)
        self._finished.put(None)

    def _next(self) -> Group | None:
        """Wait for records, or until something is due (then there may be none); None at the end."""
        with self._news:
            wait = min(self._due - time.monotonic(), threading.TIMEOUT_MAX)
            self._news.wait_for(lambda: self._waiting or self._closing, wait)
            if self._closing and not self._waiting:
                return None
            group, self._waiting, self._waiting_bytes = self._waiting, [], 0
            return group

    def _commit(self, values: list[bytes]) -> bool:
        """Whether the values are on the disk now."""
        if self._file is None:
            return False
        try:
            self._file.append(values)
            return True
        except OSError as error:
            log.error("can't write %s: %s", self._file.path, error.strerror or error)  # noqa: TRY400 - no bug
        except Exception:
            log.exception("can't write %s", self._file.path)
        self.ready = False
        log.error("sink %s fails; its events get 503 until a new file can be written", self._sink.name)
        self._finished.put(self._file)
        self._file = None
        self._due = time.monotonic() + self._retry_seconds
        return False

    def _tell(self, group: Group, safe: bool) -> None:
        try:
            self._loop.call_soon_threadsafe(self._settle, group, safe)
        except RuntimeError:
            # The loop has ended first; nobody waits for this any more.
            log.debug("news of records after the end")

    def _renew(self) -> None:
        """Begin a new file in the place of the one there is, if any, which goes on if that fails."""
        try:
            file = self._begin()
        except OSError as error:
            log.error(  # noqa: TRY400 - no bug
                "sink %s can't begin a file in %s: %s; tried again in %g seconds",
                self._sink.name,
                self._sink.working_dir,
                error.strerror or error,
                self._retry_seconds,
            )
            self._due = time.monotonic() + self._retry_seconds
            return
        if self._file is not None:
            self._finished.put(self._file)
        self._file = file
        self._due = time.monotonic() + self._sink.roll_every_ms / 1000
        if not self.ready:
            log.info("sink %s writes %s", self._sink.name, file.path)
            self.ready = True

    def _begin(self) -> _File:
        stamp, instance = time.strftime("%Y%m%d%H%M%S"), self._instance
        while True:
            path = self._sink.working_dir / f"{self._name(stamp, instance)}.partial"
            with suppress(FileExistsError):  # of the same second, and perhaps of another collector
                return _File(path, stamp, self._schema, self._sync)
            instance = self._instances.take()

    def _name(self, stamp: str, instance: int) -> str:
        return f"{stamp}-divolte-tracking-{self._host}-{instance}.avro"

    # in the thread that publishes

    def _publish(self) -> None:
        while (file := self._finished.get()) is not None:
            try:
                self._finish(file)
                file.close()  # only now, because that ends its lock
            except OSError as error:
                log.error("can't publish %s: %s; it stays there", file.path, error.strerror or error)  # noqa: TRY400 - no bug

    def _finish(self, file: _File) -> None:
        if not file.records:
            file.path.unlink()
            return
        if file.torn:
            log.error("%s ends within a block; it can be read up to there, and is left alone", file.path)
            return
        target = self._sink.publish_dir / file.path.stem
        while target.exists():
            target = target.with_name(self._name(file.stamp, self._instances.take()))
        _move(file.path, target)

    # at the start

    def _warn_of_leftovers(self) -> None:
        pattern = f"*-divolte-tracking-{self._host}-[0-9]*.avro.partial"
        for path in sorted(self._sink.working_dir.glob(pattern)):
            number = path.name.removesuffix(".avro.partial").rpartition("-")[2]
            told_here = not number.isdecimal() or self._instances.has(int(number))
            if told_here and not _in_use(path):
                log.warning(
                    "%s was left by a collector that was killed; it may hold events, can be read up to its last whole "
                    "block, and is left alone",
                    path,
                )


class _File:
    """One container file, open for more blocks.

    `records` are those on the disk; `torn` tells that something else follows them, which could not be cut off.
    """

    def __init__(self, path: Path, stamp: str, schema: str, sync: Callable[[int], None]) -> None:
        """Raises FileExistsError if there is such a file, and OSError, then without leaving one."""
        self.path = path
        self.stamp = stamp
        self.records = 0
        self.torn = False
        self._sync = sync
        self._marker = secrets.token_bytes(MARKER_BYTES)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self._length = 0
        try:
            with suppress(OSError):  # where there are no locks, a warning at the next start may be wrong
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._append(_header(schema, self._marker))
            sync_directory(path.parent)
        except BaseException:
            os.close(self._descriptor)
            path.unlink(missing_ok=True)
            raise

    def append(self, values: list[bytes]) -> None:
        """Add a block of records, on the disk when this returns. After an error nothing more may be added."""
        size = sum(map(len, values))
        head = avro_bytes.integer(len(values)) + avro_bytes.integer(size)
        self._append(b"".join((head, *values, self._marker)))
        self.records += len(values)

    def close(self) -> None:
        """Write no more."""
        os.close(self._descriptor)

    def _append(self, data: bytes) -> None:
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._descriptor, memoryview(data)[written:], self._length + written)
            self._sync(self._descriptor)
        except BaseException:
            self._cut()
            raise
        self._length += len(data)

    def _cut(self) -> None:
        """Take off what may have been written of a block."""
        try:
            os.ftruncate(self._descriptor, self._length)
            os.fsync(self._descriptor)
        except OSError:
            self.torn = True


def _check_directories(sink: FileSink) -> None:
    problems = [
        Problem(
            str(directory),
            None,
            None,
            f"is no directory that this user can write to; make it, or name another one in "
            f"divolte.sinks.{sink.name}.file_strategy.{key}",
        )
        for key, directory in (("working_dir", sink.working_dir), ("publish_dir", sink.publish_dir))
        if not directory.is_dir() or not os.access(directory, os.W_OK | os.X_OK)
    ]
    if problems:
        raise InputError(problems)


def _header(schema: str, marker: bytes) -> bytes:
    entries = {"avro.codec": b"null", "avro.schema": schema.encode("utf-8", "replace")}
    encoded = [avro_bytes.string(name) + avro_bytes.sized(value) for name, value in entries.items()]
    return b"Obj\x01" + avro_bytes.block(encoded) + marker


def _move(source: Path, target: Path) -> None:
    """Move a file so that at any time it is whole in one of the two places."""
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, target)
        sync_directory(target.parent)
        source.unlink()
    else:
        sync_directory(target.parent)


def _copy(source: Path, target: Path) -> None:
    """Copy a file so that it appears whole or not at all."""
    on_its_way = target.with_name(f"{target.name}.partial")
    try:
        shutil.copy(source, on_its_way)
        with on_its_way.open("rb") as copy:
            os.fsync(copy.fileno())
        on_its_way.rename(target)
    except OSError:
        on_its_way.unlink(missing_ok=True)
        raise


def _in_use(path: Path) -> bool:
    """Whether a collector still has the file: each holds a lock on its own."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        return True
    except OSError:
        return False
    return False
