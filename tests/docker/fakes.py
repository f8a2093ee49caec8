"""A daemon and a Compose of a few lines, and small checkouts for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from pyglue.docker.compose import Compose
from pyglue.docker.daemon import Container, Daemon, End, Host, Owner
from pyglue.docker.engine import DockerEngine
from pyglue.stack import compose

STARTED = "2026-01-02T03:04:05.123456789Z"
FILE = """name: shop
services:
  kafka:
    build: {context: ., dockerfile: kafka/Dockerfile}
    image: shop/kafka:1
    ports: ["127.0.0.1:%d:%d"]
    restart: unless-stopped
    healthcheck: {test: [CMD, /service/healthy, now], timeout: 3s, interval: 1s, retries: 5}
  divolte:
    build: {context: ., dockerfile: divolte/Dockerfile}
    image: shop/divolte:1
    depends_on: {kafka: {condition: service_healthy}}
    volumes: ["./mapping.groovy:/etc/mapping.groovy:ro"]
"""


def container(service: str, **more: Any) -> Container:
    """One that runs well, but for what is given."""
    values = {
        "id": f"id-{service}",
        "name": f"shop-{service}-1",
        "service": service,
        "state": "running",
        "healthy": False,
        "pid": 7,
        "started": STARTED,
        "exit_code": 0,
        "memory_limit": 0,
        "error": "",
    }
    return Container(**{**values, **more})


@dataclass
class FakeDaemon:
    """Holds containers, and notes what it was asked to do."""

    checkout: str
    there: dict[str, Container] = field(default_factory=dict)
    foreign: list[Owner] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)  # what is run -> exit code, output
    done: list[str] = field(default_factory=list)
    is_local: bool = True
    data: list[str] = field(default_factory=list)
    refusal: Exception | None = None  # of a start
    ends: dict[str, End] = field(default_factory=dict)
    capacity: int = 2**50  # of memory of its machine

    def containers(self, **_labels: str) -> list[Container]:
        return list(self.there.values())

    def owners(self, project: str = "", checkout: str = "") -> list[Owner]:
        ours = [Owner(found.name, "shop", self.checkout) for found in self.there.values()]
        return [
            owner
            for owner in (*ours, *self.foreign)
            if owner.project == (project or owner.project) and owner.checkout == (checkout or owner.checkout)
        ]

    def host(self) -> Host:
        return Host(self.is_local, "Linux", "aarch64", 3, self.capacity, self.checkout)

    def volumes(self, _project: str) -> list[str]:
        return self.data

    def image(self, name: str) -> str | None:
        return self.images.get(name)

    def start(self, found: Container) -> None:
        self.done.append(f"start {found.service}")
        if self.refusal is not None:
            raise self.refusal
        self.there[found.service] = replace(found, state="running")

    def stop(self, found: Container) -> None:
        self.done.append(f"stop {found.service}")
        self.there[found.service] = replace(found, state="exited")

    def run_in(self, found: Container, words: list[str]) -> tuple[int, str]:
        self.done.append(f"{found.service}: {' '.join(words)}")
        return self.answers.get(found.service, (0, ""))

    def read_file(self, found: Container, path: str) -> bytes | None:
        return f"{path} of {found.service}".encode()

    def read_folder(self, found: Container, path: str) -> Iterator[tuple[str, bytes]]:
        yield "a.jsonl", f"{path} of {found.service}".encode()

    def memory(self, _found: Container) -> int | None:
        return 2**20

    def last_end(self, found: Container) -> End | None:
        return self.ends.get(found.service)

    def log(self, found: Container, lines: int) -> list[str]:
        return [f"{found.service} said this"][:lines]


@dataclass
class FakeCompose:
    """Makes what is missing, and anew what is named in `changed`."""

    daemon: FakeDaemon
    changed: set[str] = field(default_factory=set)
    killed: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)

    def create(self, _containers: Mapping[str, str]) -> bool:
        self.calls.append("create")
        for service in ("kafka", "divolte"):
            if service not in self.daemon.there or service in self.changed:
                fresh = f"{service}-{len(self.calls)}"
                self.daemon.there[service] = container(service, id=fresh, state="created")
        return True

    def renew(self, services: Sequence[str]) -> None:
        self.calls.append(f"renew {' '.join(services)}")
        for service in self.changed:
            self.daemon.there[service] = container(service, id=f"{service}-again", state="created")

    def stop(self) -> None:
        self.calls.append("stop")
        for service, found in self.daemon.there.items():
            code = 137 if service in self.killed else 0
            self.daemon.there[service] = replace(found, state="exited", exit_code=code)

    def down(self, *, volumes: bool = False) -> None:
        self.calls.append("down --volumes" if volumes else "down")
        self.daemon.there.clear()


@dataclass
class Shop:
    """A checkout with two services, and a fresh engine for each command, as each pyglue has."""

    path: Path
    daemon: FakeDaemon
    compose: FakeCompose

    @classmethod
    def made(cls, path: Path, port: int) -> Shop:
        """Written to a folder; `port` is the one that kafka publishes."""
        for folder in ("kafka", "divolte"):
            (path / folder).mkdir(parents=True)
            for script in ("start", "healthy"):
                (path / folder / script).touch(mode=0o755)
            (path / folder / "Dockerfile").write_text(
                f"FROM x\nCOPY {folder}/start {folder}/healthy /service/\n"
            )
        (path / "mapping.groovy").write_text("mapping {}\n")
        (path / "docker-compose.yml").write_text(FILE % (port, port))
        (path / ".dockerignore").touch()
        daemon = FakeDaemon(str(path))
        return cls(path, daemon, FakeCompose(daemon))

    def engine(self) -> DockerEngine:
        """For the checkout as it is now."""
        stack = compose.read(self.path, {})
        return DockerEngine(stack, cast(Daemon, self.daemon), {}, lambda *_: cast(Compose, self.compose))
