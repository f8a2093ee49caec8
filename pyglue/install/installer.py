"""Installs one service folder: artefacts, check against the lock, `prepare`, and only then the mark of completeness.

What fails or is interrupted is removed; what was killed is found without its mark and made anew. Two pyglues that
want the same folder wait for each other.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

from pyglue.errors import PyglueError
from pyglue.flow import Cancel, Progress
from pyglue.install import artifacts, tools
from pyglue.install.cache import Cache, is_maven, is_python

LINES = 15  # of a failed tool's output that an error shows
POLL = 0.2
SIZE_EVERY = 2.0  # seconds between two sums over uv's cache, which has tens of thousands of files
POM = "{http://maven.apache.org/POM/4.0.0}"


class Installer:
    """Installs service folders into a cache. `java` is the JDK's version line; `python` the interpreter to use."""

    def __init__(self, cache: Cache, java: str, python: str, progress: Progress, cancel: Cancel) -> None:
        self.cache = cache
        self.java = java
        self.python = python
        self._progress = progress
        self._cancel = cancel
        self._held: dict[int, list[int]] = {}  # thread -> the locks that it holds

    def home(self, folder: Path) -> Path:
        """SERVICE_HOME of the folder."""
        return self.cache.home(folder, self.java)

    def install(self, folder: Path, home: Path) -> bool:
        """Install a folder's artefacts into `home`; True if something was missing.

        Raises PyglueError with the tool's last lines.
        """
        with self._alone(home):
            if self.cache.is_complete(home):
                return False
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            try:
                self._fill(folder, home)
            except BaseException:
                shutil.rmtree(home, ignore_errors=True)
                raise
            self.cache.marker(home).write_text(f"{folder.name}\n", encoding="utf-8")
            return True

    def _fill(self, folder: Path, home: Path) -> None:
        log = home.with_name(home.name + ".log")
        log.write_bytes(b"")
        if is_maven(folder):
            self.maven(folder, home, log)
            self._verify(folder, home)
        elif is_python(folder):
            self._python(folder, home, log)
        if (folder / "prepare").exists():
            self._prepare(folder, home, log)

    def maven(self, folder: Path, home: Path, log: Path) -> None:
        """Let Maven fill SERVICE_HOME from a copy of the folder's poms and modules, so that the checkout stays clean."""
        tools.require_compiler()
        command = tools.require_maven()
        locked = artifacts.read(folder) if (folder / artifacts.FILE).exists() else ()
        total = (len(locked), sum(artifact.size for artifact in locked))
        sizes = {artifact.name: artifact.size for artifact in locked}

        def look() -> None:
            there = {path.name for path in self.cache.maven.rglob("*.jar")} & sizes.keys()
            have = (len(there), sum(sizes[name] for name in there))
            self._progress(f"Install {folder.name}", (have[0], total[0]), (have[1], total[1]))

        self.cache.maven.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="pyglue-maven-") as scratch:
            build = Path(scratch) / folder.name
            build.mkdir()
            shutil.copy2(folder / "pom.xml", build)
            for module in folder.glob("*/pom.xml"):
                ignore = shutil.ignore_patterns("target")
                shutil.copytree(module.parent, build / module.parent.name, ignore=ignore)
            words = [command, "-B", "-ntp", "-f", str(build / "pom.xml")]
            words += [
                f"-Dmaven.repo.local={self.cache.maven}",
                f"-Dservice.home={home}",
                "-DskipTests",
                "package",
            ]
            with self._alone(self.cache.maven):  # its repository is not made for two Mavens at once
                self._tool(folder, words, dict(os.environ), log, look)

    def _verify(self, folder: Path, home: Path) -> None:
        different = artifacts.differences(artifacts.read(folder), home, own_jars(folder))
        if different:
            raise PyglueError(
                f"what Maven brought for {folder.name} is not what {folder.name}/{artifacts.FILE} names",
                details=different[:LINES],
                try_=f"pyglue install {folder.name}",
                code="artifacts-differ",
            )

    def _python(self, folder: Path, home: Path, log: Path) -> None:
        """An environment of the service's own, from packages with known hashes."""
        lock = folder / "requirements.txt"
        total = sum(1 for line in lock.read_text(encoding="utf-8").splitlines() if line[:1].isalnum())
        before, grown, measured = _size(self.cache.uv), 0, 0.0

        def look() -> None:
            nonlocal grown, measured
            if time.monotonic() - measured > SIZE_EVERY:
                grown, measured = _size(self.cache.uv) - before, time.monotonic()
            have = sum(1 for _ in home.glob("lib/python*/site-packages/*.dist-info"))
            self._progress(f"Install {folder.name}", (have, total), (grown, 0))

        uv = tools.require_uv(self.python)
        environment = {**os.environ, "UV_CACHE_DIR": str(self.cache.uv), "UV_PYTHON_DOWNLOADS": "never"}
        environment.pop("VIRTUAL_ENV", None)
        certificates = Path("/etc/ssl/certs/ca-certificates.crt")
        if (
            certificates.exists()
        ):  # where a network inspects TLS, the system's certificates count, not uv's own
            environment.setdefault("SSL_CERT_FILE", str(certificates))
        home.rmdir()
        self._tool(folder, [uv, "venv", "-q", "--python", self.python, str(home)], environment, log, look)
        if total:
            words = [uv, "pip", "install", "-q", "--python", str(home / "bin" / "python")]
            words += ["--compile-bytecode", "--require-hashes", "-r", str(lock)]
            self._tool(folder, words, environment, log, look)

    def _prepare(self, folder: Path, home: Path, log: Path) -> None:
        """Run the folder's `prepare` once: archives, migrated databases."""
        with tempfile.TemporaryDirectory(prefix="pyglue-prepare-") as scratch:
            environment = {
                name: os.environ[name] for name in ("PATH", "HOME", "JAVA_HOME") if name in os.environ
            }
            environment |= {"LANG": "C.UTF-8", "BIND_ADDRESS": "127.0.0.1", "SERVICE_HOME": str(home)}
            for name in ("DATA_DIR", "RUN_DIR"):
                environment[name] = str(Path(scratch) / name.lower())
                Path(environment[name]).mkdir()

            def look() -> None:
                self._progress(f"Prepare {folder.name}", (0, 0), (0, 0))

            self._tool(folder, [str(folder / "prepare")], environment, log, look)

    def _tool(
        self, folder: Path, words: list[str], environment: dict[str, str], log: Path, look: Callable[[], None]
    ) -> None:
        """Run a tool to its end, its output in the log; on failure or interruption its whole group is ended."""
        before = log.stat().st_size
        with log.open("ab") as out:
            process = subprocess.Popen(
                words,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # A tool that outlives a killed pyglue keeps the locks, so that nobody writes beside it.
                pass_fds=self._held.get(threading.get_ident(), ()),
            )
        try:
            while process.poll() is None:
                look()
                self._cancel.wait(POLL)
        except BaseException:
            _end_group(process)
            raise
        if process.returncode != 0:
            lines = log.read_bytes()[before:].decode(errors="replace").splitlines()
            telling = [line for line in lines if line.startswith("[ERROR]")] or lines
            raise PyglueError(
                f"installing {folder.name} failed: {Path(words[0]).name} ended with {process.returncode}",
                details=[
                    f"asked      {' '.join(words)}",
                    *(f"  | {line}" for line in telling[-LINES:]),
                    f"log        {log}",
                ],
                try_=f"pyglue install {folder.name}",
                code="install-failed",
            )

    @contextmanager
    def _alone(self, path: Path) -> Iterator[None]:
        """Hold the lock beside `path`, against other threads and other pyglues."""
        self.cache.services.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    self._cancel.wait(POLL)
            held = self._held.setdefault(threading.get_ident(), [])
            held.append(descriptor)
            try:
                yield
            finally:
                held.remove(descriptor)
        finally:
            os.close(descriptor)


def own_jars(folder: Path) -> frozenset[str]:
    """The names of the jars that the folder's own modules compile; they are in no lock."""
    names = set()
    for module in folder.glob("*/pom.xml"):
        project = ElementTree.parse(module).getroot()  # noqa: S314 - our own file
        names.add(f"{project.findtext(POM + 'artifactId')}.jar")
    return frozenset(names)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a tool and everything it started: `prepare` gets time to clean up first."""
    os.killpg(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + 5
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):  # also what the tool started and left alone
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _size(folder: Path) -> int:
    """Bytes of all files below a folder; files that vanish meanwhile weigh nothing."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(root) / name).lstat().st_size
            except OSError:
                continue
    return total
