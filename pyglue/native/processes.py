"""The operating system's view of a stack's processes: their memory, and the last resort of ending them."""

from __future__ import annotations

import contextlib

import psutil

from pyglue.native.contract import IDENTITY


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


def end(processes: list[psutil.Process], grace: float) -> list[psutil.Process]:
    """SIGTERM, then SIGKILL after `grace` seconds; returns those that even that did not end."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=grace)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _, alive = psutil.wait_procs(alive, timeout=5)
    return alive
