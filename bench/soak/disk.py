"""A small file system of the spool's own, which can be full, slow, or hang: ext4 in a file, mounted by root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DISK_BYTES = 2 * 2**30  # of which only what is written takes room


class Disk:
    """Mounted at a folder; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._image = folder.with_suffix(".ext4")

    @staticmethod
    def possible() -> bool:
        """Whether this machine lets us mount one."""
        return os.geteuid() == 0 and Path("/dev/loop-control").exists()

    def __enter__(self) -> Disk:
        with self._image.open("wb") as image:
            image.truncate(DISK_BYTES)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        _run("mount", "-o", "loop", str(self._image), str(self.folder))
        return self

    def __exit__(self, *_: object) -> None:
        _run("umount", str(self.folder))
        self._image.unlink()

    @contextmanager
    def full(self) -> Iterator[None]:
        """Inside, there is no room."""
        filler = self.folder / "filler"
        try:
            with filler.open("wb", buffering=0) as file:
                self._fill(file.fileno())
            yield
        finally:
            filler.unlink(missing_ok=True)

    def _fill(self, descriptor: int) -> None:
        size = 0
        for step in (2**28, 2**24, 2**20, 2**12):
            with suppress(OSError):
                while True:
                    os.posix_fallocate(descriptor, size, step)
                    size += step

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Inside, whoever writes waits."""
        _run("fsfreeze", "--freeze", str(self.folder))
        try:
            yield
        finally:
            _run("fsfreeze", "--unfreeze", str(self.folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
