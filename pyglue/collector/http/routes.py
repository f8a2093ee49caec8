"""Which path leads to what. Paths are compared as Divolte's server does: canonical, decoded, case-sensitive.

`//` and `/./` shrink, `/../` goes up, everything from `;` is dropped, one trailing slash is ignored, and the absolute
form of a target counts by its path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Generic, TypeVar

from pyglue.collector.http.query import decode_path

T = TypeVar("T")

_AUTHORITY = re.compile(rb"[^/:]+://[^/]*")


class Routes(Generic[T]):
    """What lies at which path."""

    def __init__(self, table: Mapping[str, T]) -> None:
        """`table` maps paths such as `/csc-event` to what lies there."""
        self._table = {_key(path.encode()): what for path, what in table.items()}

    def known(self, path: bytes) -> T | None:
        """What lies at `path`, if it is written as in the table."""
        return self._table.get(path)

    def find(self, path: bytes) -> T | None:
        """What lies at the raw `path` of a checked target (without its query), None if nothing does."""
        found = self._table.get(path)
        return self._table.get(_key(canonical_path(path))) if found is None else found


def canonical_path(raw: bytes) -> bytes:
    """The path that `raw` means. An empty segment counts as one for the `..` that follows it."""
    *parts, last = decoded_path(raw).removeprefix(b"/").split(b"/")
    kept: list[bytes] = []
    up = 0
    for part in reversed([*parts, last] if last else parts):
        if part == b"..":
            up += 1
        elif part != b".":
            if not up and part:
                kept.append(part)
            up = max(up - 1, 0)
    return b"/" + b"/".join(reversed(kept)) + (b"/" if kept and not last else b"")


def decoded_path(raw: bytes) -> bytes:
    """The path as the client wrote it: without authority and what follows a `;`, its escapes decoded."""
    authority = _AUTHORITY.match(raw)
    if authority:
        raw = raw[authority.end() :] or b"/"
    return decode_path(raw.partition(b";")[0])


def _key(path: bytes) -> bytes:
    path = path.removesuffix(b"/")
    return path if path.startswith(b"/") else b"/" + path
