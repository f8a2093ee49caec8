"""A real HTTP server on a free port, whose answers a test writes down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Reply:
    """What the server answers; `hang_up` closes without an answer, `half` before its end; `wait` never answers."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False
    half: bool = False
    wait: bool = False


class LocalServer:
    """Answers by `answer`; keeps what it was asked."""

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        self.answer = answer
        self.asked: list[Asked] = []
        self.ended = threading.Event()
        self.url = ""

    def paths(self) -> list[str]:
        """What was asked, as `METHOD path`."""
        return [f"{asked.method} {asked.path}" for asked in self.asked]


@contextmanager
def serve(answer: Callable[[Asked], Reply]) -> Iterator[LocalServer]:
    """Run a server for the time of the block."""
    server = LocalServer(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: a second one would wait 40 ms for the first's receipt

        def respond(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = Asked(self.command, self.path, self.rfile.read(length), dict(self.headers))
            server.asked.append(asked)
            reply = server.answer(asked)
            if reply.wait:
                server.ended.wait()
            if reply.wait or reply.hang_up:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
            self.close_connection |= reply.half

        do_GET = do_POST = do_PUT = do_DELETE = respond  # noqa: N815 - names that http.server demands

        def log_message(self, *_: object) -> None:
            """Silence: a test's output is its own."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        http.shutdown()
        thread.join()
        http.server_close()
