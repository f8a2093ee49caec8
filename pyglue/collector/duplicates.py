"""The short memory of events that were seen: a table of 64-bit signatures, as large as the configuration says.

An event's slot and signature come from MurmurHash3 x64 128-bit (seed 0) over the UTF-16LE texts of party, session and
event id without separators: the first four bytes choose the slot, the last eight are the signature. An event is a
duplicate if its slot already holds its signature. The slot is overwritten in any case, so two events that share a slot
forget each other: a duplicate may be missed, and one that is reported is one (but for equal signatures, 1 in 2**64).
"""

from __future__ import annotations

import struct
from array import array
from typing import Protocol, TypeAlias

import mmh3

# What remembering an event answered, and all that `forget` needs: whether it was there, its slot and signature, and
# the signature that it took the place of. A plain tuple, for one is made for each event.
Seen: TypeAlias = tuple[bool, int, int, int]

_parts = struct.Struct(">I4xq").unpack


class Memory(Protocol):
    """What knows the events that came before."""

    def remember(self, party: bytes, session: bytes, event: bytes) -> Seen:
        """Record the event with these identifiers (UTF-8, as they are recorded) and say whether it was there."""

    def forget(self, seen: Seen) -> None:
        """Undo `remember` for an event that could not be delivered, unless another took its slot since."""


class DuplicateMemory:
    """Remembers the last events; lost on restart, as in Divolte. Not for several threads."""

    def __init__(self, size: int) -> None:
        """`size` is the number of slots, at least 1; each takes 8 bytes."""
        self._size = size
        self._slots = array("q", [0]) * size

    def remember(self, party: bytes, session: bytes, event: bytes) -> Seen:
        """Record the event with these identifiers (UTF-8, as they are recorded) and say whether it was there."""
        text = (party + session + event).decode().encode("utf-16-le")
        number, signature = _parts(mmh3.mmh3_x64_128_digest(text, 0))
        slots = self._slots
        slot = (number & 0x7FFFFFFF) % self._size
        before = slots[slot]
        slots[slot] = signature
        return before == signature, slot, signature, before

    def forget(self, seen: Seen) -> None:
        """Undo `remember` for an event that could not be delivered, unless another took its slot since."""
        _, slot, signature, before = seen
        if self._slots[slot] == signature:
            self._slots[slot] = before
