"""What is collected, as texts: versions, configuration, logs, data folders, the machine.

Nothing here needs a stack that runs.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import psutil

from pyglue import __version__
from pyglue.counted import counted
from pyglue.docker import compose
from pyglue.engine import Engine
from pyglue.errors import PyglueError
from pyglue.install import artifacts, tools
from pyglue.layout import Layout
from pyglue.native.logs import tail
from pyglue.pipeline import spec as specs
from pyglue.screen import amount
from pyglue.stack.reading import FILE
from pyglue.support import masking
from pyglue.support.bundle import Bundle

LINES = 2000  # of each log: some 200 kB of text, an hour of a busy service
MOST = 2_000_000  # bytes of one file
DEEP = 3  # folders below .pyglue that are listed
CONFIGURATION = (FILE, "mapping.groovy", specs.FILE, "divolte/divolte-collector.conf", str(specs.SCHEMA))
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def read(path: Path) -> str:
    """The end of a file, whatever is in it; raises OSError."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - MOST))
        return file.read(MOST).decode(errors="replace")


def collect(
    bundle: Bundle,
    project: Path,
    environment: Mapping[str, str],
    engine: Callable[[], Engine],
    status: Callable[[], str],
) -> None:
    """Put everything into the bundle. `engine` raises PyglueError where files are broken; `status` gives its JSON."""
    bundle.add("versions.txt", partial(versions, environment))
    for folder in sorted(found.parent for found in project.glob("*/Dockerfile")):
        bundle.add(f"versions/{folder.name}.txt", partial(installed, folder))
    bundle.add("machine.txt", partial(machine, project))
    bundle.add("data.txt", partial(listing, Layout(project).state))
    if (project / ".env").exists():
        bundle.add("configuration/env.txt", lambda: masking.env(read(project / ".env")))
    for name in CONFIGURATION:
        bundle.add(f"configuration/{name}", partial(read, project / name))
    bundle.add_log("status.json", status)
    for name, lines in _logs(bundle, Layout(project), engine).items():
        bundle.add_log(f"logs/{name}.log", lambda lines=lines: "".join(f"{line}\n" for line in lines()))  # type: ignore[misc]


def _logs(bundle: Bundle, layout: Layout, engine: Callable[[], Engine]) -> dict[str, Callable[[], list[str]]]:
    """What gives the last lines of each service; where the engine can't be asked, of the native engine's files."""
    own: dict[str, Callable[[], list[str]]] = {
        "supervisord": partial(tail, layout.state / "supervisord.log", LINES)
    }
    try:
        chosen = engine()
    except PyglueError as error:
        bundle.miss("logs of containers", "; ".join([error.message, *error.details]))
        return {path.stem: partial(tail, path, LINES) for path in sorted(layout.logs.glob("*.log"))} | own
    return {name: partial(chosen.log_lines, name, LINES) for name in chosen.stack.services} | own


def versions(environment: Mapping[str, str]) -> str:
    """pyglue, Python, the system, Java, Docker Compose; of what is missing the reason."""
    rows = {
        "pyglue": lambda: __version__,
        "Python": lambda: sys.version,
        "system": lambda: f"{_distribution()}, {platform.platform()}",
        "Java": tools.java_version,
        "Maven": tools.require_maven,
        "Docker Compose": lambda: compose.version(environment),
    }
    return "".join(f"{name:<15}{_or_reason(ask)}\n" for name, ask in rows.items())


def _or_reason(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except (PyglueError, OSError) as error:
        return str(error)


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return "unknown"


def installed(folder: Path) -> str:
    """What a service is made of, by its lock files: Java libraries and Python packages with their versions."""
    names: list[str] = []
    if (folder / artifacts.FILE).exists():
        names += [artifact.name for artifact in artifacts.read(folder)]
    if (folder / "requirements.txt").exists():
        names += [f"{name} {version}" for name, version in PINNED.findall(read(folder / "requirements.txt"))]
    return "\n".join(names) + "\n"


def machine(project: Path) -> str:
    """Processors, memory, and room on the disks of the checkout and of temporary files."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    lines = [
        f"{counted(os.cpu_count() or 0, 'processor')}, load {' '.join(f'{load:.1f}' for load in os.getloadavg())}",
        f"memory: {amount(memory.available)} of {amount(memory.total)} available",
        f"swap:   {amount(swap.free)} of {amount(swap.total)} free",
    ]
    for path in (project, Path.home(), Path("/tmp")):  # noqa: S108 - nothing is written there
        usage = shutil.disk_usage(path)
        lines.append(f"disk:   {amount(usage.free)} of {amount(usage.total)} free at {path}")
    return "\n".join(lines) + "\n"


def listing(folder: Path, deep: int = DEEP) -> str:
    """The folders below one, with the bytes and files in each; those further below are counted in.

    Raises OSError if there is no such folder.
    """
    folder.stat()
    found: dict[Path, list[int]] = {}
    for where, _, names in os.walk(folder):
        size = sum(_size(Path(where, name)) for name in names)
        at = Path(where)
        for above in (at, *at.parents):
            if above.is_relative_to(folder) and len(above.relative_to(folder).parts) <= deep:
                total = found.setdefault(above, [0, 0])
                total[0] += size
                total[1] += len(names)
    rows = [
        f"{size:>15,} bytes {count:>7,} files  {path.relative_to(folder.parent)}"
        for path, (size, count) in sorted(found.items())
    ]
    return "\n".join(rows) + "\n"


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # it was removed just now
        return 0
