"""A worker's look at its parent, before its loop listens."""

from __future__ import annotations

import socket
import threading

from pyglue.collector.workers.watch import LOOK_MS, Watch


def test_a_parent_that_goes_is_noticed() -> None:
    """Without the loop, and whatever it said before: that is left for the loop to hear."""
    ours, theirs = socket.socketpair()
    left, codes = threading.Event(), []

    def leave(code: int) -> None:
        codes.append(code)
        left.set()

    with ours:
        with theirs:
            Watch(ours, leave)
            theirs.sendall(b"end\n")
            assert not left.wait(3 * LOOK_MS / 1000)
        assert left.wait(10)
        assert ours.recv(100) == b"end\n"
    assert codes == [1]


def test_once_the_loop_listens_nobody_leaves() -> None:
    """What is under way then is to be answered; and the watch keeps no end of the line."""
    ours, theirs = socket.socketpair()
    codes: list[int] = []
    watch = Watch(ours, codes.append)
    watch.end()
    ours.close()
    theirs.settimeout(10)
    assert theirs.recv(1) == b""
    theirs.close()
    assert codes == []
