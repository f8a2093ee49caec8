"""Ports: free or not, and who holds one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from pyglue import ports


@pytest.fixture(params=["127.0.0.1", "0.0.0.0"])  # noqa: S104 - a server elsewhere may listen everywhere
def taken(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port on which this process listens."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((request.param, 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_listening_server_holds_its_port(taken: int) -> None:
    """A port on which something listens is not free, and the holder is named."""
    assert not ports.is_free(taken)
    assert ports.holder(taken).pid == os.getpid()
    assert ports.holder(taken).words.startswith(f"process {os.getpid()} (")


def test_many_ports_are_asked_for_at_once(taken: int) -> None:
    """Each has its holder; one that is free has none."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        other = free.getsockname()[1]
    assert [who.pid for who in ports.holders([taken, other]).values()] == [os.getpid(), None]


def test_a_port_is_free_again_at_once() -> None:
    """Neither a closed server nor a connection in TIME_WAIT counts."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as every server does
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()  # the server closes first: its end waits
    assert ports.is_free(port)
    assert ports.holder(port).words == "a process that is gone by now"


def test_a_long_command_line_is_cut() -> None:
    """The holder is told in one line."""
    assert len(ports.describe(["x" * 500], 7)) < 110
    assert ports.describe(["python", "-c", "import a\n\nb()"], 7) == "process 7 (python -c import a b())"


def test_a_port_lent_to_a_connection_has_no_server() -> None:
    """Nobody can listen there, and nobody does: the other end of the connection is no holder to kill."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        found = ports.holder(client.getsockname()[1])
    assert found.pid is None
    assert found.words.startswith(f"an outgoing connection of process {os.getpid()} (")
