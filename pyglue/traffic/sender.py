"""Requests over HTTP/1.1 to one server, on kept connections, each with one request under way at a time, like browsers.

Answers are parsed by httptools. A request that got no answer is told so and not sent again: it may have been recorded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

NO_ANSWER = 0
Answered = Callable[[int], None]  # the status, or NO_ANSWER


class Sender:
    """Sends requests. Use it inside a running loop; `close` ends it."""

    def __init__(self, host: str, port: int, connections: int, patience: float) -> None:
        """At most so many `connections`; an answer that takes longer than `patience` seconds is none."""
        self._host, self._port = host, port
        self._most = connections
        self._patience = patience
        self._idle: list[_Line] = []
        self._lines: set[_Line] = set()
        self._closed = False
        self._open = 0
        self._waiting: deque[tuple[bytes, Answered]] = deque()
        self._dialling: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Requests for which there is no connection yet."""
        return len(self._waiting)

    def send(self, request: bytes, answered: Answered) -> None:
        """Send a whole request as soon as a connection is free; `answered` is called once."""
        if self._idle:
            self._idle.pop().send(request, answered)
            return
        self._waiting.append((request, answered))
        if self._open < self._most:
            self._open += 1
            task = asyncio.get_running_loop().create_task(self._dial())
            self._dialling.add(task)
            task.add_done_callback(self._dialling.discard)

    async def drain(self, seconds: float) -> None:
        """Wait until every request has its answer, at most so long."""
        deadline = asyncio.get_running_loop().time() + seconds
        while (
            self._waiting or len(self._idle) < self._open
        ) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.01)

    def close(self) -> None:
        """End all connections; what still waits for its answer gets none."""
        self._closed = True
        for task in self._dialling:
            task.cancel()
        for line in self._lines:
            line.give_up()
        while self._waiting:
            self._waiting.popleft()[1](NO_ANSWER)

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, line = await asyncio.wait_for(
                loop.create_connection(lambda: _Line(self, self._patience), self._host, self._port),
                self._patience,
            )
        except OSError:
            self._open -= 1
            # Nobody else may come for it: what waits gets no answer.
            while self._waiting and not self._open:
                self._waiting.popleft()[1](NO_ANSWER)
            return
        self._lines.add(line)
        self.free(line)

    def free(self, line: _Line) -> None:
        """A connection has its answer."""
        if self._waiting:
            line.send(*self._waiting.popleft())
        else:
            self._idle.append(line)

    def lost(self, line: _Line) -> None:
        """A connection is gone."""
        self._lines.discard(line)
        if self._closed:
            return
        self._open -= 1
        if line in self._idle:
            self._idle.remove(line)
        if self._waiting:
            request, answered = self._waiting.popleft()
            self.send(request, answered)


class _Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, sender: Sender, patience: float) -> None:
        self._sender = sender
        self._patience = patience
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answered: Answered | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """A part of an answer, or all of it."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.end()

    def on_message_complete(self) -> None:
        """The answer is whole."""
        status, keeps = self._parser.get_status_code(), self._parser.should_keep_alive()
        self._tell(status)
        if keeps:
            self._sender.free(self)
        else:
            self.end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        """It is gone; what was under way has no answer."""
        self._transport = None
        self._tell(NO_ANSWER)
        self._sender.lost(self)

    def send(self, request: bytes, answered: Answered) -> None:
        """Send a request; the connection is free for it."""
        self._answered = answered
        if self._transport is None:
            self._tell(NO_ANSWER)
            return
        self._timer = asyncio.get_running_loop().call_later(self._patience, self.end)
        self._transport.write(request)

    def give_up(self) -> None:
        """End it now, also with a request under way."""
        self._tell(NO_ANSWER)
        self.end()

    def end(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.abort()

    def _tell(self, status: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        answered, self._answered = self._answered, None
        if answered is not None:
            answered(status)
