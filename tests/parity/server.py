"""The collector's process: started in its scratch folder, asked whether it is up, stopped with all it started."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from tests.parity.exchange import Answer, exchange

STOP_S = 30


class Server:
    """A running collector. `command` and `url` are templates with {conf} and {port}; its output is in server.log."""

    def __init__(self, command: str, folder: Path, url: str) -> None:
        port = _free_port()
        address = urlsplit(url.replace("{port}", str(port)))
        self.host = address.hostname or "localhost"
        self.port = address.port or port
        self._log = folder / "server.log"
        conf = str(folder / "divolte-collector.conf")
        words = [word.replace("{conf}", conf).replace("{port}", str(port)) for word in shlex.split(command)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                words,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ask(self, request: dict[str, object], etags: dict[str, str]) -> Answer:
        """The answer to the request; status 0 and the reason as its body where there is no connection."""
        try:
            return exchange(request, self.host, self.port, etags)
        except OSError as error:
            return Answer(0, body=repr(error).encode())

    def answers(self) -> bool:
        """Is it up?"""
        return self.ask({"method": "GET", "target": "/ping"}, {}).status == 200

    def ended(self) -> bool:
        """Did it stop by itself?"""
        return self._process.poll() is not None

    def log(self) -> str:
        """What it has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_up(self, seconds: float) -> bool:
        """Wait until it answers; False where it ended, or the time did."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.ended():
            if self.answers():
                return True
            time.sleep(0.1)
        return False

    def stop(self, seconds: float = STOP_S) -> None:
        """Ask it to stop, and kill what is left then; twice is harmless."""
        if not self.ended():
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        with suppress(ProcessLookupError, PermissionError):  # whatever it left in its own process group
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
