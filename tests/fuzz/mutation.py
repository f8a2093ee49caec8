"""Inputs for a target: made of its seeds and words by chance, or grown from a piece that is repeated.

The same seed of the chance gives the same inputs, as long as the same of them are kept (`keep`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

from pyglue.collector.events import base36

_AROUND = 2048  # bytes of an input around what is repeated
_KEPT = 512  # inputs of which something new came
_NUMBER = re.compile(rb"(?<![0-9A-Za-z])[0-9a-z]{1,13}(?![0-9A-Za-z])")
_EDGES = (0, 1, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64)
_BRACKETS = (
    (b"(", b")"),
    (b"[", b"]"),
    (b"{", b"}"),
    (b'"', b'"'),
    (b"'", b"'"),
    (b"a", b"."),
    (b'{"a":', b"}"),
)
_COMMON = (
    *(
        b"\0",
        b"\n",
        b"\r\n",
        b"\t",
        b" ",
        b"%",
        b"%00",
        b"%C3%28",
        b"%ED%A0%80",
        b"+",
        b"-",
        b".",
        b";",
        b"=",
        b"&",
    ),
    *(
        b"\xff",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xf0\x9f\x98\x80",
        "\u0661".encode(),
        "\uff21".encode(),
        b"\xef\xbb\xbf",
    ),
    *(
        b"1e999",
        b"-0",
        b"0x1p-99999",
        b"1" * 4301,
        b"NaN",
        b"null",
        b"\\",
        b"\\u",
        b"\\ud800",
        b"/*",
        b'"""',
        b"'''",
    ),
)


class Mutator:
    """See the module's law."""

    def __init__(self, seeds: Sequence[bytes], words: Sequence[bytes], most: int, chance: Random) -> None:
        self._seeds = list(seeds)
        self._kept: list[bytes] = []
        self._words = (*words, *_COMMON)
        self._most = most
        self._chance = chance
        self._ways: tuple[Callable[[bytes], bytes], ...] = (
            *(self._flip, self._cut, self._insert_word, self._insert_word, self._replace_by_word),
            *(self._splice, self._repeat, self._number, self._nest, self._swap, self._byte),
        )

    def keep(self, data: bytes) -> None:
        """Go on with an input of which something new came."""
        if len(self._kept) < _KEPT:
            self._kept.append(data)
        else:
            self._kept[self._chance.randrange(_KEPT)] = data

    def mutated(self) -> bytes:
        """An input with some changes."""
        data = self._begin()
        for _ in range(self._chance.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            data = self._chance.choice(self._ways)(data)
        return data[: self._most]

    def growing(self) -> Callable[[int], bytes]:
        """A function from a number of bytes to an input: so many of one piece again and again, with something around."""
        data = self._begin()[:_AROUND]
        at = self._place(data)
        begin, end = data[:at], data[at:]
        way = self._chance.random()
        if way < 0.5:  # what stands there
            piece = data[at : at + self._chance.choice((1, 1, 2, 3, 4, 5, 6, 8, 12, 30))] or b"0"
        elif way < 0.7:
            piece = self._chance.choice(self._words)
        elif way < 0.9:
            piece = b"".join(self._chance.choice(self._words) for _ in range(self._chance.randrange(2, 5)))
        else:
            piece = self._piece(self._begin()) or b"\n"
        if self._chance.random() < 0.3:  # many a search ends badly only if something is wrong at the end
            end = self._chance.choice((b"", b"x", b"\xff", self._chance.choice(self._words)))
        if self._chance.random() < 0.15:
            begin = b""
        changing = self._chance.random() < 0.2

        def grown(size: int) -> bytes:
            count = max(size // (len(piece) + 4 * changing), 1)
            middle = b"".join(b"%b%d" % (piece, at) for at in range(count)) if changing else piece * count
            return begin + middle + end

        return grown

    # one change

    def _begin(self) -> bytes:
        pool = self._kept if self._kept and self._chance.random() < 0.5 else self._seeds
        return self._chance.choice(pool)

    def _place(self, data: bytes) -> int:
        return self._chance.randrange(len(data) + 1)

    def _piece(self, data: bytes) -> bytes:
        begin = self._place(data)
        return data[begin : begin + self._chance.choice((1, 2, 3, 5, 8, 16, 40, 200))]

    def _flip(self, data: bytes) -> bytes:
        if not data:
            return data
        at = self._chance.randrange(len(data))
        return data[:at] + bytes((data[at] ^ 1 << self._chance.randrange(8),)) + data[at + 1 :]

    def _byte(self, data: bytes) -> bytes:
        at = self._place(data)
        return data[:at] + bytes((self._chance.randrange(256),)) + data[at + self._chance.randrange(2) :]

    def _cut(self, data: bytes) -> bytes:
        at = self._place(data)
        if self._chance.random() < 0.3:
            return data[:at]
        return data[:at] + data[at + self._chance.choice((1, 1, 2, 4, 16, 100)) :]

    def _insert_word(self, data: bytes) -> bytes:
        at = self._place(data)
        return data[:at] + self._chance.choice(self._words) + data[at:]

    def _replace_by_word(self, data: bytes) -> bytes:
        at = self._place(data)
        word = self._chance.choice(self._words)
        return data[:at] + word + data[at + self._chance.choice((len(word), 1, 4)) :]

    def _splice(self, data: bytes) -> bytes:
        other = self._begin()
        return data[: self._place(data)] + other[self._place(other) :]

    def _swap(self, data: bytes) -> bytes:
        at = self._place(data)
        piece = self._piece(self._begin())
        return data[:at] + piece + data[at + len(piece) :]

    def _repeat(self, data: bytes) -> bytes:
        at = self._place(data)
        piece = data[at : at + self._chance.choice((1, 1, 2, 3, 7, 20))]
        return data[:at] + piece * self._chance.choice((2, 3, 10, 60, 300)) + data[at:]

    def _number(self, data: bytes) -> bytes:
        """A number at the edge of some type, mostly in place of another one."""
        numbers = list(_NUMBER.finditer(data)) if self._chance.random() < 0.7 else []
        begin, end = self._chance.choice(numbers).span() if numbers else (self._place(data),) * 2
        edge = max(self._chance.choice(_EDGES) + self._chance.choice((-1, 0, 0, 1)), 0)
        many = b"9" * self._chance.choice((20, 400, 5000))
        digits = self._chance.choice(
            (b"%d" % edge, b"-%d" % edge, b"%x" % edge, base36.render(edge).encode(), many)
        )
        return data[:begin] + digits + data[end:]

    def _nest(self, data: bytes) -> bytes:
        at = self._place(data)
        left, right = self._chance.choice(_BRACKETS)
        depth = self._chance.choice((1, 2, 10, 70, 300, 2000))
        inner = self._piece(data[at:])
        return (
            data[:at]
            + left * depth
            + inner
            + right * self._chance.choice((depth, depth, 0))
            + data[at + len(inner) :]
        )
