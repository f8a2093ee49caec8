"""Targets of bytes on a connection: heads and bodies, the connection cut into pieces, the whole app behind it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from random import Random
from typing import Any

from pyglue.collector.app import App, Ping, Ready
from pyglue.collector.counting.counters import Counters
from pyglue.collector.delivery import Reply
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.http import answers, headers, plain_head, requestlog
from pyglue.collector.http.answers import Tag
from pyglue.collector.http.connection import Connection
from pyglue.collector.http.http1 import LINE_ENDS, Malformed, Reader
from pyglue.collector.http.page import TestPage
from pyglue.collector.http.request import Request
from pyglue.collector.http.room import Room
from pyglue.collector.sources import EventsAt, JsonEventsAt, Pipeline
from tests.collector.http.test_connection import Wire
from tests.collector.http_fakes import NOW, FakeOutlet, Timer
from tests.collector.support import encoder, shipped_encoder
from tests.fuzz import seeds
from tests.fuzz.targets import KIB, Target, words

_LIMIT = 8 * KIB  # of bodies that are wanted
_WORDS = (
    *words(
        "GET POST HEAD PUT / /csc-event /json /ping /divolte.js /csc-event?"
        " /json?p=0%3Aa%3Ab http://x/ HTTP/1.1 HTTP/1.0"
    ),
    *words(
        "Host: Cookie: User-Agent: Connection: close keep-alive Upgrade: h2c Expect: 100-continue TE: chunked"
    ),
    *(
        b"\r\n\r\n",
        b"\r\n ",
        b": ",
        b"\r\nContent-Length: ",
        b"\r\nContent-Length: 5\r\n\r\n",
        b"\r\nTransfer-Encoding: ",
    ),
    *(
        b"chunked\r\n\r\n",
        b"1\r\nx\r\n",
        b"0\r\n\r\n",
        b"5\r\nabcde\r\n",
        b";a=b",
        b"ffffffffffffffff\r\n",
        b"\r\nA: b",
    ),
    *(b"GET /ping HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nA: b\r\n\r\n", b"\r\nIf-None-Match: ", b'W/"a", '),
    *(b"\r\nRange: bytes=", b"\r\nIf-Modified-Since: Mon, 01 Jan 2024 00:00:00 +0000", b"\r\nIf-Match: *"),
    *(
        b"\r\nIf-Unmodified-Since: ",
        b"\r\nIf-Range: ",
        b"\r\nX-Forwarded-For: ",
        b"\r\nContent-Type: application/json",
    ),
    *(
        b"\r\nAccept-Encoding: gzip",
        b"\r\nDNT: 1",
        b"\r\nCookie: a=b; c=d",
        b"::1",
        b"127.0.0.1",
        b", ",
        b"&u=(sa!b!)",
    ),
)


# heads and bodies


def _read(data: bytes) -> tuple[list[Any], str]:
    """The requests in `data`, and how it ends; as a connection reads them, without one."""
    found: list[Any] = []
    reader, at = Reader(), 0
    while at < len(data):
        if data[at] in LINE_ENDS:
            at += 1
            continue
        try:
            end = reader.take_head(data, at)
            if end < 0:
                return found, "more"
            assert end > at
            body, at = b"", end
            if not reader.whole:
                announced = headers.first(reader.headers, b"content-length")
                upload = reader.begin_body(_LIMIT, None if announced is None else int(announced))
                while not reader.whole and not upload.too_large and at < len(data):
                    end = reader.take_body(data, at, upload)
                    assert end > at
                    at = end
                if upload.too_large:
                    return found, "large"
                body = upload.kept
                assert len(body) <= _LIMIT
        except Malformed:
            return found, "malformed"
        found.append((reader.method, reader.target, reader.version, reader.headers, body, reader.keep_alive))
        if not reader.whole:
            return found, "body"
    return found, "end"


def _check_read(data: bytes, result: tuple[list[Any], str]) -> str:
    if plain_head.match(data) is not None and len(data) < 64 * KIB:
        plain, general = Reader(), Reader()
        one, other = plain.take_head(data, 0), general._take_other_head(data, 0)
        assert one == other, f"a plain head ends at {one}, for the parser at {other}"
        assert _found(plain) == _found(general)
    found, end = result
    return f"{min(len(found), 3)} {end} {sorted({(request[0], request[2], request[5]) for request in found[:4]})}"


def _found(reader: Reader) -> object:
    lines = [(name, headers.text(value)) for name, value in reader.headers]
    return reader.method, reader.target, reader.version, reader.whole, reader.keep_alive, lines


# the connection


class _Site:
    """Notes all that it is asked."""

    stopping = False

    def __init__(self) -> None:
        self.noted: list[Any] = []

    def respond(self, request: Request, reply: Reply) -> None:
        """Note the request, and answer it."""
        lines = tuple((name, bytes(value)) for name, value in request.headers)
        self.noted.append((request.method, request.target, lines, request.body))
        reply(answers.PONG)

    def body_limit(self, request: Request) -> int | None:
        """Bodies are wanted on one path."""
        return _LIMIT if request.target.startswith(b"/json") else None

    def count(self, kind: str) -> None:
        """Note it."""
        self.noted.append(kind)


def _sent(pieces: Sequence[bytes]) -> tuple[list[Any], bytes, bool]:
    """What a site is asked, what is answered, whether the connection goes on."""
    site, wire = _Site(), _Parts()
    connection = Connection(site, Room(), lambda: 0.0)
    connection.connection_made(wire)
    for piece in pieces:
        if wire.is_closing() or wire.ended:
            break
        connection.data_received(piece)
    return site.noted, b"".join(wire.parts), wire.is_closing() or wire.ended


class _Parts(Wire):
    """A wire that keeps writes apart, for there may be thousands."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep."""
        self.parts.append(bytes(data))


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _check_pieces(data: bytes, result: tuple[list[Any], bytes, bool]) -> str:
    """Whatever pieces the bytes come in, the same is asked and answered."""
    chance = Random(zlib.crc32(data))  # noqa: S311 - no secret
    cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.choice((1, 2, 5))))
    forms = [[data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)], [data]]
    if len(data) < KIB:
        forms.append(_cut(data, 1))
    for pieces in forms:
        other = _sent([piece for piece in pieces if piece])
        assert other == result, (
            f"in pieces of {[len(piece) for piece in pieces][:8]} bytes: {other!r}, not {result!r}"[:3000]
        )
    noted, written, closed = result
    kinds = sorted(
        {note if isinstance(note, str) else f"{note[0]} {len(note[2])} {bool(note[3])}" for note in noted[:9]}
    )
    return f"{kinds} {min(len(noted), 3)} {sorted({part[:3] for part in written.split(b'HTTP/1.1 ')[:9]})} {closed}"


# the app


class _Everything:
    """An app with all that it may have, and its connection; made once, for its tables take their time."""

    def __init__(self) -> None:
        outlet = FakeOutlet()
        lists = seeds.suite_schema("header-functions")
        scalars = seeds.suite_schema("json-scalars-api")
        encoders = (
            shipped_encoder(),
            encoder(seeds.suite_mapping("header-functions"), lists),
            encoder(seeds.suite_mapping("json-scalars-api"), scalars),
            encoder(seeds.suite_mapping("uri-query"), seeds.suite_schema("uri-query")),
        )
        pipelines = tuple(Pipeline(encode, (outlet,)) for encode in encoders)
        self.outlet = outlet
        self.app = App(
            {
                "/csc-event": EventsAt(pipelines),
                "/json": JsonEventsAt(pipelines, "p", _LIMIT),
                "/divolte.js": Tag(b"tag();"),
                "/ping": Ping(),
                "/ready": Ready(),
                "/": TestPage(),
                "/index.html": TestPage(),
            },
            DuplicateMemory(1000),
            Counters(),
            clock=lambda: NOW,
            later=Timer().later,
            retry_after_s=3,
            use_x_forwarded_for=True,
            serve_static_resources=True,
        )

    def answer(self, data: bytes) -> _Parts:
        """What is answered to these bytes."""
        self.outlet.records.clear()
        wire = _Parts()
        connection = Connection(self.app, Room(), lambda: 0.0)
        connection.connection_made(wire)
        connection.data_received(data)
        return wire


def _check_answers(data: bytes, wire: _Parts) -> str:
    statuses = sorted(
        {part[9:12] for part in b"".join(wire.parts).split(b"\r\n") if part.startswith(b"HTTP/1.")}
    )
    assert b"500" not in statuses, "answered with 500: see the log above for the exception"
    for noted in _sent([data])[0]:
        if isinstance(noted, tuple):
            assert requestlog.line(*noted[:3]).isascii()
    return f"{statuses} {wire.closed} {wire.ended}"


def targets() -> list[Target]:
    """The targets of this module."""
    requests = seeds.requests()
    everything = _Everything()
    return [
        Target("heads", requests, _WORDS, _read, _check_read, most=KIB * KIB),
        Target(
            "connection",
            requests,
            _WORDS,
            lambda data: _sent(_cut(data, 1460)),
            _check_pieces,
            most=KIB * KIB,
        ),
        Target("app", requests, _WORDS, everything.answer, _check_answers, most=KIB * KIB),
    ]
