"""What is in Kafka, against what was answered."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition

ID = re.compile(rb"soak-[0-9]{4}-[0-9]{7}")
SECONDS = 60.0


@dataclass(frozen=True)
class Verdict:
    """`lost` ids were answered and are not there; `doubled` ones were answered and are there more than once."""

    answered: int
    lost: tuple[str, ...]
    doubled: tuple[str, ...]


class Audit:
    """Reads a topic on and on; `found` counts the ids that were in it so far."""

    def __init__(self, servers: str, topic: str) -> None:
        self.found: Counter[str] = Counter()
        self._servers = servers
        self._topic = topic
        self._at: dict[int, int] = {}

    def read(self) -> None:
        """All that is there now. Raises TimeoutError, or KafkaException if the topic is not there."""
        deadline = time.monotonic() + SECONDS
        while (
            True
        ):  # a broker that has just come knows little yet, and a consumer that learnt that may keep to it
            consumer = Consumer(
                {
                    "bootstrap.servers": self._servers,
                    "group.id": "soak",
                    "enable.auto.commit": False,
                    "auto.offset.reset": "earliest",
                    "log_level": 0,
                }
            )
            try:
                self._read(consumer, deadline)
                return
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
            finally:
                consumer.close()

    def _read(self, consumer: Consumer, deadline: float) -> None:
        known = consumer.list_topics(self._topic, timeout=10).topics[self._topic]
        if known.error is not None:
            raise KafkaException(known.error)
        ends = {
            number: consumer.get_watermark_offsets(TopicPartition(self._topic, number), timeout=10)[1]
            for number in known.partitions
        }
        consumer.assign([TopicPartition(self._topic, number, self._at.get(number, 0)) for number in ends])
        while any(self._at.get(number, 0) < end for number, end in ends.items()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the topic could not be read to its end: {self._at} of {ends}")
            for message in consumer.consume(5000, timeout=0.1):
                partition, offset = message.partition(), message.offset()
                if message.error() is None and partition is not None and offset is not None:
                    self._at[partition] = offset + 1
                    found = ID.search(bytes(message.value() or b""))
                    if found is not None:
                        self.found[found[0].decode()] += 1

    def verdict(self, answered: Iterable[str]) -> Verdict:
        """Of what was read so far."""
        answered = list(answered)
        return Verdict(
            len(answered),
            tuple(name for name in answered if not self.found[name]),
            tuple(name for name in answered if self.found[name] > 1),
        )
