"""Records between a producer that the test plays and the disk: what is answered when, and what is sent after a crash."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException

from pyglue.collector.sinks.kafka import Sendable
from pyglue.collector.sinks.sink import LATE, Queue, Word
from pyglue.collector.spool.sink import GIVEN_UP, SPOOL_FAILS, SPOOL_FULL, Spooled
from pyglue.collector.spool.store import Store
from tests.collector.spool.loops import lived, until

TIME = 1_700_000_000_000
AWAY = KafkaError(KafkaError._UNKNOWN_TOPIC, "no such topic")
TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "too large")


class PlayedProducer:
    """A producer whose broker is the test. `kept` is what the topic has; `room` how many may be under way."""

    max_bytes = 1000

    def __init__(self, room: int = 1000) -> None:
        self.ready = True
        self.room = room
        self.prompt = False
        self.waiting: list[tuple[bytes, Sendable]] = []
        self.kept: list[bytes] = []
        self.closed = False
        self.wanted: set[str] = set()

    def want(self, topics: Iterable[str]) -> None:
        """See Producer."""
        self.wanted |= set(topics)

    def produce(self, record: Sendable) -> bool:
        """See Producer."""
        if len(self.waiting) >= self.room:
            return False
        self.waiting.append((record.value, record))
        if self.prompt:
            asyncio.get_running_loop().call_soon(self.take)
        return True

    def take(self, error: KafkaError | None = None) -> None:
        """Acknowledge all that wait, or fail them."""
        waiting, self.waiting = self.waiting, []
        for value, record in waiting:
            if error is None:
                self.kept.append(value)
            record.settle(error)

    @property
    def queue(self) -> Queue:
        """See Producer."""
        return Queue(len(self.waiting), 0)

    def close(self, seconds: float) -> int:  # noqa: ARG002
        """See Producer."""
        self.closed = True
        return len(self.waiting)


class Topics:
    """A topic that holds values, or a Kafka that is away for the first looks."""

    def __init__(self, values: list[bytes] | None = None, away: int = 0) -> None:
        self.values = values or []
        self.away = away

    def since(self, topic: str, timestamp: int) -> Iterator[tuple[bytes, bytes, int | None]]:  # noqa: ARG002
        """See recovery.Topics."""
        if self.away:
            self.away -= 1
            raise KafkaException(AWAY)
        for value in self.values:
            yield b"party", value, TIME


class Ledger:
    """Counts."""

    def __init__(self) -> None:
        self.disk = 0
        self.kafka = 0

    def spooled(self, timestamp: int) -> None:
        """See sink.Ledger."""
        assert timestamp == TIME
        self.disk += 1

    def landed(self, timestamp: int) -> None:
        """See sink.Ledger."""
        assert timestamp == TIME
        self.kafka += 1


class Life:
    """One life of a collector with a spool in `directory`."""

    def __init__(
        self,
        directory: Path,
        producer: PlayedProducer | None = None,
        topics: Topics | None = None,
        *,
        max_bytes: int = 2**20,
        sync: Callable[[int], None] = lambda _: None,
        refuse_ms: int = 20_000,
    ) -> None:
        self.producer = producer or PlayedProducer()
        self.store = Store(directory, max_bytes, sync=sync)
        self.ledger = Ledger()
        self.sink = Spooled(self.producer, self.store, topics or Topics(), self.ledger, refuse_ms=refuse_ms)
        self.fates: dict[bytes, bool] = {}
        self.reasons: list[str] = []
        self.after_all: dict[bytes, str | None] = {}

    def send(self, *values: bytes) -> None:
        """Send records."""
        for value in values:
            self.sink.send("clicks", b"party", value, TIME, partial(self._told, value))

    def _told(self, value: bytes, lost: str | None) -> Word | None:
        assert value not in self.fates
        self.fates[value] = lost is None
        if lost is not None:
            self.reasons.append(lost)
        return partial(self._told_after_all, value) if lost == LATE else None

    def _told_after_all(self, value: bytes, lost: str | None) -> None:
        assert self.reasons
        assert value not in self.after_all
        self.after_all[value] = lost

    def end(self) -> None:
        """As a crash does it: nothing more is done, but the lock is free."""
        self.sink.close(0)


def files(directory: Path) -> list[Path]:
    """The spool's."""
    return sorted(directory.glob("*.spool"))


def test_what_kafka_has_in_time_never_sees_the_disk(tmp_path: Path) -> None:
    """Its answer is Kafka's acknowledgement."""

    synced: list[int] = []

    async def play() -> None:
        life = Life(tmp_path, sync=synced.append)
        life.producer.prompt = True
        life.send(b"1", b"2")
        await until(lambda: life.fates == {b"1": True, b"2": True})
        await asyncio.sleep(0.4)
        assert synced == []
        assert (life.ledger.disk, life.ledger.kafka) == (0, 0)
        life.end()

    lived(play)


def test_a_late_record_is_answered_by_the_disk_and_sent_once(tmp_path: Path) -> None:
    """It stays in the producer's queue, and its file goes once Kafka has it."""

    async def play() -> None:
        life = Life(tmp_path)
        life.send(b"1")
        began = time.monotonic()
        await until(lambda: life.fates == {b"1": True})
        assert time.monotonic() - began > 0.2
        assert len(files(tmp_path)) == 1
        assert (life.ledger.disk, life.ledger.kafka) == (1, 0)
        life.producer.take()
        await until(lambda: not files(tmp_path))
        assert life.producer.kept == [b"1"]
        assert (life.ledger.disk, life.ledger.kafka) == (1, 1)
        life.end()

    lived(play)


def test_a_record_that_kafka_takes_while_it_is_written_is_not_left_on_the_disk(tmp_path: Path) -> None:
    """Its answer is Kafka's, and its file goes at once."""
    written, go_on = threading.Event(), threading.Event()

    def sync(_: int) -> None:
        written.set()
        go_on.wait(20)

    async def play() -> None:
        life = Life(tmp_path, sync=sync)
        life.send(b"1")
        await until(written.is_set)
        life.producer.take()
        assert life.fates == {b"1": True}
        go_on.set()
        await until(lambda: not files(tmp_path))
        assert (life.ledger.disk, life.ledger.kafka) == (0, 0)
        life.end()

    lived(play)


def test_after_a_crash_what_kafka_lacks_is_sent_before_anything_new(tmp_path: Path) -> None:
    """What it has is not sent again; order is kept; new records wait behind, on the disk."""

    async def first() -> None:
        life = Life(tmp_path)
        life.send(b"1", b"2", b"3", b"4")
        await until(lambda: len(life.fates) == 4)
        life.end()

    async def second() -> None:
        life = Life(tmp_path, topics=Topics([b"1", b"3"], away=1))
        life.producer.prompt = True
        life.send(b"5")
        await until(lambda: life.fates == {b"5": True})
        await until(lambda: len(life.producer.kept) == 3)
        assert life.producer.kept == [b"2", b"4", b"5"]
        assert life.producer.wanted == {"clicks"}
        await until(lambda: not files(tmp_path))
        assert (life.ledger.disk, life.ledger.kafka) == (1, 5)
        life.send(b"6")
        await until(lambda: life.fates == {b"5": True, b"6": True})
        assert files(tmp_path) == []
        life.end()

    lived(first)
    lived(second)


def test_a_full_queue_goes_on_on_the_disk_in_order(tmp_path: Path) -> None:
    """Nothing is refused while the disk has room, and nothing overtakes."""
    values = [b"%d" % number for number in range(40)]

    async def play() -> None:
        life = Life(tmp_path, PlayedProducer(room=3))
        life.send(*values)
        await until(lambda: len(life.fates) == len(values))
        assert all(life.fates.values())
        while len(life.producer.kept) < len(values):
            life.producer.take()
            await asyncio.sleep(0.001)
        assert life.producer.kept == values
        await until(lambda: not files(tmp_path))
        assert life.ledger.disk == life.ledger.kafka == len(values)
        life.end()

    lived(play)


def test_a_crash_with_a_backlog_loses_nothing_and_keeps_the_order(tmp_path: Path) -> None:
    """What the producer had and what only the disk had lie in the files in the order of their coming."""
    values = [b"%d" % number for number in range(10)]

    async def first() -> None:
        life = Life(tmp_path, PlayedProducer(room=3))
        life.send(*values)
        await until(lambda: len(life.fates) == len(values))
        life.end()

    async def second() -> None:
        life = Life(tmp_path)
        life.producer.prompt = True
        await until(lambda: len(life.producer.kept) == len(values))
        assert life.producer.kept == values
        await until(lambda: not files(tmp_path))
        life.end()

    lived(first)
    lived(second)


def test_without_room_on_the_disk_a_record_waits_for_kafka_then_is_refused(tmp_path: Path) -> None:
    """And while there is neither room nor Kafka, the sink is not ready."""

    async def play() -> None:
        life = Life(tmp_path, max_bytes=100, refuse_ms=600)
        life.send(b"1" * 60, b"2" * 60)
        assert life.sink.ready
        await until(lambda: len(life.fates) == 2)
        assert life.fates == {b"1" * 60: True, b"2" * 60: False}
        life.producer.ready = False
        assert (life.sink.ready, life.sink.away) == (False, SPOOL_FULL)
        life.end()

    lived(play)


def test_a_disk_that_fails_leaves_kafka(tmp_path: Path) -> None:
    """A record that Kafka acknowledges before its time is over is safe; another one is refused."""

    def sync(_: int) -> None:
        raise OSError(28, "No space left on device")

    async def play() -> None:
        life = Life(tmp_path, sync=sync)
        life.send(b"1")
        life.producer.ready = False
        await until(lambda: not life.sink.ready)
        assert life.sink.away == SPOOL_FAILS
        assert life.fates == {}
        life.producer.take()
        assert life.fates == {b"1": True}
        life.end()
        life = Life(tmp_path, sync=sync, refuse_ms=600)
        life.send(b"2")
        await until(lambda: life.fates == {b"2": False})
        life.end()

    lived(play)
    assert files(tmp_path) == []


def test_a_disk_that_hangs_holds_no_answer_back_for_ever(tmp_path: Path) -> None:
    """Neither one that waits for Kafka too, nor one that the disk alone was to have."""
    goes_on = threading.Event()

    def sync(_: int) -> None:
        goes_on.wait()

    async def play() -> None:
        life = Life(tmp_path, PlayedProducer(room=1), sync=sync, refuse_ms=600)
        life.send(b"1", b"2")
        await until(lambda: life.fates == {b"1": False, b"2": False})
        assert life.reasons == [LATE, LATE]
        assert life.after_all == {}
        goes_on.set()
        await until(lambda: life.after_all == {b"1": None, b"2": None})
        life.end()

    lived(play)


@pytest.mark.parametrize(
    ("error", "fate"), [(None, None), (AWAY, GIVEN_UP), (TOO_LARGE, "kafka: msg size too large")]
)
def test_what_becomes_of_a_late_record_is_told_after_all(
    tmp_path: Path, error: KafkaError | None, fate: str | None
) -> None:
    """For a client may try again, and must not be taken for another one."""

    def sync(_: int) -> None:
        raise OSError(28, "No space left on device")

    async def play() -> None:
        life = Life(tmp_path, sync=sync, refuse_ms=600)
        life.send(b"1")
        await until(lambda: life.fates == {b"1": False})
        life.producer.take(error)
        await until(lambda: life.after_all == {b"1": fate})
        life.end()

    lived(play)


def test_a_record_that_kafka_did_not_take_is_sent_again(tmp_path: Path) -> None:
    """A topic that was deleted comes back; meanwhile the record is on the disk, and later ones wait behind it."""

    async def play() -> None:
        life = Life(tmp_path)
        life.send(b"1")
        life.producer.take(AWAY)
        life.send(b"2")
        await until(lambda: life.fates == {b"1": True, b"2": True})
        assert life.producer.kept == []
        life.producer.prompt = True
        await until(lambda: life.producer.kept == [b"1", b"2"])
        await until(lambda: not files(tmp_path))
        life.end()

    lived(play)


def test_what_failed_is_sent_again_in_the_order_of_its_coming(tmp_path: Path) -> None:
    """Of a topic that is gone librdkafka tells in another one."""

    async def play() -> None:
        life = Life(tmp_path)
        life.send(b"1", b"2", b"3")
        life.producer.waiting.reverse()
        life.producer.take(AWAY)
        life.send(b"4")
        life.producer.prompt = True
        await until(lambda: len(life.producer.kept) == 4)
        assert life.producer.kept == [b"1", b"2", b"3", b"4"]
        life.end()

    lived(play)


class Forgetful(PlayedProducer):
    """It knows no topic for the next record with a value of `unknown`, once, and says so at once."""

    def __init__(self, *unknown: bytes) -> None:
        super().__init__()
        self.unknown = list(unknown)

    def produce(self, record: Sendable) -> bool:
        """See Producer."""
        if record.value not in self.unknown:
            return super().produce(record)
        self.unknown.remove(record.value)
        record.settle(AWAY)
        return True


def test_what_fails_at_once_is_not_overtaken(tmp_path: Path) -> None:
    """Neither by what was to be sent again with it, nor by what lies behind it on the disk."""

    async def first() -> None:
        life = Life(tmp_path, Forgetful())
        life.send(b"1", b"2", b"3")
        life.producer.take(AWAY)
        assert isinstance(life.producer, Forgetful)
        life.producer.unknown = [b"1", b"2"]
        life.producer.prompt = True
        await until(lambda: len(life.producer.kept) == 3)
        assert life.producer.kept == [b"1", b"2", b"3"]
        await until(lambda: not files(tmp_path))
        life.producer.prompt = False
        life.send(b"4", b"5", b"6")
        await until(lambda: len(life.fates) == 6)
        life.end()

    async def second() -> None:
        life = Life(tmp_path, Forgetful(b"4", b"5"))
        life.producer.prompt = True
        await until(lambda: len(life.producer.kept) == 3)
        assert life.producer.kept == [b"4", b"5", b"6"]
        await until(lambda: not files(tmp_path))
        life.end()

    lived(first)
    lived(second)


def test_what_fails_while_others_wait_for_room_is_not_overtaken(tmp_path: Path) -> None:
    """The backlog waits for a place in the queue; what had one before and failed comes first."""

    async def play() -> None:
        producer = PlayedProducer(room=2)
        life = Life(tmp_path, producer)
        life.send(b"0", b"00")
        life.send(b"1", b"2", b"3", b"4")
        await until(lambda: all(value in life.fates for value in (b"1", b"2", b"3", b"4")))
        producer.take()
        await until(lambda: len(producer.waiting) == 2)
        await asyncio.sleep(0.01)  # now the next one waits
        producer.take(AWAY)
        while len(producer.kept) < 6:
            await asyncio.sleep(0.002)
            producer.take()
        assert producer.kept == [b"0", b"00", b"1", b"2", b"3", b"4"]
        life.end()

    lived(play)


def test_an_answered_record_that_kafka_never_takes_stays_on_the_disk(tmp_path: Path) -> None:
    """Somebody may make the topic take it; one that was not answered is refused."""

    async def play() -> None:
        life = Life(tmp_path)
        life.send(b"1")
        await until(lambda: life.fates == {b"1": True})
        life.send(b"2")
        life.producer.take(TOO_LARGE)
        assert life.fates == {b"1": True, b"2": False}
        life.end()

    lived(play)
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([b"1"], "1 record waits in the spool, and is sent at the next start"),
        ([b"1", b"2"], "2 records wait in the spool, and are sent at the next start"),
    ],
)
def test_what_the_spool_has_at_the_end_is_no_trouble(
    tmp_path: Path, values: list[bytes], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told how much that is, and nothing of it is given up."""
    caplog.set_level(logging.INFO, "pyglue.collector")

    async def play() -> None:
        life = Life(tmp_path)
        life.send(*values)
        await until(lambda: len(life.fates) == len(values))
        assert life.sink.close(0) == 0

    lived(play)
    assert [(record.levelname, record.message) for record in caplog.records] == [("INFO", told)]


def test_what_neither_kafka_nor_the_spool_has_at_the_end_is_given_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It was not answered; what Kafka has is not told of."""
    caplog.set_level(logging.INFO, "pyglue.collector")

    async def play() -> None:
        life = Life(tmp_path)
        life.send(b"1")
        life.producer.take()
        life.send(b"2", b"3")
        assert life.sink.close(0) == 2
        assert life.fates == {b"1": True}

    lived(play)
    assert caplog.records == []


def test_a_disk_that_hangs_while_it_is_read_holds_no_end_up(tmp_path: Path) -> None:
    """Nor does a Kafka that hangs: what was answered meanwhile is on the disk, and the next life sends all in order."""

    async def first() -> None:
        life = Life(tmp_path)
        life.send(b"1", b"2")
        await until(lambda: len(life.fates) == 2)
        life.end()

    async def closed(life: Life) -> None:
        """As the server does it: in a thread, while the loop runs."""
        async with asyncio.timeout(10):
            await asyncio.to_thread(life.sink.close, 0)

    async def hanging_disk() -> None:
        hanging = tmp_path / "000000000002.spool"
        os.mkfifo(hanging)  # a read waits until somebody writes
        try:
            life = Life(tmp_path)
            life.send(b"3")
            await until(lambda: life.fates == {b"3": True})
            await closed(life)
        finally:
            os.close(os.open(hanging, os.O_RDWR | os.O_NONBLOCK))
            hanging.unlink()

    async def hanging_kafka() -> None:
        asked, goes_on = threading.Event(), threading.Event()

        class Hanging(Topics):
            def since(self, topic: str, timestamp: int) -> Iterator[tuple[bytes, bytes, int | None]]:
                asked.set()
                goes_on.wait()
                return super().since(topic, timestamp)

        life = Life(tmp_path, topics=Hanging())
        life.send(b"4")
        await until(lambda: life.fates == {b"4": True} and asked.is_set())
        await closed(life)
        goes_on.set()
        await asyncio.sleep(0.05)
        assert life.producer.waiting == []

    async def last() -> None:
        life = Life(tmp_path)
        life.producer.prompt = True
        await until(lambda: len(life.producer.kept) == 4)
        assert life.producer.kept == [b"1", b"2", b"3", b"4"]
        await until(lambda: not files(tmp_path))
        life.end()

    for life in (first, hanging_disk, hanging_kafka, last):
        lived(life)
