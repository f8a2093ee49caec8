"""Traffic as it happens: each request is sent when it is due, and written into the truth when it has its answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TextIO

from pyglue.traffic import truth, wire
from pyglue.traffic.faults import Delivery
from pyglue.traffic.sender import Sender

STEP_SECONDS = 0.005  # how exactly a request is sent when it is due
TELL_SECONDS = 1.0
PATIENCE_SECONDS = 15.0


@dataclass
class Tally:
    """What came of the requests so far: answers by status, faults by name; `behind_ms`: how late the last one was sent."""

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    behind_ms: int = 0


class Live:
    """One run. `clock` gives milliseconds since 1970."""

    def __init__(
        self,
        host: str,
        port: int,
        path: str,
        out: TextIO,
        clock: Callable[[], int],
        tell: Callable[[Tally], None],
    ) -> None:
        """Requests go to `path` at `host`, their lines to `out`; `tell` is called about once a second."""
        self.tally = Tally()
        self._host, self._port, self._path = host, port, path
        self._out, self._clock, self._tell = out, clock, tell
        self._stop = False
        self._headers: dict[int, str] = {}  # by visitor

    def stop(self) -> None:
        """Send nothing more; `run` ends when what is under way has its answer."""
        self._stop = True

    async def run(self, deliveries: Iterator[Delivery], connections: int) -> Tally:
        """Send all of `deliveries`, whose times are real ones."""
        sender = Sender(self._host, self._port, connections, PATIENCE_SECONDS)
        loop = asyncio.get_running_loop()
        told = loop.time()
        try:
            for number, delivery in enumerate(deliveries):
                while delivery.at_ms > self._clock() or sender.waiting >= connections:
                    if self._stop:
                        break
                    if loop.time() - told >= TELL_SECONDS:
                        told = loop.time()
                        self._out.flush()
                        self._tell(self.tally)
                    await asyncio.sleep(STEP_SECONDS)
                if self._stop:
                    break
                self._send(sender, delivery)
                if not number % 64:  # answers are read in between, also when everything is due at once
                    await asyncio.sleep(0)
            await sender.drain(PATIENCE_SECONDS + 1)
        finally:
            sender.close()
        return self.tally

    def _send(self, sender: Sender, delivery: Delivery) -> None:
        tally, now = self.tally, self._clock()
        tally.sent += 1
        tally.behind_ms = now - delivery.at_ms
        if delivery.fault:
            tally.faults[delivery.fault] += 1
        sender.send(self._request(delivery), partial(self._answered, delivery, now))

    def _request(self, delivery: Delivery) -> bytes:
        number = delivery.action.visitor.number
        lines = self._headers.get(number)
        if lines is None:
            found = wire.headers(delivery.action, f"{self._host}:{self._port}")
            lines = "".join(f"{name}: {value}\r\n" for name, value in found.items())
            self._headers[number] = lines
        return f"GET {self._path}?{delivery.query} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")

    def _answered(self, delivery: Delivery, sent_ms: int, status: int) -> None:
        self.tally.statuses[status] += 1
        self._out.write(truth.line(delivery, sent_ms, self._clock(), status))
