"""Records that count as safe as soon as the producer has them in memory: what Divolte promises, and no more.

What is in memory when the process dies is lost, and nobody can say how much that was. What Kafka refuses is lost as
well, but counted, in the minute of its event.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from confluent_kafka import KafkaError

from pyglue.collector.kafka_sink import QUEUE_FULL, Producing, reason
from pyglue.collector.sinks import Done, Queue

LOST = "answered and lost"


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
        taken = self._producer.produce(topic, key, value, timestamp, partial(self._settle, timestamp))
        done(None if taken else QUEUE_FULL)

    def close(self, seconds: float) -> None:
        """Give Kafka so long, then give up what it has not taken. Blocks."""
        self._producer.close(seconds)

    def _settle(self, timestamp: int, error: KafkaError | None) -> None:
        if error is not None:
            self._lost(timestamp, f"{LOST}: {reason(error)}")
