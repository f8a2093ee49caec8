"""What a file takes to be on the disk for sure."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def sync_directory(directory: Path) -> None:
    """Bring names that were made, moved or removed in a folder to the disk; raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def append_lines(descriptor: int, lines: bytes) -> None:
    """Write whole lines at the end of a file that is open for reading and appending, all or nothing; raises OSError.

    A line that a machine left torn when it went down is ended first.
    """
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        lines = b"\n" + lines
    try:
        while lines:
            lines = lines[os.write(descriptor, lines) :]
    except OSError:
        with suppress(OSError):  # a device has no size; the first error says what is wrong
            os.ftruncate(descriptor, size)
        raise
