"""The short memory of events that were seen: a table of 64-bit signatures, as large as the configuration says.

An event's slot and signature come from MurmurHash3 x64 128-bit (seed 0) over the UTF-16LE texts of party, session and
event id without separators: the first four bytes choose the slot, the last eight are the signature. An event is a
duplicate if its slot already holds its signature. The slot is overwritten in any case, so two events that share a slot
forget each other: a duplicate may be missed, and one that is reported is one (but for equal signatures, 1 in 2**64).
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

import mmh3


class Seen(NamedTuple):
    """What remembering an event answered, and all that `forget` needs."""

    duplicate: bool
    slot: int
    signature: int
    before: int


class DuplicateMemory:
    """Remembers the last events; lost on restart, as in Divolte. Not for several threads."""

    def __init__(self, size: int) -> None:
        """`size` is the number of slots, at least 1; each takes 8 bytes."""
        self._slots = array("q", [0]) * size

    def remember(self, party: bytes, session: bytes, event: bytes) -> Seen:
        """Record the event with these identifiers (UTF-8, as they are recorded) and say whether it was there."""
        text = (party + session + event).decode().encode("utf-16-le")
        digest = mmh3.mmh3_x64_128_digest(text, 0)
        slot = (int.from_bytes(digest[:4], "big") & 0x7FFFFFFF) % len(self._slots)
        signature = int.from_bytes(digest[8:], "big", signed=True)
        before = self._slots[slot]
        self._slots[slot] = signature
        return Seen(before == signature, slot, signature, before)

    def forget(self, seen: Seen) -> None:
        """Undo `remember` for an event that could not be delivered, unless another took its slot since."""
        if self._slots[seen.slot] == seen.signature:
            self._slots[seen.slot] = seen.before
