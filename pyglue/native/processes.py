"""The operating system's view of a stack's processes: their memory, and the last resort of ending them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import psutil

from pyglue.native.contract import IDENTITY

KILL_SECONDS = 5.0  # for the kernel to end what SIGKILL was sent to


def memory(pid: int) -> int | None:
    """Bytes of PSS (proportional set size) of a process and its descendants; None if it is gone.

    PSS counts a page shared by n processes as 1/n, so that the services' figures add up. See proc(5), smaps.
    """
    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)]
    except psutil.Error:
        return None
    total = 0
    for process in tree:
        with contextlib.suppress(psutil.Error):  # a child that ended between the two looks weighs nothing
            total += process.memory_full_info().pss
    return total


def marked(identity: str) -> list[psutil.Process]:
    """Every living process whose environment says that it belongs to this stack."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(IDENTITY) == identity and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue  # another user's, or gone
    return found


def checkout_of(pid: int) -> str | None:
    """The checkout whose native stack a process belongs to; None for any other process, or another user's."""
    try:
        environment = psutil.Process(pid).environ()
    except psutil.Error:
        return None
    folder, found, _ = environment.get("DATA_DIR", "").partition("/.pyglue/")
    return folder if found and IDENTITY in environment else None


def end(find: Callable[[], list[psutil.Process]], grace: float) -> list[psutil.Process]:
    """End all that `find` finds: SIGTERM, and SIGKILL after `grace` seconds; returns what even that did not end.

    It looks again until nothing is found, for a process may have forked between the look and its end.
    """
    for process in find():
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    gentle, last = time.monotonic() + grace, time.monotonic() + grace + KILL_SECONDS
    while (left := [process for process in find() if _runs(process)]) and time.monotonic() < last:
        for process in left if time.monotonic() > gentle else ():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.02)
    return left


def _runs(process: psutil.Process) -> bool:
    """A zombie does not: only its parent has not asked for it yet."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
