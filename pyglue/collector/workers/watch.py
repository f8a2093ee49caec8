"""Whether a worker's parent is still there, while the worker's loop can't hear it.

Opening sinks may hang with their disk, and a loop that has not begun to listen tells nobody that the other end of the line
is gone. So a thread looks until the loop does. A worker that opens its sinks has answered nothing yet: it may end at once,
wherever it is, and what hangs can't hold it.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Callable

LOOK_MS = 100  # between two looks at whether the watch is over


class Watch:
    """Looks at a worker's end of the line to its parent, and takes nothing of what is said there."""

    def __init__(self, line: socket.socket, leave: Callable[[int], object] = os._exit) -> None:
        """Begin; `leave` ends the process, with a code, from another thread."""
        self._leave = leave
        self._over = False
        self._leaving = threading.Lock()  # so that nobody leaves once it is over
        self._line = line.dup()  # the loop closes the other one
        threading.Thread(target=self._run, name="parent", daemon=True).start()

    def end(self) -> None:
        """From now on the loop hears the parent."""
        with self._leaving:
            self._over = True

    def _run(self) -> None:
        look = select.poll()
        look.register(self._line, 0)  # the other side's end is told all the same, and is all that is wanted
        with self._line:
            while not self._over:
                if look.poll(LOOK_MS):
                    break
        with self._leaving:
            if not self._over:
                self._leave(1)
