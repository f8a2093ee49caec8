"""The collector on a real socket, with a fake outlet: order, keep-alive, limits, and clients that misbehave."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, cast

import pytest
import uvloop

from pyglue.collector import server
from pyglue.collector.app import App, Ping, Place
from pyglue.collector.bad.entries import read_lines as bad_lines
from pyglue.collector.bad.keeping import HeadersKept
from pyglue.collector.config.configured import AS_DIVOLTE, BadKept, CountsKept, Durability, MetricsAt, Privacy
from pyglue.collector.counting.counts import read_lines
from pyglue.collector.http import connection as module
from pyglue.collector.http.connection import Connection
from pyglue.collector.http.http1 import MAX_HEAD_BYTES
from pyglue.collector.http.room import Room
from pyglue.collector.loading import Setup
from pyglue.collector.sinks.sink import Queues
from pyglue.collector.sources import EventsAt, Pipeline
from pyglue.errors import PyglueError
from tests.collector.http_fakes import FakeOutlet, app_with, encode, event_query, json_request
from tests.collector.scrapes import Scrape

EVENT = f"GET /csc-event?{event_query()} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"


class Running:
    """A served app: its port, its connections, and a way into its loop."""

    def __init__(self, app: App, outlet: FakeOutlet) -> None:
        self.app = app
        self.outlet = outlet
        self.connections = Room()
        self.now = 0.0
        self.port = 0
        self.loop = uvloop.new_event_loop()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        server = self.loop.run_until_complete(self.loop.create_server(lambda: self.protocol(), sock=listener))
        self._up.set()
        self.loop.run_forever()
        server.close()
        for connection in self.connections:
            connection.abort()
        self.loop.run_until_complete(asyncio.sleep(0.02))
        self.loop.close()

    def protocol(self) -> asyncio.Protocol:
        """What a new client meets."""
        return Connection(self.app, self.connections, lambda: self.now)

    def start(self) -> None:
        """Serve in a thread."""
        self._thread.start()
        self._up.wait(10)

    def stop(self) -> None:
        """End the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)

    def within(self, function: Callable[[], object]) -> None:
        """Call `function` in the loop and wait for it."""
        done = threading.Event()

        def call() -> None:
            function()
            done.set()

        self.loop.call_soon_threadsafe(call)
        assert done.wait(10)

    @contextmanager
    def client(self) -> Iterator[socket.socket]:
        """A client's socket; it gives up after ten seconds."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as sock:
            yield sock


@pytest.fixture
def running() -> Iterator[Running]:
    """A collector whose outlet waits for the test's verdicts."""
    outlet = FakeOutlet(verdict=None)
    served = Running(app_with(outlet), outlet)
    served.start()
    yield served
    served.stop()


def until(condition: Callable[[], bool]) -> None:
    """Wait for `condition`, at most ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def receive(sock: socket.socket, answers: int) -> list[tuple[int, bytes]]:
    """The next answers: status and head of each, bodies skipped. What comes after them may be lost."""
    with sock.makefile("rb") as stream:
        return read_answers(stream, answers)


def read_answers(stream: BinaryIO, answers: int) -> list[tuple[int, bytes]]:
    """The next answers of a stream."""
    found = []
    for _ in range(answers):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            assert line, f"closed after {head!r}"
            head += line
        length = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if length:
            stream.read(int(length[0].partition(b":")[2]))
        found.append((int(head.split()[1]), head))
    return found


def rest(sock: socket.socket) -> bytes:
    """Everything until the server closes."""
    found = b""
    while part := sock.recv(65536):
        found += part
    return found


def test_an_answer_waits_for_the_acknowledgement(running: Running) -> None:
    """Nothing is sent before the outlet's word; then success, and the connection goes on."""
    with running.client() as sock:
        sock.sendall(EVENT)
        until(lambda: len(running.outlet.waiting) == 1)
        sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(10)
        running.within(lambda: running.outlet.waiting[0](True))
        assert receive(sock, 1)[0][0] == 200
        sock.sendall(PING)
        assert receive(sock, 1)[0][0] == 200


def test_pipelined_answers_keep_their_order(running: Running) -> None:
    """Answers leave in the order of the requests, whichever is acknowledged first."""
    with running.client() as sock:
        sock.sendall(EVENT + b"GET /nothing HTTP/1.1\r\n\r\n" + EVENT + PING)
        until(lambda: len(running.outlet.waiting) == 2)
        running.within(lambda: running.outlet.waiting[1](False))
        running.within(lambda: running.outlet.waiting[0](True))
        assert [status for status, _ in receive(sock, 4)] == [200, 404, 503, 200]


def test_a_client_that_leaves_early_harms_nobody(running: Running) -> None:
    """An acknowledgement for a client that has gone is counted, and the server goes on."""
    with running.client() as sock:
        sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )  # leave without a goodbye
        sock.sendall(EVENT)
        until(lambda: len(running.outlet.waiting) == 1)
    until(lambda: len(running.connections) == 0)
    running.within(lambda: running.outlet.waiting[0](True))
    assert (running.app.counters["acknowledged"], running.app.in_flight) == (1, 0)
    with running.client() as sock:
        sock.sendall(PING)
        assert receive(sock, 1)[0][0] == 200


def test_a_client_that_only_stops_sending_gets_its_answer(running: Running) -> None:
    """A half-closed connection stays until the acknowledgement, then ends."""
    with running.client() as sock:
        sock.sendall(EVENT)
        sock.shutdown(socket.SHUT_WR)
        until(lambda: len(running.outlet.waiting) == 1)
        running.within(lambda: running.outlet.waiting[0](True))
        assert rest(sock).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("request_", "version", "connection", "closes"),
    [
        (b"GET /ping HTTP/1.1\r\n\r\n", b"1.1", b"keep-alive", False),
        (b"GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n", b"1.1", b"close", True),
        (b"GET /ping HTTP/1.0\r\n\r\n", b"1.0", b"close", True),
        (b"GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", b"1.0", b"keep-alive", False),
        (b"GET /ping HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", b"1.1", b"keep-alive", False),
        (b"POST /ping HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"1.1", b"keep-alive", False),
        (b"INVENTED /ping HTTP/1.1\r\n\r\n", b"1.1", b"keep-alive", False),
        (b"\r\nget ping HTTP/1.1\r\n\r\n", b"1.1", b"keep-alive", False),
        (b"CONNECT //ping HTTP/1.1\r\n\r\n", b"1.1", b"keep-alive", False),
        (b"GET /ping HTTP/1.1\r\nA: continued\r\n on this line\r\n\r\n", b"1.1", b"keep-alive", False),
    ],
)
def test_keep_alive(
    running: Running, request_: bytes, version: bytes, connection: bytes, closes: bool
) -> None:
    """The connection is kept or closed as HTTP's version and the client's header say, and the answer tells."""
    with running.client() as sock:
        sock.sendall(request_)
        ((status, head),) = receive(sock, 1)
        assert status == 200
        assert head.startswith(b"HTTP/" + version)
        assert b"Connection: " + connection + b"\r\n" in head
        if closes:
            assert rest(sock) == b""
        else:
            sock.sendall(PING)
            assert receive(sock, 1)[0][0] == 200


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"G(T /ping HTTP/1.1\r\n\r\n",
        b"GET  /ping HTTP/1.1\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET /ping?a b HTTP/1.1\r\n\r\n",
        b"GET /ping\r\n\r\n",
        b"GET /ping HTTP/9.9\r\n\r\n",
        b"GET /ping HTTP/1.1\rX\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nbroken header\r\n\r\n",
        b"GET /ping HTTP/1.1\r\n A: b\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\n\r\n",
        b"GET /caf\xc3\xa9 HTTP/1.1\r\n\r\n",
        b"POST /ping HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /ping HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"POST /ping HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"GET /ping HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % at for at in range(201)) + b"\r\n",
        b"GET /ping HTTP/1.1\r\nA: " + b"x" * MAX_HEAD_BYTES,
        b"GET /ping HTTP/1.1\r\nA: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n",
    ],
    ids=lambda garbage: repr(garbage[:40]),
)
def test_malformed_requests(running: Running, garbage: bytes) -> None:
    """What is no HTTP request gets an empty 400 without a Server header, is counted, and ends the connection."""
    with running.client() as sock:
        sock.sendall(garbage)
        assert rest(sock) == b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    until(lambda: len(running.connections) == 0)
    assert running.app.counters["malformed request"] == 1


def test_two_hundred_headers_are_not_too_many(running: Running) -> None:
    """The limits are the last that is taken."""
    with running.client() as sock:
        sock.sendall(b"GET /ping HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % at for at in range(200)) + b"\r\n")
        assert receive(sock, 1)[0][0] == 200
        sock.sendall(b"GET /ping HTTP/1.1\r\nA: " + b"x" * (MAX_HEAD_BYTES - 27) + b"\r\n\r\n")
        assert receive(sock, 1)[0][0] == 200


@pytest.mark.parametrize(
    "request_",
    [EVENT, b"GET /a%zz HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", json_request()],
)
def test_requests_cut_at_every_byte(request_: bytes) -> None:
    """A request that arrives byte by byte, ends early, or is followed by garbage never breaks the server."""
    outlet = FakeOutlet()
    served = Running(app_with(outlet), outlet)
    served.start()
    for end in range(1, len(request_) + 1, 3):
        with served.client() as sock:
            sock.sendall(request_[:end])
            sock.shutdown(socket.SHUT_WR)
            rest(sock)
    with served.client() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(request_)):
            sock.sendall(request_[at : at + 1])
        whole = receive(sock, 1)[0][0]
    with served.client() as sock:
        sock.sendall(request_ + b"\x00\x01\x02")
        wanted = [400] if whole == 400 else [whole, 400]
        assert [status for status, _ in receive(sock, len(wanted))] == wanted
    assert served.app.counters["internal error"] == 0
    served.stop()


def test_slow_and_silent_clients_are_let_go(running: Running) -> None:
    """A request that does not end and a connection without any are closed; one that waits for Kafka is not."""
    with running.client() as slow, running.client() as silent, running.client() as waiting:
        slow.sendall(b"GET /ping HTT")
        waiting.sendall(EVENT)
        until(lambda: len(running.outlet.waiting) == 1 and len(running.connections) == 3)
        until(lambda: sum(vars(one)["_began"] is not None for one in running.connections) == 1)

        def sweep() -> None:
            for connection in running.connections:
                connection.sweep(running.now)

        running.now = module.WHOLE_SECONDS + 1
        running.within(sweep)
        until(lambda: len(running.connections) == 2)
        running.now = module.IDLE_SECONDS + 1
        running.within(sweep)
        until(lambda: len(running.connections) == 1)
        running.within(lambda: running.outlet.waiting[0](True))
        assert receive(waiting, 1)[0][0] == 200
        for sock in (slow, silent):
            with suppress(ConnectionResetError):  # an orderly end is fine, too
                assert rest(sock) == b""


def test_a_flood_on_one_connection_waits_its_turn(running: Running) -> None:
    """A connection with too many open requests is not read on, and all are answered in the end."""
    count = 4000  # more than one reading of the socket can hold
    with running.client() as sock:
        sender = threading.Thread(target=sock.sendall, args=[EVENT * count])
        sender.start()
        statuses: list[int] = []
        with sock.makefile("rb") as stream:
            while len(statuses) < count:
                until(lambda: bool(running.outlet.waiting))
                before = running.app.counters["acknowledged"]
                running.within(running.outlet.acknowledge_all)
                newly = running.app.counters["acknowledged"] - before
                statuses += [status for status, _ in read_answers(stream, newly)]
        sender.join(10)
        assert statuses == [200] * count
    assert running.outlet.most_waiting <= module.MAX_WAITING + 1


class Congested(asyncio.Transport):
    """A transport whose client does not read until `drain`: it keeps what is written and says so, as asyncio's do."""

    def __init__(self) -> None:
        super().__init__()
        self.protocol: Connection | None = None
        self.kept = bytearray()
        self.most_kept = 0
        self.taken = 0
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep; beyond asyncio's mark of 64 KiB, ask for less."""
        assert self.protocol is not None
        self.kept += data
        self.most_kept = max(self.most_kept, len(self.kept))
        if len(self.kept) > 64 * 1024:
            self.protocol.pause_writing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """It has limits of its own."""

    def drain(self) -> None:
        """The client reads everything."""
        assert self.protocol is not None
        self.taken += self.kept.count(b"pong")
        self.kept.clear()
        self.protocol.resume_writing()

    def is_closing(self) -> bool:
        """Never."""
        return False

    def pause_reading(self) -> None:
        """Note it."""
        self.reading = False

    def resume_reading(self) -> None:
        """Note it."""
        self.reading = True


def test_a_client_that_asks_without_reading_is_answered_bit_by_bit() -> None:
    """What waits for a client that never reads stays near the transport's mark; once it reads, it gets it all."""
    count = 8000  # in one reading of the socket

    async def scenario() -> None:
        transport = Congested()
        connection = transport.protocol = Connection(app_with(FakeOutlet()), Room(), lambda: 0.0)
        connection.connection_made(transport)
        connection.data_received(PING * count)
        assert not transport.reading
        for _ in range(count):
            transport.drain()
            await asyncio.sleep(0)
        assert transport.taken == count
        assert transport.reading
        assert transport.most_kept < 96 * 1024

    asyncio.run(scenario())


def test_a_bug_is_an_answer_and_a_count(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    """If the app itself fails, the client gets 500, the connection ends, and the server goes on."""

    def broken() -> None:
        raise ZeroDivisionError

    running.outlet.interrupt = broken
    with running.client() as sock:
        sock.sendall(EVENT)
        assert rest(sock).startswith(b"HTTP/1.1 500")
    assert running.app.counters["internal error"] == 1
    assert "an event could not be recorded" in caplog.text
    with running.client() as sock:
        sock.sendall(PING)
        assert receive(sock, 1)[0][0] == 200


def test_while_stopping_answers_end_their_connections(running: Running) -> None:
    """After the signal every answer says that the connection ends."""
    running.app.stopping = True
    with running.client() as sock:
        sock.sendall(PING)
        assert b"503 Service Unavailable\r\nConnection: close" in rest(sock)


class Plant:
    """What a server is made of, without files and Kafka: a configuration, a table, and sinks that take notes."""

    def __init__(self, **settings: Any) -> None:
        limits = SimpleNamespace(retry_after_s=3, acknowledge_timeout_ms=2000)
        defaults = {
            "host": "127.0.0.1",
            "port": free_port(),
            "shutdown_delay_ms": 0,
            "shutdown_timeout_ms": 10_000,
            "counts": None,
            "bad_events": None,
            "metrics": None,
            "durability": Durability.ACKNOWLEDGED,
            "spool": None,
            "workers": 1,
            "max_connections": 1000,
            "tls": None,
            "privacy": AS_DIVOLTE,
        }
        flags = {"use_x_forwarded_for": False, "serve_static_resources": True, "debug_requests": False}
        self.config = SimpleNamespace(
            duplicate_memory_size=10, limits=limits, **{**defaults, **flags, **settings}
        )
        self.headers_read = HeadersKept((b"user-agent",), ())
        self.outlet = FakeOutlet(verdict=None)
        self.closed: list[float] = []
        self.close: Callable[[float], object] = self.closed.append
        self.fail: Callable[[str], None] = lambda _: None
        self.loop: asyncio.AbstractEventLoop | None = None

    def table(self, _: object) -> dict[str, Place]:
        """One event path and the ping."""
        return {"/csc-event": EventsAt((Pipeline(encode, (self.outlet,)),)), "/ping": Ping()}

    def open(self, _: object, __: object, fail: Callable[[str], None], ___: object) -> Any:
        """The sinks."""
        self.fail = fail
        self.loop = asyncio.get_running_loop()
        return SimpleNamespace(outlet=None, close=self.close, queues=Queues)

    def run(self, client: Callable[[], None]) -> None:
        """Serve in this thread, for signals come here; `client` runs beside it."""
        beside = threading.Thread(target=client)
        beside.start()
        try:
            server.run(cast(Setup, self), self.open)
        finally:
            beside.join(10)

    def connect(self, port: int | None = None) -> socket.socket:
        """A client's socket to the port for events, or another one, as soon as it is open."""
        deadline = time.monotonic() + 10
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port or self.config.port), timeout=10)
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(0.01)

    def scrape(self) -> Scrape:
        """What Prometheus gets."""
        with self.connect(self.config.metrics.port) as sock:
            sock.sendall(b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n")
            head, _, body = rest(sock).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        return Scrape(body.decode())


def free_port() -> int:
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_a_server_ends_in_order() -> None:
    """After the signal events are taken for the delay and answered, pings say 503, idle connections end, sinks close."""
    plant = Plant(shutdown_delay_ms=300)
    seen: list[object] = []

    def client() -> None:
        with plant.connect() as early, plant.connect() as late, plant.connect() as idle:
            early.sendall(EVENT)
            until(lambda: len(plant.outlet.waiting) == 1)
            os.kill(os.getpid(), signal.SIGTERM)
            while True:
                with plant.connect() as ping:
                    ping.sendall(PING)
                    if receive(ping, 1)[0][0] == 503:
                        break
            late.sendall(EVENT)
            until(lambda: len(plant.outlet.waiting) == 2)
            seen.append(rest(idle))
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", plant.config.port))
            assert plant.closed == []
            assert plant.loop is not None
            plant.loop.call_soon_threadsafe(plant.outlet.waiting[0], True)
            plant.loop.call_soon_threadsafe(plant.outlet.waiting[1], False)
            seen.extend([receive(early, 1)[0][0], receive(late, 1)[0][0]])

    plant.run(client)
    assert seen == [b"", 200, 503]
    assert plant.closed == [server.CLOSE_SECONDS]


def test_what_was_counted_is_on_disk_at_the_end(tmp_path: Path) -> None:
    """After a graceful end the day's file has the events, whole, and nothing is open."""
    plant = Plant(counts=CountsKept(tmp_path / "made" / "counts", 1))
    plant.outlet.verdict = True

    def client() -> None:
        with plant.connect() as sock:
            sock.sendall(EVENT)
            receive(sock, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    plant.run(client)
    (file,) = (tmp_path / "made" / "counts").iterdir()
    (line,), torn = read_lines(file.read_text())
    assert (line.received, line.acknowledged, line.records, line.complete, torn) == (
        1,
        1,
        {"divolte": 1},
        True,
        [],
    )


def test_bad_events_are_on_disk_at_the_end(tmp_path: Path) -> None:
    """After a graceful end the folder has those that were answered, and a scrape tells of them."""
    plant = Plant(
        bad_events=BadKept(tmp_path / "bad", 10_000, 7), metrics=MetricsAt("127.0.0.1", free_port())
    )

    def client() -> None:
        with plant.connect() as sock:
            sock.sendall(b"GET /csc-event?s=1 HTTP/1.1\r\nUser-Agent: test\r\n\r\n")
            receive(sock, 1)
            until(lambda: plant.scrape().value("bad_events_kept_total") == 1)
            sock.sendall(b"GET /csc-event?s=2 HTTP/1.1\r\n\r\n")
            receive(sock, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    plant.run(client)
    (file,) = (tmp_path / "bad").glob("*.jsonl")
    first, second = (event for event in bad_lines(file.read_bytes()) if not isinstance(event, int))
    assert (first.came.target, first.came.headers) == (b"/csc-event?s=1", (("user-agent", "test"),))
    assert (second.came.target, second.reason) == (b"/csc-event?s=2", "missing p")


def test_scrapes_add_up_under_load() -> None:
    """While events come, are acknowledged, lost and dropped, every scrape has each of them in one state; at the end, too."""
    plant = Plant(metrics=MetricsAt("127.0.0.1", free_port()))
    scrapes: list[Scrape] = []
    stop = threading.Event()
    count = 300

    def events() -> None:
        with plant.connect() as sock:
            for _ in range(count):
                sock.sendall(EVENT + b"GET /csc-event?s=1 HTTP/1.1\r\n\r\n")
                receive(sock, 2)

    def verdicts() -> None:
        def tell() -> None:
            waiting, plant.outlet.waiting = plant.outlet.waiting, []
            for number, told in enumerate(waiting):
                told(number % 3 > 0)

        while not stop.is_set():
            if plant.loop is not None:
                plant.loop.call_soon_threadsafe(tell)
            stop.wait(0.002)

    def client() -> None:
        plant.connect().close()
        senders = [threading.Thread(target=events) for _ in range(4)]
        judge = threading.Thread(target=verdicts)
        for thread in (*senders, judge):
            thread.start()
        while any(sender.is_alive() for sender in senders):
            scrapes.append(plant.scrape())
        scrapes.append(plant.scrape())
        stop.set()
        judge.join(10)
        os.kill(os.getpid(), signal.SIGTERM)

    plant.run(client)
    assert [scrape.fates for scrape in scrapes if not scrape.adds_up()] == []
    received = [scrape.received for scrape in scrapes]
    assert received == sorted(received)
    last = scrapes[-1]
    assert (last.received, last.value("events_in_flight")) == (8 * count, 0)
    assert last.value("events_discarded_total", reason="missing p") == 4 * count
    assert sum(last.by_label("event_answer_seconds_count").values()) == 8 * count
    assert any(scrape.value("events_in_flight") for scrape in scrapes)
    assert any(scrape.value("connections") == 4 for scrape in scrapes)


def test_metrics_can_be_asked_for_to_the_end() -> None:
    """While what is under way gets its answer, and not longer."""
    plant = Plant(metrics=MetricsAt("127.0.0.1", free_port()))
    seen: list[float] = []

    def client() -> None:
        with plant.connect() as sock, plant.connect(plant.config.metrics.port) as silent:
            sock.sendall(EVENT)
            until(lambda: len(plant.outlet.waiting) == 1)
            os.kill(os.getpid(), signal.SIGTERM)
            until(lambda: plant.scrape().value("ready") == 0)
            seen.append(plant.scrape().value("events_in_flight"))
            assert plant.loop is not None
            plant.loop.call_soon_threadsafe(plant.outlet.waiting[0], True)
            assert receive(sock, 1)[0][0] == 200
            with suppress(ConnectionResetError):
                assert rest(silent) == b""

    plant.run(client)
    assert seen == [1]


def test_a_metrics_port_that_is_taken() -> None:
    """It is said like the other one; nothing is left open."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        plant = Plant(metrics=MetricsAt("127.0.0.1", taken.getsockname()[1]))
        with pytest.raises(PyglueError, match=rf"can't listen on 127\.0\.0\.1:{plant.config.metrics.port}"):
            plant.run(lambda: None)
    assert plant.loop is None


def test_privacy_settings_are_heeded() -> None:
    """What the configuration says of privacy holds for what comes in at the port."""
    plant = Plant(privacy=Privacy(truncate_addresses=True, honour_global_privacy_control=True))
    plant.outlet.verdict = True
    seen: list[object] = []

    def client() -> None:
        with plant.connect() as sock:
            sock.sendall(EVENT.replace(b"Host: x", b"Sec-GPC: 1") + EVENT)
            seen.extend(status for status, *_ in receive(sock, 2))
        os.kill(os.getpid(), signal.SIGTERM)

    plant.run(client)
    assert seen == [200, 200]
    assert [value.split(b"|")[1] for _, value, _ in plant.outlet.records] == [b"127.0.0.0"]


def test_the_end_waits_only_so_long() -> None:
    """What has no answer by then is cut off."""
    plant = Plant(shutdown_timeout_ms=100)
    seen: list[bytes] = []

    def client() -> None:
        with plant.connect() as sock:
            sock.sendall(EVENT)
            until(lambda: len(plant.outlet.waiting) == 1)
            os.kill(os.getpid(), signal.SIGINT)
            with suppress(ConnectionResetError):
                seen.append(rest(sock))

    plant.run(client)
    assert seen in ([b""], [])
    assert plant.closed


def test_sinks_that_do_not_close_hold_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their disk hangs: what was counted is written all the same, and the process ends."""
    monkeypatch.setattr(server, "PATIENCE_SECONDS", 0.2)
    plant = Plant(counts=CountsKept(tmp_path, 7))
    goes_on = threading.Event()
    plant.close = lambda _: bool(goes_on.wait(20))

    def client() -> None:
        with plant.connect() as sock:
            sock.sendall(EVENT)
            until(lambda: len(plant.outlet.waiting) == 1)
            assert plant.loop is not None
            plant.loop.call_soon_threadsafe(plant.outlet.waiting[0], True)
            assert receive(sock, 1)[0][0] == 200
        os.kill(os.getpid(), signal.SIGTERM)

    plant.run(client)
    assert not goes_on.is_set()
    goes_on.set()
    assert list(tmp_path.glob("*.jsonl"))


def test_a_sink_beyond_repair_ends_the_server() -> None:
    """The reason is the error, and the sinks are closed."""
    plant = Plant(shutdown_delay_ms=60_000)

    def client() -> None:
        until(lambda: plant.loop is not None)
        assert plant.loop is not None
        plant.loop.call_soon_threadsafe(plant.fail, "fenced")

    with pytest.raises(PyglueError, match="can't go on: fenced"):
        plant.run(client)
    assert plant.closed


def test_a_port_that_is_taken() -> None:
    """It is said before any sink is opened."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        plant = Plant(port=taken.getsockname()[1])
        with pytest.raises(PyglueError, match=r"can't listen on 127\.0\.0\.1:"):
            plant.run(lambda: None)
    assert plant.loop is None
