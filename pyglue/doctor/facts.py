"""Reads the machine, once: the rim of `pyglue doctor`.

Law of this file: it judges nothing, changes nothing, and what can't be read never keeps the rest from being read.
"""

from __future__ import annotations

import os
import platform
import resource
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from pyglue import control_groups
from pyglue.checks import check
from pyglue.docker.daemon import Host
from pyglue.docker.engine import DockerEngine
from pyglue.docker.memo import Memo
from pyglue.doctor import places
from pyglue.doctor.machine import Answer, Data, Disk, Machine, Memory
from pyglue.engine import Engine, Taken
from pyglue.engines import choose, docker_words, refuse_two
from pyglue.errors import InputError, Problem, PyglueError
from pyglue.install import tools
from pyglue.install.cache import Cache
from pyglue.layout import Layout
from pyglue.native import marks, processes
from pyglue.native.engine import NativeEngine
from pyglue.settings import Settings, locate
from pyglue.stack import dotenv, sizes
from pyglue.stack.model import Stack

T = TypeVar("T")
VM = 0.9  # a daemon that sees less of this machine's memory than that lives in a machine of its own
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Surroundings:
    """The checkout as far as it can be read, the engine if there is one, and what kept either from it."""

    settings: Settings
    stack: Stack
    engine: Engine | None
    name: str
    why: str
    problems: tuple[Problem, ...]
    no_engine: PyglueError | None


def surroundings(project: Path | None, engine: str | None, environment: Mapping[str, str]) -> Surroundings:
    """Read the checkout's files; raises UsageError where there is none."""
    directory = locate(project, environment)
    problems: list[Problem] = []
    try:
        settings = Settings.read(directory, engine, environment)
    except InputError as error:
        problems += error.problems
        settings = Settings(directory, engine or environment.get("PYGLUE_ENGINE") or "auto", environment)
    try:
        check(settings)
    except InputError as error:
        problems += error.problems
    try:
        stack = settings.stack()
    except InputError:  # told by the check
        stack = Stack("", directory, {})
    try:
        choice = choose(settings, stack)
    except PyglueError as error:
        return Surroundings(settings, stack, None, "docker", error.message, tuple(problems), error)
    return Surroundings(settings, stack, choice.engine, choice.engine.name, choice.why, tuple(problems), None)


@dataclass(frozen=True)
class _Asked:
    """What an engine answered. What it could not answer is an obstacle."""

    obstacles: tuple[PyglueError, ...] = ()
    running: frozenset[str] = frozenset()
    held: int = 0
    host: Host | None = None
    taken: tuple[Taken, ...] = ()
    ports: tuple[int, ...] = ()


def _ask(engine: Engine, variables: Mapping[str, str]) -> _Asked:
    obstacles: dict[str, PyglueError] = {}

    def asked(ask: Callable[[], T], otherwise: T) -> T:
        try:
            return ask()
        except PyglueError as error:
            obstacles.setdefault(str(error), error)  # a supervisord that does not answer says so each time
            return otherwise

    asked(lambda: refuse_two(engine, variables), None)
    for obstacle in asked(engine.obstacles, list[PyglueError]()):
        obstacles[str(obstacle)] = obstacle
    running = frozenset(asked(engine.running, set[str]()))
    return _Asked(
        running=running,
        held=asked(engine.memory, 0) if running else 0,
        host=asked(engine.daemon.host, None) if isinstance(engine, DockerEngine) else None,
        taken=tuple(asked(engine.taken_ports, list[Taken]())),
        ports=tuple(port for service in engine.stack.services.values() for port in engine.listens(service)),
        obstacles=tuple(obstacles.values()),
    )


def read(around: Surroundings) -> Machine:
    """Everything the checks look at."""
    stack, settings = around.stack, around.settings
    asked = _ask(around.engine, settings.variables) if around.engine else _Asked()
    host = asked.host
    java = Answer.of(tools.java_version)
    missing = tuple(_missing(around, java.found))
    return Machine(
        engine=around.name,
        why=around.why,
        system=host.system if host else platform.system(),
        architecture=host.architecture if host else platform.machine(),
        python=sys.version_info[:3],
        cores=host.cores if host and not _is_here(host) else len(os.sched_getaffinity(0)),
        quota=control_groups.processors() if around.name == "native" else None,
        memory=_memory(host, asked.held, around.name),
        disks=tuple(_disks(around, host, bool(missing))),
        uv=Answer.of(lambda: tools.require_uv(sys.executable)),
        java=java,
        compiler=Answer.of(tools.require_compiler),
        maven=Answer.of(tools.require_maven),
        docker=_docker(around),
        missing=missing,
        needs=tuple(sizes.need(service) for service in stack.services.values()),
        problems=around.problems,
        obstacles=asked.obstacles,
        taken=asked.taken,
        stacks=_stacks(asked.taken),
        ports=asked.ports,
        outgoing=_outgoing(),
        running=len(asked.running),
        data=tuple(_data(around.engine)),
        elsewhere=_elsewhere(around),
        mode=_mode(settings.project / dotenv.FILE),
        secrets={name: settings.variables.get(name, "") for name in dotenv.GENERATED},
        open_files=_limit(resource.RLIMIT_NOFILE),
        processes=_limit(resource.RLIMIT_NPROC),
        local=_local(),
        names=_names(),
        now=time.time(),
        newest=max((_time(path) for path in settings.project.iterdir()), default=0.0),
    )


def _is_here(host: Host) -> bool:
    """Whether a daemon runs its containers on this machine, rather than in a virtual one or elsewhere."""
    return host.is_local and host.memory >= VM * psutil.virtual_memory().total


def _memory(host: Host | None, held: int, engine: str) -> Memory:
    if host is not None and not _is_here(host):
        return Memory(host.memory - held, held, "the Docker daemon's machine")
    available = psutil.virtual_memory().available
    left = control_groups.memory_left() if engine == "native" else None
    if left is not None and left < available:
        return Memory(left, held, "the control group (container or service) of this shell")
    return Memory(available, held, "this machine")


def _docker(around: Surroundings) -> Answer:
    if around.name == "docker":
        return Answer(around.why, around.no_engine) if around.no_engine else Answer(around.why)
    if around.settings.engine == "native":
        return Answer.of(lambda: docker_words(around.settings.variables))
    return Answer(around.why)


def _missing(around: Surroundings, java: str) -> list[str]:
    """Service folders that are still to be installed, natively or as images."""
    folders = around.stack.folders()
    if around.name == "docker":
        memo = Memo(Layout(around.settings.project).state / "docker.json")
        return [folder for folder in folders if memo.image(folder) is None]
    cache = Cache.of(os.environ)
    return [
        folder
        for folder in folders
        if not cache.is_complete(cache.home(around.settings.project / folder, java))
    ]


def _disks(around: Surroundings, host: Host | None, missing: bool) -> list[Disk]:
    """Where a start writes to; of a daemon elsewhere, nothing is known."""
    if around.name == "native":
        data = Layout(around.settings.project).data
        return places.native(data, Cache.of(os.environ).root, missing=missing)
    return places.docker(Path(host.root), missing=missing) if host is not None and _is_here(host) else []


def _data(engine: Engine | None) -> list[Data]:
    """The marks of data that is there; containers keep none."""
    if not isinstance(engine, NativeEngine):
        return []
    found = []
    for name, service in engine.stack.services.items():
        folder = engine.folder(name)
        mark = marks.read(engine.layout.mark(name)) if _holds_something(folder) else None
        if mark is not None:
            version = marks.version(engine.stack.directory / service.folder)
            found.append(Data(name, mark, version, str(folder)))
    return found


def _stacks(taken: tuple[Taken, ...]) -> dict[int, str]:
    """The checkouts whose native stacks hold ports, by process id."""
    pids = {one.holder.pid for one in taken if one.holder.pid is not None}
    return {pid: checkout for pid in pids if (checkout := processes.checkout_of(pid)) is not None}


def _elsewhere(around: Surroundings) -> str:
    """The other engine, if just that one was used in this checkout."""
    layout = Layout(around.settings.project)
    native = _holds_something(layout.data)
    docker = Memo(layout.state / "docker.json").project is not None
    if around.name == "native":
        return "docker" if docker and not native else ""
    return "native" if native and not docker else ""


def _holds_something(folder: Path) -> bool:
    """Not if it is not there, or another user's: then it is told as a place that is of no use."""
    try:
        return any(folder.iterdir())
    except OSError:
        return False


def _mode(file: Path) -> int | None:
    return file.stat().st_mode & 0o777 if file.exists() else None


def _limit(kind: int) -> int:
    """A hard limit. Root is under none of processes, and raises that of open files as far as supervisord wants it."""
    hard = resource.getrlimit(kind)[1]
    if hard == resource.RLIM_INFINITY or (os.getuid() == 0 and kind == resource.RLIMIT_NPROC):
        return 2**63
    return max(hard, 1024) if os.getuid() == 0 else hard


def _local() -> str:
    """Why a server at 127.0.0.1 is not reached; empty if it is."""
    try:
        with socket.create_server((LOOPBACK, 0)) as server:
            socket.create_connection(server.getsockname(), timeout=2).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _names() -> tuple[str, ...]:
    """The addresses of `localhost`."""
    try:
        found = socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _outgoing() -> tuple[int, int]:
    """The ports that the system gives to outgoing connections (ip(7), ip_local_port_range); Linux's default."""
    try:
        first, last = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return 32768, 60999
    return int(first), int(last)


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime if path.is_file() else 0.0
    except OSError:
        return 0.0
