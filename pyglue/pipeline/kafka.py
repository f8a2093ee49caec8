"""The one door to Kafka for the command line: the topic, its offsets, and reading events back.

Reads by assigned partition: no consumer group is joined, nothing is committed.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # its stub leaves it out
from confluent_kafka.cimpl import NewTopic

from pyglue.errors import PyglueError, Unreachable

PARTITIONS = 4
BULK_BATCH = 250  # small enough to stay in the processor's cache: a fifth less time than 1000
BULK_SECONDS = 0.02  # for a batch that is not full, as the last one
# Of much that lies ready: large answers, enough of them ahead, and no pause of a second when that is enough.
BULK = {
    "fetch.message.max.bytes": 8 * 2**20,
    "fetch.max.bytes": 32 * 2**20,
    "queued.max.messages.kbytes": 64 * 2**10,
    "queued.min.messages": 50_000,
    "fetch.queue.backoff.ms": 5,
}
TIMEOUT = 10.0
GONE_SECONDS = 10.0
BATCH = 1000  # records at a time: what a call costs is spread over many, and what is printed is not held back
T = TypeVar("T")
# What librdkafka tells when a broker does not answer; it goes on trying by itself.
AWAY = (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._RESOLVE)


@dataclass(frozen=True)
class Found:
    """Where an event lies in its topic."""

    partition: int
    offset: int
    value: bytes


@dataclass(frozen=True)
class Cluster:
    """What a cluster says of itself: `brokers` as HOST:PORT, where it sends its clients; `topics` without its own."""

    brokers: tuple[str, ...]
    topics: tuple[str, ...]


@dataclass(frozen=True)
class Record:
    """A record as it lies in its topic; `time_ms` is Kafka's time stamp. One without a value has an empty one."""

    partition: int
    offset: int
    time_ms: int
    value: bytes


@dataclass(frozen=True)
class TopicState:
    """A topic as it is now: the next offset by partition, records kept, the newest time stamp in Unix seconds."""

    ends: Mapping[int, int]
    records: int
    newest: float | None


class Kafka:
    """A cluster, by its bootstrap servers `HOST:PORT[,HOST:PORT...]`. `timeout` is in seconds, for one answer."""

    def __init__(self, servers: str, timeout: float = TIMEOUT) -> None:
        self.servers = servers
        self.timeout = timeout
        # librdkafka's own log lines would go past our printer; what matters comes back as an error.
        self._settings: dict[str, str | int | float | bool] = {
            "bootstrap.servers": servers,
            "log_level": 0,
            "socket.timeout.ms": int(min(8.0, timeout) * 1000),
        }

    def ensure_topic(self, topic: str, partitions: int = PARTITIONS) -> bool:
        """Create the topic if there is none; True if it was made. Raises Unreachable or PyglueError."""
        admin = AdminClient(self._settings)
        if topic in self._translated(lambda: admin.list_topics(timeout=self.timeout)).topics:
            return False
        future = admin.create_topics(
            [NewTopic(topic, num_partitions=partitions)], request_timeout=self.timeout
        )[topic]
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                return False
            raise self._unreachable(error) from error
        return True

    def delete_topic(self, topic: str) -> bool:
        """Delete the topic with its records, and wait until it is gone; False if there is none. Raises Unreachable."""
        admin = AdminClient(self._settings)

        def there() -> bool:
            return topic in self._translated(lambda: admin.list_topics(timeout=self.timeout)).topics

        if not there():
            return False
        self._translated(admin.delete_topics([topic], request_timeout=self.timeout)[topic].result)
        deadline = time.monotonic() + GONE_SECONDS
        while there() and time.monotonic() < deadline:  # a collector that writes may make it anew at once
            time.sleep(0.05)
        return True

    def state(self, topic: str) -> TopicState:
        """The topic now, without reading a record. Raises PyglueError if there is none, Unreachable without Kafka.

        A Kafka that is gone is told at once: the client library would go on trying until the time is over.
        """
        self._connect()
        consumer = self._consumer()
        try:
            marks = self._watermarks(consumer, topic)
        finally:
            consumer.close()
        ends = {partition: high for partition, (_, high) in marks.items()}
        records = sum(high - low for low, high in marks.values())
        return TopicState(ends, records, self._newest(topic, list(marks)) if records else None)

    def _newest(self, topic: str, partitions: list[int]) -> float | None:
        """The greatest time stamp in the topic, in Unix seconds."""
        greatest = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call] # it has no types
        wanted = {TopicPartition(topic, partition): greatest for partition in partitions}
        admin = AdminClient(self._settings)
        futures = self._translated(lambda: admin.list_offsets(wanted, request_timeout=self.timeout))
        times = [self._translated(future.result).timestamp for future in futures.values()]
        return max((time / 1000 for time in times if time > 0), default=None)

    def _connect(self) -> None:
        """Raise Unreachable if no server can be connected to."""
        reason = "no address"
        for server in self.servers.split(","):
            host, _, port = server.strip().rpartition(":")
            try:
                socket.create_connection((host.strip("[]"), int(port)), self.timeout).close()
            except (OSError, ValueError) as error:
                reason = str(error)
            else:
                return
        raise Unreachable(
            "Kafka does not answer",
            details=[f"asked      {self.servers}", f"came back  {reason}"],
            try_="pyglue logs kafka",
        )

    def cluster(self) -> Cluster:
        """Its brokers and topics; raises Unreachable."""
        admin = AdminClient(self._settings)
        found = self._translated(lambda: admin.list_topics(timeout=self.timeout))
        return Cluster(
            tuple(f"{broker.host}:{broker.port}" for broker in found.brokers.values()),
            tuple(sorted(topic for topic in found.topics if not topic.startswith("__"))),
        )

    def ends(self, topic: str) -> dict[int, int]:
        """The next offset of each partition; raises as `state` does."""
        self._connect()
        consumer = self._consumer()
        try:
            return {partition: high for partition, (_, high) in self._watermarks(consumer, topic).items()}
        finally:
            consumer.close()

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        """The first and the next offset of each partition; raises as `state` does."""
        self._connect()
        consumer = self._consumer()
        try:
            return self._watermarks(consumer, topic)
        finally:
            consumer.close()

    def since(self, topic: str, time_ms: int) -> dict[int, int]:
        """For each partition the offset of its first record of this time or later, or its end."""
        consumer = self._consumer()
        try:
            ends = {partition: high for partition, (_, high) in self._watermarks(consumer, topic).items()}
            asked = [TopicPartition(topic, partition, time_ms) for partition in ends]
            found = self._translated(lambda: consumer.offsets_for_times(asked, timeout=self.timeout))
        finally:
            consumer.close()
        return {part.partition: part.offset if part.offset >= 0 else ends[part.partition] for part in found}

    def find(
        self,
        topic: str,
        starts: dict[int, int],
        matches: Callable[[bytes], bool],
        seconds: float,
        given_up: Callable[[], bool] = lambda: False,
    ) -> Found | None:
        """The first event from these offsets on whose value `matches`; None if none came in time.

        `given_up` is asked again and again, from whatever thread reads; True ends the reading.
        """
        found: list[Found] = []

        def take(message: Message) -> bool:
            value = message.value()
            if value is not None and matches(value):
                found.append(Found(message.partition() or 0, message.offset() or 0, value))
            return bool(found)

        self.read(topic, starts, take, seconds, given_up)
        return found[0] if found else None

    def read(
        self,
        topic: str,
        starts: dict[int, int],
        take: Callable[[Message], bool],
        seconds: float,
        given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        """Hand over events from these offsets on until `take` or `given_up` answers True, or the time is over."""
        consumer = self._consumer()
        try:
            consumer.assign(
                [TopicPartition(topic, partition, offset) for partition, offset in starts.items()]
            )
            deadline = time.monotonic() + seconds
            while (left := deadline - time.monotonic()) > 0 and not given_up():
                message = consumer.poll(min(left, 0.2))
                if message is None:
                    continue
                error = message.error()
                if error is not None:
                    raise self._unreachable(KafkaException(error))
                if take(message):
                    return
        finally:
            consumer.close()

    def batches(
        self,
        topic: str,
        starts: Mapping[int, int],
        ends: Mapping[int, int] | None = None,
        away: Callable[[bool], None] | None = None,
    ) -> Iterator[list[Record]]:
        """Records from these offsets on as they come, some at a time; after all before `ends`, or never, it is over.

        Without `ends` there is a batch several times a second, an empty one if nothing came: whoever waits can do more.
        `away` hears True when Kafka does not answer any more, and False when it does again; without it that raises
        Unreachable. Records of one partition come in their order.
        """
        troubles: list[KafkaError] = []
        consumer = self._consumer({"enable.partition.eof": True, "error_cb": troubles.append})
        left = {part for part, start in starts.items() if ends is None or start < ends[part]}
        try:
            consumer.assign([TopicPartition(topic, part, starts[part]) for part in left])
            while left:
                first = consumer.poll(0.2)
                messages = [] if first is None else [first, *consumer.consume(BATCH - 1, 0)]
                records = []
                for message in messages:
                    part, offset, error = message.partition() or 0, message.offset() or 0, message.error()
                    if error is not None and error.code() != KafkaError._PARTITION_EOF:
                        troubles.append(error)
                        continue
                    if error is None and (ends is None or offset < ends[part]):
                        records.append(
                            Record(part, offset, message.timestamp()[1] or 0, message.value() or b"")
                        )
                    if ends is not None and offset + (error is None) >= ends[part]:
                        left.discard(part)
                if records or ends is None:
                    yield records
                while left and troubles:
                    yield from self._outlast(consumer, topic, troubles.pop(), away)
        finally:
            consumer.close()

    def bulk(self, topic: str, partition: int, start: int, end: int) -> Iterator[list[Message]]:
        """Messages of one partition from `start` to before `end`, as fast as they come: for counting millions.

        Compared with `batches` nothing is made of them here, and much is fetched ahead. Raises Unreachable.
        """
        consumer = self._consumer({"enable.partition.eof": True, **BULK})
        at = start
        try:
            consumer.assign([TopicPartition(topic, partition, start)])
            deadline = time.monotonic() + self.timeout
            while at < end:
                messages = consumer.consume(BULK_BATCH, BULK_SECONDS)
                if not messages and time.monotonic() > deadline:
                    raise self._unreachable(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
                errors = [error for message in messages if (error := message.error()) is not None]
                if errors:
                    messages = [message for message in messages if message.error() is None]
                if messages:
                    deadline = time.monotonic() + self.timeout
                    at = (messages[-1].offset() or 0) + 1
                    if at > end:
                        messages = [message for message in messages if (message.offset() or 0) < end]
                if messages:
                    yield messages
                if any(error.code() == KafkaError._PARTITION_EOF for error in errors):
                    return  # what was before `end` is not there any more
                if errors:
                    raise self._unreachable(KafkaException(errors[0]))
        finally:
            consumer.close()

    def _outlast(
        self, consumer: Consumer, topic: str, trouble: KafkaError, away: Callable[[bool], None] | None
    ) -> Iterator[list[Record]]:
        """Empty batches until Kafka answers; raises Unreachable for other trouble, or if nobody wants to wait."""
        told = False
        while trouble.code() not in AWAY or not self._answers(consumer, topic):
            if trouble.code() not in AWAY or away is None:
                raise self._unreachable(KafkaException(trouble))
            if not told:
                away(True)
            told = True
            yield []
        if away is not None and told:
            away(False)

    def _answers(self, consumer: Consumer, topic: str) -> bool:
        try:
            consumer.list_topics(topic, timeout=1.0)
        except KafkaException:
            return False
        return True

    def _consumer(self, more: Mapping[str, Any] | None = None) -> Consumer:
        return Consumer(
            {
                **self._settings,
                "group.id": "pyglue",  # demanded by librdkafka, never joined
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,
                **(more or {}),
            }
        )

    def _watermarks(self, consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
        """The first and the next offset of each partition."""
        try:
            return {
                partition: consumer.get_watermark_offsets(
                    TopicPartition(topic, partition), timeout=self.timeout
                )
                for partition in self._partitions(consumer, topic)
            }
        except KafkaException as error:
            raise self._unreachable(error) from error

    def _partitions(self, consumer: Consumer, topic: str) -> list[int]:
        topics = self._translated(lambda: consumer.list_topics(topic, timeout=self.timeout)).topics
        if topics[topic].error is not None:
            raise PyglueError(
                f"Kafka has no topic {topic}",
                details=[f"asked      {self.servers}"],
                try_="pyglue up",
                code="topic-missing",
            )
        return sorted(topics[topic].partitions)

    def _translated(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except KafkaException as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: KafkaException) -> Unreachable:
        return Unreachable(
            "Kafka does not answer",
            details=[f"asked      {self.servers}", f"came back  {error.args[0].str()}"],
            try_="pyglue logs kafka",
            code="kafka-away",
        )
