"""The sample app as its `start` script runs it, one browser for all tests, and a collector that writes down."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.browser import PATIENCE, Recorder
from tests.browser import browser as browser
from tests.browser import context as context
from tests.browser import page as page
from tests.browser import recorder as recorder

FOLDER = Path(__file__).parents[2] / "sample-app"


class App:
    """A sample app that runs: its port, its address, the process and the scripts' environment."""

    def __init__(self, settings: dict[str, str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "SERVICE_HOME": sys.prefix,
            "BIND_ADDRESS": "127.0.0.1",
            "SAMPLE_APP_PORT": str(self.port),
            **settings,
        }
        self.process = subprocess.Popen(
            [FOLDER / "start"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def healthy(self) -> subprocess.CompletedProcess[str]:
        """Run the health check."""
        return subprocess.run(
            [FOLDER / "healthy"], env=self.environment, capture_output=True, text=True, check=False
        )

    def wait(self) -> None:
        """Return once the app is healthy."""
        end = time.monotonic() + PATIENCE
        while self.healthy().returncode:
            assert self.process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)

    def end(self) -> tuple[str, str]:
        """Stop the app if it still runs, and return what it said on stdout and stderr."""
        self.process.terminate()
        return self.process.communicate(timeout=PATIENCE)


@contextmanager
def running(settings: dict[str, str]) -> Iterator[App]:
    app = App(settings)
    try:
        app.wait()
        yield app
    finally:
        app.end()


@pytest.fixture
def start() -> Iterator[Callable[..., App]]:
    """Starts sample apps with more environment, and waits until they are healthy."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(running(settings))


@pytest.fixture
def app(start: Callable[..., App], recorder: Recorder) -> App:
    """A sample app that sends its clicks to the recorder."""
    return start(DIVOLTE_URL=recorder.collector)
