"""Where the native engine keeps what, and the lock that lets only one pyglue change it at a time.

State lies in `.pyglue/` in the checkout:

    data/NAME        a named volume, or a service's DATA_DIR
    log/NAME.log     what a service printed
    programs/NAME.json   what a service was last started with (`launch.py` reads it)
    marks/NAME.json  which version had a service's data last, and where it was made
    supervisord.conf, supervisord.log, lock

Sockets and pid files lie in /tmp/pyglue-UID/HASH, because a Unix socket's path ends at 107 characters.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyglue.errors import PyglueError

SHORT = Path("/tmp")  # noqa: S108 - the folder below it is ours alone: owner and mode are checked


@dataclass(frozen=True)
class Layout:
    """The paths of one checkout's native stack."""

    project: Path

    @property
    def state(self) -> Path:
        return self.project / ".pyglue"

    @property
    def data(self) -> Path:
        return self.state / "data"

    @property
    def logs(self) -> Path:
        return self.state / "log"

    @property
    def programs(self) -> Path:
        return self.state / "programs"

    @property
    def marks(self) -> Path:
        return self.state / "marks"

    @property
    def identity(self) -> str:
        """Tells this checkout's processes from another's; stands in their environment."""
        return hashlib.sha256(os.fsencode(self.project.resolve())).hexdigest()[:12]

    @property
    def run(self) -> Path:
        return SHORT / f"pyglue-{os.getuid()}" / self.identity

    @property
    def socket(self) -> Path:
        return self.run / "supervisor.sock"

    @property
    def pid_file(self) -> Path:
        return self.run / "supervisord.pid"

    def log(self, service: str) -> Path:
        """The log of one service."""
        return self.logs / f"{service}.log"

    def mark(self, service: str) -> Path:
        """The mark of one service's data."""
        return self.marks / f"{service}.json"

    def make(self) -> None:
        """Create the folders, for this user alone; raises PyglueError if that is not possible, or unsafe."""
        for folder in (
            self.state,
            self.data,
            self.logs,
            self.programs,
            self.marks,
            self.run.parent,
            self.run,
        ):
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
            except OSError as error:
                raise PyglueError(
                    f"pyglue can't make its folder {folder}: {error.strerror}",
                    try_=f"ls -ld {folder.parent}",
                    code="folder-unusable",
                ) from error
        self.check_run()

    def check_run(self) -> None:
        """Raise PyglueError if the place for sockets, as far as it is there, is open to others."""
        for folder in (self.run.parent, self.run):
            try:
                status = folder.lstat()
            except FileNotFoundError:
                continue
            if status.st_uid != os.getuid() or status.st_mode & 0o077:
                raise PyglueError(
                    f"{folder} is open to other users or belongs to one, so pyglue will not use it",
                    try_=f"ls -ld {folder}",
                    code="folder-unusable",
                )

    @contextmanager
    def locked(self, command: str) -> Iterator[None]:
        """Hold the lock while the stack is changed; raises PyglueError if another pyglue holds it."""
        self.make()
        descriptor = os.open(self.state / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(descriptor, 200).decode(errors="replace").strip()
                raise PyglueError(
                    f"another pyglue is at work on this checkout: {holder}",
                    details=["wait until it has ended, or end it with Ctrl-C where it runs"],
                    try_="pyglue status",
                    code="another-pyglue",
                ) from None
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, f"`pyglue {command}`, process {os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)  # closing releases the lock
