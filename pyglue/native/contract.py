"""The contract between the native engine and a service folder (docs/service-folders.md): Service -> Program.

Pure. What a container engine does with networks and mounts is done here with names and paths: a service's name
before `:port` becomes 127.0.0.1, a mount's target at the beginning of a value becomes a path of this machine.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pyglue.layout import Layout
from pyglue.stack.model import Service, Stack

LOOPBACK = "127.0.0.1"
DATA_TARGET = "/data"  # where a container finds its DATA_DIR
IDENTITY = "PYGLUE_STACK"  # marks every process of a stack, so that none can be overlooked
PASSED = ("PATH", "HOME", "TZ", "JAVA_HOME")  # of pyglue's own environment
CALLERS = (
    "PATH",
    "HOME",
)  # of these, what differs between two shells of one user and is no reason to restart
NOT_RUN = {
    "Dockerfile",
    "README.md",
    "requirements.in",
    "requirements.txt",
    "pom.xml",
    "artifacts.lock",
    "prepare",
}
# What a service reads at its start and finds neither in its folder's own files nor in its mounts.
READS = {"divolte": "pyglue/collector", "sample-app": "sample-app/page"}


@dataclass(frozen=True)
class Program:
    """What is run for a service. A service is restarted when `differs` says so."""

    name: str
    argv: tuple[str, ...]
    healthy: tuple[str, ...]
    directory: str
    environment: Mapping[str, str]
    makes: tuple[str, ...]  # folders that must exist before the start
    fingerprint: str  # of the files that the process reads at its start
    ports: tuple[int, ...] = ()  # on which it listens; none where an earlier version did not note them

    def to_json(self) -> str:
        """The form in which `launch.py` reads it."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Program | None:
        """What `to_json` once wrote; None if it is damaged, or of a version that wrote something else."""
        try:
            content = json.loads(text)
            lists = ("argv", "healthy", "makes", "ports")
            return cls(**{**content, **{name: tuple(content[name]) for name in lists if name in content}})
        except (ValueError, KeyError, TypeError):
            return None

    def differs(self, text: str) -> bool:
        """Whether what `to_json` once wrote is another process than this: any difference but a CALLERS' one."""
        try:
            before = json.loads(text)
            return self._compared(before) != self._compared(json.loads(self.to_json()))
        except (ValueError, KeyError, TypeError, AttributeError):
            return True  # a damaged file only means a restart

    @staticmethod
    def _compared(content: dict[str, Any]) -> dict[str, Any]:
        own = {name: value for name, value in content["environment"].items() if name not in CALLERS}
        return {**content, "environment": own}


def program(
    stack: Stack, service: Service, layout: Layout, home: Path, outside: Mapping[str, str]
) -> Program:
    """What the native engine runs for a service.

    `home` is its SERVICE_HOME, `outside` is the environment of pyglue itself.
    """
    translate = Translation(stack, service, layout)
    folder = stack.directory / service.folder
    data = translate.mounts.get(DATA_TARGET, str(layout.data / service.name))
    environment = {name: outside[name] for name in PASSED if name in outside}
    environment["LANG"] = "C.UTF-8"  # as in the images, whatever the caller speaks
    environment |= {name: translate(value) for name, value in service.environment.items()}
    environment |= {
        "SERVICE_HOME": str(home),
        "DATA_DIR": data,
        "RUN_DIR": str(layout.run / service.name),
        "BIND_ADDRESS": LOOPBACK,
        "PYTHONUNBUFFERED": "1",  # a child that writes into a pipe would keep its log to itself
        IDENTITY: layout.identity,
    }
    folders = [data, environment["RUN_DIR"], *translate.volumes]
    health = service.health.arguments if service.health else ()
    return Program(
        name=service.name,
        argv=(str(folder / "start"), *map(translate, service.arguments)),
        healthy=(str(folder / "healthy"), *map(translate, health)),
        directory=data,
        environment=environment,
        makes=tuple(dict.fromkeys(folders)),
        fingerprint=fingerprint(stack, service),
        ports=service.ports,
    )


class Translation:
    """Turns a value written for containers into one for this machine."""

    def __init__(self, stack: Stack, service: Service, layout: Layout) -> None:
        names = {name for other in stack.services.values() for name in (other.name, *other.aliases)}
        alternatives = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        # Only in host position: not part of a longer name, and a port follows that is not a password (`user:1@`).
        # The topic `divolte` and the scheme `druid://` stay what they are.
        self._host = re.compile(rf"(?<![\w.-])(?:{alternatives})(?=:[0-9]+(?![\w@]))")
        self.volumes = [str(layout.data / mount.source) for mount in service.mounts if not mount.is_bind]
        self.mounts = {
            mount.target: str((stack.directory / mount.source).resolve())
            if mount.is_bind
            else str(layout.data / mount.source)
            for mount in sorted(service.mounts, key=lambda mount: len(mount.target), reverse=True)
        }

    def __call__(self, value: str) -> str:
        for target, path in self.mounts.items():
            if value == target or value.startswith(target + "/"):
                return path + value[len(target) :]
        return self._host.sub(LOOPBACK, value)


def fingerprint(stack: Stack, service: Service) -> str:
    """A hash of the files that a start reads: the folder's own (not its sub-folders) and the bind mounts."""
    folder = stack.directory / service.folder
    files = [path for path in folder.iterdir() if path.name not in NOT_RUN and not is_scrap(path)]
    for mount in service.mounts:
        if mount.is_bind:
            source = stack.directory / mount.source
            files += (
                [path for path in source.rglob("*") if not is_scrap(path)] if source.is_dir() else [source]
            )
    if service.folder in READS:
        found = (stack.directory / READS[service.folder]).rglob("*")
        files += [path for path in found if path.suffix != ".pyc" and not is_scrap(path)]
    return hash_files(stack.directory, files)


def is_scrap(path: Path) -> bool:
    """Hidden files and editors' backups: looking into a file is no change of it."""
    return path.name.startswith(".") or path.name.endswith("~")


def hash_files(base: Path, files: list[Path]) -> str:
    """A hash over the names (relative to `base`) and contents of files."""
    digest = hashlib.sha256()
    for path in sorted({path.resolve() for path in files if path.is_file()}):
        name = str(path.relative_to(base.resolve())) if path.is_relative_to(base.resolve()) else str(path)
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
