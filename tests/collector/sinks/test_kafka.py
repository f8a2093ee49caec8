"""The producer against librdkafka's own mock broker, against nothing at all, and against a broker that we play."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from pyglue.collector.config.configured import Limits
from pyglue.collector.sinks.kafka import FIRST_RENEWAL, Kafka, KafkaOutlet

LIMITS = Limits(acknowledge_timeout_ms=5000, linger_ms=2, retry_after_s=1, max_in_flight=3, partitions=1)
MOCK = {"bootstrap.servers": "", "test.mock.num.brokers": "1"}
TIME = 1_700_000_000_000
TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "too large")
TIMED_OUT = KafkaError(KafkaError._MSG_TIMED_OUT, "timed out")


class PlayedProducer:
    """A producer whose broker is the test: it settles what was sent, and says at each poll what there is to say."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.tell = config["error_cb"]
        self.batch_bytes = config.get("batch.size")
        self.sent: list[Callable[[KafkaError | None, None], None]] = []
        self.news: list[Callable[[], object]] = []
        self.polls = 0
        self.looks = 0
        self.away = False
        self.refusal: Exception | None = None

    def produce(self, *arguments: Any) -> None:
        """Takes a record."""
        if self.refusal is not None:
            raise self.refusal
        self.sent.append(arguments[4])

    def settle(self, error: KafkaError | None = None) -> None:
        """At the next poll tell the fate of all that was sent."""
        self.news += [partial(report, error, None) for report in self.sent]
        self.sent.clear()

    def poll(self, timeout: float) -> int:  # noqa: ARG002 - as it is called
        """Like librdkafka: an exception of a callback ends the poll, and what is left waits for the next one."""
        self.polls += 1
        while self.news:
            self.news.pop(0)()
        return 0

    def flush(self, timeout: float) -> int:
        """Whatever there is to say."""
        return self.poll(timeout)

    def purge(self) -> None:
        """Give up what was sent."""
        self.settle(KafkaError(KafkaError._PURGE_QUEUE))

    def list_topics(self, topic: str | None = None, timeout: float = -1) -> object:  # noqa: ARG002 - as it is called
        """The one topic, or nothing."""
        self.looks += 1
        if self.away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return SimpleNamespace(topics={"clicks": None})


class Played:
    """A sink on a played producer, and what became of the records sent through it."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.no_room: Exception | None = None
        self.failures: list[str] = []
        self.fates: list[str | None] = []
        self.kafka = Kafka(
            {"bootstrap.servers": "nowhere"}, limits, ["clicks"], self.failures.append, self._make
        )
        self.outlet = KafkaOutlet(self.kafka, "clicks")

    def _make(self, config: dict[str, Any]) -> Producer:
        if self.no_room is not None:
            raise self.no_room
        self.producer = PlayedProducer(config)
        return cast(Producer, self.producer)

    def send(self, count: int = 1) -> None:
        """Send records."""
        for _ in range(count):
            self.outlet.send(b"key", b"value", TIME, self.fates.append)

    async def settled(self, count: int) -> list[str | None]:
        """The fates, once there are so many."""
        await until(lambda: len(self.fates) >= count)
        return self.fates


def never(reason: str) -> None:
    """Fails the test: the producer was beyond repair."""
    raise AssertionError(reason)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


async def ready(kafka: Kafka) -> None:
    """Wait until the brokers are found."""
    await until(lambda: kafka.ready)


def send(outlet: KafkaOutlet, count: int) -> Awaitable[list[str | None]]:
    """Send records at once; what becomes of each."""
    loop = asyncio.get_running_loop()
    fates: list[asyncio.Future[str | None]] = [loop.create_future() for _ in range(count)]
    for fate in fates:
        outlet.send(b"key", b"value", TIME, fate.set_result)
    return asyncio.wait_for(asyncio.gather(*fates), 20)


def played(scenario: Callable[[Played], Coroutine[Any, Any, None]], limits: Limits = LIMITS) -> None:
    """Run a scenario with brokers that are found."""

    async def go() -> None:
        play = Played(limits)
        await ready(play.kafka)
        await scenario(play)
        play.kafka.close(0)

    asyncio.run(go())


def test_acknowledged_records_are_safe_and_excess_is_refused() -> None:
    """A record is safe once it is acknowledged; beyond the bound it is refused at once."""

    async def go() -> None:
        kafka = Kafka(MOCK, LIMITS, [], never)
        await ready(kafka)
        outlet = KafkaOutlet(kafka, "clicks")
        assert await send(outlet, 4) == [None, None, None, "producer queue full"]
        assert await send(outlet, 1) == [None]
        kafka.close(1)

    asyncio.run(go())


def test_records_arrive_as_divolte_writes_them() -> None:
    """Key, time, the prefix in front of the value, and the partition that Java's producer chooses."""

    async def go() -> list[Any]:
        kafka = Kafka(MOCK, replace(LIMITS, max_in_flight=100), [], never)
        await ready(kafka)
        outlets = [KafkaOutlet(kafka, "clicks"), KafkaOutlet(kafka, "clicks", b"\x00\x00\x00\x30\x39")]
        assert [outlet.max_bytes for outlet in outlets] == [kafka.max_bytes, kafka.max_bytes - 5]
        loop = asyncio.get_running_loop()
        fates = []
        for number in range(20):
            fate: asyncio.Future[str | None] = loop.create_future()
            outlets[number % 2].send(b"0:%d" % number, b"value", TIME + number, fate.set_result)
            fates.append(fate)
        assert await asyncio.gather(*fates) == [None] * 20
        found = await loop.run_in_executor(None, consumed, kafka, 20)
        kafka.close(1)
        return found

    found = sorted(asyncio.run(go()), key=lambda message: message.timestamp())
    for number, message in enumerate(found):
        assert message.key() == b"0:%d" % number
        assert message.value() == (b"\x00\x00\x00\x30\x39value" if number % 2 else b"value")
        assert message.timestamp() == (1, TIME + number)
        assert message.partition() == murmur2(message.key()) % 4


def consumed(kafka: Kafka, count: int) -> list[Any]:
    """Records in the mock broker's topic, which has four partitions."""
    (broker,) = kafka._producer.list_topics(timeout=10).brokers.values()
    consumer = Consumer({"bootstrap.servers": f"{broker.host}:{broker.port}", "group.id": "test"})
    consumer.assign([TopicPartition("clicks", partition, 0) for partition in range(4)])
    found = [consumer.poll(10) for _ in range(count)]
    consumer.close()
    return found


def murmur2(key: bytes) -> int:
    """The hash of Java's partitioner, without its sign: MurmurHash2 with the seed 0x9747b28c."""
    mask, prime = 0xFFFFFFFF, 0x5BD1E995
    found = 0x9747B28C ^ len(key)
    whole = len(key) & ~3
    for start in range(0, whole, 4):
        word = int.from_bytes(key[start : start + 4], "little") * prime & mask
        word = (word ^ word >> 24) * prime & mask
        found = found * prime & mask ^ word
    if key[whole:]:
        found = (found ^ int.from_bytes(key[whole:], "little")) * prime & mask
    found = (found ^ found >> 13) * prime & mask
    return (found ^ found >> 15) & 0x7FFFFFFF


def test_without_a_broker_there_is_an_end_to_waiting() -> None:
    """A record that no broker takes fails within the acknowledgement time, and the sink is not ready."""

    async def go() -> None:
        limits = replace(LIMITS, acknowledge_timeout_ms=200)
        kafka = Kafka({"bootstrap.servers": "127.0.0.1:1"}, limits, ["clicks"], never)
        outlet = KafkaOutlet(kafka, "clicks")
        assert await send(outlet, 3) == ["kafka: msg timed out"] * 3
        assert not outlet.ready
        kafka.close(0)

    asyncio.run(go())


def test_closing_in_another_thread_lets_the_loop_tell() -> None:
    """As the server does it: what is on its way gets its time, and each fate is told in the loop's thread."""

    async def go() -> None:
        kafka = Kafka(MOCK, replace(LIMITS, linger_ms=100), [], never)
        await ready(kafka)
        outlet = KafkaOutlet(kafka, "clicks")
        told: list[tuple[str | None, int]] = []
        for _ in range(3):
            outlet.send(b"key", b"value", TIME, lambda lost: told.append((lost, threading.get_ident())))
        await asyncio.get_running_loop().run_in_executor(None, kafka.close, 20)
        assert told == [(None, threading.get_ident())] * 3

    asyncio.run(go())


def test_closing_in_the_loops_thread_waits_as_well() -> None:
    """As it is done when the start fails."""

    async def go() -> None:
        kafka = Kafka(MOCK, replace(LIMITS, linger_ms=100), [], never)
        await ready(kafka)
        fates: list[str | None] = []
        KafkaOutlet(kafka, "clicks").send(b"key", b"value", TIME, fates.append)
        assert kafka.close(20) == 0
        assert fates == [None]

    asyncio.run(go())


def test_what_does_not_arrive_in_time_is_given_up_at_the_end() -> None:
    """And told, so that nobody waits for ever."""

    async def go() -> None:
        limits = replace(LIMITS, acknowledge_timeout_ms=60_000)
        kafka = Kafka({"bootstrap.servers": "127.0.0.1:1"}, limits, ["clicks"], never)
        fates = asyncio.ensure_future(send(KafkaOutlet(kafka, "clicks"), 2))
        await asyncio.sleep(0)
        assert await asyncio.get_running_loop().run_in_executor(None, kafka.close, 0) == 2
        assert await fates == ["kafka: purge queue"] * 2

    asyncio.run(go())


def test_a_failing_callback_does_not_end_the_polling(caplog: pytest.LogCaptureFixture) -> None:
    """Neither one of ours nor one of the library's."""

    async def scenario(play: Played) -> None:
        def fail(*_: object) -> None:
            raise KeyError("on purpose")

        play.outlet.send(b"key", b"value", TIME, fail)
        play.send()
        play.producer.settle()
        assert await play.settled(1) == [None]
        play.send()
        play.producer.news.append(fail)
        play.producer.settle()
        assert await play.settled(2) == [None, None]

    played(scenario)
    assert "could not be passed on (1 since the start)" in caplog.text
    assert "a callback of Kafka's producer failed" in caplog.text


def test_nothing_under_way_means_no_polling() -> None:
    """But for one in a while, which tells whether the brokers have gone."""

    async def scenario(play: Played) -> None:
        for count in range(1, 21):
            play.send()
            play.producer.settle()
            await play.settled(count)
        await asyncio.sleep(0.01)
        polls = play.producer.polls
        play.producer.news.append(lambda: play.producer.tell(KafkaError(KafkaError._ALL_BROKERS_DOWN)))
        play.producer.away = True
        await until(lambda: not play.outlet.ready)
        await asyncio.sleep(0.2)
        assert play.producer.polls <= polls + 3

    played(scenario)


def test_a_lost_record_sends_someone_to_look_for_the_brokers() -> None:
    """Until they are found the sink is not ready."""

    async def scenario(play: Played) -> None:
        play.producer.away = True
        play.send(2)
        play.producer.settle(TIMED_OUT)
        assert await play.settled(2) == ["kafka: msg timed out"] * 2
        assert not play.outlet.ready
        looks = play.producer.looks
        await until(lambda: play.producer.looks > looks + 1)
        assert not play.outlet.ready
        play.producer.away = False
        await ready(play.kafka)

    played(scenario)


@pytest.mark.parametrize("code", [KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD])
def test_a_record_that_the_broker_refuses_closes_the_door_to_no_other(code: int) -> None:
    """It is not safe, but the brokers are there."""

    async def scenario(play: Played) -> None:
        looks = play.producer.looks
        play.send()
        play.producer.settle(KafkaError(code))
        (reason,) = await play.settled(1)
        assert reason in ("kafka: msg size too large", "kafka: invalid record")
        assert play.outlet.ready
        assert play.producer.looks == looks

    played(scenario)


def test_a_batch_that_is_too_large_is_no_word_on_its_records() -> None:
    """They are to be tried again, in smaller ones, once nothing is under way; a record that was alone is refused."""

    async def scenario(play: Played) -> None:
        first = play.producer
        play.send(3)
        under_way = first.sent.pop()
        first.settle(TOO_LARGE)
        assert await play.settled(2) == ["kafka: retry"] * 2
        assert play.outlet.ready
        play.send()
        assert play.fates[2:] == ["producer queue full"]
        first.sent.append(under_way)
        first.settle()
        assert (await play.settled(4))[3:] == [None]
        await until(lambda: play.producer is not first)
        assert (first.batch_bytes, play.producer.batch_bytes) == (None, 250_000)
        play.send()
        play.producer.settle(TOO_LARGE)
        assert (await play.settled(5))[4:] == ["kafka: msg size too large"]
        play.outlet.send(b"key", bytes(300_000), TIME, play.fates.append)
        play.send()
        play.producer.settle(TOO_LARGE)
        await play.settled(7)
        assert play.fates[5:] == ["kafka: msg size too large"] * 2
        assert play.producer.batch_bytes == 250_000
        system = KafkaException(KafkaError(KafkaError._CRIT_SYS_RESOURCE))
        for play.no_room in (system, RuntimeError("can't start new thread"), None):
            play.send(2)
            play.producer.settle(TOO_LARGE)
            await play.settled(len(play.fates) + 2)
        await until(lambda: play.producer.batch_bytes == 62_500)
        assert play.fates[7:] == ["kafka: retry"] * 6

    played(scenario)


@pytest.mark.parametrize(
    "refusal", [BufferError("full"), KafkaException(KafkaError(KafkaError._UNKNOWN_TOPIC))]
)
def test_a_record_that_the_producer_refuses_is_not_under_way(refusal: Exception) -> None:
    """It leaves its place to others."""

    async def scenario(play: Played) -> None:
        play.producer.refusal = refusal
        play.send(5)
        (reason,) = set(play.fates)
        assert reason in ("producer queue full", "kafka: unknown topic")
        play.producer.refusal = None
        play.send(3)
        play.producer.settle()
        assert await play.settled(8) == [reason] * 5 + [None] * 3

    played(scenario)


def test_what_is_on_its_way_is_known() -> None:
    """Records and their bytes, until their fate is known; as many as may be are a trouble, and so are no brokers."""

    async def scenario(play: Played) -> None:
        troubles: list[str | None] = []
        play.send(2)
        assert play.kafka.queue == (2, 2 * len(b"keyvalue"))
        troubles.append(play.outlet.trouble)
        play.send()
        troubles.append(play.outlet.trouble)
        play.producer.settle()
        await play.settled(3)
        troubles.append(play.outlet.trouble)
        play.producer.away = True
        play.send()
        play.producer.settle(TIMED_OUT)
        await play.settled(4)
        assert play.kafka.queue == (0, 0)
        troubles.append(play.outlet.trouble)
        assert troubles == [None, "too much waits for Kafka", None, "no broker of Kafka is there"]

    played(scenario)


def test_a_fatal_error_is_reported_for_the_collector_to_end() -> None:
    """There is no other way out of it."""

    async def scenario(play: Played) -> None:
        play.send()
        play.producer.news.append(
            lambda: play.producer.tell(KafkaError(KafkaError._FATAL, "beyond repair", fatal=True))
        )
        await until(lambda: play.failures == ["beyond repair"])

    played(scenario)


@pytest.mark.parametrize("under_way", [0, 1])
def test_a_producer_that_looks_in_vain_is_made_anew(under_way: int) -> None:
    """One may find no broker ever again where others do. What is under way with it would be lost, or come twice."""

    async def scenario(play: Played) -> None:
        first = play.producer
        first.away = True
        play.send(under_way)
        first.news.append(partial(first.tell, KafkaError(KafkaError._ALL_BROKERS_DOWN)))
        await until(lambda: not play.outlet.ready)
        if under_way:
            await until(lambda: first.looks > FIRST_RENEWAL + 3)
            assert play.producer is first
            first.away = False
            first.settle()
            await ready(play.kafka)
            assert await play.settled(1) == [None]
        else:
            await ready(play.kafka)
            assert play.producer is not first
            play.send()
            play.producer.settle()
            assert await play.settled(1) == [None]

    played(scenario)


def test_a_wanted_topic_is_looked_for_before_the_sink_is_ready_again() -> None:
    """One that is there costs a look; the topics of before are still looked for."""

    async def scenario(play: Played) -> None:
        looks = play.producer.looks
        play.kafka.want(["clicks"])
        assert not play.outlet.ready
        await ready(play.kafka)
        assert play.producer.looks > looks

    played(scenario)
