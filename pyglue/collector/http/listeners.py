"""Sockets that listen, made before anything else is: whether a port is to be had is known at once.

Several processes that serve one port have a socket each (SO_REUSEPORT), and the kernel shares connections out. All are
made by the process that starts the others, which keeps them: what waits at the socket of one that died is served by the
one that takes its place.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

from pyglue.errors import PyglueError

BACKLOG = 1024

Sockets = list[socket.socket]


def listen(host: str, port: int, processes: int = 1) -> list[Sockets]:
    """Sockets for each process, on all addresses that `host` has; raises PyglueError if one can't be had."""
    made: list[Sockets] = []
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, address) for family, *_, address in found):
            made.append(_at(family, address, processes))
    except OSError as error:
        close(socket for some in made for socket in some)
        raise PyglueError(
            f"can't listen on {host}:{port}: {error.strerror or error}", code="port-taken"
        ) from error
    return [list(one) for one in zip(*made, strict=True)]


def close(sockets: Iterable[socket.socket]) -> None:
    """Listen no more."""
    for one in sockets:
        one.close()


def _at(family: socket.AddressFamily, address: tuple[object, ...], processes: int) -> Sockets:
    """At one address; all of them or, with an OSError, none."""
    made = [_bound(family, address, shared=False)]
    try:
        # One that listens alone has shown that nobody else has the port, not even one who would share it, nor one who
        # starts at the same moment; from then on the others may share it.
        _listen(made[0], address)
        if processes > 1:
            made[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            address = made[0].getsockname()
        while len(made) < processes:
            made.append(_bound(family, address, shared=True))
            _listen(made[-1], address)
    except OSError:
        close(made)
        raise
    return made


def _bound(family: socket.AddressFamily, address: tuple[object, ...], *, shared: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
    except OSError as error:
        made.close()
        raise _told(address, error) from error
    return made


def _listen(one: socket.socket, address: tuple[object, ...]) -> None:
    try:
        one.listen(BACKLOG)
    except OSError as error:  # another one bound, and listened first
        raise _told(address, error) from error


def _told(address: tuple[object, ...], error: OSError) -> OSError:
    reason = (error.strerror or str(error)).lower()
    return OSError(error.errno, f"error while attempting to bind on address {address!r}: {reason}")
