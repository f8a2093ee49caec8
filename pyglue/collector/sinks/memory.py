"""Records that count as safe as soon as the producer has them in memory: what Divolte promises, and no more.

What is in memory when the process dies is lost, and nobody can say how much that was. What Kafka refuses once it was
answered is lost as well, but counted, in the minute of its event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from confluent_kafka import KafkaError

from pyglue.collector.sinks.kafka import QUEUE_FULL, Producing, reason
from pyglue.collector.sinks.sink import AWAY, Done, Queue

LOST = "answered and lost"


class _Record:
    """A record that the producer has. `done` is None once it was called."""

    __slots__ = ("_lost", "done", "key", "timestamp", "topic", "value")

    def __init__(
        self,
        topic: str,
        key: bytes,
        value: bytes,
        timestamp: int,
        done: Done,
        lost: Callable[[int, str], None],
    ) -> None:
        self.topic = topic
        self.key = key
        self.value = value
        self.timestamp = timestamp
        self.done: Done | None = done
        self._lost = lost

    def settle(self, error: KafkaError | None) -> None:
        """See kafka_sink's Record."""
        if error is None:
            return
        if self.done is not None:
            self.answer(reason(error))
        else:
            self._lost(self.timestamp, f"{LOST}: {reason(error)}")

    def answer(self, lost: str | None) -> None:
        """Once."""
        done, self.done = self.done, None
        if done is not None:
            done(lost)


class Unsafe:
    """A producer of which nobody waits for the word. Make it inside the running loop.

    `lost` is told time stamp and reason of each record that was answered, and that Kafka does not take. Events that came in
    one turn of the loop are answered together at its end: one by one, answers would wake the clients up each time, and cost
    a seventh more.
    """

    away = AWAY

    def __init__(self, producer: Producing, lost: Callable[[int, str], None]) -> None:
        self.max_bytes = producer.max_bytes
        self._producer = producer
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._taken: list[_Record] = []

    @property
    def ready(self) -> bool:
        """Always: the queue takes records while Kafka is away, until it is full."""
        return True

    @property
    def trouble(self) -> str | None:
        """See Outlet."""
        return None if self._producer.ready else "no broker of Kafka is there; events are kept in memory"

    @property
    def queue(self) -> Queue:
        """What the producer has."""
        return self._producer.queue

    def send(self, topic: str, key: bytes, value: bytes, timestamp: int, done: Done) -> None:
        """See Outlet."""
        record = _Record(topic, key, value, timestamp, done, self._lost)
        if not self._producer.produce(record):
            record.answer(QUEUE_FULL)
            return
        self._taken.append(record)
        if len(self._taken) == 1:
            self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        taken, self._taken = self._taken, []
        for record in taken:
            record.answer(None)

    def close(self, seconds: float) -> int:
        """Give Kafka so long, then give up what it has not taken; how many records that were. Blocks."""
        return self._producer.close(seconds)
