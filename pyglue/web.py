"""The one door to `requests`: time-outs, no redirects to elsewhere, and our own errors.

Nothing else in pyglue imports requests. Every call has a time-out; every failure says what was asked and what
came back.
"""

from __future__ import annotations

import json
import re
from typing import Any

import requests

from pyglue import shapes as kinds
from pyglue.counted import counted
from pyglue.errors import BadAnswer, Unreachable

BODY_SHOWN = 400  # characters of an unexpected answer that are shown
TIMEOUT = 10.0  # seconds to connect and between two bytes of an answer


class Client:
    """A session with one service: a base URL, cookies and headers kept between calls.

    `base` has no trailing slash. `name` is what the user calls the service; `try_` is the command that looks
    into it when it does not answer.
    """

    def __init__(self, base: str, name: str, *, timeout: float = TIMEOUT, try_: str | None = None) -> None:
        self.base = base.rstrip("/")
        self.name = name
        self.timeout = timeout
        self.try_ = try_ if try_ is not None else f"pyglue logs {name}"
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy has no business between pyglue and a loopback service

    @property
    def headers(self) -> Any:
        """Headers sent with every call (a mutable mapping)."""
        return self._session.headers

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def request(
        self, method: str, path: str, *, expect: tuple[int, ...] = (200,), **kwargs: Any
    ) -> requests.Response:
        """Send a request and return the answer if its status is one of `expect`.

        `kwargs` go to requests (json, params, data, files, headers, timeout). Raises Unreachable if no answer
        came and BadAnswer for another status; redirects are not followed.
        """
        url = self.base + path
        kwargs.setdefault("timeout", self.timeout)
        try:
            answer = self._session.request(method, url, allow_redirects=False, **kwargs)
        except (requests.RequestException, ValueError) as error:
            # ValueError: a redirect to what is no address, which requests looks at though nobody follows it
            raise Unreachable(
                f"{self.name} does not answer",
                details=[f"asked      {method} {url}", f"came back  {_reason(error, kwargs['timeout'])}"],
                try_=self.try_,
            ) from error
        if answer.status_code not in expect:
            raise self.bad(answer, method, path)
        return answer

    def json(
        self,
        method: str,
        path: str,
        *,
        expect: tuple[int, ...] = (200,),
        shapes: kinds.Shapes | None = None,
        **kwargs: Any,
    ) -> Any:
        """Like `request`, but return the answer's JSON; raises BadAnswer if it is none, or not of these shapes."""
        return self.content(self.request(method, path, expect=expect, **kwargs), method, path, shapes or {})

    def content(self, answer: requests.Response, method: str, path: str, shapes: kinds.Shapes) -> Any:
        """The JSON of an answer to this question; raises BadAnswer if it is none, or not of these shapes."""
        try:
            content = answer.json()
        except (ValueError, RecursionError) as error:
            raise self.bad(answer, method, path) from error
        self.check(content, method, path, shapes)
        return content

    def bad(self, answer: requests.Response, method: str, path: str) -> BadAnswer:
        """The error of an answer that is not what was asked for: by its status, or else because of its body."""
        fine = 200 <= answer.status_code < 300
        what = "with something that is no JSON" if fine else f"{answer.status_code} {answer.reason}"
        return BadAnswer(
            f"{self.name} answered {what}",
            status=None if fine else answer.status_code,
            details=[f"asked      {method} {self.base}{path}", f"came back  {self.said(answer)}"],
            try_=self.try_,
        )

    def said(self, answer: requests.Response) -> str:
        """What an answer that is none says, in a line: where it leads to, the title of a page, its text."""
        if "Location" in answer.headers:
            return f"a redirect to {_shorten(answer.headers['Location'])}"
        title = re.search(r"<title>(.*?)</title>", answer.text, re.DOTALL | re.IGNORECASE)
        if title is not None:
            return f"a page with the title '{_shorten(title[1])}'"
        return _shorten(answer.text) or "nothing more"

    def check(self, content: Any, method: str, path: str, shapes: kinds.Shapes) -> None:
        """Raise BadAnswer if the JSON that came back for this question is not of these shapes."""
        for where, expected in kinds.faults(content, shapes):
            raise BadAnswer(
                f"{self.name} answered with JSON of another shape",
                details=[
                    f"asked      {method} {self.base}{path}",
                    f"came back  {_shorten(json.dumps(content))}",
                    f"but        {expected}{f' at {where}' if where else ''}",
                ],
                try_=self.try_,
            )


def _reason(error: Exception, timeout: float) -> str:
    text = str(error)
    if isinstance(error, requests.Timeout) or "Read timed out" in text:
        return f"{'' if isinstance(error, requests.Timeout) else 'half an answer, then '}nothing within {timeout:g} s"
    if broken := re.search(r"IncompleteRead\((\d+) bytes read, (\d+) more expected\)", text):
        return f"half an answer: {broken[1]} of {counted(int(broken[1]) + int(broken[2]), 'byte')}"
    for known in (
        "Connection refused",
        "Remote end closed connection",
        "Connection reset",
        "Name or service",
    ):
        if known in text:
            return known.lower()
    return _shorten(text)


def _shorten(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= BODY_SHOWN else flat[:BODY_SHOWN] + " ..."
