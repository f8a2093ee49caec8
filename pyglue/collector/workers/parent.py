"""The parent of several workers: makes what they share, replaces one that dies, tells of all together, ends with all.

Its law: it has no thread, no sink, and serves no event, so that it can fork at any time between two runs of its loop. A
worker has its number's socket, spool and file of counts, and whoever replaces it takes these over. A worker ends when its
parent says so, or is gone, and by no signal that all are sent: its socket would go on having its part of the connections.
What the ledger says of a worker that died is the last that it told.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from pyglue.collector.counting import snapshot
from pyglue.collector.counting.counters import in_words
from pyglue.collector.counting.keeper import now_ms
from pyglue.collector.counting.metrics_site import MetricsSite
from pyglue.collector.counting.snapshot import Snapshot
from pyglue.collector.http import listeners
from pyglue.collector.http.connection import Connection
from pyglue.collector.http.room import Room, sweep
from pyglue.collector.workers import forked
from pyglue.collector.workers.deaths import MOST, WITHIN_SECONDS, Deaths
from pyglue.collector.workers.forked import LastWords, Serve, Shared
from pyglue.collector.workers.share import Share
from pyglue.collector.workers.wire import END, Wire
from pyglue.errors import PyglueError

log = logging.getLogger("pyglue.collector")

ANSWER_SECONDS = 1.0  # for workers to tell what they count; of one that does not the last word stands
END_SECONDS = 20.0  # for a worker to end once nothing is under way: its sinks may take most of it
FORK_PAUSE_SECONDS = 1.0  # after which the system may have processes and files for a worker again
SCRAPES = 100  # connections to the port for metrics
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


@dataclass
class _Worker:
    """One, as its parent knows it. `copy` is one of the `line`, `status` that of its end, as wait tells it.

    It is `deaf` once its line has ended.
    """

    number: int
    pid: int
    line: socket.socket
    copy: socket.socket
    last: Snapshot = field(default_factory=Snapshot)
    asked: int = 0
    waiting: dict[int, asyncio.Future[None]] = field(default_factory=dict)
    wire: Wire | None = None
    status: int | None = None
    deaf: bool = False
    error: PyglueError | None = None


class Workers:
    """As many processes as there are sets of sockets for events."""

    def __init__(self, shared: Shared, serve: Serve) -> None:
        self._shared = shared
        self._serve = serve
        self._loop = asyncio.new_event_loop()
        self._workers: dict[int, _Worker] = {}
        self._due = list(range(len(shared.events)))
        self._begun: set[int] = set()
        self._dead = Snapshot()
        self._deaths = Deaths()
        self._replaced = 0
        self._seconds = 0.0
        self._run = 0
        self._signals = 0
        self._ending = False
        self._error: PyglueError | None = None
        self._servers: list[asyncio.Server] = []
        self._scrapes = Room(SCRAPES)
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self) -> None:
        """Until all have ended; raises PyglueError if they did not do so because they were told."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._signalled)
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)
        self._begin(self._serve_metrics())
        self._begin(sweep(self._scrapes))
        if self._shared.renews:
            self._loop.add_signal_handler(signal.SIGHUP, self._send, signal.SIGHUP)
        while True:
            while self._due and not self._ending:
                self._start(self._due.pop(0))
            if self._ending and not self._workers:
                break
            self._loop.run_forever()
        for task in self._tasks:
            task.cancel()
        for server in self._servers:
            server.close()
        for scrape in self._scrapes:
            scrape.abort()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()
        log.info("all workers have ended; since the start: %s", in_words(self._dead.totals))
        if self._error is not None:
            raise self._error

    # outside the loop

    def _start(self, number: int) -> None:
        """Also if the system has no process or file for it now, which only at the first start is the end."""
        try:
            self._fork(number)
        except OSError as error:
            reason = error.strerror or str(error)
            if number not in self._begun:
                self._error = PyglueError(f"worker {number} can't be started: {reason}", code="worker-dies")
                self._due.clear()
                self._loop.call_soon(self._end)
                return
            log.warning(
                "worker %d can't be started (%s); next try in %g s", number, reason, FORK_PAUSE_SECONDS
            )
            self._loop.call_later(FORK_PAUSE_SECONDS, self._want, number)
            return
        self._replaced += number in self._begun
        self._begun.add(number)

    def _fork(self, number: int) -> None:
        """Raises OSError."""
        with ExitStack() as made:
            ours, theirs = (made.enter_context(one) for one in socket.socketpair())
            copy = made.enter_context(ours.dup())
            self._run = max(now_ms(), self._run + 1)
            share = Share(number, len(self._shared.events), self._run, self._shared.spooled)
            sys.stdout.flush()
            sys.stderr.flush()
            before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
            try:
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for one in (signal.SIGTERM, signal.SIGINT):
                        signal.signal(one, signal.SIG_IGN)
                    signal.pthread_sigmask(signal.SIG_SETMASK, before)
                    forked.live(self._shared, self._serve, share, theirs)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            made.pop_all()
        theirs.close()
        self._workers[number] = worker = _Worker(number, pid, ours, copy)
        log.info("worker %d is process %d", number, pid)
        self._begin(self._attach(worker))

    # in the loop

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attach(self, worker: _Worker) -> None:
        def ended() -> None:
            worker.deaf = True
            self._gone(worker)

        wire = Wire(lambda line: self._heard(worker, line), ended, worker.copy)
        worker.wire = wire
        await self._loop.create_unix_connection(lambda: wire, sock=worker.line)
        if self._ending:
            wire.say(END)

    def _heard(self, worker: _Worker, line: bytes) -> None:
        told = json.loads(line)
        if "error" in told:
            worker.error = LastWords(**told["error"]).error()
            return
        worker.last = snapshot.read(told["snapshot"])
        waiting = worker.waiting.get(told["asked"])
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _signalled(self) -> None:
        self._signals += 1
        if self._signals > 1:
            self._kill()
        else:
            self._end()

    def _end(self) -> None:
        """Tell all to end. Nobody takes the place of one that does, so its socket must not be kept."""
        if self._ending:
            return
        self._ending = True
        for sockets in self._shared.events:
            listeners.close(sockets)
        for worker in self._workers.values():
            if worker.wire is not None:
                worker.wire.say(END)
        self._loop.call_later(self._shared.seconds + END_SECONDS, self._kill)
        if not self._workers:
            self._loop.stop()

    def _kill(self) -> None:
        left = ", ".join(str(worker.number) for worker in self._alive())
        if left:
            self._error = self._error or PyglueError(
                f"workers that had not ended were killed: {left}", code="worker-dies"
            )
        self._send(signal.SIGKILL)

    def _alive(self) -> list[_Worker]:
        return [worker for worker in self._workers.values() if worker.status is None]

    def _send(self, number: signal.Signals) -> None:
        for worker in self._alive():
            os.kill(worker.pid, number)

    def _reap(self) -> None:
        for worker in self._alive():
            pid, status, usage = os.wait4(worker.pid, os.WNOHANG)
            if pid:
                worker.status = status
                self._seconds += usage.ru_utime + usage.ru_stime
                self._gone(worker)

    def _gone(self, worker: _Worker) -> None:
        """Once it has ended, and all that it said was heard."""
        if worker.status is None or not worker.deaf:
            return
        del self._workers[worker.number]
        self._dead = snapshot.together([worker.last.of_the_dead()], self._dead)
        self._shared.memory.release(worker.number)
        for waiting in list(worker.waiting.values()):
            waiting.cancel()
        if worker.error is not None:
            self._error = self._error or worker.error
            self._end()
        elif not self._ending:
            self._replace(worker)
        elif worker.status:
            how = _end_of(worker)
            log.error("worker %d %s, while the collector ended", worker.number, how)
            self._error = self._error or PyglueError(
                f"worker {worker.number} {how}, while the collector ended", code="worker-dies"
            )
        if self._ending and not self._workers:
            self._loop.stop()

    def _replace(self, worker: _Worker) -> None:
        how = _end_of(worker)
        pause = self._deaths.add(time.monotonic())
        if pause is None:
            log.error("worker %d %s", worker.number, how)
            self._error = PyglueError(
                f"workers die again and again: {MOST} within {WITHIN_SECONDS:g} s; the last one {how}",
                code="worker-dies",
            )
            self._end()
            return
        log.error("worker %d %s; another one takes its place", worker.number, how)
        self._loop.call_later(pause, self._want, worker.number)

    def _want(self, number: int) -> None:
        if not self._ending:
            self._due.append(number)
            self._loop.stop()

    # metrics

    async def _serve_metrics(self) -> None:
        if not self._shared.metrics:
            return
        site = MetricsSite(lambda then: self._begin(self._scrape(then)))
        for one in self._shared.metrics:
            server = await self._loop.create_server(
                lambda: Connection(site, self._scrapes, time.monotonic), sock=one, backlog=listeners.BACKLOG
            )
            self._servers.append(server)

    async def _scrape(self, then: Callable[[bytes], None]) -> None:
        from pyglue.collector.counting import metrics

        answers = [self._ask(worker) for worker in self._workers.values() if worker.wire is not None]
        if answers:
            _, late = await asyncio.wait(answers, timeout=ANSWER_SECONDS)
            for answer in late:
                answer.cancel()
        workers = list(self._workers.values())
        crew = metrics.Crew(
            (os.getpid(), *(worker.pid for worker in workers)), len(workers), self._replaced, self._seconds
        )
        then(metrics.text(snapshot.together([worker.last for worker in workers], self._dead), crew))

    def _ask(self, worker: _Worker) -> asyncio.Future[None]:
        worker.asked = asked = worker.asked + 1
        worker.waiting[asked] = answer = self._loop.create_future()
        answer.add_done_callback(lambda _: worker.waiting.pop(asked, None))
        if worker.wire is not None:
            worker.wire.say(str(worker.asked))
        return answer


def _end_of(worker: _Worker) -> str:
    """How it ended, for people."""
    code = os.waitstatus_to_exitcode(worker.status or 0)
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
