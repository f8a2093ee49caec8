"""The Docker engine: docker-compose.yml as containers. Compose makes and removes them, pyglue starts them in its own order
and asks `healthy` itself, inside the container, so that `up` means the same as natively.

A project belongs to one checkout: two checkouts with one name would end each other's containers, so that is refused.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from pyglue.docker import limits, mounts, owner
from pyglue.docker.compose import Compose
from pyglue.docker.daemon import KILLED, Container, Daemon, NoDaemon
from pyglue.docker.health import Asking
from pyglue.docker.images import Images
from pyglue.docker.memo import Memo
from pyglue.engine import LOG_LINES, Engine, Installation, Life, State
from pyglue.errors import InputError, Problem, PyglueError
from pyglue.flow import Cancel, Progress
from pyglue.layout import Layout
from pyglue.ports import Holder
from pyglue.screen import amount
from pyglue.stack.model import Service, Stack
from pyglue.stack.reading import FILE

LOOK = 0.2  # seconds for which one look at the containers is good enough
THREADS = 12  # a start or a question each
DATA = "/data"  # the DATA_DIR of every image
SECRETS = {"SUPERSET_ADMIN_PASSWORD": ("superset", "/data/admin_password")}


class DockerEngine(Engine):
    """The services of one checkout as containers. `variables` are the environment over `.env`."""

    name = "docker"
    verb = "Build"

    def __init__(
        self,
        stack: Stack,
        daemon: Daemon,
        variables: Mapping[str, str],
        compose: Callable[[Path, str, Mapping[str, str]], Compose] = Compose,
    ) -> None:
        super().__init__(stack)
        self.daemon = daemon
        self._variables = variables
        self._make_compose = compose
        self._memo = Memo(self.layout.state / "docker.json")
        self._starting: dict[str, Future[None]] = {}
        self._seen: tuple[float, dict[str, Container]] = (-LOOK, {})
        self._lock = threading.Lock()

    @cached_property
    def project(self) -> str:
        """The project's name; where the files are broken, that of the containers of this checkout."""
        if self.stack.name:
            return self.stack.name
        found = self.daemon.owners(checkout=str(self.stack.directory))
        return found[0].project if found else self._memo.project or ""

    @cached_property
    def _compose(self) -> Compose:
        return self._make_compose(self.stack.directory, self.project, self._variables)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(THREADS)

    @classmethod
    def runs_in(cls, directory: Path, environment: Mapping[str, str]) -> bool:
        """Whether this engine runs something of the checkout there; nobody is asked where it never did."""
        if not cls.was_up_in(directory):
            return False
        try:
            found = Daemon.connect(environment).containers(checkout=str(directory))
        except NoDaemon:
            return False
        return any(container.runs for container in found)

    @staticmethod
    def was_up_in(directory: Path) -> bool:
        """Whether this engine has started the checkout there, and not stopped it since."""
        return Memo(Layout(directory).state / "docker.json").is_up

    # -- looking

    def _containers(self) -> dict[str, Container]:
        """This checkout's containers by service."""
        if not self.project:
            return {}
        found = self.daemon.containers(project=self.project, checkout=str(self.stack.directory))
        return {container.service: container for container in found}

    def _lately(self) -> dict[str, Container]:
        """The same, seen a moment ago at most: jobs and the watch ask twenty times a second."""
        with self._lock:
            when, found = self._seen
            if time.monotonic() - when >= LOOK:
                found = self._containers()
                self._seen = (time.monotonic(), found)
            return found

    def _look_again(self) -> None:
        """What was seen a moment ago is not true any more."""
        with self._lock:
            self._seen = (-LOOK, {})

    def running(self) -> set[str]:
        return {name for name, container in self._lately().items() if container.runs}

    def lives(self) -> dict[str, Life]:
        lives = {name: _life(container) for name, container in self._lately().items()}
        for name, start in list(self._starting.items()):
            if not start.done():
                lives[name] = Life("", runs=True)
                continue
            del self._starting[name]
            error = start.exception()
            if error is not None:
                raise error
            self._look_again()  # what was seen may be from before the start
            return self.lives()
        return lives

    def states(self) -> list[State]:
        known = self._containers()
        services = self.stack.services.values()
        return list(self._pool.map(lambda service: self._state(service, known.get(service.name)), services))

    def outdated(self) -> list[str]:
        known = self._lately()
        return [
            name for name, found in known.items() if found.runs and not self._reads_as_before(name, found)
        ]

    def _state(self, service: Service, container: Container | None) -> State:
        if container is None or not container.runs:
            label = container.state if container and container.state != "created" else "stopped"
            return State(service.name, label, False, "", None, None, None, service.published)
        healthy, reason = self._ask(service, container) if service.health else (True, "")
        up = max(0.0, time.time() - container.since)
        weight = self.daemon.memory(container)
        # Only what is published can be reached from here.
        return State(service.name, "running", healthy, reason, container.pid, up, weight, service.published)

    def _ask(self, service: Service, container: Container) -> tuple[bool, str]:
        """One question, waited for: whether it is healthy, and what was said."""
        assert service.health is not None  # noqa: S101 - asked only of services that have one
        words = ["/service/healthy", *service.health.arguments]
        limit = service.health.timeout
        try:
            # Nothing in a container ends a question that hangs, so something does that is in every image.
            code, said = self.daemon.run_in(container, ["timeout", f"{limit:g}", *words])
        except PyglueError as error:
            return False, error.details[-1].removeprefix("came back  ")
        return code == 0, said or ("" if code == 0 else f"no answer within {limit:g} s")

    def memory(self) -> int:
        running = [container for container in self._containers().values() if container.runs]
        return sum(weight or 0 for weight in self._pool.map(self.daemon.memory, running))

    def log_lines(self, name: str, lines: int = LOG_LINES) -> list[str]:
        container = self._containers().get(name)
        if container is None:
            return []
        with contextlib.suppress(PyglueError):  # it was removed just now
            return self.daemon.log(container, lines)
        return []

    def vanished(self, name: str) -> PyglueError:
        return PyglueError(f"the container of {name} was removed", try_="pyglue up", code="service-died")

    def follow(self, names: Sequence[str]) -> Iterator[tuple[str, str]]:
        """A container that is made anew meanwhile is followed, too."""
        lines: queue.Queue[tuple[str, str]] = queue.Queue()

        def read(name: str) -> None:
            again = False
            while True:
                container = self._containers().get(name)
                if container is not None and container.runs:
                    for line in self.daemon.follow(container, whole_life=again):
                        lines.put((name, line))
                again = True  # what it prints when it starts anew is of interest
                time.sleep(1)

        for name in names:
            threading.Thread(target=read, args=(name,), daemon=True).start()
        while True:
            yield lines.get()

    def inside(self, value: str) -> str:
        return value

    def read_data(self, service: str, name: str, start: int = 0) -> bytes | None:
        container = self._containers().get(service)
        content = None if container is None else self.daemon.read_file(container, f"{DATA}/{name}")
        return content if content is None else content[start:]

    def read_folder(self, service: str, name: str) -> Iterator[tuple[str, bytes]]:
        container = self._containers().get(service)
        return iter(()) if container is None else self.daemon.read_folder(container, f"{DATA}/{name}")

    def generated(self) -> dict[str, str]:
        """What Superset made for itself in its volume, when it was started without secrets."""
        found = {}
        containers = self._containers()
        for variable, (service, file) in SECRETS.items():
            container = containers.get(service)
            if container is not None and container.runs:
                code, text = self.daemon.run_in(container, ["cat", file])
                if code == 0 and text:
                    found[variable] = text
        return found

    # -- acting

    def installation(self, progress: Progress, cancel: Cancel) -> Installation:
        self.layout.make()
        return Images(
            self.stack,
            self.daemon,
            self._compose,
            self._memo,
            self.layout.logs,
            self._variables,
            progress,
            cancel,
        )

    def listens(self, service: Service) -> Sequence[int]:
        """Those that are published; with a daemon elsewhere they are not this machine's."""
        return service.published if self.daemon.is_local else ()

    def started_with(self) -> dict[str, Sequence[int]]:
        if not self.daemon.is_local:
            return {}
        return {name: found.ports for name, found in self._lately().items() if found.runs}

    def holds(self, name: str, port: int, who: Holder) -> bool:
        """Docker has it for a container; for which one of ours, Compose will see to. What is paused has its ports, too."""
        del name, who
        there = [found for found in self._lately().values() if found.state in ("running", "paused")]
        return any(port in found.ports for found in there)

    def obstacles(self) -> list[PyglueError]:
        """Files and limits, and whose project it is."""
        unnamed = [service for service in self.stack.services.values() if not service.image]
        reason = "the Docker engine needs its `image`, the name under which it is built"
        problems = [Problem(FILE, service.line, None, reason) for service in unnamed]
        problems += limits.problems(self.stack)
        problems += mounts.unreadable(self.stack) if self.daemon.is_local else []
        found: list[PyglueError] = [InputError(problems)] if problems else []
        try:
            owner.check(self.daemon, self.project, self.stack.directory, self._memo)
        except PyglueError as error:
            found.append(error)
        return found

    def check(self) -> None:
        """Files, limits, whose project it is, and the published ports."""
        for obstacle in self.obstacles():
            raise obstacle
        self._unpause(self.stack.services)
        self.check_ports()

    def _unpause(self, names: Collection[str]) -> None:
        """Let what is paused go on: Docker can neither start nor stop it."""
        paused = [
            found for name, found in self._lately().items() if found.state == "paused" and name in names
        ]
        for container in paused:
            self.daemon.start(container)
        if paused:
            self._look_again()

    def make_ready(self) -> list[str]:
        """Compose makes anew what changed; what only reads changed files is stopped, to be started again."""
        self._memo.keep_project(self.project, up=True)
        there = self._containers()
        before = {name: found for name, found in there.items() if found.runs}
        stale = [name for name, found in before.items() if not self._reads_as_before(name, found)]
        if stale:
            self.stop(stale)
        if not self._compose.create(
            {name: there[name].name for name in self.stack.services if name in there}
        ):
            return sorted(stale)
        self._look_again()
        after = self._containers()
        remade = [name for name, found in before.items() if name not in after or after[name].id != found.id]
        return sorted({*stale, *remade})

    def _reads_as_before(self, name: str, container: Container) -> bool:
        """Whether the files that are mounted into a container are those that its start has read."""
        if name not in self.stack.services:
            return True  # Compose removes it
        service, known = self.stack.services[name], self._memo.started(name)
        if known is not None and known[0] == container.id:
            return known[1] == mounts.content(self.stack, service)
        return (
            mounts.newest(self.stack, service) < container.since
        )  # `docker compose up` by hand has started it

    def start(self, name: str) -> None:
        container = self._containers().get(name)
        if container is None:
            raise PyglueError(
                f"Docker Compose made no container for {name}",
                try_="docker compose ps --all",
                code="compose-failed",
            )
        content = mounts.content(self.stack, self.stack.services[name])

        def start() -> None:
            self.daemon.start(container)
            self._memo.keep_start(name, container.id, content)

        self._starting[name] = self._pool.submit(start)

    def question(self, service: Service, clock: Callable[[], float] = time.monotonic) -> Asking:
        return Asking(lambda: self._asked(service), self._pool, clock)

    def _asked(self, service: Service) -> tuple[bool, str]:
        container = self._lately().get(service.name)
        if container is None:
            return False, "there is no container"
        # What Docker itself has found healthy is not asked again: a question costs a process, and `up` ends with a proof.
        return (True, "") if container.healthy else self._ask(service, container)

    def renew(self, names: Sequence[str]) -> list[str]:
        """Compose makes anew what changed of these, and of what they depend on: that is to be started again, too."""
        self._unpause(names)
        self.stop(names)
        before = self.running()
        self._compose.renew(names)
        self._look_again()
        wanted = {*names, *(before - self.running())}
        return [name for name in self.stack.services if name in wanted]

    def stop(self, names: Sequence[str]) -> None:
        self.forget(names)
        known = self._containers()
        list(self._pool.map(self.daemon.stop, (known[name] for name in names if name in known)))
        self._look_again()

    def down(self) -> list[str]:
        self._watched.clear()
        there = self._containers()
        if not there:
            owner.check_name(self.daemon, self.project, self.stack.directory)
            if self._memo.is_up:  # nothing here proves that data of another name is this checkout's
                self._memo.keep_project(self._memo.project or self.project, up=False)
            return []
        self._unpause(there)
        self._compose.stop()
        killed = [
            name
            for name, container in self._containers().items()
            if there[name].runs and container.exit_code == KILLED
        ]
        self._compose.down()
        self._memo.keep_project(
            self.project, up=False
        )  # those containers prove that the data is this checkout's
        return killed

    @property
    def data(self) -> str:
        return f"all data of the Docker project {self.project}, its volumes"

    def wipe(self) -> None:
        if self.project:
            owner.check(self.daemon, self.project, self.stack.directory, self._memo)
            self._compose.down(volumes=True)

    def died(self, name: str, life: Life | None) -> PyglueError:
        """What runs again by now has forgotten how it ended; the daemon has not."""
        container = self._containers().get(name)
        end = self.daemon.last_end(container) if container is not None else None
        if container is None or end is None:
            return super().died(name, life)
        why = [container.error] if container.error else []
        if end.out_of_memory:
            limit = amount(container.memory_limit)
            why.append(f"it wanted more memory than its limit of {limit}, so the system ended it")
        error = super().died(name, Life("", runs=False, exit_code=end.exit_code, why=tuple(why)))
        if end.out_of_memory:
            variable = f"{name.upper().replace('-', '_')}_MEMORY"
            error.try_ = f"{variable}=2g pyglue up  (and set it in .env)"
        return error


def _life(container: Container) -> Life:
    # The start is a part of the token: a container that was restarted is another life.
    token = f"{container.id} {container.started}" if container.runs else ""
    why = (container.error,) if container.error else ()
    return Life(token, container.runs, container.exit_code, why)
