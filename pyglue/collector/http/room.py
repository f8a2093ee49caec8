"""The room for connections: how many there may be, and how much of requests that are not whole may be in memory.

When all places are taken, those make way that have gone longest without a whole request. An honest client sends one at
once, so it always finds a place, and those that hold places for nothing push out one another. Nobody makes way who
waits for an answer of ours.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Iterator
from typing import Protocol

MOST = 20_000
SWEEP_SECONDS = 5.0  # for a look at all connections
SWEPT = 64  # of them at a time
MOST_BYTES = 1 << 26  # of unfinished requests, all connections together
FREE_BYTES = 1 << 14  # of one connection, which are not asked about: no honest head is larger
_SHARE = 16  # one in so many makes way at a time, so that the search for them costs little per newcomer
# Connections that the system hands over in one turn of the loop are open before anybody makes way for them.
_RESERVE = 1024 + 256
_SMALL_SHARE = 4  # of few descriptors one in so many is kept back


class Guest(Protocol):
    """A connection."""

    @property
    def rests_since(self) -> float | None:
        """Since when it had no whole request; None if it waits for an answer of ours."""

    def make_way(self) -> None:
        """Leave for somebody else, at once."""

    def sweep(self, now: float) -> None:
        """Leave if it takes too long."""

    def finish(self) -> None:
        """Leave as soon as nothing is waited for any more."""

    def abort(self) -> None:
        """Leave at once, whatever is waited for."""


class Room:
    """All open connections of one port."""

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._guests: set[Guest] = set()

    def __len__(self) -> int:
        return len(self._guests)

    def __iter__(self) -> Iterator[Guest]:
        """Those that are there now, whatever becomes of them meanwhile."""
        return iter(list(self._guests))

    def enter(self, guest: Guest) -> bool:
        """Whether there is a place for one more, for which others may have to leave."""
        if len(self._guests) >= self._most and not self._make_way():
            return False
        self._guests.add(guest)
        return True

    def leave(self, guest: Guest) -> None:
        """One has gone; it may have been told to."""
        self._guests.discard(guest)

    def keep(self, before: int, now: int) -> bool:
        """Whether a connection that kept `before` bytes may keep `now`; they count in any case until it says less."""
        self._bytes += now - before
        return now <= FREE_BYTES or self._bytes <= self._most_bytes

    def _make_way(self) -> bool:
        resting = [(guest.rests_since, guest) for guest in self._guests]
        candidates = [(since, guest) for since, guest in resting if since is not None]
        candidates.sort(key=lambda candidate: candidate[0])
        leaving = candidates[: -(-len(candidates) // _SHARE)]
        for _, guest in leaving:
            self._guests.discard(guest)
            guest.make_way()
        return bool(leaving)


def places(wanted: int) -> int:
    """How many of the `wanted` connections this process may have, after it asked for all descriptors that it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, room_in(hard))


def room_in(descriptors: int) -> int:
    """Connections for which there is room where a process may have so many descriptors."""
    return descriptors - min(_RESERVE, max(descriptors // _SMALL_SHARE, 1))


async def sweep(*rooms: Room) -> None:
    """Let go who takes too long, a few at a time: what came together would be cut off, and come again, together."""
    while True:
        guests = [guest for room in rooms for guest in room]
        turns = max(-(-len(guests) // SWEPT), 1)
        for turn in range(turns):
            await asyncio.sleep(SWEEP_SECONDS / turns)
            now = time.monotonic()
            for guest in guests[turn * SWEPT : (turn + 1) * SWEPT]:
                guest.sweep(now)
