"""A request's headers, looked up by name.

Their text is as Divolte's server reads it, before any meaning: Latin-1, and a run of blanks and tabs is one blank, or
none at the ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyglue.collector.values.headers import folded

Headers = Sequence[tuple[bytes, bytes]]  # names are in lower case


def first(headers: Headers, name: bytes) -> str | None:
    """The first line of header `name`, None if there is none."""
    for given, value in headers:
        if given == name:
            return text(value)
    return None


def lines(headers: Headers, name: bytes) -> list[str]:
    """All lines of header `name`."""
    return [text(value) for given, value in headers if given == name]


def text(value: bytes) -> str:
    """A line's text."""
    return folded(value.decode("latin-1"))
