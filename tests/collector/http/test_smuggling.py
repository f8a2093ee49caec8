"""What two servers could read differently: it is refused, or read in the one safe way."""

from __future__ import annotations

from typing import Final

import pytest

from tests.collector.http.test_connection import talk, watched
from tests.collector.http_fakes import FakeOutlet, app_with

POST: Final = b"POST /ping HTTP/1.1\r\nHost: x\r\n"
CHUNKED: Final = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT: Final = b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"
REFUSED: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    "odd",
    [
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        POST + b"Upgrade: h2c\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"X: a\r\n b\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        POST + b"Content-Length: 3, 3\r\n\r\nabc",
        POST + b"Content-Length: +3\r\n\r\nabc",
        POST + b"Content-Length: -3\r\n\r\nabc",
        POST + b"Content-Length: 0x3\r\n\r\nabc",
        POST + b"Content-Length: 3_0\r\n\r\nabc",
        POST + b"Content-Length: 1 0\r\n\r\nabc",
        POST + b"Content-Length: \r\n\r\n",
        POST + b"Content-Length: \x0b3\r\n\r\nabc",
        POST + b"Content-Length: 18446744073709551619\r\n\r\nabc",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
        POST + b"Content-Length:\r\n 3\r\n\r\nabc",
        POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: gzip,\r\n\tchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
        POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\x00\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: \r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length : 3\r\n\r\nabc",
        b"POST /ping HTTP/1.1\r\n Content-Length: 3\r\n\r\nabc",
        POST + b": x\r\n\r\n",
        POST + b"Content-Length\r\n\r\n",
        POST + b"X: a\nContent-Length: 3\r\n\r\nabc",
        POST + b"X: a\rContent-Length: 3\r\n\r\nabc",
        POST + b"X: a\r\r\nContent-Length: 3\r\n\r\nabc",
        POST + b"X: a\n\r\n",
        b"POST /ping HTTP/1.1\nHost: x\nContent-Length: 3\n\nabc",
        b"GET /ping HTTP/1.1\nX: y\r\n\r\n",
        POST + b"X: a\x00b\r\n\r\n",
        POST + b"X: a\x01b\r\n\r\n",
        POST + b"X\x00: a\r\n\r\n",
        POST + b"X\xe9: a\r\n\r\n",
        b"GET\t/ping\tHTTP/1.1\r\n\r\n",
        b"GET /ping  HTTP/1.1\r\n\r\n",
        b"GET /ping\r\n",
        b"GET /ping\r\n\r\n",
        b"GET /ping HTTP/0.9\r\n\r\n",
        b"GET /ping HTTP/1.10\r\n\r\n",
        b"GET /ping http/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda odd: repr(odd.removeprefix(POST)[:60]),
)
def test_what_two_servers_could_read_differently_is_refused(odd: bytes) -> None:
    """An empty 400, the end, and nothing behind it is a request."""
    app = app_with(FakeOutlet())
    requests = watched(app)
    wire, _ = talk(app, [odd + NEXT])
    assert (wire.written, wire.ended, requests) == (REFUSED, True, [])


@pytest.mark.parametrize(
    "chunks",
    [
        b"3\nabc\n0\n\n",
        b"3;a\nabc\r\n0\r\n\r\n",
        b"3;a\rb\r\nabc\r\n0\r\n\r\n",
        b"3 \r\nabc\r\n0\r\n\r\n",
        b" 3\r\nabc\r\n0\r\n\r\n",
        b"0x3\r\nabc\r\n0\r\n\r\n",
        b"+3\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"\r\nabc\r\n0\r\n\r\n",
        b"10000000000000003\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcX\n0\r\n\r\n",
        b"3\r\nabc\n0\r\n\r\n",
        b"0\r\nContent-Length: 5\r\n\r\n",
        b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=repr,
)
def test_chunks_are_read_to_the_letter_or_not_at_all(chunks: bytes) -> None:
    """Nothing that follows what is no chunk is a request."""
    app = app_with(FakeOutlet())
    requests = watched(app)
    wire, _ = talk(app, [CHUNKED + chunks + NEXT])
    assert (wire.written, wire.ended, requests) == (REFUSED, True, [])


@pytest.mark.parametrize(
    "request_",
    [
        POST + b"Content-Length: 3 \t\r\n\r\nabc",
        POST + b"X: a\r\n Content-Length: 300\r\n\r\n",
        POST + b"X: a\r\n\tTransfer-Encoding: chunked\r\n\r\n",
        POST + b"Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        POST + b"Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 3\r\n\r\nabc",
        POST + b"Connection: Content-Length\r\nContent-Length: 3\r\n\r\nabc",
        POST + b"Host: y\r\nContent-Length: 3\r\n\r\nabc",
        CHUNKED + b'3;a="b"\r\nabc\r\n0\r\n\r\n',
        CHUNKED + b"0" * 50 + b"3\r\nabc\r\n0\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(NEXT) + NEXT,
        b"GET http://elsewhere.example/ping HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
        b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\r\n\r\nGET /ping HTTP/1.1\r\n\r\n",
    ],
    ids=lambda request: repr(request.removeprefix(POST)[:60]),
)
def test_what_has_one_meaning_has_it(request_: bytes) -> None:
    """One request, of which nothing is taken for another; the next one is the one behind it. No protocol is switched."""
    app = app_with(FakeOutlet())
    requests = watched(app)
    wire, _ = talk(app, [request_ + NEXT])
    assert [request.target for request in requests][1:] == [b"/next"]
    assert wire.statuses[1:] == [404]
    assert (wire.ended, wire.closed) == (False, False)


def test_chunks_of_a_version_without_chunks_end_the_connection() -> None:
    """A proxy that speaks HTTP/1.0 may see another end of such a request, so no other follows."""
    for before in (b"", NEXT):
        app = app_with(FakeOutlet())
        requests = watched(app)
        old = (
            CHUNKED.replace(b"HTTP/1.1\r\n", b"HTTP/1.0\r\nConnection: keep-alive\r\n")
            + b"3\r\nabc\r\n0\r\n\r\n"
        )
        wire, _ = talk(app, [before + old + NEXT])
        assert [request.target for request in requests][-1:] == [b"/ping"]
        assert wire.closed


def test_nothing_that_a_client_sends_ends_a_line_of_an_answer() -> None:
    """Where its words come back in a header, they are still escaped; a method comes back in a body alone."""
    app = app_with(FakeOutlet())
    split = b"%0d%0aSet-Cookie:%20a=b"
    wire, _ = talk(app, [b"GET /.?" + split + b" HTTP/1.1\r\n\r\n"])
    assert b"Location: /?" + split + b"\r\n" in wire.written
    for target in (
        b"/." + split,
        b"//elsewhere.example/..",
        b"/.?a\rb",
        b"/.?a\nb",
        b"http://elsewhere.example/.",
    ):
        wire, _ = talk(app_with(FakeOutlet()), [b"GET " + target + b" HTTP/1.1\r\n\r\n"])
        head = wire.written.partition(b"\r\n\r\n")[0]
        assert b"Set-Cookie" not in head
        assert b"elsewhere" not in head
    wire, _ = talk(app, [b"A'B /csc-event HTTP/1.1\r\n\r\n"])
    head, _, body = wire.written.partition(b"\r\n\r\n")
    assert (b"A'B" in head, body) == (False, b"HTTP method A'B not allowed.")
