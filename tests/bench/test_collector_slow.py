"""The slow clients of the bench, and what is made of honest ones' answers beside them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.collector import crowd as module
from bench.collector import slow
from bench.collector.crowd import HEAD, KINDS, Crowd
from bench.collector.load import Outcome
from pyglue.errors import PyglueError
from tests.collector.http_fakes import FakeOutlet, app_with
from tests.collector.test_server import PING, Running, free_port, receive, until


@pytest.fixture
def served() -> Iterator[Running]:
    """A collector."""
    outlet = FakeOutlet()
    running = Running(app_with(outlet, json_at="/api/events"), outlet)
    running.start()
    yield running
    running.stop()


def test_slow_clients_hold_their_places_and_come_again(served: Running) -> None:
    """All kinds are there, grow by a byte when it is due, and one that was cut off comes again; honest ones are answered."""
    now = 0.0
    crowd = Crowd(served.port, 2 * len(KINDS), lambda: now)
    sizes: list[int] = []

    def sent() -> int:
        served.within(lambda: sizes.append(sum(vars(one)["_kept"] for one in served.connections)))
        return sizes[-1]

    until(lambda: len(served.connections) == crowd.size == 2 * len(KINDS) and sent() >= 2 * len(HEAD))
    before = sent()
    now = module.PERIOD
    crowd.go_on()
    until(lambda: sent() == before + 4)
    crowd.go_on()
    assert (crowd.cut, sent()) == (0, before + 4)
    with served.client() as sock:
        sock.sendall(PING)
        assert receive(sock, 1)[0][0] == 200
    served.within(lambda: next(one for one in served.connections if vars(one)["_kept"]).abort())

    def came_again() -> bool:
        crowd.go_on()
        return crowd.cut == 1

    until(came_again)
    assert crowd.size == 2 * len(KINDS)
    crowd.leave()
    until(lambda: len(served.connections) == 0)


def test_a_crowd_is_there_while_it_is_wanted(served: Running) -> None:
    """It runs in a process of its own, and has left afterwards."""
    with slow.crowd(served.port, 8, settle=0):
        until(lambda: len(served.connections) == 8)
    until(lambda: len(served.connections) == 0)


def test_a_crowd_that_cannot_connect_is_an_error() -> None:
    """Else nothing would have been measured."""
    with pytest.raises(PyglueError, match="8 slow clients could not connect"), slow.crowd(free_port(), 8):
        pass


def test_medians_are_compared() -> None:
    """One bad turn on either side makes no verdict."""

    def outcome(p99: float) -> Outcome:
        return Outcome({"200": 1}, 100, 10.0, 1.0, 1.0, p99 / 2, p99)

    figures = slow.compared(7, [outcome(4), outcome(5), outcome(90)], [outcome(6), outcome(1), outcome(80)])
    assert figures == {
        "slow.7.calm_p50": 2.5,
        "slow.7.calm_p99": 5,
        "slow.7.p50": 3,
        "slow.7.p99": 6,
        "slow.7.times": 1.2,
        "slow.7.calm_cpu": 0.1,
        "slow.7.cpu": 0.1,
    }
