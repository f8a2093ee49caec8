"""The one door to the `docker` package: a daemon, and the containers of one project in it.

Everything is found by the labels that Compose puts on what it makes. Every failure of the daemon becomes a
PyglueError that says what was asked and what came back. The package is imported when a daemon is first needed.
"""

from __future__ import annotations

import os
import re
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pyglue.errors import PyglueError

if TYPE_CHECKING:
    from docker.client import DockerClient

PROJECT, SERVICE, CHECKOUT, ONE_OFF = (
    f"com.docker.compose.{name}" for name in ("project", "service", "project.working_dir", "oneoff")
)
KILLED = 137  # 128 + SIGKILL: the exit code of what was killed
REMEMBERED = 300  # seconds for which an end is of interest
TIMEOUT = 60  # seconds for one answer; stopping a service takes its grace
# What a container's own control group says, of version 2 or 1 (the kernel's documentation, cgroup-v2 and cgroup-v1/memory).
# The daemon's own statistics come from the same files, but it looks into them once a second, and makes one wait for that.
MEMORY = "cd /sys/fs/cgroup; cat memory.current memory.stat 2>&- || cat memory/memory.{usage_in_bytes,stat}"
IN_MEMORY = 8 * 2**20  # bytes of an archive; the rest of a larger one is on the disk
LOOK_SECONDS = 3  # for the look whether there is a daemon at all
T = TypeVar("T")


class NoDaemon(PyglueError):
    """No daemon can be used here; the message says why in a few words."""

    code = "no-docker"


@dataclass(frozen=True)
class Owner:
    """Whose a container is: its project, and the folder from which Compose made it."""

    name: str
    project: str
    checkout: str


@dataclass(frozen=True)
class End:
    """The end of a container's life: its exit code, and whether it was ended for want of memory."""

    exit_code: int
    out_of_memory: bool


@dataclass(frozen=True)
class Container:
    """One container, as the daemon tells it. `since` is the start in Unix seconds."""

    id: str
    name: str
    service: str
    state: str  # Docker's word: created, running, paused, restarting, exited, dead
    healthy: bool  # as Docker saw it some seconds ago, by the same `healthy`
    pid: int | None
    started: str
    exit_code: int
    memory_limit: int
    error: str
    ports: tuple[int, ...] = ()  # those that are published

    @property
    def runs(self) -> bool:
        return self.state == "running"

    @property
    def since(self) -> float:
        """Seconds since 1970; the daemon writes nanoseconds, which Python does not read."""
        whole, _, fraction = self.started.rstrip("Z").partition(".")
        return datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}+00:00").timestamp()

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Container:
        """From the answer to `GET /containers/ID/json` (Docker Engine API)."""
        state, labels = answer["State"], answer["Config"].get("Labels") or {}
        return cls(
            id=answer["Id"],
            name=answer["Name"].lstrip("/"),
            service=labels.get(SERVICE, ""),
            state=state["Status"],
            healthy=(state.get("Health") or {}).get("Status") == "healthy",
            pid=state.get("Pid") or None,
            started=state["StartedAt"],
            exit_code=int(state.get("ExitCode") or 0),
            memory_limit=int(answer["HostConfig"].get("Memory") or 0),
            error=str(state.get("Error") or ""),
            ports=_published(answer["HostConfig"].get("PortBindings") or {}),
        )


@dataclass(frozen=True)
class Host:
    """The machine on which a daemon runs containers. `memory` in bytes; `root` is where images and volumes lie."""

    is_local: bool
    system: str
    architecture: str
    cores: int
    memory: int
    root: str


class Daemon:
    """A daemon that answers."""

    def __init__(self, client: DockerClient, address: str) -> None:
        self._client = client
        self.address = address

    @classmethod
    def connect(cls, environment: Mapping[str, str] = os.environ) -> Daemon:
        """The daemon that `docker` itself would use: DOCKER_HOST, else the context in use. Raises NoDaemon."""
        import docker
        from docker.errors import DockerException
        from docker.utils import kwargs_from_env

        address = environment.get("DOCKER_HOST", "")
        settings: dict[str, Any] = {}
        try:
            if address:
                settings = dict(kwargs_from_env(environment=dict(environment)))
            else:
                address, settings = _context(environment.get("DOCKER_CONTEXT"))
            if address.startswith("unix://") and not os.path.exists(address.removeprefix("unix://")):  # noqa: PTH110 - a path of the daemon's, not ours
                raise NoDaemon(f"no Docker daemon answers: {address}")
            client = docker.DockerClient(**settings, timeout=LOOK_SECONDS)
            client.ping()
            client.api.timeout = TIMEOUT
        except (DockerException, OSError, ValueError) as error:
            raise NoDaemon(f"no Docker daemon answers: {_where(address, error)}") from error
        return cls(client, address)

    @property
    def is_local(self) -> bool:
        """Whether its published ports are this machine's own."""
        return self.address.startswith(("unix://", "npipe://"))

    def containers(self, **labels: str) -> list[Container]:
        """The services' containers of a project (`project=NAME`) or a folder (`checkout=PATH`), running or not."""
        found = (self._inspected(row["Id"]) for row in self._listed(labels))
        return [container for container in found if container is not None]

    def owners(self, **labels: str) -> list[Owner]:
        """Whose the same containers are; one question, however many there are."""
        return [
            Owner(
                row["Names"][0].lstrip("/"), row["Labels"].get(PROJECT, ""), row["Labels"].get(CHECKOUT, "")
            )
            for row in self._listed(labels)
        ]

    def _listed(self, labels: Mapping[str, str]) -> list[dict[str, Any]]:
        wanted = [
            f"{ONE_OFF}=False",
            *(f"{PROJECT}={value}" for key, value in labels.items() if key == "project"),
        ]
        rows: list[dict[str, Any]] = self._asked(
            "the containers", lambda: self._client.api.containers(all=True, filters={"label": wanted})
        )
        # A folder may have been reached by another path, through a link.
        here = labels.get("checkout")
        return [row for row in rows if here in (None, os.path.realpath(row["Labels"].get(CHECKOUT, "")))]

    def _inspected(self, identity: str) -> Container | None:
        from docker.errors import NotFound

        try:
            return Container.of(
                self._asked("a container", lambda: self._client.api.inspect_container(identity))
            )
        except PyglueError as error:
            if isinstance(error.__cause__, NotFound):  # gone between the two questions
                return None
            raise

    def image(self, name: str) -> str | None:
        """The id of an image by its name, or None."""
        found = self._asked("the images", lambda: self._client.api.images(name=name))
        return str(found[0]["Id"]) if found else None

    def volumes(self, project: str) -> list[str]:
        """The names of a project's volumes. They carry no mark of their checkout."""
        filters = {"label": f"{PROJECT}={project}"}
        found = self._asked("the volumes", lambda: self._client.volumes.list(filters=filters))
        return sorted(str(volume.name) for volume in found)

    def layers(self) -> int:
        """Bytes of all images, unpacked, each layer counted once."""
        return int(self._asked("the size of all images", self._client.df)["LayersSize"])

    def host(self) -> Host:
        """The machine that the daemon has (`GET /info`, Docker Engine API)."""
        told = self._asked("about its machine", self._client.info)
        return Host(
            is_local=self.is_local,
            system=str(told.get("OSType", "")).capitalize(),
            architecture=str(told.get("Architecture", "")),
            cores=int(told.get("NCPU") or 0),
            memory=int(told.get("MemTotal") or 0),
            root=str(told.get("DockerRootDir") or "/var/lib/docker"),
        )

    def start(self, container: Container) -> None:
        """Start one that does not run, or let one go on that was paused."""
        api = self._client.api
        begin = api.unpause if container.state == "paused" else api.start
        self._asked(f"to start {container.name}", lambda: begin(container.id))

    def stop(self, container: Container) -> None:
        """Stop one, as gently as its `stop_grace_period` says, and wait until it has ended."""
        self._asked(f"to stop {container.name}", lambda: self._client.api.stop(container.id))

    def run_in(self, container: Container, words: list[str]) -> tuple[int, str]:
        """Run a program in a container and wait for it: its exit code and what it printed."""

        def run() -> tuple[int, str]:
            api = self._client.api
            identity = api.exec_create(container.id, words)["Id"]
            printed = api.exec_start(identity)
            return int(api.exec_inspect(identity)["ExitCode"]), printed.decode(errors="replace").strip()

        return self._asked(f"to run {' '.join(words)} in {container.name}", run)

    def read_file(self, container: Container, path: str) -> bytes | None:
        """A file of a container, whether it runs or not; None if there is none."""
        with self._archive(container, path) as tar:
            if tar is None:
                return None
            file = tar.extractfile(tar.next() or tarfile.TarInfo())
            return b"" if file is None else file.read()

    def read_folder(self, container: Container, path: str) -> Iterator[tuple[str, bytes]]:
        """The files of a folder of a container with their names, in the order of these; none if there is no such folder."""
        with self._archive(container, path) as tar:
            members = [] if tar is None else [member for member in tar if member.isfile()]
            for member in sorted(members, key=lambda one: one.name):
                file = None if tar is None else tar.extractfile(member)
                if file is not None:
                    yield member.name.rpartition("/")[2], file.read()

    @contextmanager
    def _archive(self, container: Container, path: str) -> Iterator[tarfile.TarFile | None]:
        """What the daemon packs of a file or folder, on the disk if it is much; None if there is none."""
        from docker.errors import NotFound

        with tempfile.SpooledTemporaryFile(IN_MEMORY) as archive:

            def read() -> None:
                parts, _ = self._client.api.get_archive(container.id, path)
                for part in parts:
                    archive.write(part)

            try:
                self._asked(f"for {path} of {container.name}", read)
            except PyglueError as error:
                if not isinstance(error.__cause__, NotFound):
                    raise
                yield None
                return
            archive.seek(0)
            with tarfile.open(fileobj=archive) as tar:
                yield tar

    def memory(self, container: Container) -> int | None:
        """Bytes that a container uses: without the files that the kernel may drop at any time, as `docker stats` shows.

        None where the daemon does not tell (a container that ended meanwhile, a daemon without memory accounting).
        """
        try:
            code, text = self.run_in(container, ["bash", "-c", MEMORY])
        except PyglueError:  # no figure is no reason to show nothing else
            return None
        numbers = dict(re.findall(r"^(?:(\w+) )?(\d+)$", text, re.MULTILINE))
        if code != 0 or "" not in numbers:
            return None
        return int(numbers[""]) - int(numbers.get("total_inactive_file") or numbers.get("inactive_file") or 0)

    def last_end(self, container: Container) -> End | None:
        """How a container's last life ended, even if it runs again; None if the daemon does not remember."""
        now = time.time()

        def ask() -> list[dict[str, Any]]:
            filters = {"container": container.id, "event": ["die", "oom"]}
            until = cast(
                int, now
            )  # the daemon reads fractions, too, and what has just happened is of interest
            events = self._client.api.events(int(now - REMEMBERED), until, filters, decode=True)
            return list(events)

        events = self._asked(f"what happened to {container.name}", ask)
        codes = [event["Actor"]["Attributes"].get("exitCode") for event in events if event["Action"] == "die"]
        if not codes or codes[-1] is None:
            return None
        # A container may be allowed to go on after its memory was short; only what was killed has ended by that.
        short = int(codes[-1]) == KILLED and any(event["Action"] == "oom" for event in events)
        return End(int(codes[-1]), short)

    def log(self, container: Container, lines: int) -> list[str]:
        """The last lines that a container printed."""
        text: bytes = self._asked(
            f"the log of {container.name}", lambda: self._client.api.logs(container.id, tail=lines)
        )
        return text.decode(errors="replace").splitlines()

    def follow(self, container: Container, *, whole_life: bool) -> Iterator[str]:
        """What a container prints from now on, or has printed in this life, line by line, until it ends."""
        where = {"since": container.since} if whole_life else {"tail": 0}
        stream = self._asked(
            f"the log of {container.name}",
            lambda: self._client.api.logs(container.id, stream=True, follow=True, **where),
        )
        rest = b""
        for part in stream:
            *whole, rest = (rest + part).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)

    def _asked(self, what: str, ask: Callable[[], T]) -> T:
        """Ask the daemon; its errors in our words."""
        from docker.errors import APIError, DockerException
        from requests import RequestException

        try:
            return ask()
        except (DockerException, RequestException) as error:
            reason = error.explanation if isinstance(error, APIError) else str(error)
            raise PyglueError(
                "Docker did not do what it was asked",
                details=[f"asked      {what} ({self.address})", f"came back  {reason}"],
                try_="docker info",
                code="docker-refused",
            ) from error


def _published(bindings: Mapping[str, Any]) -> tuple[int, ...]:
    """The ports of the daemon's machine in `{"9092/tcp": [{"HostIp": "127.0.0.1", "HostPort": "9092"}]}`."""
    found = [str(one.get("HostPort") or "") for places in bindings.values() for one in places or ()]
    return tuple(sorted(int(port) for port in found if port.isdecimal()))


def _context(name: str | None) -> tuple[str, dict[str, Any]]:
    """The address of a Docker context, or of the one in use, and how to connect to it."""
    from docker.context import ContextAPI

    context = ContextAPI.get_context(name)
    if context is None:
        raise NoDaemon(f"there is no Docker context {name!r}")
    return context.Host or "", {"base_url": context.Host, "tls": context.TLSConfig or False}


def _where(address: str, error: Exception) -> str:
    """The address, and the reason if it is one that a user can do something about."""
    text = str(error)
    for known in ("Permission denied", "Connection refused", "timed out"):
        if known in text:
            return f"{address} ({known.lower()})"
    return address or text
