"""Work is data; one loop runs it.

A job has a label, names of jobs it needs, a `begin` and a `poll` that answers with a verdict once it is done.
Jobs without unfinished needs run side by side. The first failure stops the loop; what did start goes on running.
The loop knows nothing of services; clock, sleeping and reporting are handed in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pyglue.errors import PyglueError

T = TypeVar("T")
TICK = 0.05  # seconds between two looks at what is running


@dataclass(frozen=True)
class Done:
    """How a job ended: `made`, `updated`, `kept` or `ok`, and a label that replaces the first one if the end knows more."""

    verdict: str
    label: str | None = None


class Job(Protocol):
    """Something to be done once its needs are."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def needs(self) -> frozenset[str]: ...

    def begin(self) -> None:
        """Start without waiting; raises PyglueError."""

    def poll(self) -> Done | None:
        """Look once: the verdict if done, else None; raises PyglueError."""

    def close(self) -> None:
        """Let go of what it began and does not need any more; harmless twice."""


class Listener(Protocol):
    """Shows what the loop does."""

    def running(self, labels: list[tuple[str, float]]) -> None:
        """Jobs under way, each with the seconds since it began."""

    def finished(self, label: str, verdict: str, seconds: float) -> None:
        """A job ended well, or with the verdict `failed`."""


class Progress(Protocol):
    """Shows how far something long is: (done, total) files and bytes; a total of 0 is unknown."""

    def __call__(self, label: str, files: tuple[int, int], size: tuple[int, int]) -> None: ...


class Cancel:
    """Tells waiting jobs that the loop has ended: `wait` sleeps, and raises Cancelled once that is so."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """End every wait."""
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Sleep; raises Cancelled if the loop ended meanwhile."""
        if self._event.wait(seconds):
            raise Cancelled


class Cancelled(Exception):
    """A job was told to give up because another one failed; never shown."""


@dataclass
class Call:
    """A job that is a function, run in a thread of its own so that it may wait."""

    name: str
    label: str
    needs: frozenset[str]
    function: Callable[[], Done]
    pool: ThreadPoolExecutor
    future: Future[Done] | None = None

    def begin(self) -> None:
        self.future = self.pool.submit(self.function)

    def poll(self) -> Done | None:
        assert self.future is not None  # noqa: S101 - the loop polls only what it began
        return self.future.result() if self.future.done() else None

    def close(self) -> None:
        """The thread ends by itself: waits in it are told by Cancel."""


def run(
    jobs: Iterable[Job],
    listener: Listener,
    cancel: Cancel,
    *,
    watch: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Run all jobs; `watch` is called every tick and may raise, as when a service that ran has died.

    Raises the first failure, or PyglueError if jobs need each other in a circle or something unknown.
    """
    waiting = {job.name: job for job in jobs}
    active: dict[str, tuple[Job, float]] = {}
    done: set[str] = set()
    try:
        while waiting or active:
            for name in [name for name, job in waiting.items() if job.needs <= done]:
                job = waiting.pop(name)
                active[name] = (job, clock())
                _guarded(job, 0.0, listener, job.begin)
            if not active:
                raise PyglueError(
                    f"these can never begin, for what they need is missing: {', '.join(waiting)}",
                    code="waits-in-circle",
                )
            for name, (job, since) in list(active.items()):
                result = _guarded(job, clock() - since, listener, job.poll)
                if result is not None:
                    listener.finished(result.label or job.label, result.verdict, clock() - since)
                    del active[name]
                    job.close()
                    done.add(name)
            watch()
            listener.running([(job.label, clock() - since) for job, since in active.values()])
            if active:
                sleep(TICK)
    finally:
        cancel.set()
        for job, _ in active.values():
            job.close()


def _guarded(job: Job, seconds: float, listener: Listener, act: Callable[[], T]) -> T:
    try:
        return act()
    except PyglueError:
        listener.finished(job.label, "failed", seconds)
        raise
