"""Asks services whether they serve, by their folder's `healthy`: many at a time, without waiting."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable

from pyglue.native.contract import Program

EVERY = 0.2  # seconds between two questions to one service


class Check:
    """Repeats `healthy` for one service. `ask` never blocks; `last` is what the last failing run printed."""

    def __init__(self, program: Program, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.program = program
        self.timeout = timeout
        self.tries = 0
        self.last = "not asked yet"
        self._clock = clock
        self._process: subprocess.Popen[str] | None = None
        self._began = -EVERY

    def ask(self) -> bool:
        """Begin a question if none is under way and it is time; True once one was answered with 0."""
        if self._process is None:
            if self._clock() - self._began >= EVERY:
                self._begin()
            return False
        code = self._process.poll()
        if code is None:
            if self._clock() - self._began > self.timeout:
                self.last = f"no answer within {self.timeout:g} s"
                self.close()
            return False
        self.last = _end(self._process).strip() or f"`healthy` ended with {code} and said nothing"
        self._process = None
        return code == 0

    def close(self) -> None:
        """End the question under way, if any."""
        if self._process is not None:
            _end(self._process)
            self._process = None

    def _begin(self) -> None:
        self._began = self._clock()
        self.tries += 1
        self._process = _question(self.program)


def healthy_now(program: Program, timeout: float) -> tuple[bool, str]:
    """One question, waited for: whether it is healthy, and what was said."""
    process = _question(program)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        return False, f"no answer within {timeout:g} s"
    return process.returncode == 0, _end(process).strip()


def _question(program: Program) -> subprocess.Popen[str]:
    """Run `healthy` in a process group of its own, so that nothing it started is left over."""
    return subprocess.Popen(
        program.healthy,
        env=dict(program.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


def _end(process: subprocess.Popen[str]) -> str:
    """End a question with all that it started, and return what it printed.

    A child of `healthy` that lives on would hold the pipe open, and reading it would wait for that child.
    """
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.communicate()[0]
