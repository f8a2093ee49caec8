"""docker-compose.yml -> Stack, by the contract in docs/service-folders.md.

Every key is obeyed, known as meaningless to the native engine, or refused with its line; all problems of the
file come together. Whoever adds a key here adds it to `keys.py` and to the docs.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pyglue.errors import InputError, Problem
from pyglue.stack import keys
from pyglue.stack.model import Health, Mount, Service, Stack
from pyglue.stack.reading import FILE, NUMBER, Reading
from pyglue.stack.yamlfile import Map, Seq, load

CONDITIONS = ("service_started", "service_healthy")
RESTARTS = ("no", "on-failure", "always", "unless-stopped")
PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")  # Compose's own rule
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
PORT = re.compile(r"(?:(?P<address>[0-9.]+):)?(?P<outside>[0-9]+):(?P<inside>[0-9]+)")


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
    except UnicodeDecodeError as error:
        raise InputError([Problem(FILE, None, None, f"is no UTF-8: {error.reason}")]) from error
    return parse(text, directory, variables)


def parse(text: str, directory: Path, variables: Mapping[str, str]) -> Stack:
    """The same from the file's text; `directory` is only looked at to see that the folders exist."""
    reader = _Reader(directory, variables)
    document = reader.interpolated(load(text, FILE))
    stack = reader.stack(document)
    if reader.problems:
        raise InputError(sorted(set(reader.problems), key=lambda problem: problem.line or 0))
    return stack


class _Reader(Reading):
    """One method for each production of the file, from the top down."""

    def __init__(self, directory: Path, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self.directory = directory

    def stack(self, document: Any) -> Stack:
        if not isinstance(document, Map) or not isinstance(document.get("services"), Map):
            self.refuse(1, "expected a map with the key `services`")
            return Stack("", self.directory, {})
        self.known(document, keys.TOP, "at the top")
        volumes = self.volumes(document)
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
        if not services:
            self.refuse(
                document.lines["services"], "there is no service to run, at least without its profile"
            )
        self.ports_apart(services)
        name = str(document.get("name") or self.directory.name.lower())
        if document.get("name") and not PROJECT.fullmatch(name):
            at = document.lines["name"]
            self.refuse(
                at, f"a project's name (PYGLUE_PROJECT) is made of a-z, 0-9, `_`, `-`; found {name!r}"
            )
        return Stack(name, self.directory, MappingProxyType(self.ordered(services)))

    def volumes(self, document: Map) -> Mapping[str, Any]:
        value = document.get("volumes")
        if value is None:
            return {}
        if not isinstance(value, Map):
            self.refuse(document.lines["volumes"], "`volumes` must be a map")
            return {}
        for name, body in value.items():
            if isinstance(body, Map):
                self.known(body, keys.VOLUME, f"in the volume {name}")
            elif body is not None:
                self.refuse(value.lines[name], f"the volume {name} must be a map or empty")
        return value

    def ports_apart(self, services: Mapping[str, Service]) -> None:
        """Containers may use one number twice, each in a network of its own; processes of one machine can't."""
        users: dict[int, str] = {}
        for service in services.values():
            for port in service.ports:
                other = users.setdefault(port, service.name)
                if other != service.name:
                    self.refuse(service.line, f"the port {port} of {service.name} is that of {other}, too")

    def service(self, name: str, line: int, body: Map, volumes: Mapping[str, Any]) -> Service:
        if not NAME.fullmatch(name):
            self.refuse(line, f"a service's name is made of a-z, 0-9, `_`, `.`, `-`; found {name!r}")
        self.known(body, keys.SERVICE, f"in the service {name}")
        if isinstance(body.get("deploy"), Map):
            self.known(body["deploy"], keys.DEPLOY, f"in `deploy` of {name}")
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
            image=str(body.get("image", "")),
            arguments=self.words(body.get("command"), at.get("command", line), "command"),
            environment=MappingProxyType(self.environment(body)),
            published=published,
            exposed=tuple(port for port in exposed if port not in published),
            mounts=self.mounts(body, volumes),
            depends_on=MappingProxyType(self.dependencies(body)),
            health=self.health(name, body),
            restart=self.restart(body),
            stop_grace=self.seconds(body, "stop_grace_period", "10s"),
            memory_limit=str(body.get("mem_limit", "")),
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
            path = self.directory / folder / script
            if not path.is_file():
                self.refuse(line, f"the folder {folder}/ of the service {name} has no file `{script}`")
            elif not os.access(path, os.X_OK):
                self.refuse(line, f"{folder}/{script} is not executable; chmod +x makes it so")
        return folder

    def environment(self, body: Map) -> dict[str, str]:
        value = body.get("environment")
        line = body.lines.get("environment", body.line)
        result: dict[str, str] = {}
        if value is None:
            return result
        rows: list[tuple[str, Any, int]] = []
        if isinstance(value, Seq):
            for item, row in zip(value, value.lines, strict=True):
                name, equals, text = str(item).partition("=")
                if not equals:
                    self.refuse(row, f"expected NAME=value, found {item!r}")
                rows.append((name, text, row))
        elif isinstance(value, Map):
            rows += ((name, item, value.lines[name]) for name, item in value.items())
        else:
            self.refuse(line, "`environment` must be a map")
        for name, item, row in rows:
            result[name] = self.word(item, row, f"the value of {name}")
            if "\n" in result[name]:
                self.refuse(row, f"the value of {name} may not hold a line break")
        return result

    def port(self, text: str, line: int) -> int | None:
        match = PORT.fullmatch(text)
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

    def mounts(self, body: Map, volumes: Mapping[str, Any]) -> tuple[Mount, ...]:
        found: dict[str, Mount] = {}
        for text, row in self.items(body, "volumes"):
            mount = self.mount(text, row, volumes)
            if mount is not None and found.setdefault(mount.target, mount) is not mount:
                self.refuse(row, f"two mounts have the target {mount.target}")
        return tuple(found.values())

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
        if value is None:
            return result
        if not isinstance(value, Map):
            self.refuse(body.lines["depends_on"], "`depends_on` must be a map or a list")
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
        retries = str(value.get("retries", 3))
        if not NUMBER.fullmatch(retries):
            self.refuse(value.lines["retries"], f"expected a number of retries, found {retries!r}")
            retries = "3"
        interval = self.seconds(value, "interval", "30s")
        deadline = self.seconds(value, "start_period", "0s") + interval * int(retries)
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
        own = [net for net in networks.values() if isinstance(net, Map)]
        return tuple(str(alias) for net in own for alias, _ in self.items(net, "aliases"))

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
