"""Traffic of the past, written to Kafka as the collector would have written it: by its own parsing and mapping.

The collector stamps an event when it comes, so nothing can be sent to it that came last week. Here every request is made
into an event, checked, compared with what came before, mapped and encoded by the collector's own code, with the time at
which it would have come; only HTTP is left out. Kafka's own time stamps are those of the writing, so that no broker takes
the records for old ones and deletes them.

Each part of the visitors is simulated in a process of its own.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event as Flag
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.events.event import of_parameters, of_tag
from pyglue.collector.events.privacy import kept_address
from pyglue.collector.http import query
from pyglue.collector.http.headers import Headers
from pyglue.collector.loading import load
from pyglue.counted import counted
from pyglue.errors import PyglueError, Unreachable
from pyglue.traffic import crowd, faults, truth, wire
from pyglue.traffic.faults import Delivery

LEAST_PER_PART = 5000  # events; fewer are not worth a process
TELL_EVERY = 500  # events
REMEMBERED = 200_000  # events, so that a repeated one is known
WAIT_SECONDS = 0.25
FLUSH_SECONDS = 60.0


@dataclass(frozen=True)
class Plan:
    """What to write: `rate` events per second on the average between two moments (ms since 1970), into `topic`.

    `conf` and `environment` are the collector's.
    """

    run: str
    seed: int
    rate: float
    visitors: int
    from_ms: int
    to_ms: int
    servers: str
    topic: str
    conf: Path
    environment: Mapping[str, str]

    @property
    def expected(self) -> int:
        """About how many events it will be."""
        return int(self.rate * (self.to_ms - self.from_ms) / 1000)


@dataclass
class Written:
    """What was written: requests, records among them, faults by name."""

    requests: int = 0
    records: int = 0
    faults: Counter[str] = field(default_factory=Counter)


def write(plan: Plan, file: Path, tell: Callable[[int], None], stop: Callable[[], bool]) -> Written:
    """Write the history to Kafka, and its truth into `file`, which appears only when all of it is written.

    `tell` is called with the number of requests so far; when `stop` says so, it ends early, and what was written by then
    is in the file. Raises Unreachable if Kafka does not take the records.
    """
    spawn = multiprocessing.get_context("spawn")
    count = max(min(os.cpu_count() or 1, plan.expected // LEAST_PER_PART, plan.visitors), 1)
    done = [spawn.Value("q", 0) for _ in range(count)]
    ending = spawn.Event()
    pieces = [file.with_name(f"{file.name}.{number}") for number in range(count)]
    answers = spawn.SimpleQueue()
    own = os.getpid()
    jobs = [
        (plan, number, count, pieces[number], done[number], ending, answers, own) for number in range(count)
    ]
    processes = [spawn.Process(target=_part, args=job, daemon=True) for job in jobs]
    total, results = Written(), 0
    try:
        for process in processes:
            process.start()
        while results < count:
            tell(sum(one.value for one in done))
            if stop():
                ending.set()
            if answers.empty():
                _check(processes, answers)
                time.sleep(WAIT_SECONDS)
                continue
            answer = answers.get()
            if isinstance(answer, PyglueError):
                raise answer
            results += 1
            total.requests += answer.requests
            total.records += answer.records
            total.faults += answer.faults
        _join(plan, pieces, file)
    finally:
        for process in processes:
            if process.is_alive() and results < count:
                process.terminate()
            process.join()
        for piece in pieces:
            piece.unlink(missing_ok=True)
    return total


def _check(processes: list[Any], answers: Any) -> None:
    """Raises PyglueError if one of the processes ended without an answer."""
    died = [process.exitcode for process in processes if process.exitcode]
    if died and answers.empty():
        reason = (
            "was killed: perhaps there was not enough memory" if died[0] < 0 else f"ended with code {died[0]}"
        )
        raise PyglueError(
            f"a process that writes the history {reason}", try_="pyglue status", code="history-failed"
        )


def _join(plan: Plan, pieces: list[Path], file: Path) -> None:
    made = truth.Made(plan.run, plan.seed, plan.rate, plan.visitors, plan.from_ms, history=True)
    whole = file.with_name(f"{file.name}.whole")
    try:
        with whole.open("w", encoding="utf-8") as out:
            truth.begin(out, made)
            for piece in pieces:
                with piece.open(encoding="utf-8") as part:
                    shutil.copyfileobj(part, out, 1 << 20)
            truth.end(out, plan.to_ms)
        whole.replace(file)
    except OSError as error:
        whole.unlink(missing_ok=True)
        raise truth.unwritten(file, error) from error


def _part(
    plan: Plan,
    number: int,
    count: int,
    piece: Path,
    done: Synchronized[int],
    ending: Flag,
    answers: Any,
    parent: int,
) -> None:
    """One process: its share of visitors and events."""
    # A session of its own: Ctrl-C is for the one that started it, which tells; and Linux shares the processors among
    # sessions, so that Druid, reading along, does not get as much as all writers together.
    os.setsid()
    gc.disable()  # nothing here has cycles, and there is much to go through
    try:
        part = _Part(plan, number, piece, parent)
        answers.put(part.write(_share(plan, number, count), done, ending))
    except OSError as error:
        answers.put(truth.unwritten(piece, error))
    except PyglueError as error:
        answers.put(error)
    if os.getppid() != parent:  # it was killed: nobody else tidies up
        piece.unlink(missing_ok=True)


def _share(plan: Plan, number: int, count: int) -> Iterator[Delivery]:
    seed = plan.seed * 1000 + number
    visitors = plan.visitors // count
    actions = crowd.actions(
        seed, visitors, plan.from_ms, plan.to_ms, plan.rate / count, run=f"{plan.run}{number}"
    )
    return faults.deliveries(actions, seed)


class _Part:
    def __init__(self, plan: Plan, number: int, piece: Path, parent: int) -> None:
        setup = load(plan.conf, plan.environment)
        self._encode = setup.feeding(plan.topic)[0].compiled.encode
        self._plan = plan
        self._piece = piece
        self._parent = parent
        self._memory = DuplicateMemory(REMEMBERED)
        self._headers: dict[int, Headers] = {}
        self._failed: KafkaError | None = None
        self._remote = kept_address(setup.config.privacy, f"192.0.2.{number + 1}".encode())
        self._producer = Producer(
            {
                "bootstrap.servers": plan.servers,
                "enable.idempotence": True,
                "linger.ms": 50,
                "partitioner": "murmur2_random",  # the collector's
                "queue.buffering.max.messages": 100_000,
                "delivery.report.only.error": True,
                "log_level": 0,
            }
        )

    def write(self, deliveries: Iterator[Delivery], done: Synchronized[int], ending: Flag) -> Written:
        """Write records and truth."""
        written = Written()
        with self._piece.open("w", encoding="utf-8", buffering=1 << 20) as out:
            for delivery in deliveries:
                if delivery.at_ms >= self._plan.to_ms:
                    break
                written.requests += 1
                written.records += self._record(delivery)
                if delivery.fault:
                    written.faults[delivery.fault] += 1
                out.write(truth.line(delivery, delivery.at_ms, delivery.at_ms, 200))
                if not written.requests % TELL_EVERY:
                    done.value = written.requests
                    self._producer.poll(0)
                    if ending.is_set() or os.getppid() != self._parent:
                        break
        done.value = written.requests
        left = self._producer.flush(FLUSH_SECONDS)
        if left or self._failed:
            reason = self._failed.str() if self._failed else f"no answer to {counted(left, 'record')}"
            raise Unreachable(
                "Kafka did not take the history",
                details=[
                    f"asked      {self._plan.servers}, topic {self._plan.topic}",
                    f"came back  {reason}",
                ],
                try_="pyglue status",
                code="kafka-refused",
            )
        return written

    def _record(self, delivery: Delivery) -> bool:
        """Make the event's record; False if the collector would drop it."""
        raw = delivery.query.encode()
        visitor = delivery.action.visitor.number
        known = self._headers.get(visitor)
        if known is None:
            lines = wire.headers(delivery.action, "localhost").items()
            known = tuple((name.lower().encode(), value.encode()) for name, value in lines)
            self._headers[visitor] = known
        try:
            event = of_tag(raw) or of_parameters(query.parameters(raw))
            event.arrived(known, delivery.at_ms, self._remote)
            event.duplicate = self._memory.remember(event.party, event.session, event.event_id)[0]
            value = self._encode(event)
        except DroppedEvent:
            return False
        while True:
            try:
                self._producer.produce(self._plan.topic, value, event.party, -1, self._told)
                return True
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                raise Unreachable(
                    "Kafka's producer refused a record", details=[str(error)], code="kafka-refused"
                ) from error

    def _told(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failed = error
