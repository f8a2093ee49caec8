"""A port's sockets: one collector has them all, or none."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest

from pyglue.collector.http import listeners
from pyglue.errors import PyglueError
from tests.collector.processes import free_ports


def test_of_two_collectors_that_start_at_the_same_moment_one_has_the_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whichever of its sockets the first one has bound when the second one begins."""
    (port,) = free_ports(1)
    had: list[listeners.Sockets] = []
    bound = listeners._bound

    def start() -> None:
        with suppress(PyglueError):
            had.extend(listeners.listen("127.0.0.1", port, 2))

    def with_a_rival(
        family: socket.AddressFamily, address: tuple[object, ...], *, shared: bool
    ) -> socket.socket:
        made = bound(family, address, shared=shared)
        monkeypatch.setattr(listeners, "_bound", bound)
        start()
        monkeypatch.setattr(listeners, "_bound", with_a_rival)
        return made

    monkeypatch.setattr(listeners, "_bound", with_a_rival)
    start()
    for sockets in had:
        listeners.close(sockets)
    assert len(had) == 2
