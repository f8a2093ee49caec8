"""Requests of HTTP/1 out of bytes: heads and bodies, one at a time. No sockets, no answers, no routes.

A request's first line is read here, for it may hold what no common parser takes: any method, and targets of every
form. Headers and bodies are httptools' business. It gets exactly one head or a piece of one body at a time, so that it
never runs into the next request. A body is only kept if somebody wants it, and never more of it than was said.

Most heads are plain (see `plain_head`) and need no parser. Both ways find the same: a property test says so.
"""

from __future__ import annotations

import re

import httptools

from pyglue.collector.http import plain_head
from pyglue.collector.http.headers import Headers

END = b"\r\n\r\n"
LINE_ENDS = b"\r\n"
MAX_HEAD_BYTES = 1 << 20  # as in Divolte
MAX_LENGTH_DIGITS = 19  # of the length of a body; more is none
MAX_UNWANTED_BYTES = 1 << 20  # of a body that nobody wants

# What chunks may add to a body: the six bytes around each, in chunks of one, and whatever else a client writes there.
_BYTES_PER_CHUNKED_BYTE = 8
_BYTES_BESIDE_CHUNKS = 1 << 16
# The first line for the parser. Nothing in it changes what headers and body mean.
_FIRST_LINES = {b"HTTP/1.1": b"POST / HTTP/1.1\r\n", b"HTTP/1.0": b"POST / HTTP/1.0\r\n"}
_COMMON = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE")
_METHODS = {method.encode(): method for method in _COMMON}
_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FOLD = re.compile(rb"\r\n[ \t]+")
# Where a body ends is told in one line: a proxy in front might have read no more.
_FOLDED_FRAMING = re.compile(rb"(?:^|\n)(?i:content-length|transfer-encoding):[^\r]*\r\n[ \t]")
_UPGRADE = re.compile(rb"^upgrade(?=:)", re.IGNORECASE | re.MULTILINE)
_MASKED_UPGRADE = b"x-upgrade-not-heeded"
_RETURN, _LINE_FEED = b"\r\n"


class Malformed(Exception):
    """These bytes are no request."""


class Body:
    """A body on its way."""

    __slots__ = ("_beside", "_half", "_kept", "_size", "left", "limit")

    def __init__(self, limit: int | None, length: int | None) -> None:
        """Up to `limit` bytes are kept, or none without one; `length` is as announced, None if it comes in chunks."""
        self.limit = MAX_UNWANTED_BYTES if limit is None else limit
        self.left = length
        self._size = length or 0
        self._beside = 0
        self._half = False  # the last piece ended within a line's end
        self._kept: bytearray | None = None if limit is None else bytearray()

    @property
    def too_large(self) -> bool:
        """Whether the client is about to send more than it may, or did."""
        beside = self._beside - _BYTES_PER_CHUNKED_BYTE * self._size
        return self._size > self.limit or beside > _BYTES_BESIDE_CHUNKS

    @property
    def kept(self) -> bytes:
        """What came so far, if it is kept."""
        return bytes(self._kept or b"")

    @property
    def size_kept(self) -> int:
        """The bytes of that."""
        return len(self._kept or b"")

    def add(self, part: bytes) -> None:
        """A piece came."""
        if self.left is None:
            self._size += len(part)
        if self._kept is not None and self._size <= self.limit:
            self._kept += part

    def end_of_piece(self, data: bytes, at: int) -> int:
        """Where a piece that begins at `at` may end without running into the next request; it counts as come."""
        if self.left is not None:
            end = min(at + self.left, len(data))
            self.left -= end - at
            return end
        end = data.find(b"\r\n", at) + 2  # the parser takes no other line's end around chunks
        if self._half and data[at] == _LINE_FEED:
            end = at + 1
        elif end < 2:
            end = len(data)
        self._half = data[end - 1] == _RETURN
        self._beside += end - at
        return end


class Reader:
    """Takes the requests of one connection apart. What it found last is in its attributes.

    `method` is as the client wrote it, names in `headers` are in lower case; `whole` tells that nothing of the request
    is still to come, `keep_alive` that the client wants to go on after it.
    """

    def __init__(self) -> None:
        self.method = ""
        self.target = b""
        self.version = b""
        self.headers: Headers = ()
        self.whole = False
        self.keep_alive = False
        self._parser: httptools.HttpRequestParser | None = None
        self._parsing = False  # the parser had the last head, and gets the body
        self._found: list[tuple[bytes, bytes]] = []
        self._body: Body | None = None

    def take_head(self, data: bytes, at: int) -> int:
        """Read the head that begins at `at`: where it ends, or -1 if it is not all there; raises Malformed."""
        plain = plain_head.match(data, at)
        if plain is None:
            return self._take_other_head(data, at)
        end = plain.end()
        if end - at > MAX_HEAD_BYTES:
            raise Malformed
        method, self.target, lines, agent, length = plain.groups()
        self.method = _METHODS.get(method) or _other_method(method)
        self.version = b"HTTP/1.1"
        self.headers = plain_head.Block(lines, agent, length)
        self.whole = length is None or int(length) == 0
        self.keep_alive = True
        self._parsing = False
        return end

    def begin_body(self, limit: int | None, length: int | None) -> Body:
        """Go on with the body of the last head; see Body."""
        self._body = Body(limit, length)
        self._found = []  # headers may follow a body, too; nobody wants them
        return self._body

    def take_body(self, data: bytes, at: int, body: Body) -> int:
        """Read a piece of the body, and nothing of what follows it: the position after it; raises Malformed."""
        end = body.end_of_piece(data, at)
        if not self._parsing:
            body.add(data[at:end])
            self.whole = body.left == 0
            return end
        try:
            self._known_parser.feed_data(data[at:end])
        except httptools.HttpParserError:
            raise Malformed from None
        if self.whole:
            self._body = None
        return end

    # what httptools calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or what follows a body's chunks."""
        self._found.append((name.lower(), value))

    def on_body(self, part: bytes) -> None:
        """A piece of a body."""
        if self._body is not None:
            self._body.add(part)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self.whole = True
        self.keep_alive = self._known_parser.should_keep_alive()

    # the rest

    @property
    def _known_parser(self) -> httptools.HttpRequestParser:
        """The parser: many connections never need one."""
        if self._parser is None:
            self._parser = httptools.HttpRequestParser(self)
        return self._parser

    def _take_other_head(self, data: bytes, at: int) -> int:
        """`take_head` for any head."""
        line_end = data.find(b"\r", at)
        end = data.find(END, line_end) + len(END) if line_end >= 0 else -1
        if end < len(END):
            return -1
        self._parsing = True
        method, _, rest = data[at:line_end].partition(b" ")
        self.target, _, self.version = rest.partition(b" ")
        self._read_headers(self.version, data[line_end + 2 : end])
        if end - at > MAX_HEAD_BYTES or data[line_end + 1] != _LINE_FEED or not self.target:
            raise Malformed
        self.method = _METHODS.get(method) or _other_method(method)
        return end

    def _read_headers(self, version: bytes, block: bytes) -> None:
        first_line = _FIRST_LINES.get(version)
        if first_line is None:
            raise Malformed
        if not self._feed(first_line + block):
            # The parser refuses continued lines, and reads no body after a wish for another protocol.
            plain = _UPGRADE.sub(_MASKED_UPGRADE, _FOLD.sub(b" ", block))
            if plain == block or _FOLDED_FRAMING.search(block) or not self._feed(first_line + plain):
                raise Malformed
            self._found = [
                (b"upgrade" if name == _MASKED_UPGRADE else name, value) for name, value in self._found
            ]
        self.headers = self._found
        if len(self.headers) > plain_head.MAX_LINES:
            raise Malformed
        if any(name == b"content-length" and len(value) > MAX_LENGTH_DIGITS for name, value in self.headers):
            raise Malformed
        if version == b"HTTP/1.0" and any(name == b"transfer-encoding" for name, _ in self.headers):
            self.keep_alive = False  # that version has no chunks: a proxy may see another end

    def _feed(self, head: bytes) -> bool:
        """Parse a head; False, and all is as if it had not been tried, if it is malformed."""
        self._found = []
        self.whole = False
        try:
            self._known_parser.feed_data(head)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._parser = None
            return False
        if not self.whole:
            self.keep_alive = self._known_parser.should_keep_alive()
        return True


def may_begin(first: bytes | bytearray) -> bool:
    """Whether a request may begin with this byte."""
    return _METHOD.fullmatch(first) is not None


def _other_method(method: bytes) -> str:
    if not _METHOD.fullmatch(method):
        raise Malformed
    return method.decode("ascii")
