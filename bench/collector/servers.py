"""The servers of a run: Kafka, the collector and nginx, each alone, on free ports of 127.0.0.1.

They are started as the native engine starts services, so that none outlives the bench, and from a copy of the
checkout, so that nobody's editing changes what is measured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.copies import Copy, free_ports
from pyglue.errors import PyglueError
from pyglue.install import tools
from pyglue.install.cache import Cache
from pyglue.layout import Layout
from pyglue.native import launch
from pyglue.native.contract import IDENTITY, LOOPBACK, PASSED, Program, program
from pyglue.native.health import healthy_now
from pyglue.native.logs import tail
from pyglue.settings import Settings
from pyglue.web import Client

START_SECONDS = 60.0
STOP_SECONDS = 15.0
LOG_LINES = 15
NGINX_CONF = """\
daemon off;
master_process off;
worker_processes 1;
error_log stderr warn;
pid {folder}/pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen {address}; location / {{ empty_gif; }} }}
}}
"""


@contextmanager
def kafka(copy: Copy) -> Iterator[str]:
    """The copy's Kafka, without data; yields its address. What it is made of must be installed."""
    stack = Settings.read(copy.project, None, copy.environment).stack()
    service, layout = stack.services["kafka"], Layout(copy.project)
    layout.make()
    home = Cache.of(copy.environment).home(copy.project / service.folder, tools.java_version())
    server = program(stack, service, layout, home, os.environ)
    with running(server, copy.root, lambda: healthy_now(server, 5.0)[0]):
        yield f"{LOOPBACK}:{copy.environment['KAFKA_PORT']}"


@contextmanager
def collector(copy: Copy, name: str, conf: Path, settings: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """The copy's collector with a configuration and an environment; yields its process id and its port.

    It has found Kafka then. It is one process: what others could do besides is no matter of what an event costs.
    """
    port = free_ports(1)[0]
    argv = (sys.executable, "-m", "pyglue.collector", "--config", str(conf), "--port", str(port))
    environment = {
        "PYTHONPATH": str(copy.project),
        "BIND_ADDRESS": LOOPBACK,
        "DIVOLTE_WORKERS": "1",
        **settings,
    }
    with (
        Client(f"http://{LOOPBACK}:{port}", "the collector", timeout=5.0, try_="make up") as client,
        running(
            own_program(name, argv, environment, copy), copy.root, lambda: answers(client, "/ping")
        ) as pid,
    ):
        yield pid, port


@contextmanager
def nginx(copy: Copy) -> Iterator[tuple[int, int]]:
    """nginx that answers every request with an empty GIF, in one process; yields its process id and its port."""
    where = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    binary = shutil.which("nginx", path=where)
    if binary is None:
        raise PyglueError(
            "nginx, which the collector is compared with, is not here", try_="make bench-collector"
        )
    port = free_ports(1)[0]
    folder = copy.root / "nginx"
    folder.mkdir()
    conf = folder / "nginx.conf"
    conf.write_text(NGINX_CONF.format(folder=folder, address=f"{LOOPBACK}:{port}"), encoding="utf-8")
    argv = (binary, "-p", str(folder), "-c", str(conf), "-e", "stderr")
    with (
        Client(f"http://{LOOPBACK}:{port}", "nginx", timeout=5.0, try_="make bench-collector") as client,
        running(own_program("nginx", argv, {}, copy), copy.root, lambda: answers(client, "/")) as pid,
    ):
        yield pid, port


@contextmanager
def running(server: Program, folder: Path, ready: Callable[[], bool]) -> Iterator[int]:
    """Run a program until the end of the block; yields its process id once it is `ready`.

    Its log lies in the folder. Raises PyglueError with the log's end if it stops before, or does not get ready.
    """
    file, log = folder / f"{server.name}.json", folder / f"{server.name}.log"
    file.write_text(server.to_json(), encoding="utf-8")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", launch.__file__, str(file)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                code = process.poll()
                state = "is not ready" if code is None else f"ended with code {code}"
                raise PyglueError(
                    f"{server.name} of the bench {state}",
                    details=[f"  | {line}" for line in tail(log, LOG_LINES)],
                )
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def memory(pid: int) -> tuple[int, int]:
    """Bytes of PSS and of RSS of a process."""
    found = psutil.Process(pid).memory_full_info()
    return found.pss, found.rss


def own_program(name: str, argv: tuple[str, ...], environment: Mapping[str, str], copy: Copy) -> Program:
    """A program that is no service of the stack, with nothing of our environment but what services get."""
    inner = {known: os.environ[known] for known in PASSED if known in os.environ}
    inner |= {
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONSAFEPATH": "1",
    }
    inner |= {IDENTITY: Layout(copy.project).identity, **environment}
    return Program(
        name=name,
        argv=argv,
        healthy=(),
        directory=str(copy.root),
        environment=inner,
        makes=(),
        fingerprint="",
    )


def answers(client: Client, path: str) -> bool:
    """Whether a server answers with success."""
    try:
        client.request("GET", path)
    except PyglueError:
        return False
    return True
