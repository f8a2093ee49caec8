"""A small web: sites and collectors with names of their own, which a browser reaches through this server as its proxy.

So a page may stand here as it does in life, with `//track.example/divolte.js` in it. Whatever was not published is 404.
"""

from __future__ import annotations

import http.client
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Page

from pyglue.collector.tag import render
from tests.browser import GIF, PATIENCE, TAG, Hit

PAGES = Path(__file__).parent / "pages"
KINDS = {".html": "text/html; charset=utf-8", ".js": "application/javascript"}
# A page with a script whose address is to be filled in.
SITE_PAGE = """<!doctype html><html><head><meta charset=utf-8><link rel="icon" href="data:,">
<script src="{}"></script></head><body></body></html>"""
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding")


@dataclass(frozen=True)
class WebHit(Hit):
    """An event, and the address without its query that it was sent to."""

    url: str


class Web:
    """What lies at which address. `collectors` are hosts whose requests go to a port of this machine instead."""

    def __init__(self) -> None:
        self.collectors: dict[str, int] = {}
        self.hits: list[WebHit] = []
        self._contents: dict[str, tuple[str, bytes]] = {}
        self._event_urls: set[str] = set()
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.proxy = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def publish(self, url: str, content: str, kind: str = ".html") -> str:
        """Let a page, or a file of another kind, lie at `url`; returns it."""
        self._contents[url] = (KINDS[kind], content.encode())
        return url

    def publish_pages(self, site: str) -> None:
        """Let the files of tests/tag/pages lie below `site`."""
        for file in PAGES.iterdir():
            self.publish(urljoin(site, file.name), file.read_text(encoding="utf-8"), file.suffix)

    def source(self, prefix: str, **settings: Any) -> str:
        """A browser source whose tag and event path lie below `prefix`; returns the tag's address."""
        tag = {**TAG, **settings}
        self._event_urls.add(prefix + tag["event_suffix"])
        return self.publish(prefix + tag["script_name"], render(**tag).decode(), ".js")

    def wait(self, count: int) -> list[WebHit]:
        """The events so far, once there are at least `count`."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.hits) >= count, PATIENCE), (
                f"waited for {count} events, got {[(hit.url, hit.get('t')) for hit in self.hits]}"
            )
            return list(self.hits)

    def answer(self, target: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a request."""
        parts = urlsplit(target)
        url = f"{parts.scheme}://{parts.netloc}{parts.path}"
        if parts.netloc in self.collectors:
            answer = _forward(self.collectors[parts.netloc], target, headers)
        elif url in self._event_urls:
            answer = (200, {"Content-Type": "image/gif"}, GIF)
        elif url in self._contents:
            kind, body = self._contents[url]
            return 200, {"Content-Type": kind}, body
        else:
            return 404, {}, b""
        if "e=" in parts.query:
            with self._changed:
                self.hits.append(WebHit(time.monotonic(), parts.query, headers, url))
                self._changed.notify_all()
        return answer


def escaped(page: Page) -> list[str]:
    """A list of the exceptions that will escape from scripts in any frame of `page`."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def _forward(port: int, target: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(target)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    kept = {name: value for name, value in headers.items() if not name.lower().startswith("proxy-")}
    connection.request("GET", f"{parts.path}?{parts.query}" if parts.query else parts.path, headers=kept)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def _handler(web: Web) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 2  # an idle connection of the browser must not keep its thread, and so the test, alive

        def do_GET(self) -> None:
            status, headers, body = web.answer(self.path, dict(self.headers.items()))
            try:
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in (*HOP_BY_HOP, "content-length"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                self.close_connection = True  # the page was left meanwhile

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: pytest shows what failed."""

    return Handler
