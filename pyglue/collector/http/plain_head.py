"""Plain heads: those of nearly all requests, found by one regular expression, their headers left as they came.

A head is plain if each line is well-formed beyond doubt, and none but one Content-Length tells how the message or the
connection goes on. It has at most one User-Agent, and no If-None-Match: every event is asked for those two, so they
are known at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import overload

MAX_LINES = 200
_VALUE = rb"[\t -~\x80-\xff]*+"
# Nothing is tried twice: a head that is not plain is known as such in one pass. The lines are an atomic group, for Python
# 3.11.2 loses its place in a possessive one with groups in it.
_HEAD = re.compile(
    rb"(?P<method>[A-Z]++) (?P<target>[!-~]++) HTTP/1\.1(?P<lines>\r\n(?>(?:(?:"
    rb"[Uu](?i:ser-agent): (?(4)(?!))(?P<agent>%b)|"
    rb"[Cc](?i:ontent-length): (?(5)(?!))(?P<length>[0-9]{1,9}+)|"
    rb"(?![CcEeIiPpTtUu](?i:onnection(?!: keep-alive\r)|ontent-length|xpect|f-none-match|roxy-connection|"
    rb"ransfer-encoding|pgrade|ser-agent):)[0-9A-Za-z-]++: %b"
    rb")\r\n){1,%d}))\r\n" % (_VALUE, _VALUE, MAX_LINES)
)
match = _HEAD.match  # its groups: method, target, lines, agent, length
_ABSENT = frozenset((b"expect", b"if-none-match", b"proxy-connection", b"transfer-encoding", b"upgrade"))


def any_of(names: Sequence[bytes]) -> re.Pattern[bytes]:
    """The beginning of a line with one of these names, in any case of letters."""
    return re.compile(rb"\r\n(?i:%b): " % b"|".join(map(re.escape, names)))


class Block(Sequence[tuple[bytes, bytes]]):
    """The headers of a plain head, taken apart only if somebody wants more than those that are known."""

    __slots__ = ("_agent", "_length", "_lines", "_lowered", "_text")

    def __init__(self, text: bytes, agent: bytes | None, length: bytes | None) -> None:
        """The groups `lines`, `agent` and `length` of a plain head."""
        self._text = text
        self._agent = agent
        self._length = length
        self._lowered: bytes | None = None
        self._lines: list[tuple[bytes, bytes]] | None = None

    def first(self, name: bytes) -> bytes | None:
        """The value of the first line called `name` (in lower case), None if there is none."""
        if name == b"user-agent":
            return self._agent
        if name == b"content-length":
            return self._length
        if name in _ABSENT:
            return None
        return next(iter(self.values(name)), None)

    def mentions(self, names: re.Pattern[bytes]) -> bool:
        """Whether a line begins as `names` (made by `any_of`) says: the fast way to know that none does."""
        return names.search(self._text) is not None

    def values(self, name: bytes) -> list[bytes]:
        """The values of all lines called `name` (in lower case)."""
        text, lowered = self._text, self._lowered
        if lowered is None:
            lowered = self._lowered = text.lower()
        begin = b"\r\n%b: " % name
        found = []
        at = lowered.find(begin)
        while at >= 0:
            at += len(begin)
            end = text.index(b"\r", at)
            found.append(text[at:end])
            at = lowered.find(begin, end)
        return found

    @overload
    def __getitem__(self, index: int) -> tuple[bytes, bytes]: ...

    @overload
    def __getitem__(self, index: slice) -> list[tuple[bytes, bytes]]: ...

    def __getitem__(self, index: int | slice) -> tuple[bytes, bytes] | list[tuple[bytes, bytes]]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> list[tuple[bytes, bytes]]:
        if self._lines is None:
            lines = [line.partition(b": ") for line in self._text.split(b"\r\n")[1:-1]]
            self._lines = [(name.lower(), value) for name, _, value in lines]
        return self._lines
