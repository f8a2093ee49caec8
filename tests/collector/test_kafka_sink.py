"""The producer against librdkafka's own mock broker, and against nothing at all."""

from __future__ import annotations

import asyncio

from pyglue.collector.config import Limits
from pyglue.collector.kafka_sink import KafkaSink
from pyglue.collector.sinks import Message

LIMITS = Limits(acknowledge_timeout_ms=5000, linger_ms=2, retry_after_s=1, max_in_flight=3, partitions=1)
MESSAGE = Message("clicks", b"key", b"value", 1_700_000_000_000)


def never(reason: str) -> None:
    """Fails the test: the producer was beyond repair."""
    raise AssertionError(reason)


async def verdicts(sink: KafkaSink, *events: list[Message]) -> list[bool]:
    """What became of each of `events`, all sent at once."""
    loop = asyncio.get_running_loop()
    waiting = []
    for messages in events:
        verdict: asyncio.Future[bool] = loop.create_future()
        sink.send(messages, verdict.set_result)
        waiting.append(verdict)
    return await asyncio.wait_for(asyncio.gather(*waiting), 20)


def test_acknowledged_records_are_safe_and_excess_is_refused() -> None:
    """Events are safe once every record of theirs is acknowledged; beyond the bound they are refused at once."""

    async def go() -> None:
        sink = KafkaSink({"bootstrap.servers": "", "test.mock.num.brokers": "1"}, LIMITS, [], never)
        while not sink.ready:
            await asyncio.sleep(0.01)
        assert await verdicts(sink, [MESSAGE, MESSAGE], [MESSAGE], [MESSAGE]) == [True, True, False]
        assert await verdicts(sink, [MESSAGE]) == [True]
        sink.close(1)

    asyncio.run(go())


def test_without_a_broker_there_is_an_end_to_waiting() -> None:
    """A record that no broker takes fails within the acknowledgement time, and the sink is not ready."""

    async def go() -> None:
        limits = Limits(
            acknowledge_timeout_ms=200, linger_ms=2, retry_after_s=1, max_in_flight=3, partitions=1
        )
        sink = KafkaSink({"bootstrap.servers": "127.0.0.1:1"}, limits, ["clicks"], never)
        assert await verdicts(sink, [MESSAGE], [MESSAGE, MESSAGE]) == [False, False]
        assert not sink.ready
        sink.close(0)

    asyncio.run(go())
