"""The sender against a server that answers, refuses, hangs, or hangs up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from pyglue.traffic.sender import NO_ANSWER, Sender

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def statuses(
    handler: Handler, requests: int, *, connections: int = 4, patience: float = 0.5
) -> Counter[int]:
    """What came back for so many requests."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sender = Sender("127.0.0.1", port, connections, patience)
    found: Counter[int] = Counter()
    for _ in range(requests):
        sender.send(b"GET / HTTP/1.1\r\n\r\n", lambda status: found.update([status]))
    await sender.drain(10)
    sender.close()
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)
    return found


async def given_up(handler: Handler, requests: int) -> Counter[int]:
    """What came back for so many requests, of which some are under way and some wait when all is closed."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    sender = Sender("127.0.0.1", server.sockets[0].getsockname()[1], 2, 30)
    found: Counter[int] = Counter()
    for _ in range(requests):
        sender.send(b"GET / HTTP/1.1\r\n\r\n", lambda status: found.update([status]))
    await sender.drain(0.2)
    sender.close()
    told = Counter(found)
    server.close()
    await asyncio.sleep(0.1)
    assert found == told
    return found


def test_what_waits_at_the_end_has_no_answer() -> None:
    """Everything that was to be sent is told once, and nothing is sent after the end."""
    assert asyncio.run(given_up(hanging, 7)) == {NO_ANSWER: 7}


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers everything."""
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(OK[:10])
            await asyncio.sleep(0)
            writer.write(OK[10:])
    except asyncio.IncompleteReadError:
        writer.close()


async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers one request of a connection."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    writer.close()
    await writer.wait_closed()


async def leaving(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hangs up without an answer."""
    await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def hanging(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Never answers."""
    await reader.read()
    writer.close()


async def babbling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers with something else than HTTP."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
    await reader.read()
    writer.close()


@pytest.mark.parametrize(
    ("handler", "status"),
    [(answering, 200), (closing, 200), (leaving, NO_ANSWER), (hanging, NO_ANSWER), (babbling, NO_ANSWER)],
)
def test_every_request_has_its_fate_once(handler: Handler, status: int) -> None:
    """Whatever the server does, and whichever connection it takes."""
    assert asyncio.run(statuses(handler, 12)) == {status: 12}


def test_nobody_there() -> None:
    """No connection, no answer; nothing waits for ever."""

    async def run() -> Counter[int]:
        server = await asyncio.start_server(answering, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        sender = Sender("127.0.0.1", port, 3, 0.5)
        found: Counter[int] = Counter()
        for _ in range(7):
            sender.send(b"GET / HTTP/1.1\r\n\r\n", lambda status: found.update([status]))
        await sender.drain(5)
        sender.close()
        return found

    assert asyncio.run(run()) == {NO_ANSWER: 7}
