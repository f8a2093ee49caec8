"""What runs the services, as the commands see it: the promises of an engine, and a service as a job of `up`.

Law of this file: it knows neither processes nor containers. `native/` and `docker/` keep the promises; whatever a
user sees (verdicts, error texts, the columns of `status`) is decided here or above, once for both.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from pyglue import ports
from pyglue.counted import counted
from pyglue.errors import PyglueError
from pyglue.flow import Cancel, Done, Progress
from pyglue.layout import Layout
from pyglue.stack.model import Service, Stack

LOG_LINES = 12  # of a service's log that an error shows
UNWATCHED_SECONDS = 10.0  # how long a service without a health check may take to run


@dataclass(frozen=True)
class State:
    """One service as `status` shows it. `memory` is in bytes, `up` seconds since the start, `pid` this machine's."""

    name: str
    state: str
    healthy: bool
    reason: str
    pid: int | None
    up: float | None
    memory: int | None
    ports: tuple[int, ...]


@dataclass(frozen=True)
class Life:
    """One life of a service. `token` differs after every restart and is empty while there is nothing yet.

    `exit_code` is that of the last life that ended, negative or above 128 for a signal, and 0 while unknown; `why`
    are lines about the end that the engine knows.
    """

    token: str
    runs: bool
    exit_code: int = 0
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Taken:
    """A port that a service would find taken, and who has it."""

    port: int
    service: str
    holder: ports.Holder


class Question(Protocol):
    """Asks one service again and again whether it serves. `last` is what it said last, `tries` how often it was asked."""

    @property
    def last(self) -> str: ...

    @property
    def tries(self) -> int: ...

    def ask(self) -> bool:
        """Never waits: True once an answer was yes."""

    def close(self) -> None:
        """End the question under way."""


class Installation(Protocol):
    """What the services are made of, by service folder. Raises PyglueError with the last lines of the tool that failed."""

    def missing(self, folders: Sequence[str]) -> list[str]:
        """Those of the folders that have to be installed."""

    def install(self, folder: str) -> bool:
        """Install one; True if something was made. Called from threads, one folder each."""


class Engine(ABC):
    """The services of one checkout, and what runs them."""

    name: ClassVar[str]
    verb: ClassVar[str]  # what it does with a service folder

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.layout = Layout(stack.directory)
        self._watched: dict[str, str] = {}  # service -> the token it must keep while `up` runs

    # -- looking

    @abstractmethod
    def running(self) -> set[str]:
        """Services that run, healthy or not."""

    @abstractmethod
    def lives(self) -> Mapping[str, Life]:
        """Every service that the engine knows, by name."""

    @abstractmethod
    def states(self) -> list[State]:
        """Every service of the stack, asked now."""

    @abstractmethod
    def outdated(self) -> Sequence[str]:
        """Services that run with other files than there are by now: their starts have read what was there before."""

    @abstractmethod
    def memory(self) -> int:
        """Bytes of memory of everything that runs."""

    @abstractmethod
    def log_lines(self, name: str, lines: int = LOG_LINES) -> list[str]:
        """The last lines that a service printed."""

    @abstractmethod
    def follow(self, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        """What services print from now on, as (name, line), without end."""

    @abstractmethod
    def inside(self, value: str) -> str:
        """A value of docker-compose.yml, such as `kafka:29092`, as the services themselves see it."""

    @abstractmethod
    def read_data(self, service: str, name: str, start: int = 0) -> bytes | None:
        """A file below a service's DATA_DIR from a byte on, whether the service runs or not; None if there is none.

        Raises OSError or PyglueError if it can't be read.
        """

    @abstractmethod
    def read_folder(self, service: str, name: str) -> Iterator[tuple[str, bytes]]:
        """The files of a folder below a service's DATA_DIR with their names, in the order of these, one at a time.

        There are none if there is no such folder. Raises as `read_data` does.
        """

    def folders(self) -> Mapping[str, Sequence[Path]]:
        """Where services keep their data, as far as this machine sees it, by service."""
        return {}

    @abstractmethod
    def listens(self, service: Service) -> Sequence[int]:
        """The ports of this machine that a service takes."""

    @abstractmethod
    def started_with(self) -> Mapping[str, Sequence[int]]:
        """The ports with which each service that runs was started, as far as they are this machine's and known."""

    @abstractmethod
    def holds(self, name: str, port: int, who: ports.Holder) -> bool:
        """Whether it is the service itself, or its stack, that has a port, as far as can be seen."""

    @abstractmethod
    def obstacles(self) -> list[PyglueError]:
        """What would keep the stack from starting, beside ports; nothing is changed for this look."""

    def generated(self) -> Mapping[str, str]:
        """Secrets that services made for themselves, for want of others."""
        return {}

    # -- acting

    def locked(self, command: str) -> AbstractContextManager[None]:
        """Hold the lock while the stack is changed; raises PyglueError if another pyglue holds it."""
        return self.layout.locked(command)

    @abstractmethod
    def installation(self, progress: Progress, cancel: Cancel) -> Installation:
        """For installing what is missing."""

    @abstractmethod
    def check(self) -> None:
        """Raise PyglueError for what would keep the stack from starting, as far as it can be seen beforehand."""

    @abstractmethod
    def make_ready(self) -> list[str]:
        """Stop what runs otherwise than it should, and get ready to start the rest; returns what was stopped."""

    @abstractmethod
    def start(self, name: str) -> None:
        """Have a service started, without waiting."""

    @abstractmethod
    def question(self, service: Service, clock: Callable[[], float]) -> Question:
        """For a service with a health check."""

    @abstractmethod
    def stop(self, names: Sequence[str]) -> None:
        """Stop services, and wait until they are gone."""

    def renew(self, names: Sequence[str]) -> list[str]:
        """Stop services so that their start takes docker-compose.yml as it is; returns all that is to be started then."""
        self.stop(names)
        return list(names)

    @abstractmethod
    def down(self) -> list[str]:
        """Stop everything, dependents first, and keep the data; returns what had to be killed."""

    @abstractmethod
    def wipe(self) -> None:
        """Remove the data of a stack that is down."""

    @property
    @abstractmethod
    def data(self) -> str:
        """Where the data is, in words, for the question before it is wiped."""

    # -- the same for all

    def taken_ports(self) -> list[Taken]:
        """Every port that another program has. A service that runs may be dying of that just now."""
        busy = {
            port: service.name
            for service in self.stack.services.values()
            for port in self.listens(service)
            if not ports.is_free(port)
        }
        found = ports.holders(busy) if busy else {}
        return [
            Taken(port, busy[port], who)
            for port, who in found.items()
            if not self.holds(busy[port], port, who)
        ]

    def check_ports(self, names: Collection[str] | None = None) -> None:
        """Raise PyglueError naming every port, or every one of these services, that is taken."""
        error = taken_error([one for one in self.taken_ports() if names is None or one.service in names])
        if error is not None:
            raise error

    def seen_running(self, name: str, token: str) -> None:
        """From now on the service must live on (see `watch`)."""
        self._watched[name] = token

    def forget(self, names: Sequence[str]) -> None:
        """These are stopped on purpose."""
        for name in names:
            self._watched.pop(name, None)

    def watch(self) -> None:
        """Raise PyglueError if a service that was seen running has died or was restarted since."""
        if not self._watched:
            return
        known = self.lives()
        for name, token in list(self._watched.items()):
            if name not in known or known[name].token != token:
                raise self.died(name, known.get(name))

    def died(self, name: str, life: Life | None) -> PyglueError:
        """The error that says so, with the service's last words."""
        code = life.exit_code if life else 0
        how = f" with exit code {code}" if 0 < code <= 128 else " by a signal" if code else ""
        details = [*(life.why if life else ()), *self.last_words(name)]
        return PyglueError(
            f"{name} stopped{how}", details=details, try_=f"pyglue logs {name}", code="service-died"
        )

    def vanished(self, name: str) -> PyglueError:
        """The error for a service of which the engine knows nothing any more."""
        return self.died(name, None)

    def last_words(self, name: str) -> list[str]:
        """The end of a service's log, as an error shows it."""
        lines = self.log_lines(name)
        return (
            [f"last lines of {name}:", *(f"  | {line}" for line in lines)]
            if lines
            else [f"{name} printed nothing"]
        )


def taken_error(taken: Sequence[Taken]) -> PyglueError | None:
    """The error that names all ports that are taken, by who has them; None if there are none."""
    if not taken:
        return None
    holders: dict[str, list[str]] = {}
    for one in taken:
        holders.setdefault(one.holder.words, []).append(f"{one.port} (for {one.service})")
    return PyglueError(
        "a port is taken" if len(taken) == 1 else f"{counted(len(taken), 'port')} are taken",
        details=[
            *(f"{', '.join(found)} by {holder}" for holder, found in holders.items()),
            "end what holds them, or choose other ports in .env (docs/configuration.md)",
        ],
        try_="pyglue up",
        code="port-taken",
    )


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
        self._question = engine.question(service, clock) if service.health else None
        self._began = 0.0
        self._kept = False
        self._token = ""

    def begin(self) -> None:
        self._began = self._clock()
        self._kept = self.name in self._engine.running()
        if not self._kept:
            self._engine.start(self.name)

    def poll(self) -> Done | None:
        done = self._look()
        if done:
            self._engine.seen_running(self.name, self._token)  # until now this job has watched it
        return done

    def _look(self) -> Done | None:
        life = self._engine.lives().get(self.name)
        if life is None:
            raise self._engine.vanished(self.name)
        if not life.runs or (self._token and life.token != self._token):
            raise self._engine.died(self.name, life)
        self._token = self._token or life.token
        if self._token and (self._question is None or self._question.ask()):
            return Done("kept" if self._kept else "ok")
        limit = self._service.health.deadline if self._service.health else UNWATCHED_SECONDS
        if self._clock() - self._began > limit:
            seen = (
                f"{self._question.last} ({counted(self._question.tries, 'try', 'tries')})"
                if self._question
                else "not running"
            )
            raise PyglueError(
                f"{self.name} runs, but was not healthy within {limit:g} s",
                details=[f"last seen  {seen}", *self._engine.last_words(self.name)],
                try_=f"pyglue {'restart' if self._kept else 'logs'} {self.name}",
                code="service-slow",
            )
        return None

    def close(self) -> None:
        """End the question under way, if any."""
        if self._question is not None:
            self._question.close()
