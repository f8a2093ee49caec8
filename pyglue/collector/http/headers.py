"""A request's headers, looked up by name.

Their text is as Divolte's server reads it, before any meaning: Latin-1, and a run of blanks and tabs is one blank, or
none at the ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyglue.collector.http.plain_head import Block
from pyglue.collector.values.headers import folded

Headers = Sequence[tuple[bytes, bytes]]  # names are in lower case


def first(headers: Headers, name: bytes) -> str | None:
    """The first line of header `name`, None if there is none."""
    value = _first(headers, name)
    return None if value is None else text(value)


def first_utf8(headers: Headers, name: bytes) -> bytes | None:
    """The first line of header `name` in UTF-8, None if there is none."""
    value = _first(headers, name)
    if value is None or (value.isascii() and b"  " not in value and b"\t" not in value):
        return value and value.strip(b" ")
    return text(value).encode()


def lines(headers: Headers, name: bytes) -> list[str]:
    """All lines of header `name`."""
    if type(headers) is Block:  # isinstance takes its time with abstract classes
        return [text(value) for value in headers.values(name)]
    return [text(value) for given, value in headers if given == name]


def text(value: bytes) -> str:
    """A line's text."""
    return folded(value.decode("latin-1"))


def _first(headers: Headers, name: bytes) -> bytes | None:
    if type(headers) is Block:
        return headers.first(name)
    for given, value in headers:
        if given == name:
            return value
    return None
