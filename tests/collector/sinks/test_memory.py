"""Records that count as safe at once."""

from __future__ import annotations

import asyncio

from confluent_kafka import KafkaError

from pyglue.collector.sinks.kafka import Sendable
from pyglue.collector.sinks.memory import Unsafe
from tests.collector.spool.test_sink import AWAY, TIME, PlayedProducer


def test_a_record_is_answered_at_once_and_what_kafka_refuses_is_counted() -> None:
    """Also while Kafka is away, until the queue is full."""

    async def play() -> None:
        producer = PlayedProducer(room=2)
        producer.ready = False
        lost: list[tuple[int, str]] = []
        sink = Unsafe(producer, lambda timestamp, why: lost.append((timestamp, why)))
        assert sink.ready
        assert sink.trouble is not None
        fates: list[str | None] = []
        for _ in range(3):
            sink.send("clicks", b"party", b"value", TIME, fates.append)
        assert fates == ["producer queue full"]
        await asyncio.sleep(0)
        assert fates == ["producer queue full", None, None]
        assert sink.queue.records == 2
        producer.take(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "too large"))
        assert lost == [(TIME, "answered and lost: kafka: msg size too large")] * 2
        assert len(fates) == 3
        sink.send("clicks", b"party", b"value", TIME, fates.append)
        assert sink.close(0) == 1
        assert producer.closed

    asyncio.run(play())


def test_what_kafka_refuses_at_once_is_refused() -> None:
    """As for a topic that was deleted: nobody was told that the event is safe, and its client may try again."""

    class Refusing(PlayedProducer):
        def produce(self, record: Sendable) -> bool:
            """As librdkafka, which knows that there is no such topic."""
            record.settle(AWAY)
            return True

    async def play() -> None:
        lost: list[str] = []
        sink = Unsafe(Refusing(), lambda _, why: lost.append(why))
        fates: list[str | None] = []
        for _ in range(2):
            sink.send("clicks", b"party", b"value", TIME, fates.append)
        await asyncio.sleep(0)
        assert fates == ["kafka: unknown topic"] * 2
        assert lost == []

    asyncio.run(play())
