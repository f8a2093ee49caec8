"""Places for connections: who makes way when all are taken, and how much unfinished requests may hold."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

from pyglue.collector.http import room as module
from pyglue.collector.http.connection import Connection
from pyglue.collector.http.http1 import MAX_HEAD_BYTES
from pyglue.collector.http.room import FREE_BYTES, Room, room_in
from tests.collector.http.test_connection import Wire
from tests.collector.http_fakes import FakeOutlet, app_with, event_query

EVENT: Final = f"GET /csc-event?{event_query()} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
PING: Final = b"GET /ping HTTP/1.1\r\n\r\n"


class House:
    """A room, an app behind it, and a clock."""

    def __init__(self, most: int, most_bytes: int = module.MOST_BYTES) -> None:
        self.room = Room(most, most_bytes)
        self.outlet = FakeOutlet(verdict=None)
        self.app = app_with(self.outlet)
        self.now = 0.0

    def enter(self) -> tuple[Wire, Connection]:
        """A new connection, a second later."""
        self.now += 1
        wire = Wire()
        connection = Connection(self.app, self.room, lambda: self.now)
        connection.connection_made(wire)
        return wire, connection


def test_who_rests_longest_makes_way() -> None:
    """A newcomer finds a place: the first to go sent nothing whole for the longest time, whatever bytes it sends."""
    house = House(4)
    guests = [house.enter() for _ in range(4)]
    (slow, slowly), (waiting, asks), (idle, asked), (other, _) = guests
    asks.data_received(EVENT)
    house.now += 1
    asked.data_received(PING)
    slowly.data_received(b"GET /pi")
    newcomer, _ = house.enter()
    assert [wire.aborted for wire in (slow, waiting, idle, other, newcomer)] == [
        True,
        False,
        False,
        False,
        False,
    ]
    house.enter()
    assert [wire.aborted for wire in (waiting, idle, other, newcomer)] == [False, False, True, False]
    house.enter()
    assert [wire.aborted for wire in (waiting, idle, newcomer)] == [False, True, False]
    assert (len(house.room), house.app.counters["made way"]) == (4, 3)


def test_nobody_makes_way_who_waits_for_an_answer() -> None:
    """Where all wait it is the newcomer who has no place; once one has its answer there is one."""
    house = House(2)
    guests = [house.enter() for _ in range(2)]
    for _, connection in guests:
        connection.data_received(EVENT)
    refused, _ = house.enter()
    assert (refused.aborted, house.app.counters["no room"]) == (True, 1)
    house.outlet.acknowledge_all()
    newcomer, _ = house.enter()
    assert (newcomer.aborted, sum(wire.aborted for wire, _ in guests)) == (False, 1)


def test_an_answer_that_is_not_taken_is_not_waited_for() -> None:
    """A client that does not read holds no place for good."""
    house = House(1)
    greedy, connection = house.enter()
    connection.data_received(EVENT)
    connection.pause_writing()
    house.outlet.acknowledge_all()
    newcomer, _ = house.enter()
    assert (greedy.aborted, newcomer.aborted) == (True, False)


def test_who_left_has_left_its_place() -> None:
    """Places are not lost."""
    house = House(2)
    for _ in range(10):
        wire, connection = house.enter()
        connection.connection_lost(None)
        assert not wire.aborted
    assert len(house.room) == 0


def test_unfinished_requests_share_their_memory() -> None:
    """A head that grows beyond what is free ends where all together hold too much; small ones are always kept."""
    house = House(100, most_bytes=4 * FREE_BYTES)
    head = b"GET /ping HTTP/1.1\r\nA: "
    guests = [house.enter() for _ in range(8)]
    for _, connection in guests:
        connection.data_received(head + b"x" * (FREE_BYTES - len(head)))
    assert not any(wire.aborted for wire, _ in guests)
    wire, connection = guests[0]
    connection.data_received(b"x")
    assert (wire.aborted, house.app.counters["no room"]) == (True, 1)
    for _, connection in guests[:5]:
        connection.connection_lost(None)
    wire, connection = guests[5]
    connection.data_received(b"x")
    assert not wire.aborted
    connection.data_received(b"\r\n\r\n")
    assert wire.statuses == [200]


def test_memory_is_given_back() -> None:
    """Heads, bodies and what waits for a client count no longer than they are kept."""
    house = House(10, most_bytes=MAX_HEAD_BYTES)
    whole = b"GET /ping HTTP/1.1\r\nA: " + b"x" * (MAX_HEAD_BYTES - 100) + b"\r\n\r\n"
    body = (
        b"POST /json?p=0:a:b HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 8000\r\n\r\n"
        + b"x" * 8000
    )
    for _ in range(3):
        wire, connection = house.enter()
        for request in (whole, body, whole):
            connection.data_received(request[:500_000])
            connection.data_received(request[500_000:-10])
            connection.data_received(request[-10:])
        assert wire.statuses == [200, 204, 200]
        connection.data_received(whole[:-10])
        connection.connection_lost(None)


@pytest.mark.parametrize(
    ("descriptors", "places"), [(20_000, 18_720), (1024, 768), (64, 48), (1_048_576, 1_047_296)]
)
def test_places_leave_descriptors_for_everything_else(descriptors: int, places: int) -> None:
    """Kafka, files, and newcomers that nobody made way for yet."""
    assert room_in(descriptors) == places


def test_a_process_asks_for_all_descriptors() -> None:
    """The soft limit is raised to the hard one."""
    code = (
        "import resource; from pyglue.collector.http.room import places\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (200, 400))\n"
        "print(places(250), places(1000), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["250", "300", "400", "400"]
