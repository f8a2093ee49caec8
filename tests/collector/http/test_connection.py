"""One connection on a transport that only takes notes: how bytes become requests, and bodies."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.app import App
from pyglue.collector.http import connection as module
from pyglue.collector.http.connection import Connection
from pyglue.collector.http.http1 import Body
from pyglue.collector.http.request import Request
from pyglue.collector.http.room import Room
from tests.collector.http_fakes import (
    JSON_EVENT,
    FakeOutlet,
    Timer,
    app_with,
    event_query,
    in_chunks,
    json_request,
)

EVENT = f"GET /csc-event?{event_query()} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
ACCEPTED = b"HTTP/1.1 204 No Content\r\nServer: divolte\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 413 Request Entity Too Large\r\nConnection: close\r\nServer: divolte\r\nContent-Length: 0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LIMIT = 8192  # of the JSON path's bodies


class Wire(asyncio.Transport):
    """A transport that keeps what is written and notes how it ends."""

    def __init__(self) -> None:
        super().__init__({"peername": ("::ffff:192.0.2.1", 1)})
        self.written = b""
        self.writes = 0
        self.ended = self.closed = self.aborted = False
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep."""
        assert not self.is_closing()
        self.written += data
        self.writes += 1

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing waits here."""

    def write_eof(self) -> None:
        """Note it."""
        assert not self.ended
        self.ended = True

    def is_closing(self) -> bool:
        """Whether the end was asked for."""
        return self.closed or self.aborted

    def close(self) -> None:
        """Note it."""
        self.closed = True

    def abort(self) -> None:
        """Note it."""
        self.aborted = True

    def pause_reading(self) -> None:
        """Note it."""
        self.reading = False

    def resume_reading(self) -> None:
        """Note it."""
        self.reading = True

    @property
    def statuses(self) -> list[int]:
        """Of all answers, in their order; no body here looks like an answer."""
        return [int(part[2:5]) for part in self.written.split(b"HTTP/1.")[1:]]


def watched(app: App) -> list[Request]:
    """The requests that `app` will get."""
    requests: list[Request] = []
    respond = app.respond

    def keep(request: Request, reply: object) -> None:
        requests.append(request)
        respond(request, reply)  # type: ignore[arg-type]

    app.respond = keep  # type: ignore[method-assign]
    return requests


def talk(app: App, parts: Iterable[bytes]) -> tuple[Wire, Connection]:
    """Send `parts` over a new connection."""
    wire = Wire()
    connection = Connection(app, Room(), lambda: 0.0)
    connection.connection_made(wire)
    for part in parts:
        connection.data_received(part)
    return wire, connection


def asked(requests: list[Request]) -> list[tuple[str, bytes, list[tuple[bytes, bytes]], bytes]]:
    """What is in `requests`."""
    return [(request.method, request.target, list(request.headers), request.body) for request in requests]


STREAMS = [
    [PING, EVENT, b"\r\n\r\nInvented /nothing HTTP/1.1\r\n\r\n", PING, b"GET /divolte.js HTTP/1.1\r\n\r\n"],
    [
        json_request(),
        json_request(),
        json_request(chunk=7),
        b"get /ping HTTP/1.1\r\n\r\n",
        json_request(chunk=1000),
        PING,
    ],
    [
        json_request(b"\r\n\r\n"),
        PING,
        json_request(b"\r\n\r\n\r\n\r\n", chunk=4),
        json_request(b"", chunk=1),
        PING,
    ],
    [
        json_request(JSON_EVENT, b"Upgrade: h2c", b"Connection: Upgrade"),
        PING,
        json_request(b"x", b"Folded: a\r\n\tb"),
    ],
    [b"PUT /ping HTTP/1.1\r\nContent-Length: 4\r\n\r\n\r\n\r\n", EVENT, b"GET /ping HTTP/1.0\r\n\r\n"],
    [json_request(JSON_EVENT, b"Expect: 100-continue"), PING, json_request(b"x" * (LIMIT + 1))],
    [EVENT, json_request(b"x" * LIMIT, chunk=900), json_request(b"x" * (LIMIT + 1), chunk=900)],
    [
        PING,
        b"POST /ping HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
        PING,
        b"GET / HTTP/0.9\r\n\r\n",
    ],
    [json_request(JSON_EVENT, b"Connection: close"), b"not looked at"],
    [EVENT + b"\x00"],
]


STATUSES = [
    [200, 200, 501, 200, 200],
    [204, 204, 204, 200, 204, 200],
    [204, 200, 204, 400, 200],
    [204, 200, 204],
    [200, 200, 200],
    [100, 204, 200, 413],
    [200, 204, 413],
    [200, 200, 200, 400],
    [204],
    [200, 400],
]


@pytest.mark.parametrize(
    ("stream", "statuses"), list(zip(STREAMS, STATUSES, strict=True)), ids=range(len(STREAMS))
)
def test_how_bytes_are_cut_does_not_matter(stream: list[bytes], statuses: list[int]) -> None:
    """One by one, all at once, byte by byte, or cut in two anywhere: the same requests, the same answers."""
    whole = b"".join(stream)
    cuts: list[Iterable[bytes]] = [stream, [whole], [bytes([byte]) for byte in whole[:3000]] + [whole[3000:]]]
    cuts += [[whole[:at], whole[at:]] for at in range(1, min(len(whole), 700))]
    seen = []
    for parts in cuts:
        outlet = FakeOutlet()
        app = app_with(outlet)
        requests = watched(app)
        wire, _ = talk(app, parts)
        assert app.counters["internal error"] == 0
        assert wire.statuses == statuses
        seen.append((asked(requests), wire.written, wire.ended, wire.closed))
    assert all(other == seen[0] for other in seen)


def pieces(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """`data` in pieces of these sizes, over and over."""
    at = 0
    for size in itertools.cycle(sizes):
        if at >= len(data):
            return
        yield data[at : at + size]
        at += size


@given(
    st.sampled_from([b"", EVENT, json_request()]),
    st.binary(max_size=200),
    st.lists(st.integers(1, 60), min_size=1),
)
def test_any_bytes_are_answered_or_waited_for(before: bytes, garbage: bytes, sizes: list[int]) -> None:
    """Nothing that a client sends raises here or in the app, however it is cut."""
    outlet = FakeOutlet()
    app = app_with(outlet)
    talk(app, pieces(before + garbage, sizes))
    assert app.counters["internal error"] == 0
    assert len(outlet.records) >= (1 if before else 0)


_TOKENS = [
    b"GET ",
    b"POST ",
    b"/json?p=0:a:b",
    b"/ping",
    b" HTTP/1.1",
    b"\r\n",
    b"\n",
    b"Content-Length: 5",
    b"5",
    b"0",
]
_TOKENS += [
    b"Transfer-Encoding: chunked",
    b"Content-Type: application/json",
    b"Expect: 100-continue",
    b"\r\n\r\n",
    b" ",
]


@given(st.lists(st.sampled_from(_TOKENS), max_size=30), st.lists(st.integers(1, 60), min_size=1))
def test_almost_requests(tokens: list[bytes], sizes: list[int]) -> None:
    """The same for what nearly is a request, and all at once gives the same answers as in pieces."""
    data = b"".join(tokens)
    app = app_with(FakeOutlet())
    cut, whole = talk(app, pieces(data, sizes))[0], talk(app, [data])[0]
    assert app.counters["internal error"] == 0
    assert (cut.written, cut.ended) == (whole.written, whole.ended)


def test_a_request_is_what_was_sent() -> None:
    """Method and target as the client wrote them, names in lower case, the peer as it is recorded."""
    app = app_with()
    requests = watched(app)
    talk(
        app,
        [b"Get /a%20b?c=D HTTP/1.1\r\nX-Name: a\r\nx-name:  b \r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
    )
    (request,) = requests
    assert (request.method, request.target, request.peer) == ("Get", b"/a%20b?c=D", b"192.0.2.1")
    headers = [(name, value.strip()) for name, value in request.headers]
    assert headers == [(b"x-name", b"a"), (b"x-name", b"b"), (b"upgrade", b"x"), (b"connection", b"upgrade")]


def test_each_request_has_its_own_headers() -> None:
    """That a connection remembers the last headers never shows; what follows chunks is no header."""
    app = app_with(FakeOutlet())
    requests = watched(app)
    other = PING.replace(b"Host: x", b"Host: y")
    close = b"GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n"
    talk(
        app,
        [
            PING,
            PING,
            other,
            json_request(chunk=9),
            PING,
            b"HEAD" + PING[3:],
            b"GET /ping HTTP/1.1\r\n\r\n",
            close,
        ],
    )
    hosts = [dict(request.headers).get(b"host") for request in requests]
    assert hosts == [b"x", b"x", b"y", None, b"x", b"x", None, None]
    assert [len(request.headers) for request in requests] == [1, 1, 1, 2, 1, 1, 0, 1]
    wire, _ = talk(app, [PING + PING.replace(b"HTTP/1.1", b"HTTP/1.0")])
    assert (wire.statuses, wire.closed) == ([200, 200], True)


def test_a_body_never_holds_more_than_its_limit() -> None:
    """Nor one that nobody wants anything."""
    body = Body(4, None)
    body.add(b"1234")
    assert (body.kept, body.too_large) == (b"1234", False)
    body.add(b"5")
    assert (body.kept, body.too_large) == (b"1234", True)
    unwanted = Body(None, None)
    unwanted.add(b"1234")
    assert (unwanted.kept, unwanted.too_large) == (b"", False)


def test_requests_that_come_together_are_answered_in_one_write() -> None:
    """What can be answered at once leaves at once, in its order."""
    wire, _ = talk(app_with(FakeOutlet()), [PING * 20 + EVENT * 5])
    assert (wire.statuses, wire.writes) == ([200] * 25, 1)


def test_a_head_request_is_answered_without_a_body() -> None:
    """Its headers are those of the answer with one, whatever the case of the method."""
    get, _ = talk(app_with(), [PING])
    for method in (b"HEAD", b"head"):
        head, _ = talk(app_with(), [method + PING[3:] + PING])
        assert head.written == get.written.removesuffix(b"pong") + get.written


def test_a_json_event() -> None:
    """It is answered with a bare 204, whether the connection goes on or not; its body reaches the app whole."""
    for request, closed in (
        (json_request(), False),
        (json_request(chunk=1), False),
        (json_request(JSON_EVENT, b"Connection: close"), True),
        (json_request().replace(b"HTTP/1.1", b"HTTP/1.0"), True),
    ):
        outlet = FakeOutlet()
        app = app_with(outlet)
        requests = watched(app)
        wire, _ = talk(app, [request])
        assert wire.written == ACCEPTED.replace(
            b"HTTP/1.1", b"HTTP/1.0" if b"HTTP/1.0" in request else b"HTTP/1.1"
        )
        assert (wire.closed, requests[0].body, len(outlet.records)) == (closed, JSON_EVENT, 1)


@pytest.mark.parametrize("chunk", [None, 1, 512, LIMIT + 1])
def test_a_body_too_large_is_refused(chunk: int | None) -> None:
    """The last byte allowed is the limit's; one more is 413 and the end, as soon as it is known."""
    app = app_with(FakeOutlet())
    requests = watched(app)
    wire, _ = talk(app, [json_request(b"x" * LIMIT, chunk=chunk)])
    assert (wire.statuses, len(requests[0].body)) == ([204], LIMIT)
    request = json_request(b"x" * (LIMIT + 1), chunk=chunk)
    known = request.index(b"\r\n\r\n") + 4 if chunk is None else request.rindex(b"x") + 1
    wire, connection = talk(app, [request[: known - 1]])
    assert wire.written == b""
    connection.data_received(request[known - 1 :] + PING)
    assert (wire.written, wire.ended, wire.closed) == (TOO_LARGE, True, False)
    assert app.counters["body too large"] == 1
    connection.data_received(b"more of it")
    assert (connection.eof_received(), wire.written) == (False, TOO_LARGE)


@pytest.mark.parametrize(
    "endless",
    [
        json_request(chunk=1).partition(b"{")[0] + b"{\r\n1;" + b"x" * 200_000,
        json_request(chunk=1).rpartition(b"Content")[0] + b"trailer: a\r\n" * 20_000,
        b"POST /ping HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        + in_chunks(b"x" * (1 << 20 | 1), 99_999),
        b"POST /ping HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n",
        b"POST /ping HTTP/1.1\r\nContent-Length: 999999999999999\r\n\r\n",
    ],
    ids=["extension", "trailers", "unwanted", "announced", "huge"],
)
def test_nobody_sends_without_end(endless: bytes) -> None:
    """What stands beside chunks is limited, and so is a body that nobody wants."""
    app = app_with(FakeOutlet())
    wire, _ = talk(app, pieces(endless, [65536]))
    assert wire.written == TOO_LARGE


def test_a_body_that_waits_for_leave() -> None:
    """`100 Continue` comes in its turn, and only where a body will be taken; else the answer comes at once."""
    outlet = FakeOutlet(verdict=None)
    head, body = json_request(JSON_EVENT, b"Expect: 100-Continue").split(b"\r\n\r\n")
    wire, connection = talk(app_with(outlet), [EVENT, head + b"\r\n\r\n"])
    assert wire.written == b""
    outlet.acknowledge_all()
    assert wire.statuses == [200, 100]
    connection.data_received(body)
    outlet.acknowledge_all()
    assert wire.written.endswith(CONTINUE + ACCEPTED)

    large = head.replace(b"Length: ", b"Length: 9")
    assert talk(app_with(), [large + b"\r\n\r\n"])[0].written == TOO_LARGE

    other = head.replace(b"application/json", b"text/plain")
    wire, connection = talk(app_with(), [other + b"\r\n\r\n"])
    assert (wire.statuses, wire.closed) == ([415], False)
    connection.data_received(body + PING)
    assert wire.statuses == [415, 200]

    old = head.replace(b"HTTP/1.1", b"HTTP/1.0")
    wire, connection = talk(app_with(FakeOutlet()), [old + b"\r\n\r\n"])
    assert wire.written == b""
    connection.data_received(body)
    assert wire.statuses == [204]

    closing = other.replace(b"Expect:", b"Connection: close\r\nExpect:")
    wire, connection = talk(app_with(), [closing + b"\r\n\r\n"])
    assert (wire.statuses, wire.ended) == ([415], True)
    connection.data_received(body)
    assert not connection.eof_received()


def test_a_broken_body_after_its_answer_is_just_the_end() -> None:
    """The answer was given before the body; nothing is added to it."""
    head = b"POST /ping HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    wire, _ = talk(app_with(), [head, b"nonsense\r\n"])
    assert (wire.statuses, wire.ended) == ([200], True)


def test_who_is_turned_away_is_not_waited_for_long() -> None:
    """What a client sends after its 400 is thrown away; if it does not leave, it is cut off."""
    wire, connection = talk(app_with(), [b"nonsense\r\n\r\n", b"more"])
    assert (wire.statuses, wire.ended, wire.aborted) == ([400], True, False)
    connection.sweep(module.LINGER_SECONDS)
    assert not wire.aborted
    connection.sweep(module.LINGER_SECONDS + 0.1)
    assert wire.aborted


def test_answers_under_way_come_before_the_end() -> None:
    """A malformed request does not cost those before it their answers, even if the client sends no more."""
    outlet = FakeOutlet(verdict=None)
    wire, connection = talk(app_with(outlet), [EVENT + EVENT + b"nonsense\r\n\r\n"])
    assert (wire.written, connection.eof_received()) == (b"", True)
    outlet.acknowledge_all()
    assert (wire.statuses, wire.closed) == ([200, 200, 400], True)


def test_an_answer_for_nobody_is_dropped() -> None:
    """Whether the client left or was cut off, an answer that comes later goes nowhere."""
    for leave in (lambda connection: connection.connection_lost(None), Connection.abort):
        outlet = FakeOutlet(verdict=None)
        timer = Timer()
        slow = EVENT.replace(b"csc", b"slow")
        wire, connection = talk(app_with(outlet, later=timer.later), [EVENT, slow])
        leave(connection)
        timer.ring()
        outlet.acknowledge_all()
        assert wire.written == b""


def test_answers_that_are_held_back_keep_the_order() -> None:
    """A delayed answer delays those behind it on its connection."""
    timer = Timer()
    wire, _ = talk(app_with(FakeOutlet(), later=timer.later), [EVENT.replace(b"csc", b"slow") + PING])
    assert wire.written == b""
    timer.ring()
    assert (wire.statuses, wire.written[-4:]) == ([200, 200], b"pong")


def test_what_came_before_the_end_is_answered() -> None:
    """A client may send more than may wait, say that this is all, and get every answer."""

    async def scenario() -> None:
        count = 3 * module.MAX_WAITING
        outlet = FakeOutlet(verdict=None)
        wire, connection = talk(app_with(outlet), [EVENT * count])
        assert (len(outlet.waiting), wire.reading) == (module.MAX_WAITING, False)
        assert connection.eof_received()
        while outlet.waiting:
            outlet.acknowledge_all()
            await asyncio.sleep(0)
        assert (wire.statuses, wire.closed) == ([200] * count, True)
        assert outlet.most_waiting == module.MAX_WAITING

    asyncio.run(scenario())


def test_a_client_that_does_not_read_waits() -> None:
    """While it does not, nothing more is taken from it; what it sent meanwhile is answered when it does."""

    async def scenario() -> None:
        outlet = FakeOutlet()
        body = b"\x00" * 100
        wire, connection = talk(app_with(outlet), [json_request(body)[:-60]])
        connection.pause_writing()
        assert not wire.reading
        for part in (body[:20], body[:20], body[:20] + PING, PING):
            connection.data_received(part)
        connection.sweep(module.WHOLE_SECONDS + 1)
        assert (wire.written, wire.aborted) == (b"", False)
        assert connection.eof_received()
        connection.resume_writing()
        await asyncio.sleep(0)
        assert (wire.statuses, wire.closed) == ([204, 200, 200], True)

    asyncio.run(scenario())


def test_who_is_turned_away_is_read_to_the_end() -> None:
    """Even if the last answer fills the transport: else the client might never see it."""

    class Full(Wire):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            super().write(data)
            connection.pause_writing()

    wire = Full()
    connection = Connection(app_with(), Room(), lambda: 0.0)
    connection.connection_made(wire)
    connection.data_received(b"nonsense\r\n\r\n")
    assert (wire.ended, wire.reading) == (True, True)


def test_each_request_has_its_own_time() -> None:
    """The time to arrive whole begins anew with each request, with or without a body."""
    now = 0.0
    wire = Wire()
    connection = Connection(app_with(FakeOutlet()), Room(), lambda: now)
    connection.connection_made(wire)
    parts = [PING[:9], PING[9:] + PING[:9], PING[9:] + json_request()[:-9], json_request()[-9:] + PING[:9]]
    for part in parts:
        connection.data_received(part)
        now += module.WHOLE_SECONDS - 1
        connection.sweep(now)
        assert not wire.aborted
    connection.sweep(now + 1.1)
    assert wire.aborted


CHUNKS = json_request(b"x" * 4000, chunk=1)


@pytest.mark.parametrize(
    ("at_once", "slowly", "allowed"),
    [
        (b"", b"GET /ping?" + b"a" * 1000, module.WHOLE_SECONDS),
        (b"GET /ping HTTP/1.1\r\n", b"A: b\r\n" * 150, module.WHOLE_SECONDS),
        (json_request(b"x" * 4000)[:-4000], b"x" * 4000, module.WHOLE_SECONDS),
        (CHUNKS[: CHUNKS.index(b"\r\n\r\n") + 4], in_chunks(b"x" * 4000, 1), module.WHOLE_SECONDS),
        (b"POST /ping HTTP/1.1\r\nContent-Length: 4000\r\n\r\n", b"x" * 4000, module.WHOLE_SECONDS),
        (b"", b"\r\n" * 1000, module.IDLE_SECONDS),
    ],
    ids=["target", "headers", "body", "chunks", "unwanted body", "line ends"],
)
def test_no_byte_buys_time(at_once: bytes, slowly: bytes, allowed: float) -> None:
    """One byte every second: head and body have their time, counted from the first byte, and line ends are nothing."""
    now = 0.0
    wire = Wire()
    connection = Connection(app_with(FakeOutlet()), Room(), lambda: now)
    connection.connection_made(wire)
    connection.data_received(at_once)
    for byte in slowly:
        connection.data_received(bytes([byte]))
        now += 1
        connection.sweep(now)
        if wire.aborted:
            break
    assert (now, wire.statuses) == (allowed + 1, [])


def test_answers_that_nobody_takes_are_not_written() -> None:
    """A client that asks for much and does not read has no more in memory than a few answers, and its time is over, too."""
    now = 0.0
    wire = Wire()
    connection = Connection(app_with(), Room(), lambda: now)
    connection.connection_made(wire)
    page = b"GET / HTTP/1.1\r\n\r\n"
    write = wire.write

    def fill(data: bytes | bytearray | memoryview) -> None:
        write(data)
        connection.pause_writing()

    wire.write = fill  # type: ignore[method-assign]
    connection.data_received(page * 4 * module.MAX_WAITING)
    assert (wire.writes, wire.reading) == (1, False)
    assert len(wire.written) < module.MAX_WRITTEN + 4096
    now = module.IDLE_SECONDS + 1
    connection.sweep(now)
    assert wire.aborted


def test_a_last_answer_that_nobody_takes_is_not_waited_for() -> None:
    """A client that wants the connection to end, and does not read, is cut off as well."""
    now = 0.0
    wire = Wire()
    connection = Connection(app_with(), Room(), lambda: now)
    connection.connection_made(wire)
    write = wire.write

    def fill(data: bytes | bytearray | memoryview) -> None:
        write(data)
        connection.pause_writing()

    wire.write = fill  # type: ignore[method-assign]
    connection.data_received(b"GET / HTTP/1.1\r\n\r\n" * 50 + b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert (wire.writes, wire.closed) == (1, False)
    now = module.IDLE_SECONDS + 1
    connection.sweep(now)
    assert wire.aborted


def test_the_server_can_end_a_connection() -> None:
    """An idle one at once, one with open answers after these, and a body that is on its way is waited for."""
    wire, connection = talk(app_with(), [PING])
    connection.finish()
    assert wire.closed

    outlet = FakeOutlet(verdict=None)
    wire, connection = talk(app_with(outlet), [EVENT])
    connection.finish()
    connection.data_received(EVENT)
    assert not wire.closed
    outlet.acknowledge_all()
    assert (wire.statuses, wire.closed) == ([200], True)

    wire, connection = talk(app_with(FakeOutlet()), [json_request()[:-1]])
    connection.finish()
    assert not wire.closed
    connection.data_received(json_request()[-1:] + PING)
    assert (wire.statuses, wire.closed) == ([204], True)

    head = b"POST /ping HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    wire, connection = talk(app_with(), [head])
    connection.finish()
    assert (wire.statuses, wire.closed) == ([200], False)
    connection.data_received(b"ab" + PING)
    assert (wire.statuses, wire.closed) == ([200], True)


def test_a_second_answer_is_not_sent() -> None:
    """If the app fails after it answered, the answer stands."""
    app = app_with()
    respond = app.respond

    def twice(request: Request, reply: object) -> None:
        respond(request, reply)  # type: ignore[arg-type]
        raise ZeroDivisionError

    app.respond = twice  # type: ignore[method-assign]
    wire, _ = talk(app, [PING])
    assert (wire.statuses, wire.closed, app.counters["internal error"]) == ([200], False, 1)
