"""The producer: records to Kafka, and word of what became of them back into the event loop.

The one door to confluent-kafka's producer. Two threads help the loop: one polls for acknowledgements and hands them
over in bunches; one looks for the brokers whenever they are known to be away, makes missing topics, and says when
they are back. Neither touches anything of the loop's but through `call_soon_threadsafe`.

A message has one fate within the acknowledgement time: librdkafka's own time-out for it is that time. So a failed
delivery is not tried again behind the client's back (what was on the wire already may still arrive).
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from pyglue.collector.config import Limits
from pyglue.collector.sinks import Message

log = logging.getLogger("pyglue.collector")
library_log = logging.getLogger("pyglue.collector.librdkafka")

POLL_SECONDS = 0.1
LOOK_SECONDS = 1.0  # for one look at the brokers
PAUSE_SECONDS = 0.25  # between two looks
COMPLAINT_EVERY = 20  # looks without a broker between two log lines
TOPIC_SECONDS = 10.0
MAX_MESSAGE_BYTES = 1_000_000  # librdkafka's and the broker's default
MESSAGE_OVERHEAD = 512  # of the protocol, generously
QUEUE_KILOBYTES = 64 * 1024  # of records that wait for Kafka


class _Delivery:
    """The records of one event on their way."""

    __slots__ = ("done", "left", "safe")

    def __init__(self, done: Callable[[bool], None], left: int) -> None:
        self.done = done
        self.left = left
        self.safe = True


class KafkaSink:
    """A Sink on Kafka. Make it inside the running loop; `failed` is called in the loop if it can't go on at all."""

    def __init__(
        self,
        settings: Mapping[str, str],
        limits: Limits,
        topics: Sequence[str],
        failed: Callable[[str], None],
    ) -> None:
        self.max_message_bytes = int(settings.get("message.max.bytes", MAX_MESSAGE_BYTES)) - MESSAGE_OVERHEAD
        # librdkafka would log every try to connect; `_on_error` keeps the last reason, `_find_topics` tells it.
        self._settings: dict[str, str | int | float | bool] = {**settings, "log_level": 2}
        self._limits = limits
        self._topics = sorted(set(topics))
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._ready = False
        self._in_flight = 0
        self._last_error = ""
        self._reports: deque[tuple[_Delivery, KafkaError | None]] = deque()
        self._stopping = threading.Event()
        self._look = threading.Event()
        self._producer = Producer(
            {
                **self._settings,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": limits.linger_ms,
                "message.timeout.ms": limits.acknowledge_timeout_ms,
                "queue.buffering.max.messages": limits.max_in_flight,
                "queue.buffering.max.kbytes": QUEUE_KILOBYTES,
                # The partitions that Java's producer, and so Divolte, would choose for the same keys.
                "partitioner": "murmur2_random",
                "reconnect.backoff.max.ms": 1000,
                "error_cb": self._on_error,
                "logger": library_log,
            }
        )
        self._threads = [
            threading.Thread(target=self._poll, name="acknowledgements", daemon=True),
            threading.Thread(target=self._watch, name="brokers", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        self._look.set()

    @property
    def ready(self) -> bool:
        """Whether the brokers were there when last heard of."""
        return self._ready

    def send(self, messages: Sequence[Message], done: Callable[[bool], None]) -> None:
        """See Sink."""
        if self._in_flight + len(messages) > self._limits.max_in_flight:
            done(False)
            return
        delivery = _Delivery(done, len(messages))
        for sent, message in enumerate(messages):
            try:
                self._producer.produce(
                    message.topic,
                    message.value,
                    message.key,
                    timestamp=message.timestamp,
                    on_delivery=self._reporter(delivery),
                )
            except (BufferError, KafkaException) as error:
                log.warning("Kafka's producer refused a record: %s", error)
                delivery.safe = False
                self._settle_some(delivery, len(messages) - sent)
                return
            self._in_flight += 1

    def close(self, seconds: float) -> None:
        """Give what is on its way up to `seconds`, then end the threads. Blocks."""
        left = self._producer.flush(seconds)
        if left:
            log.error("%d records were still on their way to Kafka at the end", left)
        self._stopping.set()
        self._look.set()
        for thread in self._threads:
            thread.join(LOOK_SECONDS + TOPIC_SECONDS)

    def _reporter(self, delivery: _Delivery) -> Callable[[KafkaError | None, Any], None]:
        reports = self._reports

        def report(error: KafkaError | None, _: Any) -> None:
            reports.append((delivery, error))

        return report

    # in the loop

    def _settle(self) -> None:
        while self._reports:
            delivery, error = self._reports.popleft()
            self._in_flight -= 1
            if error is not None:
                delivery.safe = False
                self._lost(error)
            self._settle_some(delivery, 1)

    def _settle_some(self, delivery: _Delivery, count: int) -> None:
        delivery.left -= count
        if delivery.left == 0:
            delivery.done(delivery.safe)

    def _lost(self, error: KafkaError) -> None:
        if error.fatal():
            self._failed(error.str())
        elif self._ready:
            log.warning("Kafka is away (%s); events get 503 until it is back", error.str())
            self._ready = False
            self._look.set()

    def _back(self) -> None:
        if not self._stopping.is_set():
            log.info("Kafka is there; events are accepted")
            self._ready = True

    # in the two threads

    def _on_error(self, error: KafkaError) -> None:
        self._last_error = error.str()
        if error.fatal() or error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._call(self._lost, error)

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(POLL_SECONDS)
            if self._reports:
                self._call(self._settle)

    def _watch(self) -> None:
        while True:
            self._look.wait()
            looks = 0
            while not self._stopping.is_set() and not self._find_topics(looks):
                looks += 1
                self._stopping.wait(PAUSE_SECONDS)
            if self._stopping.is_set():
                return
            self._look.clear()
            self._call(self._back)

    def _find_topics(self, looks: int) -> bool:
        """Whether a broker answers and all topics are there; makes those that are missing."""
        try:
            known = self._producer.list_topics(timeout=LOOK_SECONDS).topics
            missing = [topic for topic in self._topics if topic not in known]
            for topic in self._topics if not missing else ():
                # So that the first event does not wait for the topic's partitions to be looked up.
                self._producer.list_topics(topic, timeout=LOOK_SECONDS)
            return not missing or self._make(missing)
        except KafkaException as error:
            if looks % COMPLAINT_EVERY == COMPLAINT_EVERY - 1:
                brokers = self._settings["bootstrap.servers"]
                log.warning("still waiting for Kafka at %s: %s", brokers, self._last_error or error)
            return False

    def _make(self, topics: list[str]) -> bool:
        admin = AdminClient(self._settings, logger=library_log)
        wanted = [NewTopic(topic, num_partitions=self._limits.partitions) for topic in topics]
        for topic, future in admin.create_topics(wanted, request_timeout=TOPIC_SECONDS).items():
            try:
                future.result()
                log.info("made topic %s with %d partitions", topic, self._limits.partitions)
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
