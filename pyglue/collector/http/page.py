"""The test page: what a person sees who opens the collector's own address in a browser.

It is a file among files, with what HTTP grants these: it is sent whole or one range of it, and not again to a client
that has it. It has a date but no entity tag, so a condition on a tag is only met by `"*"`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path

from pyglue.collector.http.answers import SERVER, Answer, listed_tags

_FILE = Path(__file__).with_name("page.html")
_RANGE = re.compile(r"bytes=(?:([0-9]{1,9})-([0-9]{0,9})|-([0-9]{1,9}))", re.ASCII)
_CHANGED = Answer(412, (SERVER,))
_UNCHANGED = Answer(304, (SERVER,))


class TestPage:
    """The page and the answers to requests for it."""

    __test__ = False  # nothing for pytest to collect

    def __init__(self) -> None:
        self._body = _FILE.read_bytes()
        self._modified = datetime.fromtimestamp(int(_FILE.stat().st_mtime), UTC)
        self._headers = (
            SERVER,
            ("Content-Type", "text/html"),
            ("Accept-Ranges", "bytes"),
            ("Last-Modified", format_datetime(self._modified, usegmt=True)),
        )
        self._whole = Answer(200, self._headers, self._body)

    def answer(self, headers: Mapping[bytes, str]) -> Answer:
        """The page, or what the conditions in `headers` make of it: the first line of each, by name in lower case."""
        if_match, if_none_match = headers.get(b"if-match"), headers.get(b"if-none-match")
        unmodified_since = _date(headers.get(b"if-unmodified-since"))
        modified_since = _date(headers.get(b"if-modified-since"))
        if if_match is not None and "*" not in listed_tags(if_match):
            return _CHANGED
        if unmodified_since is not None and self._modified > unmodified_since:
            return _CHANGED
        if if_none_match is not None and "*" in listed_tags(if_none_match):
            return _UNCHANGED
        if modified_since is not None and self._modified <= modified_since:
            return _UNCHANGED
        return self._part(headers.get(b"range", ""), headers.get(b"if-range"))

    def _part(self, wanted: str, only_if: str | None) -> Answer:
        """The `wanted` range, if it is one and, where a date is given, of the page of that date; else all."""
        found = _RANGE.fullmatch(wanted)
        if not found or (only_if is not None and _date(only_if) != self._modified):
            return self._whole
        size = len(self._body)
        first, last, suffix = (int(number) if number else None for number in found.groups())
        begin = max(size - (suffix or 0), 0) if first is None else first
        end = min(size if last is None else last + 1, size)
        if last is not None and begin > last:
            return self._whole
        if begin >= end:
            return Answer(416, (SERVER, ("Content-Range", f"bytes */{size}")))
        content_range = ("Content-Range", f"bytes {begin}-{end - 1}/{size}")
        return Answer(206, (*self._headers, content_range), self._body[begin:end])


def _date(text: str | None) -> datetime | None:
    """The date of a header; None if there is none that can be read."""
    try:
        date = parsedate_to_datetime(text) if text is not None else None
    except (ValueError, OverflowError):  # an offset of more days than there are
        return None
    return date.replace(tzinfo=UTC) if date is not None and date.tzinfo is None else date
