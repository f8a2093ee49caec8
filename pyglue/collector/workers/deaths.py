"""When a worker that died is replaced: at once, later if it happens again, and not at all if it goes on. Pure."""

from __future__ import annotations

MOST = 5
WITHIN_SECONDS = 10.0
FIRST_PAUSE = 0.1  # before the second; twice as long before each further one


class Deaths:
    """The last deaths, of all workers."""

    def __init__(self) -> None:
        self._moments: list[float] = []

    def add(self, now: float) -> float | None:
        """One more, at a moment in seconds: how long to wait with the replacement, None if there is to be none."""
        self._moments = [moment for moment in self._moments if now - moment < WITHIN_SECONDS] + [now]
        earlier = len(self._moments) - 1
        if earlier + 1 >= MOST:
            return None
        return FIRST_PAUSE * 2 ** (earlier - 1) if earlier else 0.0
