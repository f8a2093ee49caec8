"""The metrics' own port: `/metrics` for Prometheus, nothing else.

It is served by the collector's loop, between two of its calls. So a scrape sees no event halfway.
"""

from __future__ import annotations

from collections.abc import Callable

from pyglue.collector import answers
from pyglue.collector.answers import Answer
from pyglue.collector.app import Request
from pyglue.collector.delivery import Reply

PATH = b"/metrics"
_HEADERS = (
    ("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),
    ("Cache-Control", "no-store"),
)


class MetricsSite:
    """Answers with what `text` tells at that moment. See connection's Site."""

    def __init__(self, text: Callable[[], bytes]) -> None:
        self.stopping = False
        self._text = text

    def respond(self, request: Request, reply: Reply) -> None:
        """Answer at once."""
        if request.target.partition(b"?")[0] != PATH:
            reply(answers.NOT_FOUND)
        elif request.method not in ("GET", "HEAD"):
            reply(answers.method_not_allowed(request.method, "GET, HEAD"))
        else:
            reply(Answer(200, _HEADERS, self._text()))

    def body_limit(self, request: Request) -> None:
        """No body is wanted."""

    def count(self, kind: str) -> None:
        """What comes here is no visitor's: it is not counted."""
