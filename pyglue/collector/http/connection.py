"""One client's connection: bytes in, requests to the app, answers out in the order of the requests.

An answer may come long after its request, and never after the client has gone: then it is dropped here. What can't be
read as HTTP is answered like Divolte's server does, with an empty 400, and ends the connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

from pyglue.collector.bugs import Bugs
from pyglue.collector.delivery import Reply
from pyglue.collector.http import addresses, answers, headers
from pyglue.collector.http.answers import Answer
from pyglue.collector.http.http1 import END, LINE_ENDS, MAX_HEAD_BYTES, Body, Malformed, Reader, may_begin
from pyglue.collector.http.request import Request
from pyglue.collector.http.room import Room

_BUGS = Bugs()

# Requests of one connection that wait for their answers before it is read on, and those that are answered in one write.
# A client that never reads can't have more answered into memory, whatever one reading of the socket brings.
MAX_WAITING = 128
# Bytes of answers in one write, and those in a transport from which on it asks to wait: a client that does not read has no
# more in memory.
MAX_WRITTEN = 1 << 14
WHOLE_SECONDS = 30.0  # for a head to arrive whole, and for a body
IDLE_SECONDS = 75.0  # without a whole request, or with answers that the client does not take
LINGER_SECONDS = 5.0  # for a client to see why it was turned away, though it may still be sending


class Site(Protocol):
    """What is served: App, or the metrics. Once it is `stopping` every answer ends its connection."""

    stopping: bool

    def respond(self, request: Request, reply: Reply) -> None:
        """Answer `request` by calling `reply` once, now or later."""

    def body_limit(self, request: Request) -> int | None:
        """The bytes that the body of `request` may have, None if no body is wanted."""

    def count(self, kind: str) -> None:
        """Count a request that could not be answered as it should."""


class _Place:
    """The place of one answer in the order; `close` ends the connection after it."""

    __slots__ = ("close", "data")

    def __init__(self, data: bytes | None = None, *, close: bool = False) -> None:
        self.data = data
        self.close = close


class _Exchange(Request):
    """A request that waits for its answer in its place."""

    __slots__ = ("_connection", "_version", "asked", "close", "data", "keep_alive")

    def __init__(self, connection: Connection, reader: Reader) -> None:
        """The request that `reader` found last."""
        self.method = reader.method
        self.target = reader.target
        self.headers = reader.headers
        self.peer = connection.peer
        self.body = b""
        self.keep_alive = reader.keep_alive
        self.timings = None
        self.asked = 0.0
        self.data: bytes | None = None
        self.close = False
        self._connection = connection
        self._version = reader.version

    @property
    def waits_for_leave(self) -> bool:
        """Whether the client holds its body back until it is told to go on."""
        if self._version != b"HTTP/1.1":
            return False
        return any(line.lower() == "100-continue" for line in headers.lines(self.headers, b"expect"))

    def reply(self, answer: Answer) -> None:
        """Take the answer; a second one is not sent."""
        if self.data is not None:
            return
        connection = self._connection
        if self.timings is not None:
            self.timings.answers[answer.status].add(connection.clock() - self.asked)
        keep_alive = self.keep_alive and not answer.close and not connection.app.stopping
        if keep_alive and self.method == "GET" and self._version == b"HTTP/1.1":
            self.data = answer.kept_alive
        else:
            self.close = not keep_alive
            head = self.method.upper() == "HEAD"
            self.data = answer.render(keep_alive=keep_alive, version=self._version[5:].decode(), head=head)
        if not connection.digesting:
            connection.flush()


class _Upload:
    """A request whose body is still to come. `answered`: the app did not wait for it."""

    __slots__ = ("answered", "body", "exchange")

    def __init__(self, exchange: _Exchange, body: Body, *, answered: bool) -> None:
        self.exchange = exchange
        self.body = body
        self.answered = answered


class Connection(asyncio.Protocol):
    """See the module's law. `clock` gives seconds that only grow; `room` has all that are open."""

    def __init__(self, app: Site, room: Room, clock: Callable[[], float]) -> None:
        self.app = app
        self.peer = b""
        self.digesting = False  # meanwhile answers gather, and leave in one write
        self.clock = clock
        self._room = room
        self._transport: asyncio.Transport | None = None
        self._reader = Reader()
        self._upload: _Upload | None = None
        self._places: deque[_Place | _Exchange] = deque()
        self._unread = bytearray()  # no whole head yet, or it waits for the client to take its answers
        self._searched = 0  # bytes of it that hold no end of a head
        self._stalled = False  # it waits for the client
        self._began: float | None = None  # when the request came that is not whole yet
        self._kept = 0  # bytes of requests that are not whole, as the room knows
        self._asked = self._last = clock()  # when the last whole request came, and when bytes came
        self._came = (
            self._last
        )  # the same for the request that is taken apart; later if it had to wait for its client
        self._reading = True
        self._writable = True
        self._ended = False  # the client sends no more
        self._finished = False  # nothing more is read; the connection ends after the last answer
        self._turned_away = False  # the client may still be sending
        self._leaving = False  # no answer follows

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        # Not narrowed by isinstance: uvloop's transports only behave like asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(MAX_WRITTEN)
        peer = transport.get_extra_info("peername")
        self.peer = addresses.canonical(str(peer[0])).encode() if peer else b""
        self._asked = self.clock()
        if not self._room.enter(self):
            self.app.count("no room")
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio calls it so
        """The client has gone."""
        self._transport = None
        self._finished = True
        self._unread.clear()
        self._places.clear()
        self._keeps(0)
        self._room.leave(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._finished:
            return
        self._last = self._came = self.clock()
        if not self._unread:
            self._digest(data)
            return
        self._unread += data
        if not self._stalled and self._holds_head():
            self._resume()
        else:
            self._keeps(len(self._unread))

    def eof_received(self) -> bool:
        """The client sends no more; True keeps the connection for the answers that it waits for."""
        self._ended = True
        self._finished = self._finished or not self._stalled
        return bool(self._places) or self._stalled

    def pause_writing(self) -> None:
        """The client takes its answers too slowly: read no more from it."""
        self._writable = False
        self._regulate()

    def resume_writing(self) -> None:
        """The client caught up."""
        self._writable = True
        self.flush()
        self._regulate()

    # the server's side

    def sweep(self, now: float) -> None:
        """End the connection if its client has been silent, or slow with a request, for too long."""
        too_slow = self._began is not None and now - self._began > WHOLE_SECONDS
        idle = self._began is None and not self._places and now - self._asked > IDLE_SECONDS
        silent = now - self._last
        stuck = not (self._reading and self._writable) and silent > IDLE_SECONDS
        if too_slow or idle or stuck or (self._leaving and silent > LINGER_SECONDS):
            self.abort()

    @property
    def rests_since(self) -> float | None:
        """See Guest. A client that does not take its answers does not wait for any."""
        return self._asked if not self._places or not self._writable else None

    def make_way(self) -> None:
        """End the connection, for somebody else needs its place."""
        self.app.count("made way")
        self.abort()

    def abort(self) -> None:
        """End the connection at once, whatever it waits for."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def finish(self) -> None:
        """Take no further request; end the connection once the answers that it waits for are sent."""
        if self._upload is not None:
            self._upload.exchange.keep_alive = False  # it is under way
            return
        self._finished = True
        if not self._places and self._transport is not None:
            self._transport.close()

    # the answers' side

    def flush(self) -> None:
        """Send the answers that are ready and whose turn it is."""
        places = self._places
        close = False
        while (
            places
            and places[0].data is not None
            and self._transport is not None
            and self._writable
            and not close
        ):
            ready: list[bytes] = []
            size = 0
            while places and (data := places[0].data) is not None and not close and size < MAX_WRITTEN:
                close = places.popleft().close
                ready.append(data)
                size += len(data)
            self._transport.write(ready[0] if len(ready) == 1 else b"".join(ready))
        if self._transport is None:
            return
        if close or (self._finished and not places):
            self._end()
        elif self._stalled or not self._reading or len(places) >= MAX_WAITING:
            self._regulate()

    def _end(self) -> None:
        """No answer follows. A client that may still be sending would not see the last one if it were cut off now."""
        self._finished = True
        self._places.clear()
        if self._transport is None or self._transport.is_closing():
            return
        if not self._turned_away or self._ended:
            self._transport.close()
        elif not self._leaving:
            self._leaving = True
            self._transport.write_eof()
            self._regulate()

    # the requests' side

    def _digest(self, data: bytes) -> None:
        """Take requests out of `data`, as far as the client takes its answers; keep the rest."""
        self.digesting = True
        self._stalled = False
        at = 0
        while at < len(data) and not self._finished:
            if not self._takes_answers():
                self.flush()
                self._stalled = not self._takes_answers()
            after = -1 if self._stalled else self._take(data, at)
            if after < 0:
                break
            at = after
        if at < len(data) and not self._finished:
            self._keep(data[at:])
        self._note_rest()
        if self._ended and not self._stalled:
            self._finished = True
        self.digesting = False
        self.flush()

    def _take(self, data: bytes, at: int) -> int:
        """Take what begins at `at`: where it ends, or -1 if it is a head that is not all there."""
        reader = self._reader
        try:
            if self._upload is not None:
                return self._take_body(data, at, self._upload)
            if data[at] in LINE_ENDS:  # left over from what some clients write after a body
                return at + 1
            end = reader.take_head(data, at)
        except Malformed:
            self._malformed()
            return len(data)
        if end >= 0:
            self._began = None
            exchange = _Exchange(self, reader)
            if reader.whole:
                self._ask(exchange)
            else:
                self._await_body(exchange)
        return end

    def _ask(self, exchange: _Exchange) -> None:
        """Have the app answer."""
        self._places.append(exchange)
        exchange.asked = self._asked = self._came
        if not exchange.keep_alive:
            self._finished = True
            self._turned_away = self._upload is not None
        try:
            self.app.respond(exchange, exchange.reply)
        except Exception as error:  # noqa: BLE001 - a bug of ours costs its request alone
            _BUGS.tell("a request could not be answered", error)
            self.app.count("internal error")
            exchange.reply(answers.BROKEN)

    def _await_body(self, exchange: _Exchange) -> None:
        """Go on with the body of `exchange`, unless it is announced to be too large."""
        limit = self.app.body_limit(exchange)
        announced = headers.first(exchange.headers, b"content-length")
        body = self._reader.begin_body(limit, None if announced is None else int(announced))
        self._upload = upload = _Upload(exchange, body, answered=False)
        if body.too_large:
            self._refuse(upload)
        elif exchange.waits_for_leave and limit is None:
            upload.answered = True
            self._ask(exchange)
        elif exchange.waits_for_leave:
            self._places.append(_Place(answers.CONTINUE))

    def _take_body(self, data: bytes, at: int, upload: _Upload) -> int:
        end = self._reader.take_body(data, at, upload.body)
        if upload.body.too_large:
            self._refuse(upload)
        elif self._reader.whole:
            self._upload = self._began = None
            upload.exchange.body = upload.body.kept
            if not upload.answered:
                self._ask(upload.exchange)
            elif not upload.exchange.keep_alive:
                self._finished = True
        return end

    def _refuse(self, upload: _Upload) -> None:
        """The client sends more than anybody wants."""
        self.app.count("body too large")
        self._finished = self._turned_away = True
        if not upload.answered:
            self._places.append(upload.exchange)
            upload.exchange.reply(answers.TOO_LARGE)

    def _malformed(self) -> None:
        """The client sends what can't be read."""
        self.app.count("malformed request")
        self._finished = self._turned_away = True
        if self._upload is None or not self._upload.answered:
            self._places.append(_Place(answers.MALFORMED.render(keep_alive=False), close=True))

    def _keep(self, rest: bytes) -> None:
        self._unread += rest
        self._searched = 0
        if not self._stalled:
            self._holds_head()

    def _holds_head(self) -> bool:
        """Whether what is kept holds a whole head by now. One too large, or what can't become one, is turned away."""
        if self._unread.find(END, self._searched) >= 0:
            return True
        self._searched = max(len(self._unread) - len(END) + 1, 0)
        if len(self._unread) > MAX_HEAD_BYTES or not may_begin(self._unread[:1]):
            self._malformed()
            if not self.digesting:
                self.flush()
        return False

    def _resume(self) -> None:
        """Go on with what is kept."""
        data = bytes(self._unread)
        self._unread.clear()
        self._came = self.clock()
        self._digest(data)

    def _note_rest(self) -> None:
        """A request that is not whole has its time from now on, unless it has it already, or it waits itself."""
        upload = self._upload
        if self._stalled or (upload is None and not self._unread):
            self._began = None
        elif self._began is None:
            self._began = self._last
        if self._kept or self._unread or upload is not None:
            self._keeps(len(self._unread) + (0 if upload is None else upload.body.size_kept))

    def _keeps(self, size: int) -> None:
        """Tell how much is kept of requests that are not whole. If that is too much, the connection ends."""
        fits = self._room.keep(self._kept, size)
        self._kept = size
        if not fits and self._transport is not None:
            self.app.count("no room")
            self.abort()

    def _takes_answers(self) -> bool:
        return self._writable and len(self._places) < MAX_WAITING

    def _regulate(self) -> None:
        """Read on only while the client takes its answers and does not wait for too many."""
        if self.digesting or self._transport is None or self._transport.is_closing():
            return
        takes = self._finished or self._takes_answers()
        if takes and self._stalled:
            asyncio.get_running_loop().call_soon(self._resume)
            return
        if takes == self._reading:
            return
        self._reading = takes
        if takes:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()
