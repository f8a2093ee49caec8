"""A copy of the checkout for one measurement: its own folder, ports, secrets and data; gone when it is closed.

The environment of whoever measures must not change what is measured: every variable that docker-compose.yml reads
is taken out of it, and the ports are put in.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pyglue import ports
from pyglue.errors import PyglueError

COMPOSE = "docker-compose.yml"
CERTIFICATES = Path("images") / "base" / "certificates"
PORTS = range(20000, 32000)  # below the range from which the kernel takes ports for clients
TAIL = 25  # lines of a failed command's output that are shown
# Of the caller: how it ran us, and where its own pyglue and tools look. The cache is shared on purpose.
LEFT_OUT = ("VIRTUAL_ENV", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHONPATH", "PYTHONSAFEPATH")
KEPT = ("PYGLUE_CACHE", "IMAGE_BASE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class Source:
    """The checkout that is measured, and the environment to measure it in."""

    def __init__(self, project: Path, environment: Mapping[str, str]) -> None:
        """Raises PyglueError if there is no checkout at `project`."""
        if not (project / COMPOSE).is_file():
            raise PyglueError(f"{project} holds no {COMPOSE}", try_="make bench  (in the checkout)")
        self.project = project
        self.environment = environment

    def files(self) -> list[str]:
        """What the checkout is made of: files that git knows, or would add. Raises PyglueError without git."""
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        answer = subprocess.run(command, cwd=self.project, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise PyglueError(
                "git can't tell the files of this checkout",
                details=[f"asked      {' '.join(command)}", f"came back  {answer.stderr.strip()}"],
                try_="git status",
            )
        return [name for name in answer.stdout.split("\0") if name and (self.project / name).is_file()]

    def copy(
        self, caches: bool = False, engine: str = "native", more: Mapping[str, str] | None = None
    ) -> Copy:
        """A new copy; with `caches`, its caches are its own and empty, too. `more` is added to its environment."""
        names = self.files()
        root = Path(tempfile.mkdtemp(prefix="pyglue-bench-"))
        project = root / "checkout"
        for name in names:
            target = project / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.project / name, target, follow_symlinks=False)
        for certificate in (self.project / CERTIFICATES).glob(
            "*.crt"
        ):  # ignored by git, needed by this network
            shutil.copy2(certificate, project / CERTIFICATES)
        compose = (project / COMPOSE).read_text(encoding="utf-8")
        variables = environment(compose, self.environment, free_ports)
        variables |= {"PYGLUE_ENGINE": engine, "PYGLUE_PROJECT": root.name}
        variables |= more or {}
        if caches:
            variables |= {
                "PYGLUE_CACHE": str(root / "cache" / "pyglue"),
                "XDG_CACHE_HOME": str(root / "cache"),
                "PIP_CACHE_DIR": str(root / "cache" / "pip"),
            }
        return Copy(root, project, variables)


class Copy:
    """A copy of the checkout; a context manager that brings its stack down and removes it."""

    def __init__(self, root: Path, project: Path, environment: Mapping[str, str]) -> None:
        self.root = root
        self.project = project
        self.environment = environment

    def __enter__(self) -> Copy:
        return self

    def __exit__(self, *_: object) -> None:
        self.pyglue("down")  # if that fails, the folder stays: processes of it still run
        if self.environment.get("PYGLUE_ENGINE") == "docker":  # volumes and images lie outside the folder
            self.pyglue("reset", "--yes")
            for image in self.images():
                self.run("docker", "image", "rm", "--force", image)
        shutil.rmtree(self.root)

    def images(self) -> list[str]:
        """The names of the images that were built here."""
        pattern = f"{self.environment['PYGLUE_PROJECT']}/*"
        command = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", pattern]
        answer = subprocess.run(
            command, env=dict(self.environment), capture_output=True, text=True, check=False
        )
        return answer.stdout.split()

    def pyglue(self, *arguments: str) -> float:
        """Run a command of the copy's pyglue; returns the seconds from its start to its end."""
        return self.run(sys.executable, "-m", "pyglue", *arguments)

    def run(self, *command: str) -> float:
        """Run a program in the copy; returns its seconds. Raises PyglueError, with the end of what it said."""
        # A file, not a pipe: what the command leaves running would hold a pipe open.
        with tempfile.TemporaryFile() as said:
            began = time.perf_counter()
            code = subprocess.run(
                command,
                cwd=self.project,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
            seconds = time.perf_counter() - began
            said.seek(0)
            lines = said.read().decode(errors="replace").splitlines()
        if code != 0:
            raise PyglueError(
                f"`{' '.join(command)}` ended with code {code} in a copy of the checkout",
                details=[f"  | {line}" for line in lines[-TAIL:]],
                try_="pyglue up  (in the checkout itself)",
            )
        return seconds


def environment(
    compose: str, outside: Mapping[str, str], choose: Callable[[int], Sequence[int]]
) -> dict[str, str]:
    """The environment for a copy: `outside` without what would change the stack, and a port for every `*_PORT`.

    `compose` is the text of docker-compose.yml; `choose` returns so many different free ports.
    """
    read = set(re.findall(r"\$\{?([A-Za-z_]\w*)", compose))
    names = sorted(name for name in read if name.endswith("_PORT"))
    inner = {
        name: value
        for name, value in outside.items()
        if name in KEPT or (name not in read and name not in LEFT_OUT and not name.startswith("PYGLUE_"))
    }
    return inner | {name: str(port) for name, port in zip(names, choose(len(names)), strict=True)}


def free_ports(count: int, among: Sequence[int] = PORTS) -> list[int]:
    """Different ports on which nothing listens now; raises PyglueError if there are not so many."""
    found: list[int] = []
    for port in random.sample(among, len(among)):
        if len(found) < count and ports.is_free(port, "0.0.0.0"):  # noqa: S104 - a look: taken on any address
            found.append(port)
    if len(found) < count:
        raise PyglueError(
            f"only {len(found)} of {count} ports between {min(among)} and {max(among)} are free"
        )
    return found
