"""A base image for another kind of machine: some minutes of emulation, beside the tests that come first.

It takes what these leave of one processor; nothing of the stack is started. What needs it waits until its test.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

MACHINE = "arm64"
IMAGE = f"pyglue-test-{MACHINE}:bookworm-slim"
PACKAGES = ("openjdk-17-jre-headless", "python3")  # what the final images of the services install
SECONDS = 900.0  # on a quiet machine three minutes
CANT = 3  # the exit code of tests/docker/foreign where the kernel refuses


def possible() -> bool:
    """Emulating another machine needs root, and Debian's packages."""
    return os.getuid() == 0 and shutil.which("apt-get") is not None


class BaseImage:
    """Being made from the beginning of its life on."""

    def __init__(self, checkout: Path) -> None:
        self._process = subprocess.Popen(
            ["nice", "-n", "19", str(checkout / "tests" / "docker" / "foreign"), MACHINE, IMAGE, *PACKAGES],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def made(self) -> tuple[int, str]:
        """Wait for it: the exit code, and what was said of a failure."""
        with self._process:
            said = self._process.communicate(timeout=SECONDS)[1]
        return self._process.returncode, said

    def end(self) -> None:
        """End it if nobody waited for it."""
        with self._process:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGTERM)
