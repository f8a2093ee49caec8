"""What the collector needs of the places where records go. `kafka` and `files` are the real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

LATE = "not acknowledged in time"
AWAY = "sink away"

Word = Callable[[str | None], None]
# Takes what became of a record: None if it is safe, else why it is not, in a short text of a fixed set. A record that is
# LATE is still on its way; who wants to be told its fate after all returns whom to tell.
Done = Callable[[str | None], Word | None]


class Queue(NamedTuple):
    """How much waits to be safe."""

    records: int
    bytes: int


@dataclass(frozen=True)
class Queues:
    """What waits in the producer and in the spool, if there are such, and for the disk, by the names of file sinks."""

    producer: Queue | None = None
    files: Mapping[str, Queue] = field(default_factory=dict)
    spool: Queue | None = None


class Outlet(Protocol):
    """A way into a sink for records of one kind. All calls come from the event loop's thread."""

    @property
    def place(self) -> str:
        """Where its records go, as their counts say: a topic, or the folder of a file sink."""

    @property
    def ready(self) -> bool:
        """Whether records have a chance now."""

    @property
    def away(self) -> str:
        """What an event is counted as that is refused because the outlet is not ready: a short text of a fixed set."""

    @property
    def trouble(self) -> str | None:
        """Why a record would not be taken now, in words for everybody; None if it would."""

    @property
    def max_bytes(self) -> int:
        """The most bytes that a record and its key may have together."""

    def send(self, key: bytes, value: bytes, timestamp: int, done: Done) -> None:
        """Deliver a record, then call `done` once in the loop's thread.

        `key` keeps a party's records in order; `timestamp` is in milliseconds since 1970. `done` may be called before
        `send` returns. Nothing is delivered after `done` was given a reason but what was on its way, or is LATE.
        """
