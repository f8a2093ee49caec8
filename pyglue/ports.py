"""Ports: whether one is free, and who holds it."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psutil


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    """Whether a server could listen on the port now (connections in TIME_WAIT do not count)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


@dataclass(frozen=True)
class Holder:
    """Who listens on a port: its process id, as far as this user may see it, and the same in words."""

    pid: int | None
    words: str


def holder(port: int) -> Holder:
    """Who listens on the port."""
    return holders([port])[port]


def holders(ports: Iterable[int]) -> dict[int, Holder]:
    """Who listens on each of the ports; the system is asked once for all of them."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return {port: Holder(None, "a process that only root can see") for port in ports}
    return {port: _holder(port, connections) for port in ports}


def _holder(port: int, connections: list[Any]) -> Holder:
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            if connection.pid is None:
                return Holder(None, "a process of another user")
            return Holder(connection.pid, _describe(connection.pid))
    for connection in connections:  # a port that the system gave to a connection can't be listened on
        waits = connection.status == psutil.CONN_TIME_WAIT  # that one keeps nobody away
        if connection.laddr and connection.laddr.port == port and not waits:
            owner = "another user" if connection.pid is None else _describe(connection.pid)
            return Holder(None, f"an outgoing connection of {owner}, for as long as it lasts")
    return Holder(None, "a process that is gone by now")


def descends(pid: int, ancestor: int) -> bool:
    """Whether a process is another one, or was started by it or by its children."""
    try:
        return pid == ancestor or ancestor in [parent.pid for parent in psutil.Process(pid).parents()]
    except psutil.Error:
        return False


def describe(words: list[str], pid: int) -> str:
    """A process in one line: its id and as much of its command line as fits."""
    line = " ".join(" ".join(words).split())  # a program given with `-c` may have several lines
    return f"process {pid} ({line if len(line) <= 80 else line[:77] + '...'})"


def _describe(pid: int) -> str:
    try:
        return describe(psutil.Process(pid).cmdline(), pid)
    except psutil.Error:
        return f"process {pid}"
