"""A collector as a process of its own, with workers, and what a test has to know of them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from tests.collector.http_fakes import event_query
from tests.collector.scrapes import Scrape

ROOT = Path(__file__).parents[2]
CONFIGURATION = """
divolte {{
  global {{
    server {{
      host = 127.0.0.1
      port = {port}
    }}
    kafka {{
      enabled = {kafka}
      producer {{ bootstrap.servers = "127.0.0.1:1" }}
    }}
    hdfs.enabled = {files}
  }}
  sources {{ browser {{ type = browser }} }}
  sinks {{
    topic {{
      type = kafka
      topic = clicks
    }}
    files {{
      type = hdfs
      file_strategy {{
        working_dir = "{folder}/files"
        publish_dir = "{folder}/files"
      }}
    }}
  }}
  mappings {{
    clicks {{
      sources = [browser]
      sinks = [{sink}]
      discard_duplicates = true
    }}
  }}
}}
pyglue.collector {{
  workers = {workers}
  counts.directory = "{folder}/counts"
  spool.directory = "{folder}/spool"
  metrics.port = {metrics}
}}
"""


def free_ports(count: int) -> list[int]:
    """Ports that nobody has."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return numbers


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Collector:
    """Events go to files; or, with `spooling`, to a Kafka that is away, and a quarter of a second later to the spool."""

    def __init__(self, folder: Path, workers: int = 2, *, spooling: bool = False) -> None:
        self.folder = folder
        self.workers = workers
        self.spooling = spooling
        self.port, self.metrics = free_ports(2)
        self.more = ""  # of the configuration
        self.python = ["-m", "pyglue.collector"]  # what is run
        self._lives: list[subprocess.Popen[bytes]] = []
        (folder / "files").mkdir(exist_ok=True)

    def start(self) -> None:
        """Begin, without waiting."""
        conf = self.folder / "collector.conf"
        values = {"port": self.port, "metrics": self.metrics, "folder": self.folder, "workers": self.workers}
        kafka, files = ("true", "false") if self.spooling else ("false", "true")
        sink = "topic" if self.spooling else "files"
        conf.write_text(
            CONFIGURATION.format(kafka=kafka, files=files, sink=sink, **values) + self.more, encoding="utf-8"
        )
        command = [sys.executable, *self.python, "--config", str(conf)]
        with (self.folder / "log").open("ab") as log:
            self._lives.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log))

    def up(self) -> None:
        """Begin, and wait until all workers serve."""
        before = len(self.log)
        self.start()
        until(lambda: self.code is not None or len(self.pids(before)) == self.workers)
        until(lambda: self.scrape().value("ready"))

    @property
    def log(self) -> str:
        """All that it said."""
        return (self.folder / "log").read_text(encoding="utf-8") if (self.folder / "log").exists() else ""

    @property
    def parent(self) -> int:
        """The process that was started."""
        return self._lives[-1].pid

    @property
    def code(self) -> int | None:
        """How it ended, None if it has not."""
        return self._lives[-1].poll()

    def ended(self, seconds: float = 10) -> int:
        """Wait for its end; the exit code."""
        return self._lives[-1].wait(seconds)

    def pids(self, since: int = 0) -> dict[int, int]:
        """Workers' processes by their numbers, the last ones."""
        found = re.findall(r"worker (\d+) is process (\d+)", self.log[since:])
        return {int(number): int(pid) for number, pid in found}

    def kill(self, worker: int) -> None:
        """At once, and wait for the one that takes its place."""
        pid = self.pids()[worker]
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.pids()[worker] != pid or self.code is not None)

    def connect(self, worker: int | None = None) -> socket.socket:
        """A client's connection, to one of the workers."""
        for _ in range(200):
            client = socket.create_connection(("127.0.0.1", self.port), timeout=10)
            if worker is None:
                return client
            client.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
            assert status(client) == 404
            pid, mine = self.pids()[worker], client.getsockname()[1]
            if any(
                one.raddr and one.raddr.port == mine for one in psutil.Process(pid).net_connections("tcp")
            ):
                return client
            client.close()
        raise AssertionError(f"no connection comes to worker {worker}")

    def scrape(self) -> Scrape:
        """What Prometheus gets."""
        with socket.create_connection(("127.0.0.1", self.metrics), timeout=10) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n")
            found = b""
            while part := client.recv(65536):
                found += part
        return Scrape(found.partition(b"\r\n\r\n")[2].decode())

    def clean(self) -> None:
        """End all that is left."""
        for life in self._lives:
            with suppress(psutil.Error):
                for process in [*psutil.Process(life.pid).children(recursive=True), psutil.Process(life.pid)]:
                    process.kill()
            life.wait(10)
        for pid in map(int, re.findall(r"is process (\d+)", self.log)):
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                if str(self.folder) in " ".join(process.cmdline()):
                    process.kill()


def send(client: socket.socket, event: str) -> None:
    """An event with this id."""
    client.sendall(f"GET /csc-event?{event_query(event)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


def status(client: socket.socket) -> int:
    """Of the next answer; 0 if there is none any more."""
    head = b""
    try:
        while not head.endswith(b"\r\n\r\n"):
            part = client.recv(1)
            if not part:
                return 0
            head += part
    except ConnectionResetError:
        return 0
    length = re.search(rb"Content-Length: (\d+)", head)
    left = int(length[1]) if length else 0
    while left:
        left -= len(client.recv(left))
    return int(head.split()[1])
