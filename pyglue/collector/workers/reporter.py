"""A worker's word to its parent: what it counts, when it is asked, and so often of its own that little dies with it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from pyglue.collector.counting.snapshot import Snapshot
from pyglue.collector.workers.wire import END, Wire

REPORT_SECONDS = 0.1  # what a worker counted since then is not told if it is killed
END_SECONDS = 1.0


class Reporter:
    """`look` takes a snapshot; `end` is called when the parent says so, `orphaned` once nobody listens any more."""

    def __init__(
        self, look: Callable[[], Snapshot], end: Callable[[], None], orphaned: Callable[[], None]
    ) -> None:
        self._look = look
        self._end = end
        self._said = ""
        self._wire = Wire(self._heard, orphaned)

    async def open(self, parent: socket.socket) -> None:
        """Begin, in the running loop."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self._wire, sock=parent)

    async def work(self) -> None:
        """Until it is cancelled."""
        while True:
            if self._wire.free:
                text = self._look().as_json()
                if text != self._said:
                    self._say(text)
            await asyncio.sleep(REPORT_SECONDS)

    async def end(self) -> None:
        """Tell what there is. A parent that hangs is not waited for."""
        self._say(self._look().as_json())
        loop = asyncio.get_running_loop()
        deadline = loop.time() + END_SECONDS
        while not self._wire.free and loop.time() < deadline:
            await asyncio.sleep(REPORT_SECONDS / 10)

    def _heard(self, line: bytes) -> None:
        if line == END.encode():
            self._end()
        else:
            self._say(self._look().as_json(), int(line))

    def _say(self, text: str, asked: int = 0) -> None:
        self._said = text
        self._wire.say(f'{{"asked": {asked}, "snapshot": {text}}}')
