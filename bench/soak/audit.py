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
        self._topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "soak",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "log_level": 0,
            }
        )
        partitions = self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
        self._consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        self._at = dict.fromkeys(partitions, 0)

    def read(self) -> None:
        """All that is there now. Raises TimeoutError."""
        deadline = time.monotonic() + SECONDS
        ends = {number: self._end(number, deadline) for number in self._at}
        while any(self._at[number] < end for number, end in ends.items()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the topic could not be read to its end: {self._at} of {ends}")
            for message in self._consumer.consume(5000, timeout=0.1):
                partition, offset = message.partition(), message.offset()
                if message.error() is None and partition is not None and offset is not None:
                    self._at[partition] = offset + 1
                    found = ID.search(bytes(message.value() or b""))
                    if found is not None:
                        self.found[found[0].decode()] += 1

    def _end(self, number: int, deadline: float) -> int:
        """A broker that has just come knows little yet, so it is asked again."""
        while True:
            try:
                place = TopicPartition(self._topic, number)
                return int(self._consumer.get_watermark_offsets(place, timeout=10)[1])
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def verdict(self, answered: Iterable[str]) -> Verdict:
        """Of what was read so far."""
        answered = list(answered)
        return Verdict(
            len(answered),
            tuple(name for name in answered if not self.found[name]),
            tuple(name for name in answered if self.found[name] > 1),
        )

    def close(self) -> None:
        """End the connection."""
        self._consumer.close()
