"""The load generator against servers of the test's own, and what is made of its outcome."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.collector import load, measure
from bench.collector.cpu import cpu_seconds, ticks
from bench.collector.load import Answers, Job, Outcome, Trouble
from pyglue.errors import PyglueError

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nGIF"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
LATER = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
REQUESTS = [b"GET /1 HTTP/1.1\r\n\r\n", b"GET /22 HTTP/1.1\r\n\r\n", b"GET /333 HTTP/1.1\r\n\r\n"]


class Server:
    """Answers each request with what `answer` makes of its number; None hangs up."""

    def __init__(self, answer: Callable[[int], list[bytes] | None]) -> None:
        self.answer = answer
        self.seen: list[bytes] = []
        self.most_at_once = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError):  # a client may leave before its answer
            while data := connection.recv(65536):
                self.most_at_once = max(self.most_at_once, data.count(b"\r\n\r\n"))
                self.seen.append(data)
                pieces = self.answer(len(self.seen))
                if pieces is None:
                    return
                for piece in pieces:
                    connection.sendall(piece)

    def close(self) -> None:
        """No more connections."""
        self._listener.close()


@contextmanager
def server(answer: Callable[[int], list[bytes] | None]) -> Iterator[Server]:
    """A server for one test."""
    found = Server(answer)
    try:
        yield found
    finally:
        found.close()


def job(port: int, folder: Path, rate: float | None = None, connections: int = 4) -> Job:
    """A short job with three requests."""
    load.pack(folder / "requests", REQUESTS)
    return Job(port, str(folder / "requests"), connections, [os.getpid()], 0.05, 0.2, rate)


def test_requests_come_back_from_the_file(tmp_path: Path) -> None:
    """Whatever is in them, blank lines and zero bytes too."""
    requests = [b"", b"\0\n\n", b"x" * 70_000]
    load.pack(tmp_path / "file", requests)
    assert load.unpack(tmp_path / "file") == requests


def test_every_request_is_answered_and_counted_once(tmp_path: Path) -> None:
    """The statuses count all answers, before and after the measurement as well; requests take turns."""
    with server(lambda _: [OK]) as found:
        outcome = load.run(job(found.port, tmp_path))
    assert outcome.statuses == {"200": len(found.seen)}
    assert 0 < outcome.measured < len(found.seen)
    assert outcome.took > 0
    assert found.most_at_once == 1
    counts = [found.seen.count(request) for request in REQUESTS]
    assert sum(counts) == len(found.seen)
    assert max(counts) - min(counts) <= 1


def test_an_answer_is_whole_with_its_last_byte() -> None:
    """Cut anywhere, on several connections at once, seen before or not; without a length it ends with its head."""
    for answer, status in ((OK, "200"), (EMPTY, "204"), (LATER, "503")):
        found = Answers()
        for at in range(1, len(answer)):
            assert [found.status(number, answer[:at]) for number in (1, 2)] == [None, None]
            assert [found.status(number, answer[at:]) for number in (1, 2)] == [status, status]
            assert found.status(3, answer) == status
    with pytest.raises(Trouble, match="closed a connection"):
        found.status(1, b"")


def test_a_rate_is_kept(tmp_path: Path) -> None:
    """As many requests as the rate says, no more, and latencies that a server's own time is in."""
    with server(lambda _: [OK]) as found:
        outcome = load.run(job(found.port, tmp_path, rate=500))
    assert outcome.measured == len(found.seen) == 100
    assert 0 < outcome.p50 <= outcome.p99


def test_waiting_for_a_free_connection_is_part_of_the_latency(tmp_path: Path) -> None:
    """A server that stops for a while makes later requests late, though they were sent late."""
    stop = threading.Event()

    def answer(number: int) -> list[bytes]:
        if number == 1:
            stop.wait(0.1)
        return [OK]

    with server(answer) as found:
        outcome = load.run(job(found.port, tmp_path, rate=500, connections=1))
    assert outcome.p99 > 50


@pytest.mark.parametrize("rate", [None, 500])
def test_a_server_that_hangs_up_ends_the_job(tmp_path: Path, rate: float | None) -> None:
    """A closed connection is trouble, not a request less."""
    with (
        server(lambda number: [OK] if number < 20 else None) as found,
        pytest.raises((Trouble, ConnectionError)),
    ):
        load.run(job(found.port, tmp_path, rate))


def test_a_server_that_says_nothing_ends_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator does not wait for ever."""
    monkeypatch.setattr(load, "STUCK_SECONDS", 0.2)
    for rate in (None, 500):
        with server(lambda _: []) as found, pytest.raises(Trouble, match=r"no answer for 0\.2 s"):
            load.run(job(found.port, tmp_path, rate))


def test_the_generator_is_a_process_of_its_own(tmp_path: Path) -> None:
    """A job goes to it and its outcome comes back; what it complains of is shown."""
    with server(lambda _: [OK]) as found:
        outcome = measure.generate(job(found.port, tmp_path))
        assert measure.succeeded("server", outcome, "200") == len(found.seen)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        nothing = job(nobody.getsockname()[1], tmp_path)
        with pytest.raises(PyglueError, match="gave up") as caught:
            measure.generate(nothing)
    assert "refused" in " ".join(caught.value.details)


def test_another_answer_than_success_is_an_error(tmp_path: Path) -> None:
    """A collector that refuses events in between is not fast, it is broken."""
    with (
        server(lambda number: [LATER if number == 7 else OK]) as found,
        pytest.raises(PyglueError, match="not every request") as caught,
    ):
        measure.succeeded("tag", load.run(job(found.port, tmp_path)), "200")
    assert "1 with 503" in caught.value.details
    with pytest.raises(PyglueError, match="not every request"):
        measure.succeeded("tag", Outcome({}, 0, 1.0, 1.0, 1.0, 0.0, 0.0), "200")


def test_cpu_time_is_read_whatever_a_process_is_called() -> None:
    """User and system time are summed; blanks and brackets in the name do not move the fields."""
    assert ticks("7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 9 9 20 0 4 0 100 1 1") == 300
    assert cpu_seconds([os.getpid()]) > 0
