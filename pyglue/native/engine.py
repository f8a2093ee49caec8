"""The native engine: what has to be started, restarted or left alone, and how a service is known to be dead.

Decisions are made from two values, the programs as they should run and the processes as supervisord tells them;
acting is left to `Supervisord`. supervisord restarts what dies; during `up` a restart is still a failure, or a
service that dies every ten seconds would look like a slow one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from pyglue.engine import LOG_LINES, Engine, Installation, Life, State, Taken
from pyglue.errors import PyglueError
from pyglue.flow import Cancel, Progress
from pyglue.install import tools
from pyglue.install.cache import Cache
from pyglue.install.installer import Installer
from pyglue.layout import Layout
from pyglue.native import marks, processes
from pyglue.native.contract import Program, Translation, program
from pyglue.native.health import Check, healthy_now
from pyglue.native.logs import follow, tail
from pyglue.native.supervisord import Process, Supervisord, configuration
from pyglue.ports import Holder, descends
from pyglue.stack.model import Service, Stack

DOWN_SECONDS = 20.0  # then what is left is killed, so that `down` ends within 30 s
SUPERVISORD_SECONDS = 3.0


class NativeEngine(Engine):
    """The services of one checkout as processes."""

    name = "native"
    verb = "Install"

    def __init__(self, stack: Stack, patience: float = DOWN_SECONDS) -> None:
        super().__init__(stack)
        self._patience = patience
        self.supervisord = Supervisord(self.layout)
        self._programs: dict[str, Program] = {}
        self._use({})

    def _use(self, homes: Mapping[str, Path]) -> None:
        """Plan with these artefacts: each folder's SERVICE_HOME."""
        for name, service in self.stack.services.items():
            home = homes.get(service.folder, Path("/nonexistent"))
            self._programs[name] = program(self.stack, service, self.layout, home, os.environ)

    @classmethod
    def runs_in(cls, directory: Path) -> bool:
        """Whether this engine runs something of the checkout there."""
        return Supervisord(Layout(directory)).pid() is not None

    # -- looking

    def changed(self) -> list[str]:
        """Services that run, but not as docker-compose.yml and their files now say; or that are no longer in it."""
        running = {
            name: process for name, process in self.supervisord.processes().items() if process.state != 0
        }
        stale = [name for name in running if name not in self._programs or not self._is_current(name)]
        return [name for name in stale if running[name].runs or name in self._programs]

    def outdated(self) -> list[str]:
        return [name for name in self.running() if name in self._programs and not self._reads_as_before(name)]

    def _reads_as_before(self, name: str) -> bool:
        """Whether the files that a start reads are those of the last one; a note of it that is damaged says nothing."""
        try:
            started = json.loads((self.layout.programs / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return True
        known = started.get("fingerprint") if isinstance(started, dict) else None
        return known in (None, self._programs[name].fingerprint)

    def _is_current(self, name: str) -> bool:
        path = self.layout.programs / f"{name}.json"
        return path.exists() and not self._programs[name].differs(path.read_text(encoding="utf-8"))

    def running(self) -> set[str]:
        return {name for name, process in self.supervisord.processes().items() if process.runs}

    def lives(self) -> dict[str, Life]:
        return {
            name: Life(str(process.pid or ""), process.runs, process.exit_code)
            for name, process in self.supervisord.processes().items()
        }

    def states(self) -> list[State]:
        known = self.supervisord.processes()
        return [self._state(service, known.get(service.name)) for service in self.stack.services.values()]

    def _state(self, service: Service, process: Process | None) -> State:
        if process is None or not process.runs:
            label = (
                process.label if process and process.label in ("fatal", "backoff", "exited") else "stopped"
            )
            return State(service.name, label, False, "", None, None, None, service.ports)
        started = self._started(service.name)
        question = started or self._programs[service.name]
        healthy, reason = healthy_now(question, _timeout(service)) if service.health else (True, "")
        up = max(0.0, time.time() - process.since)
        weight = processes.memory(process.pid)
        ports = started.ports if started and started.ports else service.ports
        return State(service.name, "running", healthy, reason, process.pid, up, weight, ports)

    def _started(self, name: str) -> Program | None:
        """What a service was last started as; None if nobody knows."""
        try:
            return Program.from_json((self.layout.programs / f"{name}.json").read_text(encoding="utf-8"))
        except OSError:
            return None

    def started_with(self) -> dict[str, Sequence[int]]:
        known = {name: self._started(name) for name in self.running()}
        return {name: started.ports for name, started in known.items() if started is not None}

    def memory(self) -> int:
        pids = [process.pid for process in self.supervisord.processes().values() if process.runs]
        return sum(processes.memory(pid) or 0 for pid in pids)

    def log_lines(self, name: str, lines: int = LOG_LINES) -> list[str]:
        return tail(self.layout.log(name), lines)

    def follow(self, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        return follow({name: self.layout.log(name) for name in names})

    def read_data(self, service: str, name: str, start: int = 0) -> bytes | None:
        try:
            with (self._data(service) / name).open("rb") as file:
                file.seek(start)
                return file.read()
        except FileNotFoundError:
            return None

    def read_folder(self, service: str, name: str) -> Iterator[tuple[str, bytes]]:
        folder = self._data(service) / name
        names = sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
        for file in names:
            content = self.read_data(service, f"{name}/{file}")
            if content is not None:
                yield file, content

    def _data(self, service: str) -> Path:
        return Path(self._programs[service].environment["DATA_DIR"])

    def folders(self) -> dict[str, list[Path]]:
        data = str(self.layout.data)
        return {
            name: [Path(folder) for folder in program.makes if folder.startswith(data)]
            for name, program in self._programs.items()
        }

    def inside(self, value: str) -> str:
        any_service = next(iter(self.stack.services.values()))
        return Translation(self.stack, any_service, self.layout)(value)

    def folder(self, name: str) -> Path:
        """Where a service's data lies."""
        return Path(self._programs[name].directory)

    def listens(self, service: Service) -> Sequence[int]:
        return service.ports

    def obstacles(self) -> list[PyglueError]:
        """A folder whose name supervisord can't have, and a place for sockets that is not this user's alone."""
        found = []
        for look in (
            lambda: configuration(self.layout, self.stack.services.values(), sys.executable),
            self.layout.check_run,
        ):
            try:
                look()
            except PyglueError as error:
                found.append(error)
        return found

    def taken_ports(self) -> list[Taken]:
        """Without those that a killed supervisord's services still have: `check` ends these first."""
        taken = super().taken_ports()
        ours = {process.pid for process in self._marked()} if taken else set()
        return [one for one in taken if one.holder.pid not in ours]

    def vanished(self, name: str) -> PyglueError:
        del name  # whichever service was asked about first: all have ended
        return PyglueError(
            "supervisord, which keeps the services, has ended, and they with it",
            try_="pyglue up",
            code="no-supervisord",
        )

    # -- acting

    def installation(self, progress: Progress, cancel: Cancel) -> Installation:
        cache = Cache.of(os.environ)
        installer = Installer(cache, tools.java_version(), sys.executable, progress, cancel)
        return _Artifacts(self, installer)

    def check(self) -> None:
        """The ports. What a killed supervisord left behind would hold some of them, so it is ended first."""
        self.layout.make()
        for obstacle in self.obstacles():
            raise obstacle
        if self.supervisord.pid() is None:
            processes.end(self._marked, grace=2.0)
        self.check_ports()

    def make_ready(self) -> list[str]:
        """supervisord is ready to start the rest; nothing is started yet."""
        stale = self.changed()
        if stale:
            self.stop(stale)
        self.check()
        self.supervisord.ensure(self.stack.services.values())
        return stale

    def holds(self, name: str, port: int, who: Holder) -> bool:
        del port  # it is its own, whichever it is
        process = self.supervisord.processes().get(name)
        if process is None or not process.runs:
            return False
        return who.pid is None or descends(who.pid, process.pid)

    def stop(self, names: Sequence[str]) -> None:
        """supervisord kills what outlasts its grace, be it that it was stopped by SIGSTOP; then we do, with its group."""
        self.forget(names)
        for name in names:
            self.supervisord.stop(name)
        if not (left := self._wait_for(names, self._patience)):
            return
        for pid in left.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        if left := self._wait_for(names, processes.KILL_SECONDS):
            raise PyglueError(
                f"{', '.join(left)} could not be ended",
                details=[f"process    {', '.join(map(str, left.values()))}"],
                try_="pyglue down",
                code="not-ended",
            )

    def _wait_for(self, names: Sequence[str], seconds: float) -> dict[str, int]:
        """Wait until services have ended; returns the processes of those that have not."""
        deadline = time.monotonic() + seconds
        while True:
            known = self.supervisord.processes()
            left = {name: known[name].pid for name in names if name in known and known[name].pid}
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.05)

    def start(self, name: str) -> None:
        path = self.layout.programs / f"{name}.json"
        path.write_text(self._programs[name].to_json(), encoding="utf-8")
        folder = self.stack.directory / self.stack.services[name].folder
        marks.keep(self.layout.mark(name), self.folder(name), marks.version(folder))
        self.supervisord.stop(name)  # one that is waiting in back-off
        self.supervisord.start(name)

    def question(self, service: Service, clock: Callable[[], float] = time.monotonic) -> Check:
        return Check(self._programs[service.name], _timeout(service), clock)

    def down(self) -> list[str]:
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
                code="not-ended",
            )
        shutil.rmtree(self.layout.run, ignore_errors=True)
        return killed

    @property
    def data(self) -> str:
        return f"all data below {self.layout.state}"

    def wipe(self) -> None:
        for folder in (self.layout.data, self.layout.logs, self.layout.programs, self.layout.marks):
            shutil.rmtree(folder, ignore_errors=True)

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


class _Artifacts:
    """The artefacts of service folders in the cache."""

    def __init__(self, engine: NativeEngine, installer: Installer) -> None:
        self._engine = engine
        self._installer = installer
        self._homes = {
            folder: installer.home(engine.stack.directory / folder) for folder in engine.stack.folders()
        }
        engine._use(self._homes)

    def missing(self, folders: Sequence[str]) -> list[str]:
        cache = self._installer.cache
        return [folder for folder in folders if not cache.is_complete(self._homes[folder])]

    def install(self, folder: str) -> bool:
        return self._installer.install(self._engine.stack.directory / folder, self._homes[folder])


def _timeout(service: Service) -> float:
    return service.health.timeout if service.health else 5.0
