"""Calls that may hang, as those to a disk do, beside the loop: one thread does them, one after the other.

The thread is a daemon, so that a call which hangs does not keep the process from its end, as a pool's thread would.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Aside:
    """The thread `name`, which begins with the first call. All is called from the loop's."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Call it there after what was called before; its result."""
        result: Future[T] = Future()

        def act() -> None:
            if result.set_running_or_notify_cancel():
                try:
                    result.set_result(function(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001 - it is told to who awaits the call
                    result.set_exception(error)

        if self._thread.ident is None:
            self._thread.start()
        self._calls.put(act)
        return asyncio.wrap_future(result)

    def end(self) -> None:
        """End the thread after what was called; nothing is waited for."""
        self._calls.put(None)

    def _run(self) -> None:
        for act in iter(self._calls.get, None):
            act()
            del act  # with what it was called with
