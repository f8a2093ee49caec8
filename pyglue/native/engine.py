"""The native engine: what has to be started, restarted or left alone, and how a service is known to be dead.

Decisions are made from two values, the programs as they should run and the processes as supervisord tells them;
acting is left to `Supervisord`. supervisord restarts what dies; during `up` a restart is still a failure, or a
service that dies every ten seconds would look like a slow one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from pyglue.errors import PyglueError
from pyglue.flow import Done
from pyglue.native import ports, processes
from pyglue.native.contract import program
from pyglue.native.health import Check, healthy_now
from pyglue.native.layout import Layout
from pyglue.native.logs import tail
from pyglue.native.supervisord import Process, Supervisord
from pyglue.stack.model import Service, Stack

LOG_LINES = 12
DOWN_SECONDS = 20.0  # then what is left is killed, so that `down` ends within 30 s
SUPERVISORD_SECONDS = 3.0


@dataclass(frozen=True)
class State:
    """One service as `status` shows it. `memory` is bytes of PSS, `up` seconds since the start."""

    name: str
    state: str
    healthy: bool
    reason: str
    pid: int | None
    up: float | None
    memory: int | None
    ports: tuple[int, ...]


class Engine:
    """The services of one checkout as processes. `homes` says where each folder's artefacts are."""

    def __init__(self, stack: Stack, homes: Mapping[str, Path]) -> None:
        self.stack = stack
        self.layout = Layout(stack.directory)
        self.supervisord = Supervisord(self.layout)
        self._programs = {
            name: program(
                stack, service, self.layout, homes.get(service.folder, Path("/nonexistent")), os.environ
            )
            for name, service in stack.services.items()
        }
        self._watched: dict[str, int] = {}  # service -> the process id it must keep while `up` runs

    # -- looking

    def changed(self) -> list[str]:
        """Services that run, but not as docker-compose.yml and their files now say; or that are no longer in it."""
        running = {
            name: process for name, process in self.supervisord.processes().items() if process.state != 0
        }
        stale = [name for name in running if name not in self._programs or not self._is_current(name)]
        return [name for name in stale if running[name].runs or name in self._programs]

    def _is_current(self, name: str) -> bool:
        path = self.layout.programs / f"{name}.json"
        return path.exists() and not self._programs[name].differs(path.read_text(encoding="utf-8"))

    def running(self) -> set[str]:
        """Services whose process is there, healthy or not."""
        return {name for name, process in self.supervisord.processes().items() if process.runs}

    def states(self) -> list[State]:
        """Every service of the stack, asked now."""
        known = self.supervisord.processes()
        return [self._state(service, known.get(service.name)) for service in self.stack.services.values()]

    def _state(self, service: Service, process: Process | None) -> State:
        if process is None or not process.runs:
            label = (
                process.label if process and process.label in ("fatal", "backoff", "exited") else "stopped"
            )
            return State(service.name, label, False, "", None, None, None, service.ports)
        timeout = service.health.timeout if service.health else 5.0
        healthy, reason = healthy_now(self._programs[service.name], timeout) if service.health else (True, "")
        up = max(0.0, time.time() - process.since)
        weight = processes.memory(process.pid)
        return State(service.name, "running", healthy, reason, process.pid, up, weight, service.ports)

    def memory(self) -> int:
        """Bytes of PSS of everything that runs."""
        pids = [process.pid for process in self.supervisord.processes().values() if process.runs]
        return sum(processes.memory(pid) or 0 for pid in pids)

    def log_lines(self, name: str, lines: int = LOG_LINES) -> list[str]:
        """The last lines a service printed."""
        return tail(self.layout.log(name), lines)

    # -- acting

    def prepare(self) -> None:
        """Write supervisord's configuration and have it running; nothing is started yet."""
        self.supervisord.ensure(self.stack.services.values())

    def check_ports(self) -> None:
        """Raise PyglueError naming every port that a service which does not run yet would find taken.

        What a killed supervisord left behind would hold some of them, so it is ended first.
        """
        self.layout.make()
        if self.supervisord.pid() is None:
            processes.end(self._marked, grace=2.0)
        running = self.running()
        holders: dict[str, list[str]] = {}
        for name, service in self.stack.services.items():
            for port in service.ports if name not in running else ():
                if not ports.is_free(port):
                    holders.setdefault(ports.holder(port), []).append(f"{port} (for {name})")
        count = sum(map(len, holders.values()))
        if count:
            raise PyglueError(
                "a port is taken" if count == 1 else f"{count} ports are taken",
                details=[
                    *(f"{', '.join(taken)} by {holder}" for holder, taken in holders.items()),
                    "end what holds them, or choose other ports in .env (docs/configuration.md)",
                ],
                try_="pyglue up",
            )

    def stop(self, names: list[str], *, seconds: float = DOWN_SECONDS) -> None:
        """Stop services and wait until their processes are gone; supervisord kills what outlasts its grace."""
        for name in names:
            self._watched.pop(name, None)
            self.supervisord.stop(name)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            known = self.supervisord.processes()
            if not any(known[name].pid for name in names if name in known):
                return
            time.sleep(0.05)

    def start(self, name: str) -> None:
        """Write down what is to run and spawn it."""
        path = self.layout.programs / f"{name}.json"
        path.write_text(self._programs[name].to_json(), encoding="utf-8")
        self.supervisord.stop(name)  # one that is waiting in back-off
        self.supervisord.start(name)

    def watch(self) -> None:
        """Raise PyglueError if a service that was seen running has died or was restarted since."""
        known = self.supervisord.processes()
        for name, pid in self._watched.items():
            if name not in known or known[name].pid != pid:
                raise self.died(name, known.get(name))

    def died(self, name: str, process: Process | None) -> PyglueError:
        """The error that says so, with the service's last words."""
        code = process.exit_code if process else 0  # 0 while supervisord tries again
        how = f" with exit code {code}" if code > 0 else " by a signal" if code < 0 else ""
        return PyglueError(f"{name} stopped{how}", details=self.last_words(name), try_=f"pyglue logs {name}")

    def last_words(self, name: str) -> list[str]:
        """The end of a service's log, as an error shows it."""
        lines = self.log_lines(name)
        return (
            [f"last lines of {name}:", *(f"  | {line}" for line in lines)]
            if lines
            else [f"{name} printed nothing"]
        )

    def seen_running(self, name: str, pid: int) -> None:
        """From now on the service's process must stay the same (see `watch`)."""
        self._watched[name] = pid

    def down(self) -> list[str]:
        """Stop everything, dependents first; keep the data. Returns what had to be killed."""
        deadline = time.monotonic() + DOWN_SECONDS
        self._watched.clear()
        pid = self.supervisord.pid()
        if pid is not None:
            with contextlib.suppress(PyglueError):  # a supervisord that does not answer is ended below
                self._stop_in_order(deadline)
                self.supervisord.shutdown()
        remaining = self._leftovers(pid)
        killed = [f"{process.name()} ({process.pid})" for process in remaining if process.is_running()]
        alive = processes.end(self._marked, grace=1.0)
        if alive:
            raise PyglueError(
                "these processes could not be ended",
                details=[str(process) for process in alive],
                try_="pyglue down",
            )
        shutil.rmtree(self.layout.run, ignore_errors=True)
        return killed

    def _stop_in_order(self, deadline: float) -> None:
        """A service is asked to stop once everything that depends on it is gone."""
        asked: set[str] = set()
        while time.monotonic() < deadline:
            alive = {name for name, process in self.supervisord.processes().items() if process.pid}
            if not alive:
                return
            for name in alive - asked:
                dependents = {s.name for s in self.stack.services.values() if name in s.depends_on}
                if not dependents & alive:
                    self.supervisord.stop(name)
                    asked.add(name)
            time.sleep(0.05)

    def _leftovers(self, pid: int | None) -> list[psutil.Process]:
        """What is still there after supervisord had time to end: itself, its stuck children, those of a killed one."""
        if pid is not None:
            with contextlib.suppress(psutil.Error):
                psutil.Process(pid).wait(SUPERVISORD_SECONDS)
        return self._marked()

    def _marked(self) -> list[psutil.Process]:
        return processes.marked(self.layout.identity)


class ServiceJob:
    """A service as a job of `up`: start it if it does not run as it should, and wait until it is healthy."""

    def __init__(
        self,
        engine: Engine,
        service: Service,
        needs: frozenset[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = service.name
        self.label = f"Start {service.name}"
        self.needs = needs
        self._engine = engine
        self._service = service
        self._clock = clock
        timeout = service.health.timeout if service.health else 5.0
        self._check = Check(engine._programs[service.name], timeout, clock)
        self._began = 0.0
        self._kept = False
        self._pid = 0

    def begin(self) -> None:
        self._began = self._clock()
        self._kept = self.name in self._engine.running()
        if not self._kept:
            self._engine.start(self.name)

    def poll(self) -> Done | None:
        process = self._engine.supervisord.processes().get(self.name)
        if process is None:
            self._check.close()
            raise PyglueError(
                "supervisord, which keeps the services, has ended, and they with it", try_="pyglue up"
            )
        if not process.runs or (self._pid and process.pid != self._pid):
            self._check.close()
            raise self._engine.died(self.name, process)
        self._pid = self._pid or process.pid
        healthy = self._check.ask() if self._service.health else bool(self._pid)
        if healthy:
            self._check.close()
            self._engine.seen_running(self.name, self._pid)  # until now this job has watched it
            return Done("kept" if self._kept else "ok")
        limit = self._service.health.deadline if self._service.health else 10.0
        if self._clock() - self._began > limit:
            self._check.close()
            raise PyglueError(
                f"{self.name} runs, but was not healthy within {limit:g} s",
                details=[
                    f"last seen  {self._check.last} ({self._check.tries} tries)",
                    *self._engine.last_words(self.name),
                ],
                try_=f"pyglue logs {self.name}",
            )
        return None
