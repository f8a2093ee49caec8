"""What a life before left in the spool, and what of that is in Kafka already.

A record has its entry's time stamp, so none of them lies before the first offset of such a time: from there to the end
of the topic all records are looked at. A record is taken for an entry's if topic, key, value and time stamp are the
same. Where records carry nothing of their own, such as an event's id, two events of a party within a millisecond may be
alike; then so many are taken for sent as Kafka has.

Everything here blocks, and runs in a thread.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from confluent_kafka import (
    TIMESTAMP_CREATE_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from pyglue.collector.spool.entries import MAGIC, Entry, holds_whole, read
from pyglue.collector.spool.store import File
from pyglue.counted import counted

log = logging.getLogger("pyglue.collector")

ANSWER_SECONDS = 10.0
BATCH = 1000
PATIENCE = 0.1  # seconds that a batch which is not full is waited for
SKEW_MS = 60_000  # by which a broker's clock may be behind, where the topic has the broker's time


class Topics(Protocol):
    """Where records are looked for."""

    def since(self, topic: str, timestamp: int) -> Iterator[tuple[bytes, bytes, int | None]]:
        """Key, value and time stamp (None if it is the broker's) of all records from this time (ms since 1970) on."""


class KafkaTopics:
    """By a consumer of no group; `settings` have librdkafka's names. Raises KafkaException without Kafka or the topic."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings: dict[str, str | int | float | bool] = {
            **settings,
            "group.id": "pyglue-spool",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "isolation.level": "read_uncommitted",
            "log_level": 0,
        }

    def since(self, topic: str, timestamp: int) -> Iterator[tuple[bytes, bytes, int | None]]:
        """See Topics."""
        consumer = Consumer(self._settings)
        try:
            known = consumer.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
            if (
                known.error is not None or not known.partitions
            ):  # a broker that has just come knows little yet
                raise KafkaException(known.error or KafkaError(KafkaError._UNKNOWN_TOPIC))
            asked = [TopicPartition(topic, number, timestamp) for number in known.partitions]
            begins = consumer.offsets_for_times(asked, timeout=ANSWER_SECONDS)
            left = set()
            for begin in begins:
                if begin.error is not None:
                    raise KafkaException(begin.error)
                _, end = consumer.get_watermark_offsets(begin, timeout=ANSWER_SECONDS)
                if 0 <= begin.offset < end:
                    left.add(begin.partition)
            consumer.assign([begin for begin in begins if begin.partition in left])
            idle = 0.0
            while left:
                messages = consumer.consume(BATCH, timeout=PATIENCE)
                idle = 0.0 if messages else idle + PATIENCE
                if idle >= ANSWER_SECONDS:
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
                for message in messages:
                    error = message.error()
                    if error is None:
                        yield _record(message)
                    elif error.code() == KafkaError._PARTITION_EOF:
                        left.discard(message.partition())
                    else:
                        raise KafkaException(error)
        finally:
            consumer.close()


def _record(message: Message) -> tuple[bytes, bytes, int | None]:
    kind, milliseconds = message.timestamp()
    return (
        bytes(message.key() or b""),
        bytes(message.value() or b""),
        milliseconds if kind == TIMESTAMP_CREATE_TIME else None,
    )


@dataclass
class Left:
    """What files of an earlier life hold: the earliest time stamp by topic, and hashes of all records, times left out."""

    earliest: dict[str, int] = field(default_factory=dict)
    hashes: set[int] = field(default_factory=set)


def count(files: Sequence[File]) -> Left:
    """Count the entries of files of an earlier life.

    A torn end of the last one is cut off: what is behind the last whole entry was not answered. Anything else that can't be
    read is damage, and the file is to be kept for people to look at.
    """
    found = Left()
    for file in files:
        end = file.entries = 0
        whole = len(MAGIC)
        with file.path.open("rb") as content:
            for entry, end in read(content, 0, file.size):  # noqa: B007 - the last place counts
                file.entries += 1
                earliest = found.earliest.get(entry.topic, entry.timestamp)
                found.earliest[entry.topic] = min(earliest, entry.timestamp)
                found.hashes.add(_hash(entry.topic, entry.key, entry.value))
                whole += entry.size
            unread = file.size - min(file.size, whole)
            torn = file is files[-1] and whole == end and not holds_whole(content, end, file.size)
            file.damaged = file.damaged or (unread > 0 and not torn)
            if file.damaged:
                log.error(
                    "%s is damaged: %s of it can't be read; it will be kept",
                    file.path,
                    counted(unread, "byte"),
                )
            elif unread:
                ending = counted(unread, "byte that was", "bytes that were")
                log.warning("%s ends in %s not answered", file.path, ending)
                with suppress(OSError):  # then it is taken for damage, once there is a file behind it
                    _cut_off(content, file.path, end)
        file.size = end
        file.counted = True
    return found


def _cut_off(content: BinaryIO, path: Path, end: int) -> None:
    """Cut a file off, if it is still the one that was read: this may take its time, and then the folder be another's."""
    with path.open("r+b") as file:
        if os.path.sameopenfile(file.fileno(), content.fileno()):
            file.truncate(end)


Place = tuple[int, int]  # a file's number, and a place in it


def page(
    files: Iterable[tuple[File, int]], place: Place, most: int
) -> tuple[list[tuple[File, Entry, Place]], Place]:
    """Up to `most` entries from a place on, each with the place behind it; and the place behind all that was looked at.

    `files` are in order, each with its size, as the loop knows it now. A file that was removed meanwhile is wholly in Kafka.
    """
    found: list[tuple[File, Entry, Place]] = []
    for file, size in files:
        if file.number < place[0]:
            continue
        start = place[1] if file.number == place[0] else 0
        if start < size:
            with suppress(FileNotFoundError), file.path.open("rb") as content:
                for entry, end in read(content, start, size):
                    found.append((file, entry, (file.number, end)))
                    if len(found) == most:
                        return found, (file.number, end)
        place = (file.number, size)
    return found, place


class Arrived:
    """The records in Kafka that may be entries of the spool: no more of them are kept than the spool has."""

    def __init__(self, topics: Topics, left: Left) -> None:
        self._known: Counter[bytes] = Counter()
        for topic, timestamp in left.earliest.items():
            for key, value, time in topics.since(topic, timestamp - SKEW_MS):
                if _hash(topic, key, value) in left.hashes:
                    self._known[_identity(topic, key, value, time)] += 1

    def take(self, entry: Entry) -> bool:
        """Whether the entry's record is among them, which is then not taken for another one's."""
        for time in (entry.timestamp, None):
            identity = _identity(entry.topic, entry.key, entry.value, time)
            if self._known.get(identity):
                self._known[identity] -= 1
                return True
        return False


def _identity(topic: str, key: bytes, value: bytes, timestamp: int | None) -> bytes:
    sized = b"%d %d %s " % (len(key), -1 if timestamp is None else timestamp, topic.encode())
    return hashlib.blake2b(sized + key + value, digest_size=16).digest()


def _hash(topic: str, key: bytes, value: bytes) -> int:
    """Of eight bytes: a million of them take little, and one that is wrong only lets a record be compared."""
    sized = b"%d %s " % (len(key), topic.encode())
    return int.from_bytes(hashlib.blake2b(sized + key + value, digest_size=8).digest(), "big")
