"""docker-compose.yml -> Stack, by the contract in docs/service-folders.md.

Every key is obeyed, known as meaningless to the native engine, or refused with its line; all problems of the
file come together. Whoever adds a key here adds it to `keys.py` and to the docs.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pyglue.errors import InputError, Problem
from pyglue.stack import keys
from pyglue.stack.durations import compose_seconds
from pyglue.stack.interpolate import BadVariable, interpolate
from pyglue.stack.model import Health, Mount, Service, Stack
from pyglue.stack.yamlfile import Map, Seq, load

FILE = "docker-compose.yml"
CONDITIONS = ("service_started", "service_healthy")
RESTARTS = ("no", "on-failure", "always", "unless-stopped")
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*$")
PORT = re.compile(r"(?:(?P<address>[\d.]+):)?(?P<outside>\d+):(?P<inside>\d+)$")


def read(directory: Path, variables: Mapping[str, str]) -> Stack:
    """Read the stack of a checkout.

    `variables` are the environment over `.env`. Raises InputError with every problem found.
    """
    path = directory / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        reason = f"can't be read here: {error.strerror}; `--project-dir` says where the checkout is"
        raise InputError([Problem(str(path), None, None, reason)]) from error
    return parse(text, directory, variables)


def parse(text: str, directory: Path, variables: Mapping[str, str]) -> Stack:
    """The same from the file's text; `directory` is only looked at to see that the folders exist."""
    reader = _Reader(directory, variables)
    document = reader.interpolated(load(text, FILE))
    stack = reader.stack(document)
    if reader.problems:
        raise InputError(sorted(set(reader.problems), key=lambda problem: problem.line or 0))
    return stack


class _Reader:
    """Collects problems instead of raising, so that a user sees all of them at once."""

    def __init__(self, directory: Path, variables: Mapping[str, str]) -> None:
        self.directory = directory
        self.variables = variables
        self.problems: list[Problem] = []

    def refuse(self, line: int, message: str) -> None:
        self.problems.append(Problem(FILE, line, None, message))

    def interpolated(self, value: Any, line: int = 1) -> Any:
        """A copy with the variables of every text replaced, lines kept."""
        if isinstance(value, Map):
            copy = Map(value.line)
            copy.lines = value.lines
            for key, item in value.items():
                copy[key] = self.interpolated(item, value.lines[key])
            return copy
        if isinstance(value, Seq):
            seq = Seq(value.line)
            seq.lines = value.lines
            seq.extend(self.interpolated(item, at) for item, at in zip(value, value.lines, strict=True))
            return seq
        if isinstance(value, str):
            try:
                return interpolate(value, self.variables)
            except BadVariable as error:
                self.refuse(line, str(error))
        return value

    # -- the productions, from the top down

    def stack(self, document: Any) -> Stack:
        if not isinstance(document, Map) or not isinstance(document.get("services"), Map):
            self.refuse(1, "expected a map with the key `services`")
            return Stack("", self.directory, {})
        self.known(document, keys.TOP, "at the top")
        volumes = document.get("volumes") or {}
        services: dict[str, Service] = {}
        active = set(self.variables.get("COMPOSE_PROFILES", "").split(","))
        for name, body in document["services"].items():
            line = document["services"].lines[name]
            if not isinstance(body, Map):
                self.refuse(line, f"the service {name} must be a map")
                continue
            service = self.service(name, line, body, volumes)
            if not service.profiles or active & set(service.profiles):
                services[name] = service
        name = str(document.get("name") or self.directory.name).lower()
        return Stack(name, self.directory, MappingProxyType(self.ordered(services)))

    def service(self, name: str, line: int, body: Map, volumes: Mapping[str, Any]) -> Service:
        if not NAME.match(name):
            self.refuse(line, f"a service's name is made of a-z, 0-9, `_`, `.`, `-`; found {name!r}")
        self.known(body, keys.SERVICE, f"in the service {name}")
        at = body.lines
        folder = self.folder(name, body.get("build"), at.get("build", line))
        published = tuple(
            port for text, row in self.items(body, "ports") if (port := self.port(str(text), row)) is not None
        )
        exposed = tuple(int(text) for text, row in self.items(body, "expose") if self.is_port(text, row))
        return Service(
            name=name,
            line=line,
            folder=folder,
            arguments=self.words(body.get("command"), at.get("command", line), "command"),
            environment=MappingProxyType(self.environment(body)),
            published=published,
            exposed=tuple(port for port in exposed if port not in published),
            mounts=tuple(
                mount
                for text, row in self.items(body, "volumes")
                if (mount := self.mount(text, row, volumes))
            ),
            depends_on=MappingProxyType(self.dependencies(body)),
            health=self.health(name, body),
            restart=self.restart(body),
            stop_grace=self.seconds(body, "stop_grace_period", "10s"),
            aliases=self.aliases(body),
            profiles=tuple(str(item) for item, _ in self.items(body, "profiles")),
        )

    def folder(self, name: str, build: Any, line: int) -> str:
        if build is None:
            self.refuse(
                line,
                f"the service {name} has no `build`; its Dockerfile's folder is what the native engine runs",
            )
            return ""
        if isinstance(build, Map):
            self.known(build, keys.BUILD, "in `build`")
            dockerfile = posixpath.join(
                str(build.get("context", ".")), str(build.get("dockerfile", "Dockerfile"))
            )
        else:
            dockerfile = posixpath.join(str(build), "Dockerfile")
        folder = posixpath.normpath(posixpath.dirname(dockerfile))
        for script in ("start", "healthy"):
            if not (self.directory / folder / script).is_file():
                self.refuse(line, f"the folder {folder}/ of the service {name} has no file `{script}`")
        return folder

    def environment(self, body: Map) -> dict[str, str]:
        value = body.get("environment")
        line = body.lines.get("environment", body.line)
        result: dict[str, str] = {}
        if value is None:
            return result
        if isinstance(value, Seq):
            for item, row in zip(value, value.lines, strict=True):
                name, equals, text = str(item).partition("=")
                if not equals:
                    self.refuse(row, f"expected NAME=value, found {item!r}")
                result[name] = text
            return result
        if not isinstance(value, Map):
            self.refuse(line, "`environment` must be a map")
            return result
        for name, item in value.items():
            if isinstance(item, bool) or item is None or isinstance(item, Map | Seq):
                self.refuse(value.lines[name], f"the value of {name} must be a text; put it in quotes")
            result[name] = str(item)
            if "\n" in result[name] or "\0" in result[name]:
                self.refuse(value.lines[name], f"the value of {name} may not hold a line break")
        return result

    def port(self, text: str, line: int) -> int | None:
        match = PORT.match(text)
        if match is None:
            self.refuse(line, f"expected 127.0.0.1:PORT:PORT, found {text!r}")
            return None
        if match["address"] != "127.0.0.1":
            self.refuse(
                line,
                f"{text}: the native engine listens on 127.0.0.1 only; write 127.0.0.1:{match['outside']}:...",
            )
        if match["outside"] != match["inside"]:
            self.refuse(line, f"{text}: a port must have the same number inside and outside")
        return int(match["inside"]) if self.is_port(match["inside"], line) else None

    def is_port(self, text: object, line: int) -> bool:
        if str(text).isdigit() and 0 < int(str(text)) < 65536:
            return True
        self.refuse(line, f"expected a port from 1 to 65535, found {text!r}")
        return False

    def mount(self, text: Any, line: int, volumes: Mapping[str, Any]) -> Mount | None:
        parts = str(text).split(":") if isinstance(text, str) else []
        if len(parts) not in (2, 3) or (len(parts) == 3 and parts[2] not in ("ro", "rw")):
            self.refuse(line, f"expected SOURCE:/target or SOURCE:/target:ro, found {text!r}")
            return None
        source, target = parts[0], parts[1].rstrip("/")
        if not target.startswith("/"):
            self.refuse(line, f"a mount's target is an absolute path, found {target!r}")
        is_bind = source.startswith((".", "/"))
        if is_bind and parts[2:] != ["ro"]:
            self.refuse(line, f"{source} is the checkout's file, so it must be mounted read-only (`:ro`)")
        if is_bind and not (self.directory / source).exists():
            self.refuse(line, f"{source} does not exist")
        if not is_bind and source not in volumes:
            self.refuse(line, f"the volume {source} is not declared under `volumes`")
        return Mount(source, target, is_bind)

    def dependencies(self, body: Map) -> dict[str, str]:
        value = body.get("depends_on")
        if isinstance(value, Seq):
            return {str(item): "service_started" for item in value}
        result: dict[str, str] = {}
        if not isinstance(value, Map):
            return result
        for name, item in value.items():
            condition = item.get("condition") if isinstance(item, Map) else None
            if condition not in CONDITIONS or set(item) - {"condition"}:
                expected = " or ".join(CONDITIONS)
                self.refuse(value.lines[name], f"expected {{condition: {expected}}} for {name}")
            result[name] = str(condition)
        return result

    def health(self, name: str, body: Map) -> Health | None:
        value = body.get("healthcheck")
        if value is None:
            return None
        line = body.lines["healthcheck"]
        if not isinstance(value, Map):
            self.refuse(line, "`healthcheck` must be a map")
            return None
        self.known(value, keys.HEALTH, f"in the health check of {name}")
        words = self.words(value.get("test"), value.lines.get("test", line), "test")
        if words[:2] != ("CMD", "/service/healthy"):
            self.refuse(value.lines.get("test", line), "expected test: [CMD, /service/healthy, ARGUMENT...]")
        retries = value.get("retries", 3)
        if not isinstance(retries, int):
            self.refuse(value.lines["retries"], f"expected a number of retries, found {retries!r}")
            retries = 3
        interval = self.seconds(value, "interval", "30s")
        deadline = self.seconds(value, "start_period", "0s") + interval * retries
        return Health(words[2:], self.seconds(value, "timeout", "30s"), deadline)

    def restart(self, body: Map) -> str:
        value = body.get("restart", "no")
        text = "no" if value is False else str(value)  # an unquoted `no` is YAML's false
        if text not in RESTARTS:
            self.refuse(body.lines["restart"], f"expected one of {', '.join(RESTARTS)}; found {text!r}")
        return text

    def aliases(self, body: Map) -> tuple[str, ...]:
        networks = body.get("networks")
        if not isinstance(networks, Map):
            return ()
        return tuple(
            str(alias)
            for net in networks.values()
            if isinstance(net, Map)
            for alias in net.get("aliases", ())
        )

    def ordered(self, services: dict[str, Service]) -> dict[str, Service]:
        """Each service after those it depends on; a circle or an unknown name is a problem."""
        done: dict[str, Service] = {}
        waiting = dict(services)
        for service in services.values():
            for name in service.depends_on:
                if name not in services:
                    self.refuse(service.line, f"{service.name} depends on {name}, which is no service here")
        while waiting:
            ready = [s for s in waiting.values() if not (set(s.depends_on) & set(waiting))]
            if not ready:
                first = next(iter(waiting.values()))
                self.refuse(
                    first.line, f"these services depend on each other in a circle: {', '.join(waiting)}"
                )
                return services
            for service in ready:
                done[service.name] = waiting.pop(service.name)
        return done

    # -- small parts

    def known(self, value: Map, table: dict[str, str], where: str) -> None:
        for key in value:
            if not keys.is_known(table, key):
                self.refuse(
                    value.lines[key], f"the key `{key}` {where} is not one that the native engine can obey"
                )

    def items(self, body: Map, key: str) -> list[tuple[Any, int]]:
        value = body.get(key)
        if value is None:
            return []
        if not isinstance(value, Seq):
            self.refuse(body.lines[key], f"`{key}` must be a list")
            return []
        return list(zip(value, value.lines, strict=True))

    def words(self, value: Any, line: int, key: str) -> tuple[str, ...]:
        if value is None:
            return ()
        if not isinstance(value, Seq):
            self.refuse(line, f"`{key}` must be a list of words, as in [{value}]")
            return ()
        return tuple(str(word) for word in value)

    def seconds(self, body: Map, key: str, default: str) -> float:
        text = str(body.get(key, default))
        try:
            return compose_seconds(text)
        except ValueError as error:
            self.refuse(body.lines[key], f"`{key}`: {error}")
            return 0.0
