"""Records written to Kafka as the collector would write them, by somebody who waits: for `replay`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

MESSAGE_SECONDS = 30.0  # for one record; then Kafka counts as gone
FLUSH_SECONDS = 60.0  # longer, so that each record's fate is known by then


class Record(NamedTuple):
    """A record for a topic, and the mapping that made it."""

    topic: str
    key: bytes
    value: bytes
    mapping: str = ""


class Writer:
    """A producer with the collector's `settings` (librdkafka's names), to these servers."""

    def __init__(self, servers: str, settings: Mapping[str, str], seconds: float = MESSAGE_SECONDS) -> None:
        self._producer = Producer(
            {
                **settings,
                "bootstrap.servers": servers,
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": "murmur2_random",  # the collector's
                "message.timeout.ms": int(seconds * 1000),
                "log_level": 0,
            }
        )

    def write(self, records: Sequence[Record]) -> list[KafkaError | None]:
        """Write records, and wait; for each what keeps it from Kafka, None if it is there.

        Kafka's time stamps are those of the writing, so that it does not take the records for old ones and delete them.
        """
        fates: list[KafkaError | None] = [KafkaError(KafkaError._TIMED_OUT)] * len(records)
        for number, record in enumerate(records):
            told = partial(_note, fates, number)
            try:
                self._producer.produce(record.topic, record.value, record.key, -1, told)
            except BufferError:
                self._producer.flush(FLUSH_SECONDS)
                self._producer.produce(record.topic, record.value, record.key, -1, told)
            except KafkaException as error:
                fates[number] = error.args[0]
        self._producer.flush(FLUSH_SECONDS)
        return fates


def _note(fates: list[KafkaError | None], number: int, error: KafkaError | None, _: object) -> None:
    fates[number] = error
