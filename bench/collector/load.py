"""The load generator: `python -m bench.collector.load`, a job as JSON on stdin, what came of it as JSON on stdout.

Many connections to one port of 127.0.0.1, each with one request under way at a time, like browsers behind a proxy.
It knows no HTTP but the first and the last byte of an answer, for it must stay cheaper than what it measures: on two
cores every microsecond here is one that the server or Kafka lacks.
"""

from __future__ import annotations

import json
import os
import re
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path

from bench.collector.cpu import cpu_seconds
from bench.figures import percentile

STUCK_SECONDS = 15.0  # without any answer
MOST = 2_000_000  # requests of one job
ANSWER_BYTES = 16_384
KNOWN = 1000  # answers that are remembered; those with a clock in them change once a second
NAP = 0.0002  # seconds that an open loop rests where nothing is due: far below what it measures
_LENGTH = re.compile(rb"\r\nContent-Length: *([0-9]+)\r\n", re.IGNORECASE)


class Trouble(Exception):
    """The server did not do what a server must; the text says what."""


@dataclass(frozen=True)
class Job:
    """What to send. `requests` is a file of `pack`; the CPU time of the processes `pids` is read at both ends.

    Without `rate` each connection sends again as soon as it has its answer: for `warm_seconds` unmeasured, then for
    `seconds`. With `rate` so many requests per second are due, at equal distances, whether the server keeps up or not.
    """

    port: int
    requests: str
    connections: int
    pids: Sequence[int]
    warm_seconds: float
    seconds: float
    rate: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    `statuses` counts all answers, those while warming up included, `measured` those within `took` seconds of the
    measurement; `cpu` and `own_cpu` are the CPU seconds of the server and of the generator then. Latencies are in
    milliseconds, from the time at which a request was due; 0 in a closed loop.
    """

    statuses: dict[str, int]
    measured: int
    took: float
    cpu: float
    own_cpu: float
    p50: float
    p99: float


def pack(file: Path, requests: Sequence[bytes]) -> None:
    """Write requests into a file, each behind its length."""
    file.write_bytes(b"".join(len(request).to_bytes(4, "big") + request for request in requests))


def unpack(file: Path) -> list[bytes]:
    """The requests in a file of `pack`."""
    content, at, requests = file.read_bytes(), 0, []
    while at < len(content):
        end = at + 4 + int.from_bytes(content[at : at + 4], "big")
        requests.append(content[at + 4 : end])
        at = end
    return requests


class Answers:
    """Puts answers together. Several connections, each with a number; one answer at a time on each."""

    def __init__(self) -> None:
        self._known: dict[bytes, str] = {}  # whole answers that were seen before
        self._parts: dict[int, bytes] = {}

    def status(self, number: int, data: bytes) -> str | None:
        """The status of the answer that `data` completes on this connection, None if it is not whole yet."""
        return self._known.get(data) or self._whole(number, data)

    def _whole(self, number: int, data: bytes) -> str | None:
        if not data:
            raise Trouble("the server closed a connection")
        data = self._parts.pop(number, b"") + data
        head, end, body = data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if not end or len(body) < (int(length[1]) if length else 0):
            self._parts[number] = data
            return None
        status = head.split(b" ", 2)[1].decode("ascii")
        if len(self._known) < KNOWN:
            self._known[data] = status
        return status


class Generator:
    """Connections, and the requests to send on them; a context manager."""

    def __init__(self, port: int, connections: int, requests: Sequence[bytes]) -> None:
        self.statuses: Counter[str] = Counter()
        self._sockets = [socket.create_connection(("127.0.0.1", port), 5.0) for _ in range(connections)]
        self._poll = select.epoll()
        for connection in self._sockets:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setblocking(False)
            self._poll.register(connection.fileno(), select.EPOLLIN)
        self._next: Callable[[], bytes] = cycle(requests).__next__
        self._status = Answers().status

    def __enter__(self) -> Generator:
        return self

    def __exit__(self, *_: object) -> None:
        self._poll.close()
        for connection in self._sockets:
            connection.close()

    def closed(self, warm_seconds: float, seconds: float, mark: Callable[[int], None]) -> None:
        """Every connection busy; `mark` gets the answers so far at the beginning and at the end of the measurement."""
        begin = time.monotonic() + warm_seconds
        marks = [begin, begin + seconds]
        idle: list[int] = []
        done = 0
        for connection in self._sockets:
            self._send(connection.fileno())
        while len(idle) < len(self._sockets):
            answered = self._answered(STUCK_SECONDS)
            done += len(answered)
            if marks and time.monotonic() >= marks[0]:
                del marks[0]
                mark(done)
            if marks and done < MOST:
                for number in answered:
                    self._send(number)
            else:
                idle += answered
        for _ in marks:  # the number was up before the time
            mark(done)

    def open(self, rate: float, seconds: float) -> list[float]:
        """So many requests per second; milliseconds from when each was due to its answer."""
        count = min(MOST, int(rate * seconds))
        idle = deque(connection.fileno() for connection in self._sockets)
        due: dict[int, float] = {}
        taken: list[float] = []
        clock = time.perf_counter
        sent = 0
        began = last = clock()
        while len(taken) < count:
            answered = self._answered(0.0)
            now = clock()
            for number in answered:
                taken.append((now - due[number]) * 1000)
            idle.extend(answered)
            ready = min(count, int((now - began) * rate) + 1)
            rests = not answered
            while sent < ready and idle:
                number = idle.popleft()
                due[number] = began + sent / rate
                self._send(number)
                sent += 1
                rests = False
            if not rests:
                last = now
            elif now - last > STUCK_SECONDS:
                raise Trouble(f"no answer for {STUCK_SECONDS:g} s, {len(taken)} of {count} so far")
            else:
                time.sleep(NAP)
        return taken

    def _send(self, number: int) -> None:
        request = self._next()
        if os.write(number, request) != len(request):
            raise Trouble("the server does not read its requests")

    def _answered(self, wait: float) -> list[int]:
        """The connections whose answers are whole now."""
        found = self._poll.poll(wait)
        if not found and wait:
            raise Trouble(f"no answer for {wait:g} s")
        answered = []
        for number, _ in found:
            status = self._status(number, os.read(number, ANSWER_BYTES))
            if status is not None:
                self.statuses[status] += 1
                answered.append(number)
        return answered


def run(job: Job) -> Outcome:
    """Do a job; raises Trouble."""
    requests = unpack(Path(job.requests))
    readings: list[tuple[float, int, float, float]] = []

    def mark(answers: int) -> None:
        readings.append((time.perf_counter(), answers, cpu_seconds(job.pids), time.process_time()))

    taken = [0.0]
    with Generator(job.port, job.connections, requests) as generator:
        if job.rate is None:
            generator.closed(job.warm_seconds, job.seconds, mark)
        else:
            mark(0)
            taken = generator.open(job.rate, job.seconds)
            mark(len(taken))
    (began, before, cpu, own), (ended, after, cpu_after, own_after) = readings
    return Outcome(
        statuses=dict(generator.statuses),
        measured=after - before,
        took=ended - began,
        cpu=cpu_after - cpu,
        own_cpu=own_after - own,
        p50=percentile(taken, 50),
        p99=percentile(taken, 99),
    )


def main() -> int:
    """The job on stdin; the exit code."""
    try:
        outcome = run(Job(**json.load(sys.stdin)))
    except (Trouble, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    json.dump(asdict(outcome), sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
