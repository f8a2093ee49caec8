"""Following events, with a clock of the test's own."""

from __future__ import annotations

import pytest

from bench import latency
from pyglue.errors import PyglueError


class World:
    """Events that arrive some seconds after they were sent; sending takes a second, a look a tenth of one."""

    def __init__(self, delays: list[float]) -> None:
        self.now = 0.0
        self.delays = delays
        self.sent: list[float] = []

    def send(self) -> str:
        """The collector's answer comes after a second."""
        self.now += 1.0
        self.sent.append(self.now)
        return str(len(self.sent) - 1)

    def seen(self, event_id: str) -> bool:
        """A look."""
        arrived = self.now >= self.sent[int(event_id)] + self.delays[int(event_id)]
        self.now += 0.1
        return arrived

    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.now += seconds

    def clock(self) -> float:
        """The time."""
        return self.now


def test_the_clock_runs_from_answer_to_found() -> None:
    """Sending is not in a figure, the query that finds the event is; each event has its own figure."""
    world = World([0.0, 5.0])
    first, second = latency.follow(world.send, world.seen, 2, world.wait, world.clock)
    assert first == pytest.approx(100)
    assert 5100 <= second <= 5100 + 1000 * (0.1 + latency.POLL)


def test_one_event_at_a_time() -> None:
    """The next event is sent only after the one before was found."""
    world = World([2.0, 2.0, 2.0])
    latency.follow(world.send, world.seen, 3, world.wait, world.clock)
    assert all(later - earlier > 2.0 for earlier, later in zip(world.sent, world.sent[1:], strict=False))


def test_an_event_that_never_comes_is_an_error() -> None:
    """Waiting ends, and the event is named."""
    world = World([1e9])
    with pytest.raises(PyglueError, match="the event 0 did not arrive within 30 s"):
        latency.follow(world.send, world.seen, 1, world.wait, world.clock)
