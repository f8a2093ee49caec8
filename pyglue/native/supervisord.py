"""The one door to supervisord: its configuration file, its process, its XML-RPC over a Unix socket.

supervisord keeps processes (restart with back-off, log rotation, process groups); what is started when, and
whether it works, is decided by `engine.py`. Nothing is started by supervisord of its own accord.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pyglue.errors import PyglueError
from pyglue.layout import Layout
from pyglue.native.contract import IDENTITY
from pyglue.stack.model import Service

START_SECONDS = 15.0
ANSWER_SECONDS = 5.0  # it answers every call at once, unless it is stopped or stuck
RUNNING, STARTING, STOPPING = 20, 10, 40  # supervisor/states.py
RESTARTS = {"no": "false", "on-failure": "unexpected", "always": "true", "unless-stopped": "true"}


@dataclass(frozen=True)
class Process:
    """What supervisord says of one service. `state` is its number, `since` the start in Unix seconds."""

    name: str
    state: int
    label: str
    pid: int
    since: float
    exit_code: int
    reason: str

    @property
    def runs(self) -> bool:
        return self.state in (RUNNING, STARTING)


def configuration(layout: Layout, services: Iterable[Service], python: str) -> str:
    """supervisord.conf for these services; `python` is the interpreter that launches them."""
    quote = _escape
    launch = Path(__file__).with_name("launch.py")
    parts = [
        "; Written by pyglue from docker-compose.yml; changes here are lost.",
        "[supervisord]",
        f"logfile={quote(layout.state / 'supervisord.log')}",
        "logfile_maxbytes=1MB",
        "logfile_backups=1",
        f"pidfile={quote(layout.pid_file)}",
        f"childlogdir={quote(layout.logs)}",
        f"directory={quote(layout.state)}",
        "nodaemon=true",
        "silent=true",
        f"identifier=pyglue-{layout.identity}",
        "",
        "[unix_http_server]",
        f"file={quote(layout.socket)}",
        "chmod=0700",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
    ]
    for service in services:
        program = layout.programs / f"{service.name}.json"
        parts += [
            "",
            f"[program:{service.name}]",
            f'command="{quote(python)}" -I -S "{quote(launch)}" "{quote(program)}"',
            "autostart=false",
            f"autorestart={RESTARTS[service.restart]}",
            "startsecs=1",
            "startretries=5",
            "stopsignal=TERM",
            f"stopwaitsecs={max(1, round(service.stop_grace))}",
            "stopasgroup=true",
            "killasgroup=true",
            "redirect_stderr=true",
            # This one value is expanded twice.
            f"stdout_logfile={quote(quote(layout.log(service.name)))}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=2",
        ]
    return "\n".join(parts) + "\n"


def _escape(value: object) -> str:
    """A path as a value of supervisord.conf: percent signs doubled; what its syntax can't hold is refused."""
    text = str(value)
    if any(part in text for part in ('"', "\\", "\n", " ;", " #")):
        raise PyglueError(
            f"pyglue can't run in a folder with such a name: {text}",
            try_="move the checkout",
            code="folder-unusable",
        )
    return text.replace("%", "%%")


class Supervisord:
    """The supervisord of one checkout. Every method raises PyglueError if it runs but does not answer."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def pid(self) -> int | None:
        """The process id if it runs."""
        try:
            pid = int(self.layout.pid_file.read_text())
            words = psutil.Process(pid).cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        return pid if str(self.layout.state / "supervisord.conf") in words else None

    def ensure(self, services: Iterable[Service]) -> None:
        """Write the configuration; start supervisord, or let the running one take the changes over."""
        path = self.layout.state / "supervisord.conf"
        text = configuration(self.layout, services, sys.executable)
        changed = not path.exists() or path.read_text(encoding="utf-8") != text
        path.write_text(text, encoding="utf-8")
        if self.pid() is None:
            self._start(path)
        elif changed:
            self._reload()

    def _start(self, path: Path) -> None:
        self.layout.socket.unlink(missing_ok=True)
        with (self.layout.state / "supervisord.out").open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # The mark lets `down` find it even without its pid file.
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "HOME": str(Path.home()),
                    IDENTITY: self.layout.identity,
                },
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            if self.layout.socket.exists() and self.pid() is not None:
                process.returncode = 0  # it outlives us on purpose; Popen is not to warn of that
                return
            time.sleep(0.02)
        raise PyglueError(
            "supervisord, which keeps the native engine's processes, did not start",
            details=Path(out.name).read_text(errors="replace").splitlines()[-10:],
            try_="pyglue up",
            code="no-supervisord",
        )

    def _reload(self) -> None:
        """Take over a changed configuration: new, changed and removed programs."""
        added, changed, removed = self.call("supervisor.reloadConfig")[0]
        for name in changed + removed:
            self.call("supervisor.stopProcessGroup", name)
            self.call("supervisor.removeProcessGroup", name)
        for name in changed + added:
            self.call("supervisor.addProcessGroup", name)

    def processes(self) -> dict[str, Process]:
        """All services that supervisord knows; empty if it does not run."""
        if self.pid() is None:
            return {}
        return {
            info["name"]: Process(
                name=info["name"],
                state=info["state"],
                label=info["statename"].lower(),
                pid=info["pid"],
                since=float(info["start"]),
                exit_code=info["exitstatus"],
                reason=info["spawnerr"],
            )
            for info in self.call("supervisor.getAllProcessInfo")
        }

    def start(self, name: str) -> None:
        """Spawn a service without waiting."""
        self.call("supervisor.startProcess", name, False)

    def stop(self, name: str) -> None:
        """Ask a service to stop, without waiting; harmless if it does not run."""
        try:
            self.call("supervisor.stopProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != 70:  # NOT_RUNNING
                raise

    def shutdown(self) -> None:
        """Ask supervisord itself to end (with whatever still runs below it)."""
        self.call("supervisor.shutdown")

    def call(self, method: str, *arguments: Any) -> Any:
        """One XML-RPC call; raises PyglueError if the socket does not answer, xmlrpc's Fault if it refuses."""
        transport = _UnixTransport(str(self.layout.socket))
        try:
            with xmlrpc.client.ServerProxy("http://supervisor", transport=transport) as function:
                for part in method.split("."):
                    function = getattr(function, part)
                return function(*arguments)
        except (OSError, http.client.HTTPException) as error:
            raise PyglueError(
                "supervisord, which keeps the native engine's processes, does not answer",
                details=[f"asked      {method} at {self.layout.socket}", f"came back  {error}"],
                try_="pyglue down",
                code="no-supervisord",
            ) from error


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _UnixConnection(self._path)
        self._connection = host, connection  # what close() closes
        return connection
