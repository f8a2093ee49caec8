"""Digests of an event's values: plain ones, and with a seed an HMAC, under the names of Java's algorithms.

The key of a seeded digest is derived once from the seed and is shorter than one would think: Divolte asks for as many
bits as the digest has bytes, and so do we, for the same values must give the same digests. The plain digests serve to
recognise values; whoever must keep them secret takes a seed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import Protocol

ROUNDS = 100_000
SALT = b"divolte\xb6\x87\xe2\xd9\xaa\x06\x03\x72"

Digest = Callable[[Iterable[bytes]], bytes]

# Java's names in upper case, and what `hashlib` calls them. MD2, which Java knows too, is in no library of Python's.
_PLAIN = {
    "MD5": "md5",
    **dict.fromkeys(("SHA", "SHA1", "SHA-1"), "sha1"),
    **{f"SHA{hyphen}{size}": f"sha{size}" for size in (224, 256, 384, 512) for hyphen in ("-", "")},
    **{f"SHA{hyphen}512/{size}": f"sha512_{size}" for size in (224, 256) for hyphen in ("-", "")},
    **{f"SHA3-{size}": f"sha3_{size}" for size in (224, 256, 384, 512)},
}
# With a seed hyphens do not matter, and Java derives keys for these only.
_SEEDED = {f"SHA{size}": f"sha{size}" for size in (1, 224, 256, 384, 512)}


class _State(Protocol):
    """What `hashlib` and `hmac` make."""

    def copy(self) -> _State: ...
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


def digester(algorithm: str, seed: str | None) -> Digest:
    """What makes one digest of pieces, in their order and without anything between them.

    `algorithm` is a name of Java's in upper or lower case. Deriving the key from a seed takes a tenth of a second.
    Raises ValueError if there is no such digest.
    """
    name = algorithm.upper()
    if seed is None:
        if name not in _PLAIN:
            raise ValueError(f"unknown digest {algorithm!r}; known are {', '.join(_PLAIN)}")
        return _continuing(hashlib.new(_PLAIN[name], usedforsecurity=False))
    name = name.replace("-", "")
    if name not in _SEEDED:
        raise ValueError(f"no digest {algorithm!r} takes a seed; {', '.join(_SEEDED)} do")
    return _continuing(hmac.new(_key(_SEEDED[name], seed), digestmod=_SEEDED[name]))


def _key(name: str, seed: str) -> bytes:
    length = hashlib.new(name, usedforsecurity=False).digest_size // 8
    return hashlib.pbkdf2_hmac(name, seed.encode("utf-8", "replace"), SALT, ROUNDS, length)


def _continuing(empty: _State) -> Digest:
    def digest(pieces: Iterable[bytes]) -> bytes:
        state = empty.copy()
        state.update(b"".join(pieces))
        return state.digest()

    return digest
