"""Records that count as safe as soon as the producer has them in memory: what Divolte promises, and no more.

What is in memory when the process dies is lost, and nobody can say how much that was. What Kafka refuses is lost as
well, but counted, in the minute of its event.
"""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import KafkaError

from pyglue.collector.kafka_sink import QUEUE_FULL, Producing, reason
from pyglue.collector.sinks import Done, Queue

LOST = "answered and lost"


class _Record:
    """A record that the producer has."""

    __slots__ = ("_lost", "key", "timestamp", "topic", "value")

    def __init__(
        self, topic: str, key: bytes, value: bytes, timestamp: int, lost: Callable[[int, str], None]
    ) -> None:
        self.topic = topic
        self.key = key
        self.value = value
        self.timestamp = timestamp
        self._lost = lost

    def settle(self, error: KafkaError | None) -> None:
        """See kafka_sink's Record."""
        if error is not None:
            self._lost(self.timestamp, f"{LOST}: {reason(error)}")


class Unsafe:
    """A producer of which nobody waits for the word. `lost` is told time stamp and reason of each record it gives up."""

    def __init__(self, producer: Producing, lost: Callable[[int, str], None]) -> None:
        self.max_bytes = producer.max_bytes
        self._producer = producer
        self._lost = lost

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
        taken = self._producer.produce(_Record(topic, key, value, timestamp, self._lost))
        done(None if taken else QUEUE_FULL)

    def close(self, seconds: float) -> None:
        """Give Kafka so long, then give up what it has not taken. Blocks."""
        self._producer.close(seconds)
