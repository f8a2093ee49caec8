"""Every answer that the collector gives, as values; and their bytes.

The headers and their values are Divolte's. `Server` is on all answers but the one to a request that could not be
read.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from dataclasses import dataclass
from http import HTTPStatus

EVENT_TAG = '"6b3edc43-20ec-4078-bc47-e965dd76b88a"'
GIF = bytes.fromhex("4749463839610100010000000021f904010a0001002c00000000010001000002024c01003b")
_QUOTED = re.compile(r'"([^"]*)"?')
_SERVER = ("Server", "divolte")
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


@dataclass(frozen=True)
class Answer:
    """Status, headers and body; `Content-Length` and `Connection` are added where they belong."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    close: bool = False

    def render(self, *, keep_alive: bool, version: str = "1.1", head: bool = False) -> bytes:
        """The bytes to send; `head` leaves the body out."""
        bodiless = self.status in (204, 304)
        lines = [f"HTTP/{version} {self.status} {HTTPStatus(self.status).phrase}"]
        if not keep_alive or self.close:
            lines.append("Connection: close")
        elif not bodiless:
            lines.append("Connection: keep-alive")
        lines += [f"{name}: {value}" for name, value in self.headers]
        if not bodiless:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if head or bodiless else self.body)


_EVENT_HEADERS = (
    _SERVER,
    ("ETag", EVENT_TAG),
    ("Cache-Control", "private, no-cache, proxy-revalidate"),
    ("Pragma", "no-cache"),
    ("Expires", "Fri, 14 Apr 1995 11:30:00 GMT"),
    ("Content-Type", "image/gif"),
)
EVENT = Answer(200, _EVENT_HEADERS, GIF)
EVENT_AGAIN = Answer(304, _EVENT_HEADERS)
PONG = Answer(200, (_SERVER, _TEXT), b"pong")
NOT_FOUND = Answer(404, (_SERVER,))
MALFORMED = Answer(400, (), close=True)
BROKEN = Answer(500, (_SERVER,), close=True)
STOPPING = Answer(503, (_SERVER, _TEXT), b"No p*ng for you, shutting down")
WAITING = Answer(503, (_SERVER, _TEXT), b"No p*ng for you, waiting for Kafka")


def method_not_allowed(method: str) -> Answer:
    """The answer to another method than GET on a path that only knows GET."""
    return Answer(405, (_SERVER, ("Allow", "GET"), _TEXT), f"HTTP method {method} not allowed.".encode())


def try_later(seconds: int) -> Answer:
    """The answer to an event that Kafka did not acknowledge: send it again after `seconds`."""
    headers = (_SERVER, ("Retry-After", str(seconds)), ("Cache-Control", "no-store"), _TEXT)
    return Answer(503, headers, b"The event was not recorded; try again later.")


def holds_tag(if_none_match: str | None, tag: str) -> bool:
    """Whether the header names the entity `tag` (with its quotes), weakly or strongly. `*` does not."""
    return if_none_match is not None and tag.strip('"') in _QUOTED.findall(if_none_match)


class Tag:
    """A source's script, plain and compressed, and the answers to requests for it."""

    def __init__(self, script: bytes) -> None:
        digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
        self._plain = _tag_answers(script, f'"{digest}"', None)
        self._compressed = _tag_answers(gzip.compress(script, 9, mtime=0), f'"gz+{digest}"', "gzip")

    def answer(self, accept_encoding: str | None, if_none_match: str | None) -> Answer:
        """The script, or 304 if the client has it; compressed for clients that list exactly `gzip`."""
        accepted = [token.strip() for token in (accept_encoding or "").split(",")]
        tag, whole, unchanged = self._compressed if "gzip" in accepted else self._plain
        return unchanged if holds_tag(if_none_match, tag) else whole


def _tag_answers(body: bytes, tag: str, encoding: str | None) -> tuple[str, Answer, Answer]:
    caching = (
        _SERVER,
        ("ETag", tag),
        ("Cache-Control", "public, max-age=3600"),
        ("Vary", "Accept-Encoding"),
    )
    content: tuple[tuple[str, str], ...] = (("Content-Type", "application/javascript"),)
    if encoding:
        content += (("Content-Encoding", encoding),)
    return tag, Answer(200, caching + content, body), Answer(304, caching)
