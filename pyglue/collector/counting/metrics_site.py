"""The metrics' own port: `/metrics` for Prometheus, nothing else.

It is served by a loop, between two of its calls. So a scrape sees no event halfway.
"""

from __future__ import annotations

from collections.abc import Callable

from pyglue.collector.delivery import Reply
from pyglue.collector.http import answers
from pyglue.collector.http.answers import Answer
from pyglue.collector.http.request import Request

PATH = b"/metrics"
_HEADERS = (
    ("Content-Type", "text/plain; version=0.0.4; charset=utf-8"),
    ("Cache-Control", "no-store"),
)


# Calls what it is given with a scrape's text, now or later.
Tell = Callable[[Callable[[bytes], None]], None]


class MetricsSite:
    """Answers with what `tell` tells. See connection's Site."""

    def __init__(self, tell: Tell) -> None:
        self.stopping = False
        self._tell = tell

    def respond(self, request: Request, reply: Reply) -> None:
        """Answer, as soon as there is a text."""
        if request.target.partition(b"?")[0] != PATH:
            reply(answers.NOT_FOUND)
        elif request.method not in ("GET", "HEAD"):
            reply(answers.method_not_allowed(request.method, "GET, HEAD"))
        else:
            self._tell(lambda text: reply(Answer(200, _HEADERS, text)))

    def body_limit(self, request: Request) -> None:
        """No body is wanted."""

    def count(self, kind: str) -> None:
        """What comes here is no visitor's: it is not counted."""
