"""The machine as a frozen value: everything that the checks look at.

Law of this file: values only. `facts.py` reads them, once; `checks.py` judges them and asks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pyglue.engine import Taken
from pyglue.errors import Problem, PyglueError
from pyglue.native.marks import Mark
from pyglue.stack.sizes import Need


@dataclass(frozen=True)
class Answer:
    """What was found, in a few words, or the error that says what is missing. Neither: it was not asked."""

    found: str = ""
    error: PyglueError | None = None

    @classmethod
    def of(cls, ask: Callable[[], str]) -> Answer:
        """The answer to a question that raises PyglueError where something is missing."""
        try:
            return cls(ask())
        except PyglueError as error:
            return cls(error=error)


@dataclass(frozen=True)
class Memory:
    """Bytes that new processes may take, bytes that this stack holds already, and who says so (`this machine`, ...)."""

    available: int
    held: int
    place: str


@dataclass(frozen=True)
class Disk:
    """A folder that is written to, and the file system under it.

    `needed` and `files` are the bytes and inodes that a start will take there; `inodes` are those that are free, None
    where they are not counted. What runs programs needs `executable`.
    """

    purpose: str
    path: str
    device: int
    free: int
    inodes: int | None
    needed: int
    files: int
    writable: bool = True
    executable: bool = True


@dataclass(frozen=True)
class Data:
    """A service's data: its mark, the version that would use it now, and where it is now."""

    service: str
    mark: Mark
    version: str
    place: str


@dataclass(frozen=True)
class Machine:
    """One checkout on one machine, for one engine.

    `system` and `architecture` are the kernel's words, of the daemon's machine if the services run there. `missing` are
    the service folders still to be installed. `quota` is the control group's share of processors, None for all.
    `ports` are those that the services take of this machine, `stacks` the checkouts to whose stacks holders of taken
    ones belong, by process id; `outgoing` the first and last port that the system gives to outgoing connections.
    `elsewhere` is the other engine if just that one has data here. `mode` is that of `.env`, None without one.
    `open_files` and `processes` are the hard limits. `local` is what keeps a server from being reached at 127.0.0.1,
    `names` what `localhost` stands for. `now` is the clock, `newest` the time of the checkout's files; Unix seconds.
    """

    engine: str
    why: str
    system: str
    architecture: str
    python: tuple[int, ...]
    cores: int
    quota: float | None
    memory: Memory
    disks: tuple[Disk, ...]
    uv: Answer = Answer()
    java: Answer = Answer()
    compiler: Answer = Answer()
    maven: Answer = Answer()
    docker: Answer = Answer()
    missing: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    problems: tuple[Problem, ...] = ()
    obstacles: tuple[PyglueError, ...] = ()
    taken: tuple[Taken, ...] = ()
    stacks: Mapping[int, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    outgoing: tuple[int, int] = (32768, 60999)
    running: int = 0
    data: tuple[Data, ...] = ()
    elsewhere: str = ""
    mode: int | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    open_files: int = 2**20
    processes: int = 2**20
    local: str = ""
    names: tuple[str, ...] = ("127.0.0.1",)
    now: float = 0.0
    newest: float = 0.0
