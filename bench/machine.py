"""On what the figures were taken. No name of the machine, no path of it: the page is for everybody."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench.copies import Source
from pyglue import __version__
from pyglue.install.tools import java_version
from pyglue.native.contract import IDENTITY

Machine = dict[str, str]


def describe(source: Source) -> Machine:
    """Facts about this machine now, in the order in which they are shown. Raises PyglueError without a JDK."""
    load = os.getloadavg()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "pyglue": f"{__version__} ({_commit(source.project)})",
        "cores": str(len(os.sched_getaffinity(0))),
        "CPU": cpu_model(Path("/proc/cpuinfo").read_text(encoding="utf-8")),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{_system()}, Linux {platform.release()}",
        "JDK": java_version(),
        "Python": platform.python_version(),
        "load before": " ".join(f"{value:.2f}" for value in load),
        "other stacks": str(len(_stacks())),
    }


def cpu_model(cpuinfo: str) -> str:
    """The model's name in the text of /proc/cpuinfo (proc(5)); the machine's kind where it has none."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")


def _commit(project: Path) -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    answer = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "no commit"


def _stacks() -> set[str]:
    """The other stacks that run now: they take processor time, and share pages, which makes PSS look smaller."""
    found = set()
    for process in psutil.process_iter():
        try:
            found.add(process.environ().get(IDENTITY))
        except psutil.Error:
            continue  # another user's, or gone
    return {identity for identity in found if identity}
