"""Small stacks of bash services under a real supervisord."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from pyglue import flow
from pyglue.native import processes
from pyglue.native.engine import Engine, ServiceJob
from pyglue.stack import compose

HEALTHY = '#!/bin/bash\n[[ -e $RUN_DIR/healthy ]] || { echo "not yet"; exit 1; }\n'
SERVES = 'touch "$RUN_DIR/healthy"\nexec sleep 1000\n'
PATIENCE = 20.0  # seconds after which a test gives up waiting; nothing is asserted about how long it took


@dataclass
class Checkout:
    """A checkout with service folders; every `engine` reads its docker-compose.yml anew."""

    path: Path
    finished: list[tuple[str, str]] = field(default_factory=list)

    def service(self, folder: str, start: str = SERVES, healthy: str = HEALTHY) -> None:
        """Write a service folder; `start` is bash behind a line that prints the service's arguments."""
        (self.path / folder).mkdir(exist_ok=True)
        for name, text in (("start", f'#!/bin/bash\necho "started $*"\n{start}'), ("healthy", healthy)):
            (self.path / folder / name).write_text(text)
            (self.path / folder / name).chmod(0o755)

    def compose(self, services: str) -> None:
        """Write docker-compose.yml; `services` are its lines below `services:`."""
        text = "".join(f"  {line}\n" for line in services.splitlines())
        (self.path / "docker-compose.yml").write_text(f"services:\n{text}")

    def engine(self) -> Engine:
        """The engine as a new pyglue would see it."""
        return Engine(compose.read(self.path, {}), {})

    def up(self) -> Engine:
        """What `pyglue up` does with services; `finished` gets (label, verdict) of each."""
        self.finished.clear()
        engine = self.engine()
        engine.layout.make()
        engine.stop(engine.changed())
        engine.prepare()
        engine.check_ports(set(engine.stack.services) - engine.running())
        jobs = [
            ServiceJob(engine, service, frozenset(service.depends_on))
            for service in engine.stack.services.values()
        ]
        flow.run(jobs, self, flow.Cancel(), watch=engine.watch)
        return engine

    def running(self, labels: object) -> None:
        """The loop's listener: movement is of no interest."""

    def finished_(self, label: str, verdict: str) -> None:
        self.finished.append((label, verdict))


class Listener:
    """Keeps what the loop said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def running(self, labels: list[tuple[str, float]]) -> None:
        """Movement is of no interest."""

    def finished(self, label: str, verdict: str, seconds: float) -> None:
        """A job's end."""
        self.lines.append((label, verdict))
