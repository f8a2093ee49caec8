"""Records into Avro container files on local paths: Divolte's sink of type `hdfs`.

A file is written in the working directory under a name that ends in `.partial`, and moved to the directory for
published files when its time is up or the collector ends. One without records is deleted.

Records are committed in groups: what arrives while a group is being written and synced waits for the next one. A
record is safe once its group is on the disk, so the limits of the configuration (a sync after so many records, or so
much time) always hold. Each group is one block of the container (Avro specification 1.11, "Object Container Files"),
so a file that a crash left behind is readable up to its last group.

Where the disk fails, the records of the group are not safe, and the torn block is cut off. The file is published with
what it has; until a new one can be made, which is tried every 15 seconds, the sink is not ready.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pyglue.collector import avro_bytes
from pyglue.collector.configured import FileSink
from pyglue.errors import InputError, Problem

log = logging.getLogger("pyglue.collector")

RETRY_SECONDS = 15.0
MAX_BYTES = 64 * 1024 * 1024  # of a record; Divolte has no bound
MAX_WAITING_BYTES = 256 * 1024 * 1024  # of records that wait for the disk

Done = Callable[[bool], None]


class Instances:
    """Numbers for file names, over all sinks of a process."""

    def __init__(self) -> None:
        self._next = 0
        self._lock = threading.Lock()

    def take(self) -> int:
        """The next number."""
        with self._lock:
            self._next += 1
            return self._next


class Files:
    """One sink's files. Make it inside the running loop. An Outlet itself: records of all its mappings are alike."""

    def __init__(
        self,
        sink: FileSink,
        schema: str,
        instances: Instances,
        *,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """Begin a file; raises InputError if a directory is missing or can't be written. `schema` is JSON."""
        self.max_bytes = MAX_BYTES
        self.ready = True
        self._sink = sink
        self._schema = schema
        self._instances = instances
        self._retry_seconds = retry_seconds
        self._loop = asyncio.get_running_loop()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix=f"files of {sink.name}")
        self._waiting: list[tuple[bytes, Done]] = []
        self._waiting_bytes = 0
        self._writing = False
        self._closed = False
        for key, directory in (("working_dir", sink.working_dir), ("publish_dir", sink.publish_dir)):
            if not directory.is_dir() or not os.access(directory, os.W_OK | os.X_OK):
                reason = "is no directory that can be written; make it, or name another one"
                where = f"divolte.sinks.{sink.name}.file_strategy.{key}"
                raise InputError([Problem(str(directory), None, None, f"{reason} ({where})")])
        for left in sorted(sink.working_dir.glob("*.avro.partial")):
            log.warning(
                "%s was left by a collector that did not end in order; it can be read, and is left alone",
                left,
            )
        self._file: _File | None = self._begin()
        self._roll = self._loop.call_later(sink.roll_every_ms / 1000, self._time_is_up)

    def send(self, key: bytes, value: bytes, timestamp: int, done: Done) -> None:  # noqa: ARG002 - see Outlet
        """See Outlet."""
        if self._closed or not self.ready or self._waiting_bytes + len(value) > MAX_WAITING_BYTES:
            done(False)
            return
        self._waiting.append((value, done))
        self._waiting_bytes += len(value)
        if not self._writing:
            self._writing = True
            # Not at once: the other events that this turn of the loop brings belong to the same group.
            self._loop.call_soon(self._write)

    def close(self) -> None:
        """Write what waits and publish the file. Blocks; the loop may have to run on to call what waits for it."""
        self._closed = True
        self._roll.cancel()
        self._disk.shutdown(wait=True)
        if self._file is not None:
            self._publish(self._file)
            self._file = None

    # in the loop

    def _write(self) -> None:
        group, self._waiting, self._waiting_bytes = self._waiting, [], 0
        written = self._loop.run_in_executor(self._disk, self._commit, [value for value, _ in group])
        written.add_done_callback(lambda future: self._written(group, future))

    def _written(self, group: list[tuple[bytes, Done]], written: asyncio.Future[bool]) -> None:
        safe = not written.cancelled() and written.exception() is None and written.result()
        if not safe:
            self._give_up()
        for _, done in group:
            done(safe)
        if self._waiting and self.ready:
            self._write()
            return
        refused, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._writing = False
        for _, done in refused:
            done(False)

    def _give_up(self) -> None:
        if self.ready:
            self.ready = False
            log.error(
                "sink %s can't be written; its events get 503, and it is tried again every %g seconds",
                self._sink.name,
                self._retry_seconds,
            )
            self._loop.call_later(self._retry_seconds, self._retry)

    def _retry(self) -> None:
        if not self._closed:
            self._loop.run_in_executor(self._disk, self._renew).add_done_callback(self._renewed)

    def _renewed(self, renewed: asyncio.Future[bool]) -> None:
        if not renewed.cancelled() and renewed.exception() is None and renewed.result():
            log.info("sink %s is written again", self._sink.name)
            self.ready = True
        else:
            self._loop.call_later(self._retry_seconds, self._retry)

    def _time_is_up(self) -> None:
        self._roll = self._loop.call_later(self._sink.roll_every_ms / 1000, self._time_is_up)
        if self.ready:
            self._loop.run_in_executor(self._disk, self._renew).add_done_callback(self._rolled)

    def _rolled(self, renewed: asyncio.Future[bool]) -> None:
        if renewed.cancelled() or renewed.exception() is not None or not renewed.result():
            self._give_up()

    # in the disk's thread, one after the other

    def _begin(self) -> _File:
        try:
            return _File(self._sink.working_dir, self._schema, self._instances.take())
        except OSError as error:
            where = str(self._sink.working_dir)
            raise InputError(
                [Problem(where, None, None, f"can't be written: {error.strerror or error}")]
            ) from error

    def _commit(self, values: list[bytes]) -> bool:
        if self._file is None:
            return False
        try:
            self._file.append(values)
        except OSError as error:
            log.error("can't write %s: %s", self._file.path, error.strerror or error)  # noqa: TRY400 - no bug
            self._publish(self._file)
            self._file = None
            return False
        return True

    def _renew(self) -> bool:
        """Publish the file and begin another one; False if that can't be."""
        if self._file is not None:
            self._publish(self._file)
            self._file = None
        try:
            self._file = self._begin()
        except InputError as error:
            log.warning("%s", error.problems[0])
            return False
        return True

    def _publish(self, file: _File) -> None:
        try:
            file.close()
            if not file.records:
                file.path.unlink()
                return
            target = self._sink.publish_dir / file.path.name.removesuffix(".partial")
            if self._sink.publish_dir.stat().st_dev == self._sink.working_dir.stat().st_dev:
                file.path.rename(target)
            else:
                _copy(file.path, target)
            _sync_directory(self._sink.publish_dir)
        except OSError as error:
            log.error("can't publish %s: %s; it stays where it is", file.path, error.strerror or error)  # noqa: TRY400 - no bug


class _File:
    """One container file, open for more blocks."""

    def __init__(self, directory: Path, schema: str, instance: int) -> None:
        host = re.sub(r"[^A-Za-z0-9._-]", "_", socket.gethostname())
        name = f"{time.strftime('%Y%m%d%H%M%S')}-divolte-tracking-{host}-{instance}.avro.partial"
        self.path = directory / name
        self.records = 0
        self._marker = secrets.token_bytes(16)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        self._length = 0
        try:
            self._append(_header(schema, self._marker))
            _sync_directory(directory)
        except OSError:
            os.close(self._descriptor)
            self.path.unlink(missing_ok=True)
            raise

    def append(self, values: list[bytes]) -> None:
        """Add a block of records, on the disk when this returns. After an OSError the block is not in the file."""
        size = sum(map(len, values))
        head = avro_bytes.integer(len(values)) + avro_bytes.integer(size)
        self._append(b"".join((head, *values, self._marker)))
        self.records += len(values)

    def close(self) -> None:
        """Write no more."""
        os.close(self._descriptor)

    def _append(self, data: bytes) -> None:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self._length)
            os.lseek(self._descriptor, self._length, os.SEEK_SET)
            raise
        self._length += len(data)


def _header(schema: str, marker: bytes) -> bytes:
    entries = {"avro.codec": b"null", "avro.schema": json.dumps(json.loads(schema)).encode()}
    encoded = [avro_bytes.string(name) + avro_bytes.sized(value) for name, value in entries.items()]
    return b"Obj\x01" + avro_bytes.integer(len(encoded)) + b"".join(encoded) + b"\x00" + marker


def _copy(source: Path, target: Path) -> None:
    """Move a file to another file system so that it appears there whole."""
    on_its_way = target.with_name(target.name + ".partial")
    shutil.copyfile(source, on_its_way)
    descriptor = os.open(on_its_way, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    on_its_way.rename(target)
    source.unlink()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
