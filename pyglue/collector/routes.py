"""Which path leads to what. Paths are compared as Divolte's server does: canonical, decoded, case-sensitive.

`//` and `/./` shrink, `/../` goes up, everything from `;` is dropped, one trailing slash is ignored, and the absolute
form of a target counts by its path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Generic, TypeVar

from pyglue.collector.query import unescape

T = TypeVar("T")

_AUTHORITY = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/]*")


class Routes(Generic[T]):
    """What lies at which canonical path."""

    def __init__(self, table: Mapping[str, T]) -> None:
        """`table` maps paths such as `/csc-event` to what lies there."""
        self._table = dict(table)
        self._raw = {path.encode(): what for path, what in table.items()}

    def find(self, path: bytes) -> T | None:
        """What lies at the raw `path` of a request's target (without its query), None if nothing does."""
        found = self._raw.get(path)
        if found is not None:
            return found
        canonical = canonical_path(path)
        return self._table.get(canonical.removesuffix("/") or "/")


def canonical_path(raw: bytes) -> str:
    """The path that `raw` means."""
    authority = _AUTHORITY.match(raw)
    if authority:
        raw = raw[authority.end() :] or b"/"
    text = unescape(raw.partition(b";")[0])
    segments: list[str] = []
    parts = text.split("/")
    for part in parts:
        if part == "..":
            del segments[-1:]
        elif part not in ("", "."):
            segments.append(part)
    ends_in_slash = segments and parts[-1] in ("", ".", "..")
    return "/" + "/".join(segments) + ("/" if ends_in_slash else "")
