"""The checksum over an event's parameters, which tells a damaged request from a whole one.

All parameters but `x` are written as `name=value,value,;` in the order of their names (by UTF-16 code unit, as
JavaScript and Java compare), encoded as UTF-8 and hashed with MurmurHash3 x86 32-bit, seed 0. `x` carries the hash as
a signed number in base 36.

Two hashes count as right. The tag computes the true one. Divolte's server computes a different one where a character
beyond the Basic Multilingual Plane occurs (an emoji): its library forgets to advance by such a character's bytes. A
client that was written against that server may send either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mmh3

from pyglue.collector.events.base36 import parse_int, render

MAX_DIVOLTE_BYTES = 32 * 1024  # of a text whose other hash is looked at: it is computed here step by step

_MASK = 0xFFFFFFFF
_C1 = 0xCC9E2D51
_C2 = 0x1B873593


def matches(parameters: Mapping[bytes, Sequence[bytes]]) -> bool:
    """Whether `x` among the decoded `parameters` (UTF-8) is the checksum of the others; the first `x` counts."""
    values = parameters.get(b"x")
    given = parse_int(values[0].decode()) if values else None
    if given is None:
        return False
    text = canonical(parameters)
    if given == mmh3.hash(text):
        return True
    return len(text) <= MAX_DIVOLTE_BYTES and _has_astral(text) and given == divolte_hash(text.decode())


def checksum(parameters: Mapping[bytes, Sequence[bytes]]) -> str:
    """The value for `x`: the true hash of `parameters`, signed, in base 36."""
    return render(mmh3.hash(canonical(parameters)))


def canonical(parameters: Mapping[bytes, Sequence[bytes]]) -> bytes:
    """The text that is hashed. Every value of a repeated parameter is part of it."""
    names = [name for name in parameters if name != b"x"]
    names.sort(key=None if all(map(bytes.isascii, names)) else _code_units)
    return b"".join([b"%b=%b,;" % (name, b",".join(parameters[name])) for name in names])


def divolte_hash(text: str) -> int:
    """The hash as Divolte's server computes it, signed; equal to the true one without astral characters."""
    units = text.encode()
    whole = _leading_ascii_groups(text)
    state = 0
    for at in range(0, whole, 4):
        state = _mix_state(state, _mix_block(int.from_bytes(units[at : at + 4], "little")))
    buffer = shift = 0
    length = whole
    for character in text[whole:]:
        encoded = character.encode()
        buffer |= int.from_bytes(encoded, "little") << shift & 0xFFFFFFFFFFFFFFFF
        shift += 0 if len(encoded) == 4 else 8 * len(encoded)
        length += len(encoded)
        if shift >= 32:
            state = _mix_state(state, _mix_block(buffer & _MASK))
            buffer >>= 32
            shift -= 32
    return _finish(state ^ _mix_block(buffer & _MASK), length)


def _leading_ascii_groups(text: str) -> int:
    at = 0
    while at + 4 <= len(text) and text[at : at + 4].isascii():
        at += 4
    return at


def _mix_block(block: int) -> int:
    block = block * _C1 & _MASK
    block = (block << 15 | block >> 17) & _MASK
    return block * _C2 & _MASK


def _mix_state(state: int, block: int) -> int:
    state ^= block
    state = (state << 13 | state >> 19) & _MASK
    return (state * 5 + 0xE6546B64) & _MASK


def _finish(state: int, length: int) -> int:
    state ^= length
    state = (state ^ state >> 16) * 0x85EBCA6B & _MASK
    state = (state ^ state >> 13) * 0xC2B2AE35 & _MASK
    state ^= state >> 16
    return state - (1 << 32) if state >> 31 else state


def _has_astral(text: bytes) -> bool:
    return not text.isascii() and max(text.decode()) > "\uffff"


def _code_units(name: bytes) -> bytes:
    return name.decode().encode("utf-16-be")
