"""librdkafka's own mock broker: a Kafka in this process, at a port of its own."""

from __future__ import annotations

from confluent_kafka import Producer

TOPIC = "divolte"
PARTITIONS = 4  # what the mock gives a topic


class MockKafka:
    """A broker with an empty topic; it is gone with this object."""

    def __init__(self) -> None:
        self._producer = Producer(
            {"bootstrap.servers": "", "test.mock.num.brokers": "1", "log_level": 0, "linger.ms": 0}
        )
        (broker,) = self._producer.list_topics(TOPIC, timeout=10).brokers.values()
        self.servers = f"{broker.host}:{broker.port}"

    def send(self, value: bytes | None, partition: int = 0, time_ms: int = 1_700_000_000_000) -> None:
        """Put a record into the topic."""
        self._producer.produce(TOPIC, value, b"key", partition, timestamp=time_ms)
        assert self._producer.flush(10) == 0
