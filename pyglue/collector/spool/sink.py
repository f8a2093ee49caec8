"""The producer with a spool beside it: a record is safe once Kafka has it, or the disk.

A record goes to the producer, which tries as long as it takes. One that Kafka has not acknowledged after a quarter of a
second is written to the spool, too, and counts as safe then; it stays in the producer's queue. Only after a crash are
such records sent from the spool: what a life before left is sent before anything new.

Records that the producer can't take, because its queue is full or what came before is to be sent first, go to the spool
alone, and from there to the producer when their turn comes: the backlog. While there is one, all new records join it, so
that a party's records keep their order.

Everything runs in the loop's thread but the reading of files and of Kafka, which may hang, and is not waited for at the end.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from functools import partial
from itertools import count as count_up
from operator import attrgetter
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException

from pyglue.collector.sinks.aside import Aside
from pyglue.collector.sinks.kafka import OF_THE_RECORD, Producing, reason
from pyglue.collector.sinks.sink import LATE, Done, Queue, Word
from pyglue.collector.spool.entries import Entry
from pyglue.collector.spool.recovery import Arrived, Topics, count, page
from pyglue.collector.spool.store import File, Store
from pyglue.counted import counted

log = logging.getLogger("pyglue.collector")

TICK = 0.025  # seconds
SPOOL_AFTER = 10  # ticks
PAGE = 500  # entries that are read at a time
PAUSE = 0.5  # seconds before Kafka is asked again
TROUBLE_PAUSE = 2.0  # seconds after something unexpected
FULL_PAUSE = 0.002  # seconds while the producer's queue is full
SPOOL_FULL, SPOOL_FAILS, GIVEN_UP = "spool full", "spool fails", "given up"


class Ledger(Protocol):
    """Who counts."""

    def spooled(self, timestamp: int) -> None:
        """A record of this time (ms since 1970) is on the disk and counts as safe."""

    def landed(self, timestamp: int) -> None:
        """Such a record is in Kafka."""


class _Record:
    """A record that the producer has. `file` is where the spool has it; `done` is None once it was called.

    `number` grows in the order of their coming; failures may be told in any other one. `later` is to be told what became of
    a record that was late. One is made for each event, so what few records need are attributes of the class.
    """

    file: File | None = None
    later: Word | None = None
    settled = False
    failed = False

    def __init__(
        self,
        owner: Spooled,
        topic: str,
        key: bytes,
        value: bytes,
        timestamp: int,
        done: Done | None,
        due: int,
    ) -> None:
        self.topic = topic
        self.key = key
        self.value = value
        self.timestamp = timestamp
        self.done = done
        self.due = due
        self.number = next(owner.numbers)
        self._owner = owner

    def settle(self, error: KafkaError | None) -> None:
        """See kafka_sink's Record."""
        if error is None and self.file is None and self.later is None:
            self.settled = True
            self.value = b""  # it stays here for a while: its memory is better used for the next ones
            done, self.done = self.done, None
            if done is not None:
                done(None)
        else:
            self._owner.told(self, error)

    def answer(self, lost: str | None) -> None:
        """Once; and once more after it was late."""
        done, self.done = self.done, None
        if done is not None:
            self.later = done(lost)
        elif self.later is not None:
            later, self.later = self.later, None
            later(lost)


class Spooled:
    """A producer and its spool. Make it inside the running loop. It owns both, and closes them."""

    def __init__(
        self, producer: Producing, store: Store, topics: Topics, ledger: Ledger, *, refuse_ms: int
    ) -> None:
        """A record that neither Kafka nor the disk has after `refuse_ms` is refused."""
        self.max_bytes = producer.max_bytes
        self._producer = producer
        self._store = store
        self._topics = topics
        self._ledger = ledger
        self._refuse_after = max(int(refuse_ms / 1000 / TICK), SPOOL_AFTER + 1)
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.numbers = count_up()
        self._now = 0  # in ticks, while records are under way
        self._ticking = False
        self._under_way: deque[_Record] = deque()  # in the order of their coming
        self._unsafe: deque[_Record] = deque()  # whose time to be spooled has come, in that order
        self._again: list[_Record] = []  # that Kafka did not take, for no fault of theirs
        self._read_to = (0, 0)  # a file's number and the place in it: what is before it needs no sending
        self._closing = False
        self._reader = Aside("spool reader")
        self._backlog: asyncio.Task[None] | None = None
        if store.files:
            self._begin_backlog()

    @property
    def ready(self) -> bool:
        """Whether a record has a chance now."""
        return self._store.accepts or (self._backlog is None and self._producer.ready)

    @property
    def away(self) -> str:
        """See Outlet."""
        return SPOOL_FULL if self._store.works else SPOOL_FAILS

    @property
    def trouble(self) -> str | None:
        """See Outlet."""
        return None if self.ready else "Kafka is away, and the spool is full or fails"

    @property
    def queue(self) -> Queue:
        """What the producer has."""
        return self._producer.queue

    @property
    def spool(self) -> Queue:
        """What is on the disk, or on its way there; of what an earlier life left, records only once they are counted."""
        return self._store.queue

    def send(self, topic: str, key: bytes, value: bytes, timestamp: int, done: Done) -> None:
        """See Outlet."""
        if self._backlog is None:
            record = _Record(self, topic, key, value, timestamp, done, self._now + SPOOL_AFTER)
            if self._producer.produce(record):
                if self._backlog is None:
                    self._under_way.append(record)
                else:  # which this record began: it comes before what follows
                    self._spool(record)
                if not self._ticking:
                    self._begin_ticking()
                return
            self._begin_backlog()
        waiting = _Record(self, topic, key, b"", timestamp, done, self._now + self._refuse_after)
        entry = Entry(topic, key, value, timestamp, queued=False)
        if not self._store.append(entry, partial(self._kept, waiting)):
            done(SPOOL_FULL)
            return
        self._unsafe.append(waiting)
        if not self._ticking:
            self._begin_ticking()

    def told(self, record: _Record, error: KafkaError | None) -> None:
        """Kafka's word on a record that is on the disk, or that it did not take."""
        if error is None:
            record.settled = True
            if record.file is not None:
                self._store.settle(record.file)
                self._ledger.landed(record.timestamp)
            record.answer(None)
        elif error.code() not in OF_THE_RECORD:
            self._failed(record)
        else:
            record.settled = True
            record.answer(reason(error))
            if record.file is not None:
                log.error(
                    "Kafka refuses a record of %s that was answered (%s): it stays in %s, and is sent again after a restart",
                    record.topic,
                    error.str(),
                    record.file.path,
                )

    def close(self, seconds: float) -> int:
        """Give Kafka `seconds` for what is under way; what was answered and is not there then, stays on the disk. Blocks.

        How many records are given up that the disk can't have, for it has fewer: none of them was answered with success.
        Call it in the loop's thread, or in another one while the loop runs.
        """
        self._closing = True
        backlog = self._backlog
        if backlog is not None and threading.get_ident() == self._thread:
            backlog.cancel()
        elif backlog is not None:
            self._loop.call_soon_threadsafe(backlog.cancel)
        given_up = self._producer.close(seconds)
        self._reader.end()
        self._store.close()
        kept = self._store.queue.records
        if kept:
            waiting = counted(kept, "record waits", "records wait")
            sent = "is sent" if kept == 1 else "are sent"
            log.info("%s in the spool, and %s at the next start", waiting, sent)
        return max(given_up - kept, 0)

    # records under way

    def _begin_ticking(self) -> None:
        self._ticking = True
        self._loop.call_later(TICK, self._tick)

    def _tick(self) -> None:
        self._now += 1
        under_way, unsafe = self._under_way, self._unsafe
        while under_way and (under_way[0].settled or under_way[0].due <= self._now):
            self._spool(under_way.popleft())
        while unsafe and (unsafe[0].done is None or unsafe[0].due <= self._now):
            unsafe.popleft().answer(LATE)
        self._ticking = bool(under_way or unsafe)
        if self._ticking:
            self._begin_ticking()

    def _spool(self, record: _Record) -> None:
        """Bring a record to the disk, unless Kafka has it by now."""
        if record.settled:
            return
        record.due = self._now + self._refuse_after - SPOOL_AFTER
        self._unsafe.append(record)
        entry = Entry(record.topic, record.key, record.value, record.timestamp, queued=True)
        self._store.append(entry, partial(self._spooled, record))

    def _spooled(self, record: _Record, file: File | None) -> None:
        """The disk's word on a record that the producer has, too."""
        if file is None:
            return  # until its time is over Kafka may still take it
        if record.settled or (record.done is None and record.later is None):  # in Kafka by now, or given up
            self._store.settle(file)
            return
        record.file = file
        self._ledger.spooled(record.timestamp)
        record.answer(None)

    def _kept(self, record: _Record, file: File | None) -> None:
        """The disk's word on a record that is there alone."""
        if file is None:
            record.answer(SPOOL_FAILS)
        else:
            self._ledger.spooled(record.timestamp)
            record.answer(None)

    def _failed(self, record: _Record) -> None:
        """Send it again, and what comes from now on behind it."""
        if self._closing:
            return
        record.failed = True
        self._again.append(record)
        if self._backlog is None:
            self._begin_backlog()

    # the backlog

    def _begin_backlog(self) -> None:
        """What is under way goes to the disk first, so that the files have records in the order of their coming."""
        while self._under_way:
            self._spool(self._under_way.popleft())
        if self._unsafe and not self._ticking:
            self._begin_ticking()
        self._backlog = self._loop.create_task(self._feed())

    async def _feed(self) -> None:
        old = [file for file in self._store.files if not file.counted]
        arrived: Arrived | None = None
        looked = not old
        read = 0
        while True:
            try:
                if not looked:
                    arrived = await self._look(old)
                    looked = True
                await self._send_again()
                entries = await self._send_page(arrived, old)
                read += entries
                if not entries:
                    if self._ended():
                        log.info("the spool is sent, after a look at %s of it", counted(read, "record"))
                        self._backlog = None
                        return
                    await asyncio.sleep(TICK)
            except Exception:
                log.exception("the spool can't be sent now; it stays on the disk, and is tried again")
                await asyncio.sleep(TROUBLE_PAUSE)

    def _ended(self) -> bool:
        number, place = self._read_to
        more = any(
            file.number > number or (file.number == number and file.size > place)
            for file in self._store.files
        )
        return not more and not self._again and not self._store.busy

    async def _look(self, old: list[File]) -> Arrived:
        """Count what a life before left, and find out what of it is in Kafka, as soon as that answers."""
        size = sum(file.size for file in old)
        left = await self._reader.call(count, old)
        self._store.free(size - sum(file.size for file in old))
        self._store.tidy(old)
        log.info("the spool has %s of before", counted(sum(file.entries for file in old), "record"))
        while True:
            # Another configuration may have left records for a topic that this one does not name.
            self._producer.want(left.earliest)
            while not self._producer.ready:
                await asyncio.sleep(PAUSE)
            try:
                return await self._reader.call(Arrived, self._topics, left)
            except KafkaException as error:
                log.warning("what is in the spool waits for Kafka: %s", error)
                await asyncio.sleep(PAUSE)

    async def _send_again(self) -> None:
        """What Kafka did not take, until it has all of it."""
        while self._again:
            await asyncio.sleep(PAUSE)
            records: list[_Record] = []
            for record in sorted(self._again, key=attrgetter("number")):
                if record.done is None and record.file is None:
                    record.answer(GIVEN_UP)  # its client was told to try again
                else:
                    records.append(record)
            self._again = []
            for number, record in enumerate(records):
                if self._again:  # one before it failed at once, and stays before it
                    self._again += records[number:]
                    break
                record.failed = False
                if not await self._push(record):
                    record.failed = True
                    self._again += records[number:]
                    break
            while any(not (record.settled or record.failed) for record in records):
                await asyncio.sleep(TICK)

    async def _send_page(self, arrived: Arrived | None, old: list[File]) -> int:
        """Send the next entries of the files that are the disk's alone; how many entries were looked at.

        None behind one that fails at once: that one is to be sent again before.
        """
        files = [(file, file.size) for file in self._store.files]
        entries, end = await self._reader.call(page, files, self._read_to, PAGE)
        for number, (file, entry, behind) in enumerate(entries):
            if self._again:
                return number
            left = file in old
            if left and arrived is not None and arrived.take(entry):
                self._store.settle(file)
                self._ledger.landed(entry.timestamp)
            elif left or not entry.queued:
                record = _Record(self, entry.topic, entry.key, entry.value, entry.timestamp, None, 0)
                record.file = file
                if not await self._push(record):
                    return number
            self._read_to = behind
        self._read_to = end
        return len(entries)

    async def _push(self, record: _Record) -> bool:
        """Send it once there is room; False, and it is not sent, if one before it failed meanwhile."""
        while not self._producer.produce(record):
            await asyncio.sleep(FULL_PAUSE)
            if self._again:
                return False
        return True
