"""Calls that may hang, as those to a disk do, beside the loop: one thread does them, one after the other.

The thread is a daemon, so that a call which hangs does not keep the process from its end, as a pool's thread would.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Aside:
    """The thread `name`, which begins with the first call. All but `end` is called from the loop's."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Call it there after what was called before; its result. Who waits for that no more does not undo the call."""
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()

        def act() -> None:
            try:
                told = partial(_succeed, result, function(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it is told to who awaits the call
                told = partial(_fail, result, error)
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(told)

        if self._thread.ident is None:
            self._thread.start()
        self._calls.put(act)
        return result

    def end(self) -> None:
        """End the thread after what was called; nothing is waited for."""
        self._calls.put(None)

    def _run(self) -> None:
        for act in iter(self._calls.get, None):
            act()
            del act  # with what it was called with


def _succeed(result: asyncio.Future[T], value: T) -> None:
    if not result.done():
        result.set_result(value)


def _fail(result: asyncio.Future[T], error: BaseException) -> None:
    if not result.done():
        result.set_exception(error)
