"""A real stack for the tests: a copy of the checkout, free ports, everything by pyglue's own command line.

The copy has its own data, ports and `.env`; the cache of artefacts is the user's, and so are the daemon's layers, so that
only the first run on a machine installs. What the two engines do differently is told here, in one place.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

from pyglue import ports
from pyglue.collector.events.probe import probe_query
from pyglue.layout import Layout
from pyglue.native.processes import marked
from pyglue.pipeline.kafka import Kafka
from pyglue.superset.client import Superset
from pyglue.web import Client

UP_SECONDS = 1500  # the first run on a machine installs everything
PATIENCE = 60.0
CERTIFICATES = Path(
    "/usr/local/share/ca-certificates"
)  # Debian's place for what a machine trusts besides the usual
# On a busy machine a start takes longer than on a quiet one; what is tested is that it works.
TOOL = [sys.executable, "-m", "pyglue"]


def free_ports(names: list[str]) -> dict[str, str]:
    """A free port for each variable, all different.

    Below the range from which the kernel takes ports for clients: a service that is stopped for a while must find its own
    again.
    """
    found: list[int] = []
    while len(found) < len(names):
        port = random.randrange(20_000, 32_000)  # noqa: S311 - no secret
        if port not in found and ports.is_free(port):
            found.append(port)
    return dict(zip(names, map(str, found), strict=True))


def copy_checkout(source: Path, target: Path) -> None:
    """What git would carry: tracked files and new ones that are not ignored."""
    words = ["git", "-C", str(source), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(words, capture_output=True, check=True).stdout.decode().split("\0"):
        if name and (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)


@dataclass
class LiveStack:
    """One stack. `ports` are the variables of docker-compose.yml; `run` is the command line."""

    directory: Path
    ports: dict[str, str]
    engine: str
    settings: dict[str, str] = field(default_factory=dict)

    @classmethod
    def create(cls, checkout: Path, directory: Path, engine: str) -> LiveStack:
        """A copy that nobody has started yet."""
        copy_checkout(checkout, directory)
        compose = (directory / "docker-compose.yml").read_text()
        names = sorted(set(re.findall(r"\$\{(\w+_PORT):-", compose)))
        chosen = free_ports(names)
        if engine == "docker":  # a network that inspects TLS does so with builds, too
            for certificate in CERTIFICATES.glob("*.crt"):
                shutil.copy(certificate, directory / "images" / "base" / "certificates")
        return cls(directory, chosen, engine)

    @property
    def project(self) -> str:
        """The stack's name, of its own: containers, volumes and images carry it."""
        return f"pyglue-test-{self.ports['KAFKA_PORT']}"

    @property
    def environment(self) -> dict[str, str]:
        """What pyglue sees: nothing of the tester's own settings but where the cache is."""
        kept = (
            "PATH",
            "HOME",
            "LANG",
            "JAVA_HOME",
            "PYGLUE_CACHE",
            "XDG_CACHE_HOME",
            "SSL_CERT_FILE",
            "PIP_CERT",
            "DOCKER_HOST",
            "DOCKER_CONFIG",
            "DOCKER_CONTEXT",
        )
        base = {name: os.environ[name] for name in kept if name in os.environ}
        base |= {"PYGLUE_ENGINE": self.engine, "PYGLUE_PROJECT": self.project}
        # The command line comes from the copy, as the services do.
        return {**base, "PYTHONPATH": str(self.directory), **self.ports, **self.settings}

    def run(
        self, *words: str, timeout: float = UP_SECONDS, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `pyglue WORDS` in the copy; its text is kept for the assertion that fails."""
        return subprocess.run(
            [*TOOL, *words],
            cwd=self.directory,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def up(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """`pyglue up`, which must succeed."""
        done = self.run("up", environment=environment)
        assert done.returncode == 0, done.stderr + done.stdout
        return done

    def status(self) -> dict[str, Any]:
        """`pyglue status --json`."""
        answer: dict[str, Any] = json.loads(self.run("status", "--json", timeout=60).stdout)
        return answer

    def pids(self) -> dict[str, int]:
        """The process id of each service that runs."""
        return {service["name"]: service["pid"] for service in self.status()["services"] if service["pid"]}

    def signal(self, service: str, number: signal.Signals) -> None:
        """Send a signal to all processes of a service, as the system does when it runs out of memory."""
        if self.engine == "docker":
            # Everything in the container but its init and the one that sends, which may end with it unheard.
            command = ("exec", self.container(service), "bash", "-c", f"kill -{int(number)} -1")
            self.docker(*command, codes=(0, 128 + signal.SIGKILL))
            return
        server = psutil.Process(self.pids()[service])
        for process in (server, *server.children(recursive=True)):
            process.send_signal(number)

    def container(self, service: str) -> str:
        """The name of a service's container."""
        return f"{self.project}-{service}-1"

    def docker(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run the docker command, which must end with one of the codes; its output."""
        done = subprocess.run(
            ["docker", *words],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode in codes, f"docker {' '.join(words)}: {done.stderr}{done.stdout}"
        return done.stdout.strip()

    def compose(self, *words: str) -> str:
        """Run `docker compose` by hand in the copy; its output."""
        command = ["compose", "--project-directory", str(self.directory)]
        if "--file" not in words:
            command += ["--file", "docker-compose.yml"]
        return self.docker(*command, *words)

    def left(self) -> list[str]:
        """What is still there of the stack: processes, or containers and networks."""
        if self.engine == "native":
            return [str(process) for process in marked(Layout(self.directory).identity)]
        ours = ("--filter", f"label=com.docker.compose.project={self.project}", "--quiet")
        found = self.docker("ps", "--all", *ours) + self.docker("network", "ls", *ours)
        return found.splitlines()

    def remove(self) -> None:
        """Whatever a stopped stack leaves on the machine outside its folder: with Docker volumes and images."""
        if self.engine == "docker":
            assert self.run("reset", "--yes", timeout=120).returncode == 0
            images = self.docker("images", "--quiet", f"{self.project}/*").splitlines()
            if images:
                self.docker("image", "rm", "--force", *set(images))

    def url(self, port: str) -> str:
        """An address by the name of its port's variable."""
        return f"http://127.0.0.1:{self.ports[port]}"

    @property
    def kafka(self) -> Kafka:
        return Kafka(f"127.0.0.1:{self.ports['KAFKA_PORT']}")

    def superset(self) -> Superset:
        """Logged in as the admin of this copy; close its `http`."""
        lines = (self.directory / ".env").read_text().splitlines()
        password = dict(line.split("=", 1) for line in lines)["SUPERSET_ADMIN_PASSWORD"]
        return Superset(Client(self.url("SUPERSET_PORT"), "superset"), password)

    def sql(self, query: str) -> list[dict[str, Any]]:
        """Rows of a Druid SQL query, past every cache; none while Druid can't answer it (yet)."""
        answer = requests.post(
            self.url("DRUID_BROKER_PORT") + "/druid/v2/sql/",
            json={"query": query, "context": {"useCache": False}},
            timeout=30,
        )
        if answer.status_code in (400, 500, 503):  # a column not seen so far; a process that is away
            return []
        answer.raise_for_status()
        rows: list[dict[str, Any]] = answer.json()
        return rows

    def send(self, event_id: str, event_type: str = "test", **more: Any) -> int:
        """Send one event as the tag would; the HTTP status, or 0 if there was no answer."""
        query = probe_query(
            party_id="0:lq1a7c3k:tester",
            session_id="0:lq1a9zzz:tester",
            page_view_id="view",
            event_id=event_id,
            event_type=event_type,
            client_time_ms=int(time.time() * 1000),
            **more,
        )
        try:
            return requests.get(f"{self.url('DIVOLTE_PORT')}/csc-event?{query}", timeout=20).status_code
        except requests.RequestException:
            return 0

    def ids(self, event_type: str) -> list[str]:
        """The event id of every row of an event type in Druid."""
        query = f'SELECT "eventId" FROM "divolte-clickstream" WHERE "eventType" = \'{event_type}\''
        return [row["eventId"] for row in self.sql(query)]


def eventually(check: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait until `check` is true; fails with `what` was waited for."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.1)
