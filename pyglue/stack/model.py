"""The stack as frozen values: what docker-compose.yml says, with every variable replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pyglue.errors import InputError, Problem


@dataclass(frozen=True)
class Mount:
    """A bind mount (`source` is the checkout's path) or a named volume (`source` is its name)."""

    source: str
    target: str
    is_bind: bool


@dataclass(frozen=True)
class Health:
    """How to ask whether a service serves.

    `arguments` go to the folder's `healthy`; `timeout` is the seconds one question may take; `deadline` the
    seconds from the start until it must be healthy.
    """

    arguments: tuple[str, ...]
    timeout: float
    deadline: float


@dataclass(frozen=True)
class Service:
    """One service: its folder in the checkout, what it is started with, what it waits for."""

    name: str
    line: int
    folder: str
    image: str = ""
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    published: tuple[int, ...] = ()
    exposed: tuple[int, ...] = ()
    mounts: tuple[Mount, ...] = ()
    depends_on: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    health: Health | None = None
    restart: str = "no"
    stop_grace: float = 10.0
    memory_limit: str = ""  # of its container, as docker-compose.yml has it
    aliases: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()

    @property
    def ports(self) -> tuple[int, ...]:
        """Every port the service listens on."""
        return self.published + self.exposed


@dataclass(frozen=True)
class Stack:
    """All services of the active profiles, in an order in which each comes after what it depends on."""

    name: str
    directory: Path
    services: Mapping[str, Service]

    def setting(self, service: str, variable: str) -> str:
        """The value of an environment variable that docker-compose.yml gives a service; InputError if none."""
        found = self.services.get(service)
        if found is None:
            problem = Problem(
                "docker-compose.yml", None, None, f"has no service {service}, which the pipeline needs"
            )
            raise InputError([problem])
        if variable not in found.environment:
            problem = Problem(
                "docker-compose.yml", found.line, None, f"the service {service} has no {variable}"
            )
            raise InputError([problem])
        return found.environment[variable]

    def folders(self) -> tuple[str, ...]:
        """The distinct service folders, in starting order."""
        return tuple(dict.fromkeys(service.folder for service in self.services.values()))
