"""Small checkouts with bash services, for tests with a real supervisord."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil

from pyglue import flow
from pyglue.engine import ServiceJob
from pyglue.native import processes
from pyglue.native.engine import NativeEngine
from pyglue.stack import compose

HEALTHY = '[[ -e $RUN_DIR/healthy ]] || { echo "not yet"; exit 1; }\n'
SERVES = 'touch "$RUN_DIR/healthy"\nexec sleep 1000\n'
PATIENCE = 20.0  # seconds after which a test gives up waiting; how long it took is never asserted


class Heard:
    """A listener that keeps what the loop said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def running(self, labels: list[tuple[str, float]]) -> None:
        """Movement is of no interest."""

    def finished(self, label: str, verdict: str, _seconds: float, /) -> None:
        """A job's end."""
        self.lines.append((label, verdict))


class Checkout:
    """A checkout with service folders; every `up` and `engine` reads it anew, as a new pyglue would."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def service(self, folder: str, start: str = SERVES, healthy: str = HEALTHY) -> None:
        """Write a service folder from bash texts; `start` says hello first."""
        (self.path / folder).mkdir(exist_ok=True)
        for name, text in (("start", f'echo "hello $*"\n{start}'), ("healthy", healthy)):
            (self.path / folder / name).write_text("#!/bin/bash\n" + text)
            (self.path / folder / name).chmod(0o755)

    def compose(self, *services: str) -> None:
        """Write docker-compose.yml from blocks such as `one: {build: one}`; each gets a short health check."""
        check = "{test: [CMD, /service/healthy], timeout: 5s, interval: 1s, retries: 20}"
        lines = [f"  {block[:-1]}, healthcheck: {check}}}\n" for block in services]
        (self.path / "docker-compose.yml").write_text("services:\n" + "".join(lines))

    def engine(self) -> NativeEngine:
        """For looking at what runs, or ending it."""
        return NativeEngine(compose.read(self.path, {}))

    def up(self, heard: Heard | None = None) -> list[tuple[str, str]]:
        """What `pyglue up` does with services; returns (label, verdict) of each."""
        heard = heard or Heard()
        engine = self.engine()
        engine.make_ready()
        jobs = [
            ServiceJob(engine, service, frozenset(service.depends_on))
            for service in engine.stack.services.values()
        ]
        flow.run(jobs, heard, flow.Cancel(), watch=engine.watch)
        return heard.lines

    def pids(self) -> dict[str, int]:
        """The process id of each running service."""
        return {name: found.pid for name, found in self.engine().supervisord.processes().items() if found.pid}

    def marked(self) -> list[psutil.Process]:
        """Every living process of this stack."""
        return processes.marked(self.engine().layout.identity)


def until(seen: Callable[[], bool]) -> None:
    """Wait for something that must come to be."""
    deadline = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)
