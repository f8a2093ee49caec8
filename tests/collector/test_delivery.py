"""Events under way: duplicates that share a fate, and events that were late."""

from __future__ import annotations

import weakref
from typing import Any, cast

import pytest

from pyglue.collector.app import App, Place
from pyglue.collector.counting.counters import Counters
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.events.event import Event
from pyglue.collector.http.answers import Answer
from pyglue.collector.http.request import Request
from pyglue.collector.sources import EventsAt, Pipeline
from tests.collector.http_fakes import (
    NOW,
    FakeOutlet,
    Timer,
    app_with,
    encode,
    event_query,
)
from tests.collector.support import browser_event
from tests.collector.test_app import EVENT, ask


@pytest.mark.parametrize("safe", [True, False])
def test_a_discarded_duplicate_shares_the_fate_of_its_first(safe: bool) -> None:
    """Success must not be said of an event whose only record is not safe yet, and may never be."""
    outlet = FakeOutlet(verdict=None)
    place = EventsAt((Pipeline(encode, (outlet,), discard_duplicates=True),))
    app = App(
        {"/csc-event": place},
        DuplicateMemory(100),
        Counters(),
        clock=lambda: NOW,
        later=Timer().later,
        retry_after_s=3,
    )
    answered: list[int] = []
    for _ in range(2):
        request = Request("GET", f"/csc-event?{event_query()}".encode(), [], b"::1")
        app.respond(request, lambda answer: answered.append(answer.status))
    assert (len(outlet.records), answered) == (1, [])
    (done,) = outlet.waiting
    done(safe)
    assert answered == ([200, 200] if safe else [503, 503])
    assert app.in_flight == 0


def test_success_of_a_duplicate_covers_each_mapping() -> None:
    """Also if one of them keeps duplicates and another does not: what that one has of the first may yet be lost."""
    once, always = FakeOutlet(verdict=None), FakeOutlet(verdict=None)
    place = EventsAt((Pipeline(encode, (once,), discard_duplicates=True), Pipeline(encode, (always,))))
    app = App(
        {"/csc-event": place},
        DuplicateMemory(100),
        Counters(),
        clock=lambda: NOW,
        later=Timer().later,
        retry_after_s=3,
    )
    answered: list[int] = []
    for _ in range(2):
        app.respond(Request("GET", EVENT.encode(), [], b"::1"), lambda answer: answered.append(answer.status))
    always.acknowledge_all()
    assert answered == []
    first, again = once.waiting
    first(False)
    assert answered == [503]
    again(True)
    assert answered == [503, 200]
    assert app.in_flight == 0


def test_a_duplicate_of_what_another_worker_has_under_way_is_recorded() -> None:
    """Nobody here would be told if that one is lost; once it is safe, the next one is discarded."""
    outlet, memory = FakeOutlet(), DuplicateMemory(100)
    place = EventsAt((Pipeline(encode, (outlet,), discard_duplicates=True),))
    app = App(
        {"/csc-event": place}, memory, Counters(), clock=lambda: NOW, later=Timer().later, retry_after_s=3
    )
    event = browser_event(event_query().encode())
    memory.belong(1)
    memory.remember(event.party, event.session, event.event_id)
    memory.belong(0)
    answered: list[int] = []
    for _ in range(3):
        request = Request("GET", f"/csc-event?{event_query()}".encode(), [], b"::1")
        app.respond(request, lambda answer: answered.append(answer.status))
    assert [value.split(b"|")[2] for _, value, _ in outlet.records] == [b"True"]
    assert answered == [200] * 3
    assert app.counters.totals().discarded == {"duplicate": 2}


def test_an_event_without_a_record_is_remembered() -> None:
    """Nothing of it is under way once it is answered."""

    def dropping(_: Event) -> bytes:
        raise DroppedEvent("no value for field a")

    memory = DuplicateMemory(100)
    place = EventsAt((Pipeline(dropping, (FakeOutlet(),)),))
    app = App(
        {"/csc-event": place}, memory, Counters(), clock=lambda: NOW, later=Timer().later, retry_after_s=3
    )
    assert ask(app, f"/csc-event?{event_query()}").status == 200
    event = browser_event(event_query().encode())
    assert memory.was_safe(memory.remember(event.party, event.session, event.event_id))


def test_an_event_that_could_not_be_written_is_forgotten() -> None:
    """A bug of ours in the first try must not make the second one a duplicate."""

    def broken(_: Event) -> bytes:
        raise KeyError

    memory = DuplicateMemory(100)
    app = App(
        {"/csc-event": EventsAt((Pipeline(broken, ()),))},
        memory,
        Counters(),
        clock=lambda: NOW,
        later=Timer().later,
        retry_after_s=3,
    )
    assert ask(app, f"/csc-event?{event_query()}").status == 500
    event = browser_event(event_query().encode())
    assert not memory.remember(event.party, event.session, event.event_id)[0]


def late_event(outlet: FakeOutlet, app: App) -> None:
    """Send an event, and be late with it."""
    answered: list[int] = []
    app.respond(Request("GET", EVENT.encode(), [], b"::1"), lambda answer: answered.append(answer.status))
    outlet.be_late()
    assert answered == [503]


def test_the_next_try_of_a_late_event_is_no_second_event() -> None:
    """It is refused while the first one is on its way, and acknowledged once that is safe; later ones are duplicates."""
    outlet = FakeOutlet(verdict=None)
    app = app_with(outlet)
    late_event(outlet, app)
    assert ask(app, EVENT).status == 503
    (after_all,) = outlet.late
    after_all(None)
    assert ask(app, EVENT).status == 200
    assert len(outlet.records) == 1
    totals = app.counters.totals()
    assert (totals.received, totals.acknowledged, totals.refused, totals.records) == (3, 1, 2, {"divolte": 1})
    outlet.verdict = True
    assert ask(app, EVENT).status == 200
    assert [value.split(b"|")[2] for _, value, _ in outlet.records] == [b"False", b"True"]
    assert app.in_flight == 0


def test_a_late_event_that_did_not_arrive_may_come_again() -> None:
    """As one that failed at once: the next try is the first event."""
    outlet = FakeOutlet(verdict=None)
    app = app_with(outlet)
    late_event(outlet, app)
    (after_all,) = outlet.late
    after_all("test says no")
    outlet.verdict = True
    assert ask(app, EVENT).status == 200
    assert [value.split(b"|")[2] for _, value, _ in outlet.records] == [b"False", b"False"]


def test_a_late_event_that_failed_elsewhere_may_come_again() -> None:
    """One record is late, and the other one lost: all of it has to come again."""
    slow, broken = FakeOutlet(verdict=None), FakeOutlet(verdict=False)
    app = app_with(slow, broken)
    late_event(slow, app)
    slow.verdict = broken.verdict = True
    assert ask(app, EVENT).status == 200
    assert len(broken.records) == 2


@pytest.mark.parametrize("late", [1, 2])
def test_late_words_on_an_event_that_failed_say_nothing_of_its_next_try(late: int) -> None:
    """That one is under way, and known once it is safe, whatever becomes of the records of the first."""
    outlets = [FakeOutlet(verdict=None) for _ in range(3)]
    app = app_with(*outlets)
    late_outlets, others = outlets[:late], outlets[late:]
    for outlet in others:
        outlet.verdict = False
    app.respond(Request("GET", EVENT.encode(), [], b"::1"), lambda _: None)
    for outlet in late_outlets:
        outlet.be_late()
    for outlet in outlets:
        outlet.verdict = None
    answered: list[int] = []
    app.respond(Request("GET", EVENT.encode(), [], b"::1"), lambda answer: answered.append(answer.status))
    for outlet in late_outlets:
        (after_all,) = outlet.late
        after_all(None)
    for outlet in outlets:
        outlet.acknowledge_all()
        outlet.verdict = True
    assert answered == [200]
    assert ask(app, EVENT).status == 200
    for outlet in outlets:
        marks = [value.split(b"|")[2] for _, value, _ in outlet.records]
        assert marks == [b"False", b"False", b"True"]


def test_a_late_event_of_which_a_record_is_lost_is_given_up_once() -> None:
    """Then its next try counts as the first, and no later word on the other records touches that."""
    one, other = FakeOutlet(verdict=None), FakeOutlet(verdict=None)
    app = app_with(one, other)
    app.respond(Request("GET", EVENT.encode(), [], b"::1"), lambda _: None)
    one.be_late()
    other.be_late()
    one.late[0]("test says no")
    answered: list[int] = []
    app.respond(Request("GET", EVENT.encode(), [], b"::1"), lambda answer: answered.append(answer.status))
    other.late[0](None)
    one.acknowledge_all()
    other.acknowledge_all()
    assert answered == [200]
    one.verdict = other.verdict = True
    assert ask(app, EVENT).status == 200
    assert [value.split(b"|")[2] for _, value, _ in one.records] == [b"False", b"False", b"True"]


def test_the_next_try_of_an_event_that_is_late_at_another_worker_is_no_second_event() -> None:
    """As at its own: it is refused until it has arrived, and success is told once then."""
    outlet = FakeOutlet(verdict=None)
    memory = DuplicateMemory(100)
    app, other = (app_with(outlet, memory=memory) for _ in range(2))
    memory.belong(3)
    late_event(outlet, app)
    memory.belong(4)
    assert ask(other, EVENT).status == 503
    memory.belong(3)
    (after_all,) = outlet.late
    after_all(None)
    memory.belong(4)
    assert ask(other, EVENT).status == 200
    assert len(outlet.records) == 1
    assert other.counters.totals().acknowledged == 1


def test_a_late_event_is_known_whatever_took_its_place_in_the_memory() -> None:
    """The memory forgets; who has the event under way does not, nor does it hold on to who sent it."""
    outlet = FakeOutlet(verdict=None)
    table: dict[str, Place] = {"/csc-event": EventsAt((Pipeline(encode, (outlet,)),))}
    app = App(table, DuplicateMemory(1), Counters(), clock=lambda: NOW, later=Timer().later, retry_after_s=3)
    late_event(outlet, app)
    outlet.verdict = True
    other = f"/csc-event?{event_query('e2')}"
    assert ask(app, other).status == 200
    assert ask(app, EVENT).status == 503
    (after_all,) = outlet.late
    after_all(None)
    assert ask(app, other).status == 200
    assert ask(app, EVENT).status == 200
    assert len(outlet.records) == 3  # of which one is a second one of e2, which the memory forgot


def test_late_events_hold_nobody() -> None:
    """A client that was answered and left is not kept in memory until its event arrives."""
    outlet = FakeOutlet(verdict=None)
    app = app_with(outlet)
    request = Request("GET", EVENT.encode(), [], b"::1")
    client = Client()
    app.respond(request, client.take)
    gone = weakref.ref(client)
    outlet.be_late()
    del client
    assert gone() is None
    assert len(outlet.late) == 1


def workers(memory: DuplicateMemory, pipelines: tuple[Pipeline, ...], *bad: Kept) -> list[App]:
    """Apps that share a memory, as several workers do."""
    return [
        App(
            {"/csc-event": EventsAt(pipelines)},
            memory,
            Counters(),
            clock=lambda: NOW,
            later=Timer().later,
            retry_after_s=3,
            bad=cast(Any, one),
        )
        for one in bad
    ]


class Kept:
    """Bad events that are kept."""

    def __init__(self) -> None:
        self.lost: list[object] = []

    def keep(self, _: object, lost: object) -> None:
        """See bad.entries."""
        self.lost.append(lost)

    def of(self, _: object) -> tuple[()]:
        """See bad.entries."""
        return ()


def test_a_copy_without_a_record_makes_no_other_one_safe() -> None:
    """What is discarded at one worker says nothing of its first at another: that may fail, and come again."""
    memory, outlet = DuplicateMemory(100), FakeOutlet(verdict=None)
    pipelines = (Pipeline(encode, (outlet,), discard_duplicates=True, discard_corrupted=True),)
    here, there = workers(memory, pipelines, Kept(), Kept())
    memory.belong(0)
    answered: list[int] = []
    here.respond(Request("GET", EVENT.encode(), [], b"::1"), lambda answer: answered.append(answer.status))
    memory.belong(1)
    assert ask(there, EVENT[:-1] + ("a" if EVENT[-1] != "a" else "b")).status == 200
    memory.belong(0)
    (failed,) = outlet.waiting
    failed(False)
    assert answered == [503]
    outlet.verdict = True
    assert ask(here, EVENT).status == 200
    assert len(outlet.records) == 2


@pytest.mark.parametrize("next_at", [0, 1])
def test_what_a_late_event_lacks_is_kept_wherever_it_is_tried_again(next_at: int) -> None:
    """One mapping makes a record of it, and another one does not."""

    def broken(_: Event) -> bytes:
        raise DroppedEvent("no such field")

    memory, outlet = DuplicateMemory(100), FakeOutlet(verdict=None)
    pipelines = (Pipeline(encode, (outlet,), name="good"), Pipeline(broken, (outlet,), name="bad"))
    bad = Kept(), Kept()
    apps = workers(memory, pipelines, *bad)
    memory.belong(0)
    late_event(outlet, apps[0])
    outlet.late[0](None)
    memory.belong(next_at)
    assert ask(apps[next_at], EVENT).status == 200
    assert [len(one.lost) for one in bad] == [1 - next_at, next_at]
    assert len(outlet.records) == 1
    assert sum(app.counters["dropped: no such field"] for app in apps) == 1


class Client:
    """Somebody who waits for an answer."""

    def take(self, answer: Answer) -> None:
        """The answer."""
