"""The producer against librdkafka's own mock broker, and against nothing at all."""

from __future__ import annotations

import asyncio

from pyglue.collector.configured import Limits
from pyglue.collector.kafka_sink import Kafka
from pyglue.collector.sinks import Outlet

LIMITS = Limits(acknowledge_timeout_ms=5000, linger_ms=2, retry_after_s=1, max_in_flight=3, partitions=1)


def never(reason: str) -> None:
    """Fails the test: the producer was beyond repair."""
    raise AssertionError(reason)


async def verdicts(outlet: Outlet, records: int) -> list[bool]:
    """What became of so many records, all sent at once."""
    loop = asyncio.get_running_loop()
    waiting = []
    for _ in range(records):
        verdict: asyncio.Future[bool] = loop.create_future()
        outlet.send(b"key", b"value", 1_700_000_000_000, verdict.set_result)
        waiting.append(verdict)
    return await asyncio.wait_for(asyncio.gather(*waiting), 20)


def test_acknowledged_records_are_safe_and_excess_is_refused() -> None:
    """Records are safe once they are acknowledged; beyond the bound they are refused at once."""

    async def go() -> None:
        kafka = Kafka({"bootstrap.servers": "", "test.mock.num.brokers": "1"}, LIMITS, [], never)
        outlet = kafka.outlet("clicks")
        while not outlet.ready:
            await asyncio.sleep(0.01)
        assert await verdicts(outlet, 4) == [True, True, True, False]
        assert await verdicts(outlet, 1) == [True]
        kafka.close(1)

    asyncio.run(go())


def test_an_error_in_a_callback_does_not_keep_the_others_waiting() -> None:
    """Whoever is told of an acknowledgement may fail; the next ones are told all the same."""

    async def go() -> None:
        kafka = Kafka({"bootstrap.servers": "", "test.mock.num.brokers": "1"}, LIMITS, [], never)
        outlet = kafka.outlet("clicks", b"\0\0\0\0\1")
        assert outlet.max_bytes == kafka.max_bytes - 5
        outlet.send(b"k", b"v", 1, lambda _: 1 / 0)  # type: ignore[arg-type]
        assert await verdicts(outlet, 2) == [True, True]
        kafka.close(1)

    asyncio.run(go())


def test_without_a_broker_there_is_an_end_to_waiting() -> None:
    """A record that no broker takes fails within the acknowledgement time, and the sink is not ready."""

    async def go() -> None:
        limits = Limits(
            acknowledge_timeout_ms=200, linger_ms=2, retry_after_s=1, max_in_flight=3, partitions=1
        )
        kafka = Kafka({"bootstrap.servers": "127.0.0.1:1"}, limits, ["clicks"], never)
        assert await verdicts(kafka.outlet("clicks"), 2) == [False, False]
        assert not kafka.ready
        kafka.close(0)

    asyncio.run(go())
