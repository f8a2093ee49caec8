"""The producer: records to Kafka, and word of what became of them.

The one door to confluent-kafka's producer. The loop asks for acknowledgements itself, once a millisecond while records
are under way: no thread hands them over, and each `done` is called in the loop's thread. A thread looks for the
brokers whenever they are known to be away, makes missing topics, and says when they are back; it touches nothing of
the loop's but through `call_soon_threadsafe`.

Where the client waits for Kafka alone, a message has one fate within the acknowledgement time: librdkafka's own time-out
for it is that time, so a failed delivery is not tried again behind the client's back (what was on the wire already may
still arrive). Where something else answers the client (`for_ever`), a message is tried until Kafka has it.

A topic's `max.message.bytes` bounds batches, not records, and librdkafka makes no smaller ones of a batch that is too
large: its records would be refused again and again, though each of them fits. So they count as not tried yet, and as soon
as nothing is under way another producer takes the place of the one there is, with smaller batches.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from pyglue.collector.config.configured import Limits
from pyglue.collector.sinks.sink import AWAY, Done, Queue
from pyglue.counted import counted

log = logging.getLogger("pyglue.collector")
library_log = logging.getLogger("pyglue.collector.librdkafka")

POLL_SECONDS = 0.001  # while records are under way; 2 ms would save too little to measure
IDLE_SECONDS = 1.0  # otherwise: only to hear that the brokers have gone
LOOK_SECONDS = 1.0  # for one look at the brokers
PAUSE_SECONDS = 0.25  # between two looks
COMPLAINT_EVERY = 20  # looks without a broker between two log lines
FIRST_COMPLAINT = 2  # looks before the first of them
# A producer that was made while a broker hung may find none ever again, though others do: seen with librdkafka 2.16, once in
# some thirty starts of that kind. So one that looks in vain is made anew, if nothing is under way with it.
FIRST_RENEWAL = 8  # looks before that
RENEW_EVERY = 48  # looks between two of them, about a minute
TOPIC_SECONDS = 10.0
MAX_MESSAGE_BYTES = 1_000_000  # librdkafka's and the broker's default
MESSAGE_OVERHEAD = 512  # of the protocol, generously
QUEUE_KILOBYTES = 64 * 1024  # of records that wait for Kafka
LEAST_KILOBYTES = 4 * 1024  # of them, for each of many workers
SILENCE_MS = 10_000  # of a broker that is asked, before its connection counts as half-open and is made anew
PURGE_SECONDS = 1.0  # for the last word on records that are given up
# What brokers have against a record; it says nothing about the next one.
OF_THE_RECORD = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.INVALID_TIMESTAMP)
QUEUE_FULL = "producer queue full"
BATCH_BYTES = 1_000_000  # librdkafka's default
NARROWER = 4  # so many times smaller are the next batches, after one that was too large
BATCH_TOO_LARGE = KafkaError(KafkaError._RETRY, "its batch was too large")


class Record:
    """A record for Kafka, and whom to tell its fate. `timestamp` is in ms since 1970."""

    __slots__ = ("done", "key", "timestamp", "topic", "value")

    def __init__(self, topic: str, key: bytes, value: bytes, timestamp: int, done: Done) -> None:
        self.topic = topic
        self.key = key
        self.value = value
        self.timestamp = timestamp
        self.done = done

    def settle(self, error: KafkaError | None) -> None:
        """Kafka has the record, or, with an error, nobody tries any more. Called once, in the loop's thread."""
        self.done(None if error is None else reason(error))


class Kafka:
    """A producer. Make it inside the running loop; `failed` is called in the loop if it can't go on at all."""

    away = AWAY

    def __init__(
        self,
        settings: Mapping[str, str],
        limits: Limits,
        topics: Sequence[str],
        failed: Callable[[str], None],
        make_producer: Callable[[dict[str, Any]], Producer] = Producer,
        *,
        for_ever: bool = False,
        workers: int = 1,
    ) -> None:
        """`settings` have librdkafka's names; `topics` are looked for, and made, before anything is sent.

        `for_ever`: a record has no acknowledgement time, and is tried until Kafka has it. The memory for records that
        wait is shared by so many `workers`, each of which has its part.
        """
        self.max_bytes = most_bytes(settings)
        self.ready = False
        # librdkafka would log every try to connect; `_on_error` keeps the last reason, `_find_topics` tells it.
        self._settings: dict[str, str | int | float | bool] = {**settings, "log_level": 2}
        self._limits = limits
        self._most_kilobytes = max(QUEUE_KILOBYTES // workers, LEAST_KILOBYTES)
        self._topics = sorted(set(topics))
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._in_flight = 0
        self._in_flight_bytes = 0
        self._broken = 0
        self._last_error = ""
        self._stopping = threading.Event()
        self._look = threading.Event()
        self._make_producer = make_producer
        self._batch_bytes = int(settings.get("batch.size", BATCH_BYTES))
        self._too_large: list[tuple[Sendable, KafkaError]] = []  # of the poll that goes on
        self._narrowing = False  # a producer with smaller batches is to take over
        self._config: dict[str, Any] = {
            "queue.buffering.max.kbytes": self._most_kilobytes,
            "reconnect.backoff.max.ms": 1000,
            "socket.timeout.ms": SILENCE_MS,
            # Else librdkafka 2.16 may never connect again once all brokers were down: it forgets the brokers that it
            # had learnt, and takes one of them for connected.
            "enable.sparse.connections": False,
            **self._settings,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": limits.linger_ms,
            "message.timeout.ms": 0 if for_ever else limits.acknowledge_timeout_ms,
            "queue.buffering.max.messages": limits.max_in_flight,
            # The partitions that Java's producer, and so Divolte, would choose for the same keys.
            "partitioner": "murmur2_random",
            "error_cb": self._on_error,
            "logger": library_log,
        }
        self._producer = make_producer(self._config)
        self._produce = self._producer.produce
        self._busy = False
        self._timer = self._loop.call_later(IDLE_SECONDS, self._poll)
        self._watcher = threading.Thread(target=self._watch, name="brokers", daemon=True)
        self._watcher.start()
        self._look.set()

    @property
    def queue(self) -> Queue:
        """What is on its way to Kafka."""
        return Queue(self._in_flight, self._in_flight_bytes)

    @property
    def trouble(self) -> str | None:
        """See Outlet."""
        if not self.ready:
            return "no broker of Kafka is there"
        full = (
            self._in_flight >= self._limits.max_in_flight
            or self._in_flight_bytes >= self._most_kilobytes * 1024
        )
        return "too much waits for Kafka" if full else None

    def send(self, topic: str, key: bytes, value: bytes, timestamp: int, done: Done) -> None:
        """See Outlet."""
        if not self.produce(Record(topic, key, value, timestamp, done)):
            done(QUEUE_FULL)

    def want(self, topics: Iterable[str]) -> None:
        """Look for these topics, too, and make those that are missing; `ready` again once all are there."""
        self._topics = sorted({*self._topics, *topics})
        self.ready = False
        self._look.set()

    def produce(self, record: Sendable) -> bool:
        """Take a record, and settle it in the loop; False if the queue is full, or another one is about to begin."""
        if self._narrowing:
            return False
        key, value = record.key, record.value
        size = len(key) + len(value)
        try:
            # By position: naming arguments takes 0.4 of 1.1 µs. -1: the partitioner chooses; None: the one before,
            # under another name.
            self._produce(
                record.topic, value, key, -1, partial(self._settle, record, size), None, record.timestamp
            )
        except BufferError:
            return False
        except KafkaException as error:
            log.warning("Kafka's producer refused a record: %s", error)
            self._lost(error.args[0])
            record.settle(error.args[0])
            return True
        self._in_flight += 1
        self._in_flight_bytes += size
        if not self._busy:
            self._busy = True
            self._timer.cancel()
            self._timer = self._loop.call_later(POLL_SECONDS, self._poll)
        return True

    def close(self, seconds: float) -> int:
        """Give what is on its way up to `seconds`, then give it up and end; how many records that were. Blocks.

        Call it in the loop's thread, or in another one while the loop runs.
        """
        self._wait(seconds)
        given_up = self._in_flight
        if given_up:
            self.ready = False
            self._producer.purge()
            self._wait(PURGE_SECONDS)
        self._stopping.set()
        self._look.set()
        self._watcher.join(LOOK_SECONDS + TOPIC_SECONDS)
        return given_up

    def _wait(self, seconds: float) -> None:
        """Until nothing is under way, at most so long."""
        if threading.get_ident() == self._thread:
            self._producer.flush(seconds)
            self._judge()
            return
        deadline = time.monotonic() + seconds
        while self._in_flight and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def _poll(self) -> None:
        try:
            self._producer.poll(0)
        except Exception:
            log.exception("a callback of Kafka's producer failed")
        try:
            if self._too_large or self._narrowing:
                self._judge()
        except Exception:  # whatever it is: without a further poll nobody would be answered any more
            log.exception("no producer of smaller batches can be made")
        self._busy = self._in_flight > 0
        if self._busy or not self._stopping.is_set():
            self._timer = self._loop.call_later(POLL_SECONDS if self._busy else IDLE_SECONDS, self._poll)

    def _narrow(self) -> None:
        """Go on with a producer of smaller batches."""
        self._narrowing = False
        if self._go_on_with(max(self._batch_bytes // NARROWER, 1)):
            size = counted(self._batch_bytes, "byte")
            log.warning("a batch was too large for Kafka; they have up to %s now", size)

    def _renew(self) -> None:
        """Go on with a new producer, if nothing is under way with the one that finds no broker."""
        if not (self.ready or self._in_flight or self._stopping.is_set()):
            self._go_on_with(self._batch_bytes)

    def _go_on_with(self, batch_bytes: int) -> bool:
        """Put another producer in the place of this one; False if the system has no room for it now."""
        try:
            producer = self._make_producer({**self._config, "batch.size": batch_bytes})
        except KafkaException as error:
            log.warning("another producer can't be made now: %s", error)
            return False
        spent = [self._producer]
        self._producer, self._produce, self._batch_bytes = producer, producer.produce, batch_bytes
        # The last reference to the other one goes in a thread: it takes its time to end.
        threading.Thread(target=spent.clear, name="spent producer", daemon=True).start()
        return True

    def _settle(self, record: Sendable, size: int, error: KafkaError | None, _: Any) -> None:
        """One record's fate is known. Called by the producer, which must go on with the others' whatever happens."""
        self._in_flight -= 1
        self._in_flight_bytes -= size
        if error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE and size < self._batch_bytes:
            self._too_large.append((record, error))
        else:
            self._tell(record, error)

    def _tell(self, record: Sendable, error: KafkaError | None) -> None:
        try:
            if error is not None and error is not BATCH_TOO_LARGE:
                self._lost(error)
            record.settle(error)
        except Exception:
            self._broken += 1
            log.exception("an acknowledgement could not be passed on (%d since the start)", self._broken)

    def _judge(self) -> None:
        """After a poll, which tells of whole batches: a record that was alone in one is too large itself."""
        refused, self._too_large = self._too_large, []
        self._narrowing = self._narrowing or len(refused) > 1
        for record, error in refused:
            self._tell(record, error if len(refused) == 1 else BATCH_TOO_LARGE)
        if self._narrowing and not self._in_flight:
            self._narrow()

    def _lost(self, error: KafkaError) -> None:
        if error.fatal():
            self._failed(error.str())
        elif error.code() in OF_THE_RECORD:
            log.warning("Kafka refused a record: %s", error.str())
        elif self.ready:
            log.warning("Kafka is away (%s)", error.str())
            self.ready = False
            self._look.set()

    def _back(self) -> None:
        if not self._stopping.is_set():
            log.info("Kafka is there")
            self.ready = True

    def _on_error(self, error: KafkaError) -> None:
        """Called by the producer when it is polled."""
        self._last_error = error.str()
        if error.fatal() or error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._lost(error)

    # in the thread

    def _watch(self) -> None:
        while True:
            self._look.wait()
            looks = 0
            while not self._stopping.is_set() and not self._find_topics(looks):
                looks += 1
                if looks % RENEW_EVERY == FIRST_RENEWAL:
                    self._call(self._renew)
                self._stopping.wait(PAUSE_SECONDS)
            if self._stopping.is_set():
                return
            self._look.clear()
            self._call(self._back)

    def _find_topics(self, looks: int) -> bool:
        """Whether a broker answers and all topics are there; makes those that are missing."""
        producer = self._producer
        try:
            known = producer.list_topics(timeout=LOOK_SECONDS).topics
            missing = [topic for topic in self._topics if topic not in known]
            for topic in self._topics if not missing else ():
                # So that the first event does not wait for the topic's partitions to be looked up.
                producer.list_topics(topic, timeout=LOOK_SECONDS)
            return not missing or self._make(missing)
        except KafkaException as error:
            if looks % COMPLAINT_EVERY == FIRST_COMPLAINT:
                brokers = self._settings["bootstrap.servers"]
                log.warning("still waiting for Kafka at %s: %s", brokers, self._last_error or error)
            return False

    def _make(self, topics: list[str]) -> bool:
        admin = AdminClient(self._settings, logger=library_log)
        wanted = [NewTopic(topic, num_partitions=self._limits.partitions) for topic in topics]
        for topic, future in admin.create_topics(wanted, request_timeout=TOPIC_SECONDS).items():
            try:
                future.result()
                log.info("made topic %s with %s", topic, counted(self._limits.partitions, "partition"))
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    log.warning("can't make topic %s: %s", topic, error.args[0].str())
                    return False
        return False  # the next look sees them, once all brokers know

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            # The loop has ended first; nobody waits for this any more.
            log.debug("news from Kafka after the end")


class Way(Protocol):
    """What takes records for all topics."""

    max_bytes: int

    @property
    def ready(self) -> bool:
        """See Outlet."""

    @property
    def away(self) -> str:
        """See Outlet."""

    @property
    def trouble(self) -> str | None:
        """See Outlet."""

    def send(self, topic: str, key: bytes, value: bytes, timestamp: int, done: Done) -> None:
        """See Outlet."""


class Sendable(Protocol):
    """What a producer needs of a record, such as Record."""

    topic: str
    key: bytes
    value: bytes
    timestamp: int

    def settle(self, error: KafkaError | None) -> None:
        """See Record."""


class Producing(Protocol):
    """What takes records and tells the fate of each: `Kafka`, for who does more with that than to pass it on."""

    max_bytes: int

    @property
    def ready(self) -> bool:
        """Whether there are brokers."""

    @property
    def queue(self) -> Queue:
        """What is on its way to Kafka."""

    def want(self, topics: Iterable[str]) -> None:
        """See to it that these topics are there before `ready` says so."""

    def produce(self, record: Sendable) -> bool:
        """Take a record, and later settle it; False if it can't be taken now."""

    def close(self, seconds: float) -> int:
        """Give what is under way so long, then up; how many records were given up."""


class KafkaOutlet:
    """See Outlet. `prefix` is written in front of every record."""

    def __init__(self, kafka: Way, topic: str, prefix: bytes = b"") -> None:
        self._kafka = kafka
        self.place = topic
        self._prefix = prefix
        self.max_bytes = kafka.max_bytes - len(prefix)

    @property
    def ready(self) -> bool:
        """Whether the brokers were there when last heard of."""
        return self._kafka.ready

    @property
    def away(self) -> str:
        """See Outlet."""
        return self._kafka.away

    @property
    def trouble(self) -> str | None:
        """See Outlet."""
        return self._kafka.trouble

    def send(self, key: bytes, value: bytes, timestamp: int, done: Done) -> None:
        """See Outlet."""
        self._kafka.send(self.place, key, self._prefix + value if self._prefix else value, timestamp, done)


def most_bytes(settings: Mapping[str, str]) -> int:
    """How much a record and its key may have by the producer's settings."""
    return int(settings.get("message.max.bytes", MAX_MESSAGE_BYTES)) - MESSAGE_OVERHEAD


def reason(error: KafkaError) -> str:
    """What a failed delivery is counted as: librdkafka's name of the error, such as `kafka: msg timed out`."""
    return f"kafka: {error.name().strip('_').replace('_', ' ').lower()}"
