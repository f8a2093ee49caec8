"""Counting by the minute of receive time: what belongs to which minute, and the totals."""

from __future__ import annotations

from pyglue.collector.counting.counters import Counters
from pyglue.collector.http.answers import Answer
from pyglue.collector.http.request import Request
from tests.collector.http_fakes import FakeOutlet, app_with, event_query
from tests.collector.test_app import ask

MINUTE = 60_000


class Clock:
    """A clock that the test sets, in ms."""

    def __init__(self) -> None:
        self.now = 100 * MINUTE

    def __call__(self) -> int:
        return self.now


def test_an_event_belongs_to_the_minute_in_which_it_came() -> None:
    """An acknowledgement in the next minute is counted in the event's own, though that was closed meanwhile."""
    clock, outlet = Clock(), FakeOutlet(verdict=None)
    app = app_with(outlet, clock=clock)
    answers: list[Answer] = []
    for name in ("e1", "e2"):
        target = f"/csc-event?{event_query(name)}".encode()
        app.respond(Request("GET", target, [], b"10.0.0.7"), answers.append)
        clock.now += MINUTE
    first = app.counters.close(101 * MINUTE)
    outlet.acknowledge_all()
    rest = app.counters.close()
    assert [(one.minute, one.received, one.acknowledged, one.records) for one in (*first, *rest)] == [
        (100, 1, 0, {}),
        (101, 1, 1, {"divolte": 1}),
        (100, 0, 1, {"divolte": 1}),
    ]
    assert len({one.part for one in (*first, *rest)}) == 3
    assert (app.counters["received"], app.counters["acknowledged"]) == (2, 2)


def test_records_are_counted_where_they_are_safe() -> None:
    """Of an event with two records one of which is lost, the other is counted, and the event is refused."""
    safe, lost = FakeOutlet(), FakeOutlet(verdict=False)
    lost.place = "files"
    app = app_with(safe, lost)
    ask(app, f"/csc-event?{event_query()}")
    (counts,) = app.counters.close()
    assert (counts.received, counts.acknowledged, counts.refused) == (1, 0, 1)
    assert counts.records == {"divolte": 1}


def test_what_is_no_event_has_the_minute_of_its_arrival() -> None:
    """Dropped events are received ones; malformed requests and reloads are none."""
    clock = Clock()
    app = app_with(FakeOutlet(), clock=clock)
    ask(app, "/csc-event?p=1")
    clock.now += MINUTE
    ask(app, "/csc-event?%zz")
    one, other = app.counters.close()
    assert (one.minute, one.received, one.dropped, one.requests) == (100, 1, {"bad p": 1}, {})
    assert (other.minute, other.received, other.requests) == (101, 0, {"malformed request": 1})


def test_totals_are_the_sum_of_all_minutes() -> None:
    """The log's line is the same whether minutes were closed or not, and comes only when something has changed."""
    counters = Counters()
    assert str(counters) == "nothing happened"
    for number in (1, 2, 2):
        counters.at(number * MINUTE).received += 1
    counters.at(2 * MINUTE).drop("missing p")
    line = "dropped: missing p 1, received 3"
    assert (counters.report(), counters.report()) == (line, None)
    counters.close(2 * MINUTE)
    assert str(counters) == line
    assert counters.report() is None
    assert [minute.minute for minute in counters.open()] == [2]


def test_a_minute_that_was_closed_too_early_gets_a_further_part() -> None:
    """Nothing is counted into what is written already."""
    counters = Counters(run=7)
    counters.at(MINUTE).received += 1
    (first,) = counters.close()
    counters.at(MINUTE).received += 1
    (second,) = counters.close()
    assert (first.received, second.received, counters["received"]) == (1, 1, 2)
    assert (first.run, first.part) != (second.run, second.part)
