"""The one door to Docker Compose: its command line, run in the checkout with the values that pyglue itself read.

`docker-compose.yml` alone is what runs: other files are for who calls Compose by hand.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pyglue.docker.daemon import NoDaemon
from pyglue.errors import PyglueError
from pyglue.stack.reading import FILE

LINES = 15  # of a failed command's output that an error shows
OLDEST = (2, 20)  # `--dry-run`, and what divolte/upstream.yml needs a little later
RUNNING = re.compile(r"Container \S+ +Running$")  # what a container that is left alone is called
ERROR = re.compile(r"\b(error|fail|denied|refused|not found|no space)", re.IGNORECASE)
STAMP = re.compile(r"^(#\d+ )?(\d+\.\d+ )?")  # before each line of a build step: its number, and seconds
POLL = 0.05
END_SECONDS = 10.0


class Compose:
    """Compose for the project `name` of a checkout; `variables` win over `.env`, as Compose has it."""

    def __init__(self, directory: Path, name: str, variables: Mapping[str, str]) -> None:
        self._directory = directory
        self._name = name
        self._environment = {**variables, "COMPOSE_ANSI": "never"}
        # What would have Compose run something else than docker-compose.yml.
        for other in ("COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "COMPOSE_ENV_FILES"):
            self._environment.pop(other, None)

    def build(
        self, service: str, said: Callable[[str], None], wait: Callable[[float], None], log: Path
    ) -> None:
        """Build a service's image; every line is handed to `said`, and kept in `log`.

        Raises PyglueError, or what `wait` does.
        """
        with log.open("w", encoding="utf-8") as file:

            def take(line: str) -> None:
                file.write(line + "\n")
                said(line)

            self._run([*self._file, "--progress", "plain", "build", service], take, wait)

    def create(self, containers: Mapping[str, str]) -> bool:
        """Have a container, not started, for every service; True if that took anything to do.

        `containers` are the names of those that are there, by service, each after what it depends on. Compose would make
        anew not only what has changed, but all that depends on it as well; so what it names is handed to it one by one
        first. (Not with --no-deps: what a service depends on is a part of what Compose compares.)
        """
        create = ("up", "--no-start", "--no-build")
        said = [
            line
            for line in self._run([*self._file, "--dry-run", *create, "--remove-orphans"])
            if line.strip()
        ]
        if said and all(RUNNING.search(line) for line in said) and len(said) == len(containers):
            return False
        for service, name in containers.items():
            if any(re.search(rf"Container {re.escape(name)} +Recreate$", line) for line in said):
                self._run([*self._file, *create, service])
        self._run([*self._file, *create, "--remove-orphans"])
        return True

    def renew(self, services: Sequence[str]) -> None:
        """Have containers of these services, and of what they depend on, as the file now says; none is started."""
        self._run([*self._file, "up", "--no-start", "--no-build", *services])

    def down(self, *, volumes: bool = False) -> None:
        """Remove the project's containers and networks, with `volumes` its data as well. Needs no file."""
        words = ["--project-name", self._name, "down", "--remove-orphans"]
        self._run([*words, "--volumes"] if volumes else words, directory=Path("/"))

    def stop(self) -> None:
        """Stop the project's containers, dependents first. Needs no file."""
        self._run(["--project-name", self._name, "stop"], directory=Path("/"))

    @property
    def _file(self) -> list[str]:
        return ["--project-name", self._name, "--file", str(self._directory / FILE)]

    def _run(
        self,
        words: Sequence[str],
        said: Callable[[str], None] = lambda _line: None,
        wait: Callable[[float], None] = time.sleep,
        directory: Path | None = None,
    ) -> list[str]:
        """Run it to its end, and return the lines that it printed; raises PyglueError with the last of them."""
        command = ["docker", "compose", *words]
        process = subprocess.Popen(
            command,
            cwd=directory or self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is for pyglue, which ends it in its own way
        )
        lines: list[str] = []

        def read() -> None:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            with process.stdout as output:
                for line in output:
                    lines.append(line.rstrip())
                    said(lines[-1])

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            while process.poll() is None:
                wait(POLL)
        except BaseException:
            _end(process)
            raise
        finally:
            reader.join()
        if process.returncode != 0:
            raise PyglueError(
                f"Docker Compose ended with {process.returncode}",
                details=[f"asked      {' '.join(command)}", *(f"  | {line}" for line in telling(lines))],
                try_="pyglue up",
                code="compose-failed",
            )
        return lines


def _end(process: subprocess.Popen[str]) -> None:
    """Interrupt Compose, which then ends a build at the daemon, too; what is left of its group is killed."""
    os.killpg(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def telling(lines: Sequence[str]) -> list[str]:
    """What a failed command said of errors, from the first on: the end of it is mostly about how to see more.

    Without such lines it is the end. Compose repeats what a build step said; each line comes once.
    """
    texts = dict.fromkeys(STAMP.sub("", line).strip() for line in lines)
    whole = [text for text in texts if text]
    errors = [text for text in whole if ERROR.search(text)]
    return errors[:LINES] if errors else whole[-LINES:]


def version(environment: Mapping[str, str] = os.environ) -> str:
    """Compose's version; raises NoDaemon where there is none, or only one that is too old."""
    if shutil.which("docker", path=environment.get("PATH")) is None:
        raise NoDaemon("there is no docker command")
    answer = subprocess.run(
        ["docker", "compose", "version", "--short"],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.match(r"v?(\d+)\.(\d+)\S*", answer.stdout.strip())
    if answer.returncode != 0 or found is None or (int(found[1]), int(found[2])) < OLDEST:
        there = answer.stdout.strip() if answer.returncode == 0 else "none"
        wanted = ".".join(map(str, OLDEST))
        raise NoDaemon(f"docker has no Compose v2 from {wanted} on ({there})", code="no-compose")
    return found[0].removeprefix("v")
