"""What the collector needs of the places where records go. `kafka_sink` and `file_sink` are the real ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Done = Callable[[bool], None]


class Outlet(Protocol):
    """A way into a sink for records of one kind. All calls come from the event loop's thread."""

    @property
    def place(self) -> str:
        """Where its records go, as their counts say: a topic, or the folder of a file sink."""

    @property
    def ready(self) -> bool:
        """Whether records have a chance now."""

    @property
    def max_bytes(self) -> int:
        """The most bytes that a record and its key may have together."""

    def send(self, key: bytes, value: bytes, timestamp: int, done: Done) -> None:
        """Deliver a record, then call `done` once in the loop's thread: True if the record is safe, else False.

        `key` keeps a party's records in order; `timestamp` is in milliseconds since 1970. `done` may be called before
        `send` returns. Nothing is delivered after `done(False)` but what was on its way.
        """
