"""Asks containers whether they serve: many at a time, each in a thread, for the daemon makes one wait for its answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

EVERY = 0.4  # seconds between two questions to one service: each starts a process in its container


class Asking:
    """Repeats a question that blocks. `ask` never does; `last` is what was said last."""

    def __init__(
        self,
        question: Callable[[], tuple[bool, str]],
        pool: ThreadPoolExecutor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tries = 0
        self.last = "not asked yet"
        self._question = question
        self._pool = pool
        self._clock = clock
        self._began = -EVERY
        self._answer: Future[tuple[bool, str]] | None = None

    def ask(self) -> bool:
        """Begin a question if none is under way and it is time; True once one was answered well."""
        if self._answer is None:
            if self._clock() - self._began >= EVERY:
                self._began = self._clock()
                self.tries += 1
                self._answer = self._pool.submit(self._question)
            return False
        if not self._answer.done():
            return False
        healthy, self.last = self._answer.result()
        self._answer = None
        return healthy

    def close(self) -> None:
        """An answer that is still to come is of no interest."""
        self._answer = None
