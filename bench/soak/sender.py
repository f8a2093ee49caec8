"""A load of events at a steady rate over many connections; it remembers what was answered to each.

An event that is refused with 503 is sent again, as browsers' tag does it. Of one whose connection broke nothing is known: it
is not sent again, and nothing is claimed.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from bench.collector import traffic
from bench.collector.traffic import Event

CONNECTIONS = 800  # an event may wait a third of a second for its answer
ANSWER_SECONDS = 15.0
AGAIN_SECONDS = 0.02  # before a refused connection is tried again
TRIES, PAUSE_SECONDS = 10, 1.0  # of an event that is refused


class Sender:
    """`answered` are the ids of events that were answered with success; `outcomes` counts all, by status or error."""

    def __init__(self, port: int, prefix: str, seed: int) -> None:
        self.answered: list[str] = []
        self.outcomes: Counter[str] = Counter()
        self._port = port
        self._prefix = prefix
        self._events = _events(seed)
        self._sent = 0

    async def send(self, rate: float, over: threading.Event) -> None:
        """So many events per second until it is `over`; one that is due while all connections wait is not sent."""
        due: asyncio.Queue[None] = asyncio.Queue(CONNECTIONS)
        workers = [asyncio.create_task(self._connection(due)) for _ in range(CONNECTIONS)]
        began, made = time.monotonic(), 0
        while not over.is_set():
            while made < (time.monotonic() - began) * rate:
                made += 1
                with suppress(asyncio.QueueFull):
                    due.put_nowait(None)
            await asyncio.sleep(0.002)
        await due.join()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def _connection(self, due: asyncio.Queue[None]) -> None:
        reader: asyncio.StreamReader | None = None
        writer: asyncio.StreamWriter | None = None
        while True:
            await due.get()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    if writer is None:
                        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                assert reader is not None  # noqa: S101 - both or none
                await self._event(reader, writer)
            except (OSError, EOFError, TimeoutError) as error:
                self.outcomes[type(error).__name__] += 1
                if writer is not None:
                    writer.close()
                writer = None
                await asyncio.sleep(AGAIN_SECONDS)
            finally:
                due.task_done()

    async def _event(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = f"{self._prefix}{self._sent:07}"
        self._sent += 1
        event = next(self._events)
        request = traffic.tag_requests([replace(event, values={**event.values, "e": name})])[0]
        for _ in range(TRIES):
            async with asyncio.timeout(ANSWER_SECONDS):
                status, ends = await _asked(reader, writer, request)
            self.outcomes[status] += 1
            if status == "200":
                self.answered.append(name)
            if ends:
                raise EOFError
            if status != "503":
                return
            await asyncio.sleep(PAUSE_SECONDS)


async def _asked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[str, bool]:
    """The status of the answer, and whether the connection ends with it."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
    await reader.readexactly(length)
    return head[9:12].decode(), b"connection: close" in head.lower()


def _events(seed: int) -> Iterator[Event]:
    made = list(traffic.events(4000, seed))
    while True:
        yield from made
