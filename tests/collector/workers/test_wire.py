"""The line between a worker and its parent."""

from __future__ import annotations

import asyncio
import socket

import pytest

from pyglue.collector.workers.wire import Wire


@pytest.mark.parametrize("unread", [b"", b"1\n"])
@pytest.mark.parametrize("asked", ["", "2"])
def test_last_words_are_heard(unread: bytes, asked: str) -> None:
    """Also if the other side left a question unread, and if it is asked once more when it is gone; then the line ends."""
    heard: list[str] = []

    async def listen() -> None:
        ours, theirs = socket.socketpair()
        ended = asyncio.Event()
        wire = Wire(lambda line: heard.append(line.decode()), ended.set, ours.dup())
        await asyncio.get_running_loop().create_unix_connection(lambda: wire, sock=ours)
        with theirs:
            ours.send(unread)
            theirs.sendall(b"a snapshot\n" + b"x" * 100_000 + b"\nlast words\n")
        if asked:
            wire.say(asked)
        await asyncio.wait_for(ended.wait(), 5)

    asyncio.run(listen())
    assert heard == ["a snapshot", "x" * 100_000, "last words"]
