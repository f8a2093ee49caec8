"""The operating system's view: marked processes, their memory, and their end."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from pyglue.native import processes
from pyglue.native.contract import IDENTITY

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.1; done"


@pytest.fixture
def child() -> Iterator[subprocess.Popen[str]]:
    """A process of the stack `mine` that ignores SIGTERM."""
    process = subprocess.Popen(
        ["/bin/bash", "-c", STUBBORN], env={IDENTITY: "mine"}, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_only_marked_processes_are_found(child: subprocess.Popen[str]) -> None:
    """The mark in the environment tells one stack's processes from another's, children included."""
    assert child.pid in {process.pid for process in processes.marked("mine")}
    assert processes.marked("other") == []


def test_what_ignores_sigterm_is_killed(child: subprocess.Popen[str]) -> None:
    """After the grace comes SIGKILL; nothing is left."""
    assert processes.end(lambda: processes.marked("mine"), grace=0.2) == []
    assert processes.marked("mine") == []


def test_ending_what_has_ended_is_harmless(child: subprocess.Popen[str]) -> None:
    """A process may end by itself between the two looks."""
    found = processes.marked("mine")
    child.kill()
    child.wait()
    assert processes.end(lambda: found, grace=0.1) == []


def test_memory_counts_descendants() -> None:
    """A service's memory is its own and that of all it started."""
    hold = "import sys; x = bytearray(30_000_000); print(flush=True); sys.stdin.read()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        weight = processes.memory(process.pid)
        process.communicate()
    assert weight is not None
    assert weight > 30_000_000


def test_a_process_that_is_gone_has_no_memory() -> None:
    """None, not an error."""
    with subprocess.Popen(["/bin/true"]) as process:
        process.wait()
    while psutil.pid_exists(process.pid):
        time.sleep(0.01)
    assert processes.memory(process.pid) is None


@pytest.mark.parametrize(
    ("environment", "checkout"),
    [
        ({IDENTITY: "mine", "DATA_DIR": "/home/me/two/.pyglue/data/kafka-data"}, "/home/me/two"),
        ({"DATA_DIR": "/home/me/two/.pyglue/data/kafka-data"}, None),
        ({IDENTITY: "mine", "DATA_DIR": "/data"}, None),
    ],
)
def test_a_service_tells_its_checkout(environment: dict[str, str], checkout: str | None) -> None:
    """So that who holds a port can be told as the stack that it is."""
    with subprocess.Popen(["/bin/sleep", "60"], env=environment) as process:
        try:
            deadline = time.monotonic() + 10
            while psutil.Process(process.pid).environ() != environment and time.monotonic() < deadline:
                time.sleep(0.01)
            assert processes.checkout_of(process.pid) == checkout
        finally:
            process.kill()
    assert processes.checkout_of(process.pid) is None
