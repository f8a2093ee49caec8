"""Cookies of a request, read as Divolte's server reads them, which is not quite what RFC 6265 says.

    cookie = blanks name "=" ( '"' text '"' | text [ "=" ignored ] )

A semicolon ends a cookie unless it is quoted; so does the closing quote. A quote that is never closed ends the line's
cookies. Names that begin with `$` are not cookies.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyglue.collector.values.headers import folded

_COOKIE = re.compile(r'[ ;]*+([^=;]*+)(?:=(?:"([^"]*+)"|(?!")([^=;]*+)(?:=[^;]*+)?+)|(?=;)|\Z)')


def cookie(lines: Sequence[str], name: str) -> str | None:
    """The value of cookie `name` in the lines of a request's `Cookie` header; None if there is none.

    Of a repeated cookie the first in the last line that has it counts.
    """
    if name.startswith("$"):
        return None
    for line in reversed(lines):
        value = _in_line(folded(line), name)
        if value is not None:
            return value
    return None


def _in_line(line: str, name: str) -> str | None:
    if f"{name}=" not in line:
        return None
    found = _COOKIE.match(line)
    while found is not None and found.end() > found.start():
        given, quoted, plain = found.groups()
        value = plain if quoted is None else quoted
        if given == name and value is not None:
            return value
        found = _COOKIE.match(line, found.end())
    return None
