"""What the collector needs of the place where records go. `kafka_sink` is the real one; tests have their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Message:
    """A record for a topic: `key` keeps a party's records in order, `timestamp` is in milliseconds since 1970."""

    topic: str
    key: bytes
    value: bytes
    timestamp: int


class Sink(Protocol):
    """Takes messages and tells what became of them. All calls come from one thread."""

    max_message_bytes: int

    @property
    def ready(self) -> bool:
        """Whether messages have a chance now."""

    def send(self, messages: Sequence[Message], done: Callable[[bool], None]) -> None:
        """Deliver all `messages`, then call `done` once in the event loop: True if all are safe, else False.

        `done` may be called before `send` returns. Nothing is delivered after `done(False)` but what was on its way.
        """
