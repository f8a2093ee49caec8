"""One request on a connection of its own, and its answer.

Requests go out byte for byte as the suite has them, and an answer is read as it came: a library for HTTP would put
right, add and leave out what is to be compared.
"""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

TIMEOUT_S = 10
CONTINUE_S = 1.5  # a server that does not answer `Expect: 100-continue` gets the body all the same

Head = tuple[int, dict[str, str]]


@dataclass(frozen=True)
class Answer:
    """What came back; status 0 is no answer. `continued`: the server said `100 Continue` first."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case, repeated ones joined
    body: bytes = b""
    continued: bool = False


def exchange(request: Mapping[str, Any], host: str, port: int, etags: Mapping[str, str]) -> Answer:
    """Send the request and read its answer; `etags` are those of earlier answers, by request.

    Raises OSError where nothing listens or nothing more is accepted.
    """
    headers = _headers(request, f"{host}:{port}", etags)
    head = f"{request['method']} {request['target']} HTTP/{request.get('http', '1.1')}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    expects = any(name.lower() == "expect" for name, _ in headers)
    with socket.create_connection((host, port), timeout=TIMEOUT_S) as connection:
        reader = _Reader(connection)
        got, continued = _send(connection, reader, head.encode("utf-8"), _sent_body(request), expects)
        if got is None:
            got = reader.head()
        while got and 100 <= got[0] < 200:
            continued, got = True, reader.head()
        if got is None:
            return Answer(0, continued=continued)
        status, fields = got
        return Answer(status, fields, reader.body(request["method"], status, fields), continued)


def _headers(request: Mapping[str, Any], host: str, etags: Mapping[str, str]) -> list[tuple[str, str]]:
    given = request.get("headers") or {}
    pairs = given.items() if isinstance(given, dict) else given
    headers = [(name, _with_etag(value, etags)) for name, value in pairs]
    names = {name.lower() for name, _ in headers}
    if "host" not in names and not request.get("no_host"):
        headers.insert(0, ("Host", host))
    body = _body(request)
    if request.get("chunked"):
        headers.append(("Transfer-Encoding", "chunked"))
    elif body is not None and "content-length" not in names:
        headers.append(("Content-Length", str(len(body))))
    return headers


def _with_etag(value: str, etags: Mapping[str, str]) -> str:
    """The ETag that this run's server gave in answer to an earlier request, in its place."""
    place = re.fullmatch(r"(.*)\{\{etag:([^}]+)\}\}(.*)", value, re.DOTALL)
    return place[1] + etags.get(place[2], "") + place[3] if place else value


def _body(request: Mapping[str, Any]) -> bytes | None:
    if "body_b64" in request:
        return base64.b64decode(request["body_b64"])
    if "body" in request:
        return str(request["body"]).encode("utf-8")
    return None


def _sent_body(request: Mapping[str, Any]) -> bytes:
    body = _body(request) or b""
    if not request.get("chunked"):
        return body
    size = int(request["chunked"])
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def _send(
    connection: socket.socket, reader: _Reader, head: bytes, body: bytes, expects: bool
) -> tuple[Head | None, bool]:
    """-> an answer that came before all was sent, if any; whether it was told to go on.

    A server may answer and hang up before it has read everything: then its answer counts, not the broken pipe.
    """
    got: Head | None = None
    continued = False
    with suppress(BrokenPipeError, ConnectionResetError):
        if not expects:
            connection.sendall(head + body)
            return None, False
        connection.sendall(head)
        connection.settimeout(CONTINUE_S)
        got = reader.head()
        connection.settimeout(TIMEOUT_S)
        if got is None or got[0] == 100:  # told to go on, or tired of waiting
            continued = got is not None
            connection.sendall(body)
            got = reader.head()
    return got, continued


class _Reader:
    """Reads answers; where the connection ends or falls silent, what was read so far is all."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unread = b""

    def head(self) -> Head | None:
        """Status and headers, or None where none came."""
        while b"\r\n\r\n" not in self._unread:
            if not self._more():
                return None
        raw, self._unread = self._unread.split(b"\r\n\r\n", 1)
        first, *lines = raw.decode("latin-1").split("\r\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            name, value = name.strip().lower(), value.strip()
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return int(first.split(" ", 2)[1]), headers

    def body(self, method: str, status: int, headers: Mapping[str, str]) -> bytes:
        """The body that belongs to this head."""
        if method == "HEAD" or status in (204, 304) or 100 <= status < 200:
            return b""
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return self._chunks()
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        while self._more():
            pass
        return self._unread

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._line().split(b";")[0] or b"0", 16):
            body += self._exactly(size)
            self._line()
        self._line()
        return body

    def _exactly(self, count: int) -> bytes:
        while len(self._unread) < count and self._more():
            pass
        read, self._unread = self._unread[:count], self._unread[count:]
        return read

    def _line(self) -> bytes:
        while b"\r\n" not in self._unread and self._more():
            pass
        line, _, self._unread = self._unread.partition(b"\r\n")
        return line

    def _more(self) -> bool:
        try:
            data = self._connection.recv(65536)
        except (ConnectionResetError, TimeoutError):
            data = b""
        self._unread += data
        return bool(data)
