"""What the single steps of the collector's work cost, each alone in this process, over all events of the bench.

CPU time, the best of some rounds: what a step needs when nothing disturbs it. Between system calls the same work
takes longer, so the steps add up to less than a collector needs; the rest is told, too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import uvloop

from bench.collector import kinds, traffic
from bench.collector.kinds import KINDS, Kind
from pyglue.collector.app import App
from pyglue.collector.config.configured import Config
from pyglue.collector.counting.counters import Counters
from pyglue.collector.delivery import Reply
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.events.event import Event, of_json, of_parameters, of_tag
from pyglue.collector.http import answers
from pyglue.collector.http.connection import Connection
from pyglue.collector.http.headers import Headers
from pyglue.collector.http.http1 import Reader
from pyglue.collector.http.query import parameters
from pyglue.collector.http.request import Request
from pyglue.collector.http.room import Room
from pyglue.collector.loading import Setup, load
from pyglue.collector.recording import TOGETHER
from pyglue.collector.sinks.kafka import Kafka, KafkaOutlet
from pyglue.collector.sinks.sink import Done
from pyglue.errors import PyglueError

ROUNDS = 5
UNDER_WAY = 256  # records
HTTP = "HTTP: a request read, its answer written"
QUERY = "a query in the tag's order"
DUPLICATES = "the duplicate memory"
RECORD = "a record"
PRODUCER = "Kafka's producer, until the acknowledgement"
APP = "paths, checks, counters between these"
OF_TAG = (HTTP, QUERY, DUPLICATES, RECORD, APP, PRODUCER)  # what an event of the tag's own traffic passes
RECEIVED_MS = traffic.FIRST_MS + 10**6
PEER = b"127.0.0.1"
T = TypeVar("T")


def measure(
    made: Sequence[traffic.Event], project: Path, scratch: Path, brokers: str, topic: str
) -> dict[str, float]:
    """Microseconds of each step per event.

    `project` is the checkout whose files are used. The topic, which must exist, gets the events' records.
    """
    by_name = {kind.name: kind for kind in KINDS}
    requests = {name: kind.requests(list(made)) for name, kind in by_name.items()}
    tag = [_browser(request) for request in requests["tag"]]
    shuffled = [_browser(request) for request in requests["shuffled"]]
    posted = [_posted(request) for request in requests["json"]]
    memory = DuplicateMemory(1_000_000)
    setups = {kind.name: _setup(kind, project, scratch, brokers) for kind in KINDS}
    encode = {name: setup.mappings[0].compiled.encode for name, setup in setups.items()}

    def remember(event: Event) -> object:
        return memory.remember(event.party, event.session, event.event_id)

    found = {
        HTTP: _best(_connection(cast(App, _Answering())).data_received, lambda: requests["tag"]),
        QUERY: _best(_event_of, lambda: tag),
        "a query in any order": _best(_event_of, lambda: shuffled),
        "a JSON body": _best(_json_event_of, lambda: posted),
        DUPLICATES: _best(remember, lambda: map(_event_of, tag)),
        RECORD: _best(encode["tag"], lambda: map(_event_of, tag)),
        "a record, the shipped mapping": _best(encode["shipped"], lambda: map(_event_of, tag)),
        "a record, the longer mapping": _best(encode["rich"], lambda: map(_event_of, tag)),
        "a record of a JSON event": _best(encode["json"], lambda: map(_json_event_of, posted)),
    }
    whole = _best(_Turns(setups["tag"]).take, lambda: requests["tag"])
    found[APP] = whole - sum(found[name] for name in (HTTP, QUERY, DUPLICATES, RECORD))
    made_of_tag = records(made, project, scratch)
    found[PRODUCER] = min(
        uvloop.run(_produced(setups["tag"].config, topic, made_of_tag)) for _ in range(ROUNDS)
    )
    return found


def records(made: Sequence[traffic.Event], project: Path, scratch: Path) -> list[tuple[bytes, bytes]]:
    """Party and record of each event of the tag, as they are in Kafka."""
    encode = _setup(KINDS[0], project, scratch, "nowhere:9").mappings[0].compiled.encode
    events = (_event_of(_browser(request)) for request in KINDS[0].requests(list(made)))
    return [(event.party, encode(event)) for event in events]


class _Answering:
    """In the app's place: every request gets an event's answer at once."""

    stopping = False

    def respond(self, request: Request, reply: Reply) -> None:  # noqa: ARG002 - the app's signature
        """Answer."""
        reply(answers.EVENT)


class _Nowhere:
    """A transport that takes everything."""

    def get_extra_info(self, name: str) -> object:
        """The other end's address."""
        return (PEER.decode(), 1) if name == "peername" else None

    def set_write_buffer_limits(self, high: int) -> None:
        """Nothing waits here."""

    def is_closing(self) -> bool:
        """Never."""
        return False

    def write(self, data: bytes) -> None:
        """Gone."""


class _Safe:
    """An outlet whose records are safe at once."""

    place = "nowhere"
    ready = True
    away = ""
    trouble = None
    max_bytes = 1_000_000

    def send(self, key: bytes, value: bytes, timestamp: int, done: Done) -> None:  # noqa: ARG002
        """Safe."""
        done(None)


class _Turns:
    """A connection whose requests come in turns of as many as are taken together."""

    def __init__(self, setup: Setup) -> None:
        self._ends: list[Callable[[], None]] = []
        self._came = 0
        app = App(
            setup.table(lambda *_: _Safe()),
            DuplicateMemory(1_000_000),
            Counters(),
            clock=lambda: RECEIVED_MS,
            later=lambda *_: None,
            soon=self._ends.append,
            retry_after_s=1,
        )
        self._connection = _connection(app)

    def take(self, request: bytes) -> None:
        """A request, and the turn if that ends with it."""
        self._connection.data_received(request)
        self._came += 1
        if self._came % TOGETHER == 0:
            self._ends.pop()()


def _connection(app: App) -> Connection:
    connection = Connection(app, Room(), time.monotonic)
    connection.connection_made(cast(asyncio.BaseTransport, _Nowhere()))
    return connection


def _setup(kind: Kind, project: Path, scratch: Path, brokers: str) -> Setup:
    files = kinds.files(kind, project, scratch)
    environment = {
        "DIVOLTE_KAFKA_BROKER_LIST": brokers,
        "DIVOLTE_SCHEMA": str(files.schema),
        "DIVOLTE_MAPPING": str(files.mapping),
    }
    return load(files.conf, environment)


async def _produced(config: Config, topic: str, records: Sequence[tuple[bytes, bytes]]) -> float:
    """Microseconds that the producer with all its threads takes for a record, with as many under way as in a run."""
    over = asyncio.get_running_loop().create_future()

    def failed(reason: str) -> None:
        over.set_exception(PyglueError(f"Kafka's producer can't go on: {reason}"))

    kafka = Kafka(config.producer, config.limits, [topic], failed)
    outlet = KafkaOutlet(kafka, topic)
    while not outlet.ready:
        await asyncio.sleep(0.01)
    waiting = iter(records)
    safe = 0

    def send() -> None:
        record = next(waiting, None)
        if record is not None:
            outlet.send(*record, RECEIVED_MS, done)

    def done(lost: str | None) -> None:
        nonlocal safe
        safe += lost is None
        if lost is None and safe < len(records):
            send()
        elif not over.done():
            over.set_result(None)

    began = time.process_time()
    for _ in range(UNDER_WAY):
        send()
    await over
    taken = time.process_time() - began
    kafka.close(1)
    if safe != len(records):
        raise PyglueError(f"Kafka did not take a record after {safe} of {len(records)}")
    return taken / safe * 1e6


def _event_of(request: tuple[bytes, Headers]) -> Event:
    raw_query, headers = request
    event = of_tag(raw_query) or of_parameters(parameters(raw_query))
    event.arrived(headers, RECEIVED_MS, PEER)
    return event


def _json_event_of(request: tuple[bytes, bytes, Headers]) -> Event:
    party, body, headers = request
    event = of_json(party, body)
    event.arrived(headers, RECEIVED_MS, PEER)
    return event


def _browser(request: bytes) -> tuple[bytes, Headers]:
    """The query and the headers, as the collector's HTTP hands them over."""
    reader = Reader()
    reader.take_head(request, 0)
    return reader.target.partition(b"?")[2], reader.headers


def _posted(request: bytes) -> tuple[bytes, bytes, Headers]:
    """The party, the body and the headers."""
    reader = Reader()
    end = reader.take_head(request, 0)
    return reader.target.rpartition(b"=")[2].replace(b"%3A", b":"), request[end:], reader.headers


def _best(step: Callable[[T], Any], prepare: Callable[[], Iterable[T]]) -> float:
    """Microseconds that `step` takes on the average; what it works on is prepared anew for each round, untimed."""
    taken = []
    for _ in range(ROUNDS):
        inputs = list(prepare())
        began = time.thread_time()
        for value in inputs:
            step(value)
        taken.append((time.thread_time() - began) / len(inputs) * 1e6)
    return min(taken)
