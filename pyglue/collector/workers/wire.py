"""Lines between a worker and its parent, over one pair of sockets.

A parent writes a number: tell me a snapshot, and this number with it; or END. A worker writes objects of JSON:
snapshots, asked for or not, and at last why it can't go on. The end of the one side is the end of the line for the
other, however it came.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import cast

END = "end"  # what a parent says to a worker that is to end in order
MOST_BYTES = 65_536  # read at a time


class Wire(asyncio.Protocol):
    """One end: calls `heard` with each line, and `ended` once the other side is gone.

    With a `copy` of the socket all that the other side said is heard, also if something was said to it that it did not
    take any more: then asyncio reads no further.
    """

    def __init__(
        self,
        heard: Callable[[bytes], None],
        ended: Callable[[], None],
        copy: socket.socket | None = None,
    ) -> None:
        self._heard = heard
        self._ended = ended
        self._copy = copy
        self._transport: asyncio.WriteTransport | None = None
        self._part = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        *lines, self._part = (self._part + data).split(b"\n")
        for line in lines:
            self._heard(line)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - see asyncio
        """See asyncio."""
        self._transport = None
        if self._copy is not None:
            with suppress(OSError), self._copy:
                self._copy.setblocking(False)
                while data := self._copy.recv(MOST_BYTES):
                    self.data_received(data)
        self._ended()

    @property
    def free(self) -> bool:
        """Whether the other side has taken what was said."""
        return self._transport is not None and not self._transport.get_write_buffer_size()

    def say(self, line: str) -> None:
        """Write a line; to nobody, if the other side is gone."""
        if self._transport is not None:
            self._transport.write(line.encode() + b"\n")
