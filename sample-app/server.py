"""The sample app's web server: one page and the files beside it, all read into memory at the start.

A request's path is looked up in a table and never reaches the file system, so there is nothing to climb out of.
Only Python's standard library is used. Settings come from the environment (see `start`); a bad one ends the program
with one line.
"""

from __future__ import annotations

import html
import os
import re
import signal
import string
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = Path(__file__).parent / "page"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
DASHBOARD = "/superset/dashboard/clickstream/"
# Both addresses end up in HTML and in a header: what is no plain address is refused.
ADDRESS = re.compile(
    r"(https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)((?:/[A-Za-z0-9._~-]+)*)/?"
)
IDLE = 15.0  # seconds that a connection may stay open without a request


class BadSetting(Exception):
    """A setting in the environment that the server can't work with."""


@dataclass(frozen=True)
class Settings:
    """Where to listen, and the addresses that the page speaks of (without a slash at the end)."""

    host: str
    port: int
    collector: str
    superset: str | None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """The settings in `environment`; raises BadSetting, naming the variable."""
        port = environment.get("SAMPLE_APP_PORT", "8090")
        if not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65535):
            raise BadSetting(f"SAMPLE_APP_PORT={port}: expected a port, a number from 1 to 65535")
        superset = environment.get("SUPERSET_URL", "")
        return cls(
            host=environment.get("BIND_ADDRESS", "127.0.0.1"),
            port=int(port),
            collector=_address("DIVOLTE_URL", environment.get("DIVOLTE_URL", "http://localhost:8290")),
            superset=_address("SUPERSET_URL", superset) if superset else None,
        )

    @property
    def policy(self) -> str:
        """The page's content security policy: itself, and the collector for the tag and its events."""
        origin = ADDRESS.sub(r"\1", self.collector)
        return (
            f"default-src 'none'; script-src 'self' {origin}; img-src 'self' {origin}; connect-src {origin}; "
            "style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )


def _address(name: str, value: str) -> str:
    if not ADDRESS.fullmatch(value):
        raise BadSetting(f"{name}={value}: expected an address like http://localhost:8290")
    return value.rstrip("/")


def site(settings: Settings) -> dict[str, tuple[str, bytes]]:
    """Every path that there is, with its content type and content."""
    files = {
        "/" + path.relative_to(PAGE).as_posix(): (KINDS[path.suffix], path.read_bytes())
        for path in sorted(PAGE.rglob("*"))
        if path.suffix in KINDS
    }
    kind, source = files.pop("/index.html")
    link = ""
    if settings.superset:
        address = html.escape(settings.superset + DASHBOARD)
        # In a tab of its own, so that one can click on here and watch there.
        link = f'<a class="dashboard" target="_blank" rel="noopener" href="{address}">See it in Superset</a>'
    text = string.Template(source.decode()).substitute(
        collector=html.escape(settings.collector), dashboard=link
    )
    return {**files, "/": (kind, text.encode()), "/index.html": (kind, text.encode())}


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD from the table of its server."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE
    server: Server

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in self.server.site:
            self._answer(HTTPStatus.OK, *self.server.site[path])
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"There is no such page.\n")

    do_HEAD = do_GET  # noqa: N815 - the base class looks this name up

    def _not_allowed(self) -> None:
        self.close_connection = True  # a body may follow, and nobody reads it
        self._answer(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", b"Only GET and HEAD.\n")

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _not_allowed  # noqa: N815 - as above

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Content-Security-Policy", self.server.settings.policy)
        self.send_header("Referrer-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        super().end_headers()

    def version_string(self) -> str:
        return "sample-app"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep no list of who visited what; errors are logged."""


class Server(ThreadingHTTPServer):
    """Listens as soon as it is made; `serve_forever` answers."""

    daemon_threads = True  # an open connection does not keep the program from ending

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.site = site(settings)
        super().__init__((settings.host, settings.port), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Report what broke, unless it was only the visitor who left."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def main() -> int:
    """Serve until SIGTERM or SIGINT; the program's exit code."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = Settings.read(os.environ)
        server = Server(settings)
    except (BadSetting, OSError) as error:
        print(f"sample-app: {error}", file=sys.stderr)
        return 1
    with server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        print(
            f"sample app on http://{settings.host}:{settings.port}, events to {settings.collector}",
            flush=True,
        )
        stop.wait()
        server.shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
