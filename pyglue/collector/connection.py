"""One client's connection: bytes in, requests to the app, answers out in the order of the requests.

An answer may come long after its request, and never after the client has gone: then it is dropped here. What can't be
read as HTTP is answered like Divolte's server does, with an empty 400, and ends the connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

from pyglue.collector import answers
from pyglue.collector.answers import Answer
from pyglue.collector.app import App, Request

log = logging.getLogger("pyglue.collector")

MAX_MESSAGE_BYTES = (
    1 << 20
)  # of a request's head, as in Divolte; a body counts, too, for nothing here reads one
MAX_HEADERS = 200
# Parsed at a time. What these bytes ask for is answered before more is; else a client that never reads could have all
# requests for the script that one reading of the socket brings (a quarter of a megabyte) answered into memory.
PIECE_BYTES = 4096
MAX_WAITING = 128  # requests of one connection that wait for their answers before it is read on
HEAD_SECONDS = 30.0  # for a request to arrive whole
IDLE_SECONDS = 75.0  # without any request, or with answers that the client does not take


class _Slot:
    """The place of one answer in the order."""

    __slots__ = ("close", "data")

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.close = False


class Connection(asyncio.Protocol):
    """See the module's law. `clock` gives seconds that only grow; `connections` is the set of all that are open."""

    def __init__(self, app: App, connections: set[Connection], clock: Callable[[], float]) -> None:
        self._app = app
        self._connections = connections
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._slots: deque[_Slot] = deque()
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._message_bytes = 0
        self._began: float | None = None
        self._last = clock()
        self._unread = (
            b""  # came, but waits until the client takes its answers; meanwhile nothing more is read
        )
        self._digesting = False
        self._feeding = False  # while the parser runs, answers gather and leave in one write
        self._reading = True
        self._writable = True
        self._finished = False  # nothing more is read; the connection ends after the last answer
        self._peer = ""

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        # Not narrowed by isinstance: uvloop's transports only behave like asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else ""
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        """The client has gone."""
        self._transport = None
        self._unread = b""
        self._slots.clear()
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._finished:
            return
        self._last = self._clock()
        self._unread += data
        self._digest()

    def eof_received(self) -> bool:
        """The client sends no more; True keeps the connection for the answers that it waits for."""
        self._finished = True
        return bool(self._slots)

    def pause_writing(self) -> None:
        """The client takes its answers too slowly: read no more from it."""
        self._writable = False
        self._regulate()

    def resume_writing(self) -> None:
        """The client caught up."""
        self._writable = True
        self._regulate()

    # httptools' side

    def on_message_begin(self) -> None:
        """A request begins."""
        self._target = b""
        self._headers = []
        self._began = self._clock()

    def on_url(self, part: bytes) -> None:
        """A piece of the target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._headers.append((name.lower(), value))

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._message_bytes = 0
        self._began = None
        if self._finished:
            return
        if len(self._headers) > MAX_HEADERS:
            self._malformed()
            return
        slot = _Slot()
        self._slots.append(slot)
        version = self._parser.get_http_version()
        keep_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        self._finished = not keep_alive
        method = self._parser.get_method().decode("ascii")

        def reply(answer: Answer) -> None:
            slot.close = answer.close or not keep_alive or self._app.stopping
            slot.data = answer.render(keep_alive=not slot.close, version=version, head=method == "HEAD")
            if not self._feeding:
                self._flush()

        try:
            self._app.respond(Request(method, self._target, self._headers, self._peer), reply)
        except Exception:
            log.exception("a request could not be answered")
            self._app.counters.add("internal error")
            reply(answers.BROKEN)

    # the rest

    def sweep(self, now: float) -> None:
        """End the connection if its client has been silent, or slow with a request, for too long."""
        too_slow = self._began is not None and now - self._began > HEAD_SECONDS
        stuck = now - self._last > IDLE_SECONDS and (not self._slots or not self._reading)
        if too_slow or stuck:
            self.abort()

    def abort(self) -> None:
        """End the connection at once, whatever it waits for."""
        if self._transport is not None:
            self._transport.abort()

    def finish(self) -> None:
        """Read no more; end the connection once the answers that it waits for are sent."""
        self._finished = True
        if not self._slots and self._transport is not None:
            self._transport.close()

    def _digest(self) -> None:
        """Parse what came, piece by piece, as far as the client takes its answers."""
        self._digesting = True
        while self._unread and self._takes_answers() and not self._finished:
            piece, self._unread = self._unread[:PIECE_BYTES], self._unread[PIECE_BYTES:]
            self._feed(piece)
            self._flush()
        self._digesting = False
        if self._finished:
            self._unread = b""
        self._regulate()

    def _feed(self, piece: bytes) -> None:
        self._message_bytes += len(piece)
        self._feeding = True
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            self._finished = True  # answered as any request; nothing here can be upgraded to
        except httptools.HttpParserError:
            self._malformed()
        if self._message_bytes > MAX_MESSAGE_BYTES:
            self._malformed()
        self._feeding = False

    def _takes_answers(self) -> bool:
        return self._writable and len(self._slots) < MAX_WAITING

    def _malformed(self) -> None:
        if self._finished:
            return
        self._finished = True
        self._app.counters.add("malformed request")
        slot = _Slot()
        slot.data, slot.close = answers.MALFORMED.render(keep_alive=False), True
        self._slots.append(slot)

    def _flush(self) -> None:
        """Send the answers that are ready and whose turn it is."""
        ready: list[bytes] = []
        close = False
        while self._slots and not close and self._slots[0].data is not None:
            slot = self._slots.popleft()
            ready.append(slot.data or b"")
            close = slot.close
        if self._transport is None:
            return
        if ready:
            self._transport.write(b"".join(ready))
        if close or (self._finished and not self._slots):
            self._slots.clear()
            self._finished = True
            self._transport.close()
        else:
            self._regulate()

    def _regulate(self) -> None:
        """Read on only while the client takes its answers and does not wait for too many."""
        if self._transport is None or self._transport.is_closing() or self._digesting:
            return
        takes = self._takes_answers()
        if takes and self._unread:
            asyncio.get_running_loop().call_soon(self._digest)
            return
        if takes == self._reading:
            return
        self._reading = takes
        if takes:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()
