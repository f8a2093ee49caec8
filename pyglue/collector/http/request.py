"""A request as it came, whatever brought it."""

from __future__ import annotations

from pyglue.collector.counting.timings import Timings
from pyglue.collector.http.headers import Headers


class Request:
    """A request as it came.

    `method` is as the client wrote it; header names are in lower case; `peer` is the address of the other end in the
    form that is recorded. A body is only there if the app wanted it (see `App.body_limit`). If the app sets `timings`, it
    wants to know there how long the answer takes.
    """

    __slots__ = ("body", "headers", "method", "peer", "target", "timings")

    def __init__(
        self,
        method: str,
        target: bytes,
        headers: Headers,
        peer: bytes,
        body: bytes = b"",
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.peer = peer
        self.body = body
        self.timings: Timings | None = None
