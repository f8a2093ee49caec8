"""A real Chromium, and a collector that writes down what the browser sends.

The fixtures are for the conftest.py of each folder that needs them. A browser lives as long as a module of tests:
Playwright can't run twice at a time, and what runs in between may start one of its own.

`Recorder` is a web server on loopback that plays both parts: the site with its pages, and a collector with the tag
and the event endpoint. A page opened at `site` that loads the tag from `collector` crosses origins, as in life.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import mmh3
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from pyglue.collector.tag import render

GIF = bytes.fromhex("4749463839610100010000000021f904010a0001002c00000000010001000002024c01003b")
PATIENCE = 15.0  # seconds until a test gives up waiting for something that must happen
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)

# JavaScript to wait for until the tag has delivered what was signalled.
COMMITTED = f"""new Promise((done, fail) => {{
    setTimeout(fail, {PATIENCE * 1000}, 'whenCommitted did not call back');
    divolte.whenCommitted(done);
}})"""

# The tag as the collector serves it without any setting, but that it waits for answers as long as any test may take:
# on a busy machine the order of events would be a matter of luck.
TAG: dict[str, Any] = {
    "script_name": "divolte.js",
    "event_suffix": "csc-event",
    "party_cookie": "_dvp",
    "party_timeout_s": 63_072_000,
    "session_cookie": "_dvs",
    "session_timeout_s": 1800,
    "cookie_domain": None,
    "event_timeout_ms": 3_600_000,
    "auto_page_view": True,
    "logging": False,
}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium of this machine; skips the test where there is none."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(CHROMIUM_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


def checksum(query: str) -> str:
    """The checksum that belongs to a query string, by another library than the tag's own code."""
    pairs = sorted((name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "x")
    value = mmh3.hash("".join(f"{name}={value},;" for name, value in pairs).encode(), 0, signed=True)
    digits, rest = "", abs(value)
    while rest or not digits:
        rest, digit = divmod(rest, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return ("-" if value < 0 else "") + digits


@dataclass(frozen=True)
class Hit:
    """One request for the event endpoint: when it came, its query string as sent, and the headers."""

    at: float
    query: str
    headers: dict[str, str]

    @property
    def names(self) -> list[str]:
        """The parameters' names in the order of the URL."""
        return [name for name, _ in parse_qsl(self.query, keep_blank_values=True)]

    def __getitem__(self, name: str) -> str:
        return dict(parse_qsl(self.query, keep_blank_values=True))[name]

    def get(self, name: str) -> str | None:
        """The parameter's value, or None if it was not sent."""
        return dict(parse_qsl(self.query, keep_blank_values=True)).get(name)


class Recorder:
    """The site and the collector. `answer` is called for each event and returns the HTTP status; it may block."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, str | bytes]] = {}
        self.tag: Callable[[], bytes | None] = lambda: render(**TAG)
        self.answer: Callable[[Hit], int] = lambda _: 200
        self.hits: list[Hit] = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        port = self._server.server_port
        self.site = f"http://127.0.0.1:{port}"
        self.collector = f"http://localhost:{port}"

    def close(self) -> None:
        """Stop serving; blocked answers must have been released."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def page(self, path: str, body: str, head: str | None = None) -> str:
        """Publish an HTML page and return its address. The tag stands in its head unless `head` says otherwise."""
        tag = f'<script src="{self.collector}/divolte.js" defer async></script>' if head is None else head
        icon = '<link rel="icon" href="data:,">'
        html = f"<!doctype html><html><head><meta charset=utf-8>{icon}{tag}</head><body>{body}</body></html>"
        self.pages[path] = ("text/html; charset=utf-8", html)
        return self.site + path

    def record(self, hit: Hit) -> None:
        """Write an event down and wake who waits for it."""
        with self._changed:
            self.hits.append(hit)
            self._changed.notify_all()

    def wait(self, count: int, *, type_: str | None = None) -> list[Hit]:
        """The events so far, once there are at least `count` (of type `type_`, if given)."""

        def matching() -> list[Hit]:
            return [hit for hit in self.hits if type_ is None or hit.get("t") == type_]

        with self._changed:
            assert self._changed.wait_for(lambda: len(matching()) >= count, PATIENCE), (
                f"waited for {count} events of type {type_ or 'any'}, got {[hit.get('t') for hit in self.hits]}"
            )
            return matching()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with chromium() as found:
        yield found


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """A site and a collector."""
    server = Recorder()
    yield server
    server.close()


@pytest.fixture
def context(browser: Browser, recorder: Recorder) -> Iterator[BrowserContext]:
    """A visitor who was never here before; gone before the recorder closes, and the connections with it."""
    visitor = browser.new_context(viewport={"width": 1000, "height": 700})
    visitor.set_default_timeout(PATIENCE * 1000)
    yield visitor
    visitor.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty tab."""
    return context.new_page()


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 2  # an idle connection of the browser must not keep its thread, and so the test, alive

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/csc-event":
                hit = Hit(time.monotonic(), url.query, dict(self.headers.items()))
                recorder.record(hit)
                status = recorder.answer(hit)
                self._send(
                    status, "image/gif" if status == 200 else "text/plain", GIF if status == 200 else b""
                )
            elif url.path == "/divolte.js":
                tag = recorder.tag()
                self._send(200 if tag is not None else 503, "application/javascript", tag or b"")
            elif url.path in recorder.pages:
                kind, body = recorder.pages[url.path]
                self._send(200, kind, body.encode() if isinstance(body, str) else body)
            else:
                self._send(404, "text/plain", b"")

        def _send(self, status: int, kind: str, body: bytes) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                self.close_connection = True  # the page was left meanwhile: what many of the tests are about

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: pytest shows what failed."""

    return Handler
