"""A worker's process, from the fork to its end. What it has of its parent is said here, and nothing else stays open."""

from __future__ import annotations

import gc
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.http.listeners import Sockets
from pyglue.collector.workers.share import Share
from pyglue.errors import PyglueError

log = logging.getLogger("pyglue.collector")

LAST_WORDS_SECONDS = 1.0
_STANDARD_FILES = 3


@dataclass(frozen=True)
class Shared:
    """What all workers have in common, made before any of them.

    `events` are the sockets of each worker; `metrics` and `private` descriptors are the parent's alone. `seconds` is how
    long a worker may take for what is under way at the end. `renews`: SIGHUP makes workers read their certificate anew.
    """

    events: list[Sockets]
    metrics: Sockets
    private: Collection[int]
    memory: DuplicateMemory
    spooled: memoryview[int]
    seconds: float
    renews: bool


@dataclass(frozen=True)
class LastWords:
    """Why a worker can't go on: what its error says."""

    message: str
    details: list[str]
    code: str

    def error(self) -> PyglueError:
        """As its parent raises it."""
        return PyglueError(self.message, details=self.details, code=self.code)


# Serves in a forked process, until it is told to end: its share, its sockets, and the line to its parent.
Serve = Callable[[Share, Sockets, socket.socket], None]


def live(shared: Shared, serve: Serve, share: Share, line: socket.socket) -> NoReturn:
    """Serve, in a process that was just forked, and end it; what it can't go on for is told on the line."""
    code = 1
    try:
        # What is the parent's stays for ever: closed by its objects, things would go out of the epoll of its loop.
        gc.freeze()
        events = shared.events[share.number]
        _close_sockets({one.fileno() for one in (*events, line)}, shared.private)
        for handler in logging.getLogger().handlers:
            handler.setFormatter(
                logging.Formatter(f"%(asctime)s %(levelname)s worker {share.number}: %(message)s")
            )
        shared.memory.belong(share.number)
        end_of_line = line.dup()  # the loop closes the other one
        try:
            serve(share, events, line)
            code = 0
        except PyglueError as error:
            end_of_line.settimeout(LAST_WORDS_SECONDS)
            words = LastWords(error.message, error.details, error.code)
            end_of_line.sendall(json.dumps({"error": vars(words)}).encode() + b"\n")
    except BaseException:
        log.exception("worker %d fails", share.number)
    finally:
        with suppress(Exception):
            sys.stderr.flush()
        os._exit(code)


def _close_sockets(kept: Collection[int], private: Collection[int]) -> None:
    """Close what is private, and all sockets and loops but those that are kept."""
    for entry in list(Path("/proc/self/fd").iterdir()):
        number = int(entry.name)
        with suppress(OSError):
            inherited = str(entry.readlink()).startswith(("socket:", "anon_inode:[eventpoll]"))
            if number in private or (inherited and number >= _STANDARD_FILES and number not in kept):
                os.close(number)
