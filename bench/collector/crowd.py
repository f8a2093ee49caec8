"""Slow clients: `python -m bench.collector.crowd PORT CLIENTS`, on 127.0.0.1, until its stdin ends.

Four kinds, as many of each: a head and a body that grow by one byte now and then, a client that says nothing, and one that
asks for much and never reads. Who is cut off comes again at once. It writes a line when all are there, and one as JSON
at the end.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from pyglue.collector.http.room import places

PERIOD = 4.0  # seconds between two bytes of a client
TICK = 0.02
PATIENCE = 5.0  # seconds for a connection to be made
SMALL_WINDOW = 4096
HEAD = b"GET /csc-event?p="
BODY = (
    b"POST /api/events?p=0%3Alq1a7c3k%3Aslow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 4000\r\n\r\n"
)
MUCH = b"GET /divolte.js HTTP/1.1\r\nHost: x\r\n\r\n" * 400
# What each kind begins with, and whether a byte follows now and then.
KINDS = ((HEAD, True), (BODY, True), (b"", False), (MUCH, False))


class Crowd:
    """So many slow clients of a port."""

    def __init__(self, port: int, clients: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.cut = 0
        self._clock = clock
        self._port = port
        self._poll = select.epoll()
        self._open: dict[int, tuple[socket.socket, int]] = {}
        self._due: deque[tuple[float, int]] = deque()
        self._last: dict[int, float] = {}
        for number in range(clients):
            self._come(number % len(KINDS))

    @property
    def size(self) -> int:
        """How many are there."""
        return len(self._open)

    def _come(self, kind: int) -> None:
        begin, grows = KINDS[kind]
        sock = socket.socket()
        if begin is MUCH:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW)
        sock.settimeout(PATIENCE)
        sock.connect(("127.0.0.1", self._port))
        sock.setblocking(False)
        number = sock.fileno()
        self._open[number] = sock, kind
        self._poll.register(number, select.EPOLLRDHUP)
        with suppress(OSError):  # it was cut off at once
            sock.send(begin)
        if grows:
            now = self._clock()
            self._last[number] = now
            self._due.append((now + PERIOD, number))

    def go_on(self) -> None:
        """Send what is due, and replace those that were cut off."""
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            due, number = self._due.popleft()
            if number in self._last and due == self._last[number] + PERIOD:
                with suppress(OSError):
                    self._open[number][0].send(b"a")
                self._last[number] = now
                self._due.append((now + PERIOD, number))
        for number, _ in self._poll.poll(TICK):
            sock, kind = self._open.pop(number)
            self._last.pop(number, None)
            self._poll.unregister(number)
            sock.close()
            self.cut += 1
            self._come(kind)

    def leave(self) -> None:
        """All go."""
        for sock, _ in self._open.values():
            sock.close()
        self._poll.close()


def main(arguments: list[str]) -> int:
    """The exit code."""
    port, clients = map(int, arguments)
    places(clients)  # all descriptors that this process may have
    crowd = Crowd(port, clients)
    print("all are there", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        crowd.go_on()
    print(json.dumps({"clients": crowd.size, "cut": crowd.cut}))
    crowd.leave()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
