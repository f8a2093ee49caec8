"""The short memory of events that were seen: a table of 56-bit signatures, as large as the configuration says.

An event's slot and signature come from MurmurHash3 x64 128-bit (seed 0) over the UTF-16LE texts of party, session and
event id without separators: the first four bytes choose the slot, the signature is the first seven of the last eight. An
event is a duplicate if its slot already holds its signature. Else it takes the slot, so two events that share a slot
forget each other: a duplicate may be missed, and one that is reported is one (but for equal signatures, 1 in 2**56).

The table is shared by the processes that are forked after it was made. A slot's eight bytes are read and written at once;
beside the signature they tell which worker has the event under way, as number + 1, or 0 once its records are safe. So
what a worker had under way when it was killed can be forgotten: nobody was told that it is safe. A further bit marks an
event that was refused for being late; without a worker, one of these that is safe after all, which nobody was told.
"""

from __future__ import annotations

import mmap
import struct
import sys
from codecs import utf_16_le_encode  # str.encode looks it up by its name, which takes three times as long
from typing import Protocol, TypeAlias

import mmh3

# What remembering an event answered, and all that `keep` and `forget` need: whether it was there, its slot and
# signature, and what was in the slot. A plain tuple, for one is made for each event.
Seen: TypeAlias = tuple[bool, int, int, int]

_SIGNATURE_BITS = 56
_SIGNATURE = (1 << _SIGNATURE_BITS) - 1
_LATE = 1 << 62
_WORKER = 63 << _SIGNATURE_BITS
_WORKER_BYTE = 7 if sys.byteorder == "little" else 0  # of a slot's eight
_SLOT_BYTES = 8

_parts = struct.Struct(">I4xQ").unpack


class Memory(Protocol):
    """What knows the events that came before."""

    def remember(self, party: bytes, session: bytes, event: bytes) -> Seen:
        """Record the event with these identifiers (UTF-8, as they are recorded) and say whether it was there.

        It is under way until `keep` or `forget`.
        """

    def keep(self, seen: Seen) -> None:
        """The event's records are safe."""

    def forget(self, seen: Seen) -> None:
        """Undo `remember` for an event that could not be delivered, unless another took its slot since."""

    def was_safe(self, seen: Seen) -> bool:
        """Whether the event was there, and its records were safe."""

    def delay(self, seen: Seen) -> None:
        """The event was refused for being late, and is still under way."""

    def arrive(self, seen: Seen) -> None:
        """The records of an event that was late are safe."""

    def arrived(self, seen: Seen) -> bool | None:
        """Of an event that was there and late, whether it is safe; None for any other."""


class DuplicateMemory:
    """Remembers the last events; lost when all processes that share it have ended. Not for several threads."""

    def __init__(self, size: int) -> None:
        """`size` is the number of slots, at least 1; each takes 8 bytes. Raises MemoryError."""
        try:
            self._bytes = memoryview(mmap.mmap(-1, size * _SLOT_BYTES))
        except (OSError, OverflowError) as error:
            raise MemoryError from error
        self._size = size
        self._slots = self._bytes.cast("q")
        self._mine = 0
        self.belong(0)

    def belong(self, worker: int) -> None:
        """From now on what is remembered in this process is under way at this worker."""
        self._mine = (worker + 1) << _SIGNATURE_BITS

    def remember(self, party: bytes, session: bytes, event: bytes) -> Seen:
        """See Memory."""
        text, _ = utf_16_le_encode((party + session + event).decode())
        number, signature = _parts(mmh3.mmh3_x64_128_digest(text, 0))
        signature >>= 8
        slots = self._slots
        slot = (number & 0x7FFFFFFF) % self._size
        before = slots[slot]
        if before & _SIGNATURE == signature:
            return True, slot, signature, before
        slots[slot] = signature | self._mine
        return False, slot, signature, before

    def keep(self, seen: Seen) -> None:
        """See Memory."""
        _, slot, signature, _ = seen
        slots = self._slots
        if slots[slot] & _SIGNATURE == signature:
            slots[slot] = signature

    def forget(self, seen: Seen) -> None:
        """See Memory. What was in the slot is there again if it is safe: what became of others nobody knows."""
        there, slot, signature, before = seen
        if not there and self._slots[slot] & ~_LATE == signature | self._mine:
            self._slots[slot] = 0 if before & _WORKER else before

    def delay(self, seen: Seen) -> None:
        """See Memory."""
        _, slot, signature, _ = seen
        if self._slots[slot] == signature | self._mine:
            self._slots[slot] |= _LATE

    def arrive(self, seen: Seen) -> None:
        """See Memory."""
        _, slot, signature, _ = seen
        if self._slots[slot] == signature | self._mine | _LATE:
            self._slots[slot] = signature | _LATE

    def arrived(self, seen: Seen) -> bool | None:
        """See Memory."""
        there, _, _, before = seen
        return not before & _WORKER if there and before & _LATE else None

    def was_safe(self, seen: Seen) -> bool:
        """See Memory."""
        there, _, _, before = seen
        return there and before <= _SIGNATURE

    def release(self, worker: int) -> None:
        """Forget what a worker that has ended had under way; call it before another one gets its number."""
        owners = self._bytes[_WORKER_BYTE::_SLOT_BYTES].tobytes()
        for tag in (worker + 1, worker + 1 | _LATE >> _SIGNATURE_BITS):
            slot = owners.find(tag)
            while slot >= 0:
                if self._slots[slot] >> _SIGNATURE_BITS == tag:
                    self._slots[slot] = 0
                slot = owners.find(tag, slot + 1)
