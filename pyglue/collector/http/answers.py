"""Every answer that the collector gives, as values; and their bytes.

The headers and their values are Divolte's. `Server` is on all answers but the one to a request that could not be
read. An answer is turned into bytes once for each form that clients ask for, and kept.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EVENT_TAG = '"6b3edc43-20ec-4078-bc47-e965dd76b88a"'
GIF = bytes.fromhex("4749463839610100010000000021f904010a0001002c00000000010001000002024c01003b")
# A tag in a list, with whatever stands before it. A `W` that no tag follows spoils the rest.
_LISTED_TAG = re.compile(r'[^"W]*(?:W/*)?"([^"]*)"?')
SERVER = ("Server", "divolte")
_TEXT = ("Content-Type", "text/plain; charset=utf-8")

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Answer:
    """Status, headers and body; `Content-Length` and `Connection` are added where they belong."""

    status: int
    headers: Headers
    body: bytes = b""
    close: bool = False
    _rendered: dict[tuple[bool, str, bool], bytes] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @cached_property
    def kept_alive(self) -> bytes:
        """The bytes of the usual case: HTTP/1.1, the connection goes on, and the client wants the body."""
        return self.render(keep_alive=True)

    def render(self, *, keep_alive: bool, version: str = "1.1", head: bool = False) -> bytes:
        """The bytes to send; `head` leaves the body out."""
        form = (keep_alive and not self.close, version, head)
        data = self._rendered.get(form)
        if data is None:
            data = self._rendered[form] = self._render(*form)
        return data

    def _render(self, keep_alive: bool, version: str, head: bool) -> bytes:
        lines = [f"HTTP/{version} {self.status} {HTTPStatus(self.status).phrase}"]
        bodiless = self.status in (204, 304)
        if not bodiless:
            lines.append("Connection: keep-alive" if keep_alive else "Connection: close")
        lines += [f"{name}: {value}" for name, value in self.headers]
        if not bodiless:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if head or bodiless else self.body)


_EVENT_HEADERS = (
    SERVER,
    ("ETag", EVENT_TAG),
    ("Cache-Control", "private, no-cache, proxy-revalidate"),
    ("Pragma", "no-cache"),
    ("Expires", "Fri, 14 Apr 1995 11:30:00 GMT"),
    ("Content-Type", "image/gif"),
)
EVENT = Answer(200, _EVENT_HEADERS, GIF)
EVENT_AGAIN = Answer(304, _EVENT_HEADERS)
ACCEPTED = Answer(204, (SERVER,))
INCOMPLETE = Answer(400, (SERVER,))  # a JSON event without body or party
TOO_LARGE = Answer(413, (SERVER,), close=True)
NOT_JSON = Answer(415, (SERVER, _TEXT), b"Content type must be application/json.")
PONG = Answer(200, (SERVER, _TEXT), b"pong")
NOT_FOUND = Answer(404, (SERVER,))
NOT_A_PAGE_METHOD = Answer(405, (SERVER, ("Allow", "GET, HEAD, POST")))
UNKNOWN_METHOD = Answer(501, (SERVER,))
MALFORMED = Answer(400, (), close=True)
BROKEN = Answer(500, (SERVER,), close=True)
STOPPING = Answer(503, (SERVER, _TEXT), b"No p*ng for you, shutting down")
WAITING = Answer(503, (SERVER, _TEXT), b"No p*ng for you, waiting for Kafka")
READY = Answer(200, (SERVER, _TEXT), b"ready\n")


def method_not_allowed(method: str, allowed: str) -> Answer:
    """The answer to a `method` (as the client wrote it) on a path that only knows `allowed`."""
    return Answer(405, (SERVER, ("Allow", allowed), _TEXT), f"HTTP method {method} not allowed.".encode())


def not_ready(reasons: Sequence[str]) -> Answer:
    """The answer that tells why events would be refused, one reason a line."""
    return Answer(503, (SERVER, _TEXT), "".join(f"{reason}\n" for reason in reasons).encode())


def found_at(location: str) -> Answer:
    """The answer that sends the client to `location`."""
    return Answer(302, (SERVER, ("Location", location)))


def try_later(seconds: int) -> Answer:
    """The answer to an event that was not acknowledged: send it again after `seconds`."""
    headers = (SERVER, ("Retry-After", str(seconds)), ("Cache-Control", "no-store"), _TEXT)
    return Answer(503, headers, b"The event was not recorded; try again later.")


def holds_tag(if_none_match: str | None, tag: str) -> bool:
    """Whether the header names the entity `tag` (with its quotes), weakly or strongly, or any entity, as `"*"`.

    A bare `*` names none.
    """
    return if_none_match is not None and any(
        listed in ("*", tag[1:-1]) for listed in listed_tags(if_none_match)
    )


def listed_tags(header: str) -> Iterator[str]:
    """The entity tags in a header, without their quotes; what stands between two of them does not matter."""
    found = _LISTED_TAG.match(header)
    while found:
        yield found[1].strip()
        found = _LISTED_TAG.match(header, found.end())


class Tag:
    """A source's script, plain and compressed, and the answers to requests for it."""

    def __init__(self, script: bytes) -> None:
        digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
        self._plain = _tag_answers(script, f'"{digest}"', ())
        compressed = gzip.compress(script, 9, mtime=0)
        self._compressed = _tag_answers(compressed, f'"gz+{digest}"', (("Content-Encoding", "gzip"),))

    def answer(self, accept_encoding: Sequence[str], if_none_match: str | None) -> Answer:
        """The script, or 304 if the client has it; compressed for clients that list exactly `gzip`.

        `accept_encoding` holds the lines of that header.
        """
        gzip_listed = any("gzip" in [token.strip() for token in line.split(",")] for line in accept_encoding)
        tag, whole, unchanged = self._compressed if gzip_listed else self._plain
        return unchanged if holds_tag(if_none_match, tag) else whole


def _tag_answers(body: bytes, tag: str, encoding: Headers) -> tuple[str, Answer, Answer]:
    caching = (
        SERVER,
        ("ETag", tag),
        ("Cache-Control", "public, max-age=3600"),
        ("Vary", "Accept-Encoding"),
        *encoding,
    )
    whole = Answer(200, (*caching, ("Content-Type", "application/javascript")), body)
    return tag, whole, Answer(304, caching)
