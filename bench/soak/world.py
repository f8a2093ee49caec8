"""A Kafka and a collector of a copy's own, on free ports, that can be killed, stopped and started again."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psutil

from bench.collector import kinds, servers
from bench.copies import Copy, free_ports
from bench.soak.disk import Disk
from bench.soak.passage import Passage
from pyglue.install import tools
from pyglue.install.cache import Cache
from pyglue.layout import Layout
from pyglue.native.contract import LOOPBACK, Program, program
from pyglue.native.health import healthy_now
from pyglue.native.logs import tail
from pyglue.pipeline.kafka import Kafka
from pyglue.settings import Settings
from pyglue.web import Client

TOPIC = "soak"
LOG_LINES = 25


class Server:
    """One process that may come and go."""

    def __init__(
        self, name: str, make: Callable[[], Program], folder: Path, ready: Callable[[], bool]
    ) -> None:
        self._name = name
        self._make = make
        self._folder = folder
        self._ready = ready
        self._life = ExitStack()
        self._lives = 0
        self.pid = 0

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        self._lives += 1
        folder = self._folder / f"{self._name}-{self._lives}"
        folder.mkdir()
        self.pid = self._life.enter_context(servers.running(self._make(), folder, self._ready))

    def begin(self) -> None:
        """Start it again."""
        self.end()
        self.start()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def last_words(self) -> list[str]:
        """The end of its log."""
        log = self._folder / f"{self._name}-{self._lives}" / f"{self._make().name}.log"
        return tail(log, LOG_LINES)

    def gone(self, seconds: float) -> float:
        """Wait until it has ended; the seconds that this took. Raises TimeoutError."""
        began = time.monotonic()
        process = psutil.Process(self.pid)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"{self._name} did not end within {seconds:g} s")
            time.sleep(0.01)
        return time.monotonic() - began

    def end(self) -> None:
        """End it, if it is there."""
        self._life.close()
        self._life = ExitStack()


class World:
    """Both; a context manager."""

    def __init__(self, copy: Copy) -> None:
        ports = copy.environment
        self.port, passed, metrics = free_ports(3)
        self.metrics = f"http://{LOOPBACK}:{metrics}"
        self.brokers = f"{LOOPBACK}:{ports['KAFKA_INTERNAL_PORT']}"  # for who is no part of what is tested
        self.passage = Passage(passed, int(ports["KAFKA_PORT"]))
        self.disk = Disk(copy.root / "disk") if Disk.possible() else None
        self.spool = copy.root / "disk" / "spool"
        self._copy = copy
        self._life = ExitStack()
        settings = Settings.read(copy.project, None, copy.environment)
        stack = settings.stack()
        service, layout = stack.services["kafka"], Layout(copy.project)
        layout.make()
        home = Cache.of(copy.environment).home(copy.project / service.folder, tools.java_version())
        advertised = f"INTERNAL://{self.brokers},HOST://{LOOPBACK}:{passed}"
        plain = program(stack, service, layout, home, os.environ)
        broker = replace(plain, environment={**plain.environment, "KAFKA_ADVERTISED_LISTENERS": advertised})
        self.kafka = Server("kafka", lambda: broker, copy.root, lambda: healthy_now(broker, 5.0)[0])
        files = kinds.files(next(iter(kinds.KINDS)), copy.project, copy.root)
        conf = copy.root / "soak.conf"
        spool = f'\npyglue.collector.spool.directory = "{self.spool}"\n'
        conf.write_text(files.conf.read_text(encoding="utf-8") + spool, encoding="utf-8")
        argv = (sys.executable, "-m", "pyglue.collector", "--config", str(conf), "--port", str(self.port))
        environment = {
            "PYTHONPATH": str(copy.project),
            "BIND_ADDRESS": LOOPBACK,
            "DIVOLTE_KAFKA_BROKER_LIST": f"{LOOPBACK}:{passed}",
            "DIVOLTE_TOPIC": TOPIC,
            "DIVOLTE_METRICS_PORT": str(metrics),
            "DIVOLTE_SCHEMA": str(files.schema),
            "DIVOLTE_MAPPING": str(files.mapping),
        }
        collector = servers.own_program("collector", argv, environment, copy)
        self._client = Client(f"http://{LOOPBACK}:{self.port}", "the collector", timeout=5.0, try_="make up")
        self.collector = Server(
            "collector", lambda: collector, copy.root, lambda: servers.answers(self._client, "/ping")
        )

    def __enter__(self) -> World:
        with ExitStack() as life:
            self.spool.parent.mkdir()
            if self.disk is not None:
                life.enter_context(self.disk)
            life.callback(self._client.close)
            life.enter_context(self.passage)
            life.callback(self.kafka.end)
            self.kafka.start()
            Kafka(self.brokers).ensure_topic(TOPIC)
            life.callback(self.collector.end)
            self.collector.start()
            self._life = life.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._life.close()

    def spooled(self) -> int:
        """The files that the spool has."""
        return len(list(self.spool.glob("*.spool")))
