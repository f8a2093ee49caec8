"""Which part of a collector a process is: one of several workers, or all of it."""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field
from pathlib import Path

MOST = 63  # workers: their numbers fit into six bits of the duplicate memory


@dataclass(frozen=True)
class Share:
    """Worker `number` of so many `workers`, counted from 0.

    `run` tells its life from all others (ms since 1970). `spooled` are the bytes that each worker has in its spool,
    shared by all: a worker writes its own number alone.
    """

    number: int = 0
    workers: int = 1
    run: int = 0
    spooled: list[int] | memoryview[int] = field(default_factory=lambda: [0])

    @property
    def alone(self) -> bool:
        """Whether there is no other worker."""
        return self.workers == 1

    def spool(self, directory: Path) -> Path:
        """The folder of its spool, below the one that is configured."""
        return directory if self.alone else directory / str(self.number)


def shared_numbers(count: int) -> memoryview[int]:
    """Whole numbers of 64 bits, all 0, that processes forked from now on have in common."""
    return memoryview(mmap.mmap(-1, 8 * count)).cast("q")
