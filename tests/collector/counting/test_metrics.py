"""What Prometheus is told: every event in one state at every scrape, in text that its own parser takes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sized
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyglue.collector.app import App
from pyglue.collector.bad.folder import Folder
from pyglue.collector.bad.keeping import BadEvents, HeadersKept
from pyglue.collector.config.configured import Privacy
from pyglue.collector.counting import metrics, snapshot
from pyglue.collector.counting.counters import Counters
from pyglue.collector.counting.keeper import Keeper
from pyglue.collector.counting.metrics import PREFIX
from pyglue.collector.counting.metrics_site import MetricsSite
from pyglue.collector.counting.timings import BOUNDS, Histogram, Timings
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.events.event import Event
from pyglue.collector.http.answers import Answer
from pyglue.collector.http.connection import Connection
from pyglue.collector.http.request import Request
from pyglue.collector.http.room import Room
from pyglue.collector.sinks.sink import Done, Queue, Queues
from pyglue.collector.sources import EventsAt, Pipeline
from pyglue.collector.workers.share import Share
from tests.collector.http_fakes import JSON_EVENT, NOW, FakeOutlet, Timer, app_with, encode, event_query
from tests.collector.scrapes import Scrape
from tests.collector.test_app import IS_JSON, JSON, ask

EVENT = f"/csc-event?{event_query()}"
MINUTE_MS = 60_000


def scrape(app: App, queues: Queues | None = None) -> Scrape:
    """What is told of `app` now."""
    return Scrape(text(app, (), queues or Queues()))


def text(app: App, connections: Sized, queues: Queues, bad: BadEvents | None = None) -> str:
    """A scrape of one process."""
    found = snapshot.take(app, connections, lambda: queues, bad)
    return metrics.text(found, metrics.alone()).decode()


def app_of(*pipelines: Pipeline) -> App:
    """An app with one event path."""
    return App(
        {"/csc-event": EventsAt(pipelines)},
        DuplicateMemory(1000),
        Counters(),
        clock=lambda: NOW,
        later=Timer().later,
        retry_after_s=3,
    )


def send(app: App, target: str = EVENT) -> list[Answer]:
    """The answers to an event, which may come later."""
    answers: list[Answer] = []
    app.respond(Request("GET", target.encode(), [], b"::1"), answers.append)
    return answers


def dropping(_: Event) -> bytes:
    """A mapping that makes no record."""
    raise DroppedEvent("no value for field a")


def broken(_: Event) -> bytes:
    """A mapping with a bug of ours."""
    raise KeyError


def full() -> FakeOutlet:
    """One whose Kafka is away, and its spool full."""
    outlet = FakeOutlet(ready=False)
    outlet.away = "spool full"
    return outlet


@pytest.mark.parametrize(
    ("pipelines", "target", "fate"),
    [
        ((Pipeline(encode, (FakeOutlet(),)),), EVENT, "acknowledged"),
        ((Pipeline(encode, (FakeOutlet(), FakeOutlet())),), EVENT, "acknowledged"),
        ((Pipeline(dropping, (FakeOutlet(),)), Pipeline(encode, (FakeOutlet(),))), EVENT, "acknowledged"),
        ((Pipeline(encode, (FakeOutlet(verdict=None),)),), EVENT, "in flight"),
        ((Pipeline(encode, (FakeOutlet(), FakeOutlet(verdict=None))),), EVENT, "in flight"),
        ((Pipeline(encode, (FakeOutlet(verdict=False),)),), EVENT, "refused: test says no"),
        ((Pipeline(encode, (FakeOutlet(), FakeOutlet(verdict=False))),), EVENT, "refused: test says no"),
        ((Pipeline(encode, (FakeOutlet(), FakeOutlet(ready=False))),), EVENT, "refused: sink away"),
        ((Pipeline(encode, (FakeOutlet(), full())),), EVENT, "refused: spool full"),
        ((Pipeline(dropping, (FakeOutlet(),)),), EVENT, "discarded: no value for field a"),
        ((Pipeline(dropping, (FakeOutlet(),)),) * 2, EVENT, "discarded: no value for field a"),
        ((Pipeline(encode, (FakeOutlet(),), discard_corrupted=True),), EVENT + "0", "discarded: corrupt"),
        ((Pipeline(encode, (FakeOutlet(),)),), EVENT + "0", "acknowledged"),
        ((Pipeline(encode, (FakeOutlet(),)),), "/csc-event?s=1", "discarded: missing p"),
        ((Pipeline(encode, (FakeOutlet(ready=False),)),), "/csc-event?s=1", "discarded: missing p"),
        ((Pipeline(encode, ()),), EVENT, "discarded: not mapped"),
        ((), EVENT, "discarded: not mapped"),
    ],
)
def test_every_event_is_in_one_state(pipelines: tuple[Pipeline, ...], target: str, fate: str) -> None:
    """Whatever becomes of an event, it counts once, with its reason."""
    app = app_of(*pipelines)
    send(app, target)
    found = scrape(app)
    assert (found.received, {state: count for state, count in found.fates.items() if count}) == (1, {fate: 1})


def test_bugs_of_ours_leave_no_event_without_a_fate() -> None:
    """Neither one in a mapping nor one in a sink, before or after which other records went out."""

    def fail() -> None:
        raise KeyError

    outlets = [FakeOutlet(verdict=None), FakeOutlet(verdict=None)]
    outlets[1].interrupt = fail
    for app in (app_of(Pipeline(broken, ())), app_of(Pipeline(encode, tuple(outlets)))):
        assert [answer.status for answer in send(app)] == [500]
        assert {"refused: internal error": 1.0}.items() <= scrape(app).fates.items()
        assert scrape(app).adds_up()
    outlets[0].acknowledge_all()
    found = scrape(app)
    assert (found.adds_up(), found.value("events_refused_total", reason="internal error")) == (True, 1)
    assert found.value("records_acknowledged_total", place="divolte") == 1


class Torn(FakeOutlet):
    """Tells the fate of a record, and breaks all the same."""

    def send(self, key: bytes, value: bytes, timestamp: int, done: Done) -> None:
        """See Outlet."""
        super().send(key, value, timestamp, done)
        raise KeyError


def test_an_event_that_was_given_up_is_not_counted_again() -> None:
    """Though the fate of all its records becomes known after all."""
    outlet = FakeOutlet(verdict=None)
    app = app_of(Pipeline(encode, (outlet, Torn())))
    assert [answer.status for answer in send(app)] == [500]
    outlet.acknowledge_all()
    assert scrape(app).fates == {"acknowledged": 0, "in flight": 0, "refused: internal error": 1}


def test_an_event_that_its_visitor_does_not_want_is_discarded() -> None:
    """With the reason that the privacy settings give."""
    app = app_with(FakeOutlet(), privacy=Privacy(honour_do_not_track=True))
    ask(app, EVENT, dnt="1")
    assert scrape(app).fates == {"acknowledged": 0, "in flight": 0, "discarded: do not track": 1}


def test_a_record_too_large_for_every_sink_discards_its_event() -> None:
    """Its reason is told."""
    outlet = FakeOutlet()
    outlet.max_bytes = 1
    app = app_of(Pipeline(encode, (outlet,)))
    send(app)
    assert scrape(app).fates == {"acknowledged": 0, "in flight": 0, "discarded: too large": 1}


def test_what_became_of_bad_events_is_told(tmp_path: Path) -> None:
    """Where they are kept: how many are on the disk, how many are not and why, how many made room."""
    bad = BadEvents(Folder(tmp_path, 1000, 7), HeadersKept((), ()), lambda: NOW)
    bad.kept, bad.removed = 5, 2
    bad.not_kept["folder full"] = 3
    found = Scrape(text(app_with(), (), Queues(), bad))
    assert [found.value(f"bad_events_{name}_total") for name in ("kept", "removed")] == [5, 2]
    assert found.value("bad_events_not_kept_total", reason="folder full") == 3
    assert "bad_events" not in text(app_with(), (), Queues())


@pytest.mark.parametrize(
    ("safe", "fates"),
    [
        (True, {"acknowledged": 1, "in flight": 0, "discarded: duplicate": 2}),
        (False, {"acknowledged": 0, "in flight": 0, "refused: test says no": 3}),
    ],
)
def test_duplicates_of_an_event_under_way_are_in_flight(safe: bool, fates: dict[str, int]) -> None:
    """Until the first one's fate is known: then they are discarded, or refused with it."""
    outlet = FakeOutlet(verdict=None)
    app = app_of(Pipeline(encode, (outlet,), discard_duplicates=True))
    for _ in range(3):
        send(app)
    assert (scrape(app).received, scrape(app).fates) == (3, {"acknowledged": 0, "in flight": 3})
    outlet.waiting[0](safe)
    assert scrape(app).fates == fates


class _Walk:
    """Events and verdicts in any order, on an app of which each kind of mapping is a part."""

    def __init__(self) -> None:
        self.minute = 0
        self.outlets = [FakeOutlet(verdict=None), FakeOutlet(verdict=None)]
        pipelines = (Pipeline(encode, tuple(self.outlets), discard_corrupted=True, discard_duplicates=True),)
        self.app = App(
            {"/csc-event": EventsAt(pipelines)},
            DuplicateMemory(5),
            Counters(),
            clock=lambda: NOW + self.minute * MINUTE_MS,
            later=Timer().later,
            retry_after_s=3,
        )
        self.asked: list[list[Answer]] = []
        self.on_disk = 0

    def step(self, what: int) -> None:
        """Do one of ten things."""
        both = self.outlets
        if what < 4:
            self.asked.append(send(self.app, f"/csc-event?{event_query(f'e{what}')}"))
        elif what == 4:
            self.asked.append(send(self.app, EVENT + "0"))
        elif what == 5:
            self.asked.append(send(self.app, "/csc-event?s=1"))
        elif what in (6, 7):
            if both[what - 6].waiting:
                both[what - 6].waiting.pop(0)(True)
        elif what == 8 and both[0].waiting:
            both[0].waiting.pop()(False)
        elif what == 9:
            both[1].ready = not both[1].ready
            self.minute += 1
            self.on_disk += sum(
                one.received for one in self.app.counters.close(NOW + self.minute * MINUTE_MS)
            )


@settings(deadline=None)  # a scrape reads much, and there is one after each step
@given(st.lists(st.integers(0, 9), max_size=40))
def test_the_ledger_adds_up_at_every_moment(steps: list[int]) -> None:
    """Whatever comes in whatever order; in flight are those without an answer, and the files have what a scrape has."""
    walk = _Walk()
    for what in steps:
        walk.step(what)
        found = scrape(walk.app)
        assert found.adds_up()
        assert found.received == len(walk.asked)
        assert found.value("events_in_flight") == sum(not answers for answers in walk.asked)
    rest = walk.app.counters.close()
    assert walk.on_disk + sum(one.received for one in rest) == len(walk.asked)


def test_the_files_counts_add_up_as_well() -> None:
    """The counts of a minute on disk and the scrape are the same ones, with all reasons."""
    away, app = FakeOutlet(ready=False), app_with(FakeOutlet())
    ask(app, EVENT)
    ask(app, JSON, "POST", JSON_EVENT, lines=IS_JSON)
    ask(app, JSON, "POST", b"{}", lines=IS_JSON)
    ask(app, "/csc-event?s=1")
    ask(app, "/csc-event?%zz")
    refusing = app_with(away)
    ask(refusing, EVENT)
    (counts,) = app.counters.open()
    found = scrape(app)
    assert counts.received == counts.acknowledged + counts.refused + sum(counts.discarded.values()) == 4
    assert found.by_label("events_discarded_total") == counts.discarded
    assert found.by_label("records_acknowledged_total") == counts.records == {"divolte": 2}
    assert found.by_label("records_dropped_total") == counts.dropped
    assert found.by_label("other_requests_total") == counts.requests == {"malformed request": 1}
    (refused,) = refusing.counters.open()
    assert scrape(refusing).by_label("events_refused_total") == refused.refusals == {"sink away": 1}
    assert refused.refused == 1


def test_queues_and_readiness() -> None:
    """How much waits in the producer and for each disk; nothing is told of what is not there."""
    outlet = FakeOutlet()
    app = app_with(outlet)
    found = scrape(app, Queues(Queue(3, 700), {"a": Queue(1, 20), "b": Queue(0, 0)}))
    assert (found.value("producer_queue_records"), found.value("producer_queue_bytes")) == (3, 700)
    assert found.by_label("file_queue_records") == {"a": 1, "b": 0}
    assert found.by_label("file_queue_bytes") == {"a": 20, "b": 0}
    assert found.value("ready") == 1
    outlet.ready = False
    bare = scrape(app)
    assert bare.value("ready") == 0
    assert not [name for name in bare.families if "queue" in name]


class Ticking:
    """A timer that the test sets, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_how_long_acknowledgements_take() -> None:
    """From sending to the sink's word, by its place, for records that are safe; a second scrape has each once, too."""
    timer, safe, lost = Ticking(), FakeOutlet(verdict=None), FakeOutlet(verdict=None)
    lost.place = "files"
    app = app_with(safe, lost, timer=timer)
    send(app)
    timer.now += 0.01
    safe.waiting[0](True)
    lost.waiting[0](False)
    scrape(app)
    found = scrape(app)
    steps = {
        one.labels["le"]: one.value
        for one in found.samples
        if one.name == PREFIX + "acknowledgement_seconds_bucket"
    }
    assert (steps["0.0075"], steps["0.025"], steps["+Inf"]) == (0, 1, 1)
    assert found.by_label("acknowledgement_seconds_count") == {"divolte": 1}
    assert found.value("acknowledgement_seconds_sum", place="divolte") == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("seconds", "first"), [(0.0, 0), (BOUNDS[0], 0), (BOUNDS[1], 1), (BOUNDS[-1], -2), (BOUNDS[-1] + 1, -1)]
)
def test_a_value_on_a_bound_is_within_it(seconds: float, first: int) -> None:
    """As Prometheus has it; each step holds those before it."""
    timer, outlet = Ticking(), FakeOutlet(verdict=None)
    timer.now = 0.0
    app = app_with(outlet, timer=timer)
    connection = Connection(app, Room(), timer)
    connection.data_received(f"GET {EVENT} HTTP/1.1\r\n\r\n".encode())
    timer.now = seconds
    outlet.acknowledge_all()
    app.timings.sort()
    for found in (app.timings.answers[200], app.timings.acknowledgements["divolte"]):
        counts = [count for _, count in found.times().steps()]
        whole = len(BOUNDS) + 1
        assert counts == [0] * (first % whole) + [1] * (whole - first % whole)
        assert found.times().total == seconds
    assert [count for _, count in Histogram().times().steps()] == [0] * whole


def test_times_do_not_pile_up_where_nobody_scrapes() -> None:
    """Once a second they are sorted in."""
    timings = Timings()
    timings.answers[200].add(0.004)

    async def go() -> None:
        work = asyncio.create_task(Keeper(Counters(), timings, None, 0, Share()).work())
        await asyncio.sleep(0)
        work.cancel()

    asyncio.run(go())
    assert list(timings.answers[200].times().steps())[-1] == (float("inf"), 1)


def _full() -> tuple[str, Scrape]:
    """A scrape with all that there can be."""
    app = app_with(FakeOutlet())
    for target in (EVENT, "/csc-event?s=1", "/csc-event?%zz"):
        send(app, target)
    app.timings.answers[200].add(0.004)
    found = text(app, (1, 2), Queues(Queue(0, 0), {'a"b\n': Queue(1, 1)}))
    return found, Scrape(found)


def test_names_follow_the_conventions() -> None:
    """Counters end in _total and nothing else does, units are seconds and bytes, and each metric has help and type."""
    whole, found = _full()
    for name, family in found.families.items():
        assert re.fullmatch(r"(pyglue_collector|process)_[a-z_]+", name)
        assert family.documentation
        assert family.type in ("counter", "gauge", "histogram")
        assert not re.search(r"_(ms|millis|minutes|kb)(_|$)", name)
        totals = [sample.name.endswith("_total") for sample in family.samples]
        assert all(totals) if family.type == "counter" else not any(totals)
    typed = re.findall(r"^# TYPE (\S+)", whole, re.MULTILINE)
    assert re.findall(r"^# HELP (\S+)", whole, re.MULTILINE) == typed
    assert len(typed) == len(set(typed))


def test_labels_are_escaped() -> None:
    """A name with a quote and a line's end is read back as it is."""
    _, found = _full()
    assert found.by_label("file_queue_records") == {'a"b\n': 1}


def test_what_there_is_to_know_of_the_process() -> None:
    """Versions, connections, memory, processor time."""
    _, found = _full()
    (build,) = found.families[PREFIX + "build_info"].samples
    assert set(build.labels) == {"version", "python", "librdkafka"}
    assert found.value("connections") == 2
    assert {"process_resident_memory_bytes", "process_cpu_seconds"} <= found.families.keys()


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/metrics", 200),
        ("HEAD", "/metrics", 200),
        ("GET", "/metrics?name[]=x", 200),
        ("POST", "/metrics", 405),
        ("GET", "/", 404),
        ("GET", "/ping", 404),
        ("GET", "/csc-event", 404),
    ],
)
def test_the_metrics_port_has_one_path(method: str, target: str, status: int) -> None:
    """The type says which version of the format it is, and nobody may keep a scrape."""
    site = MetricsSite(lambda then: then(b"a 1\n"))
    answers: list[Answer] = []
    site.respond(Request(method, target.encode(), [], b"::1"), answers.append)
    (answer,) = answers
    assert answer.status == status
    if status == 200:
        assert answer.body == b"a 1\n"
        assert dict(answer.headers) == {
            "Content-Type": "text/plain; version=0.0.4; charset=utf-8",
            "Cache-Control": "no-store",
        }


def test_only_events_are_timed() -> None:
    """From the bytes' arrival to the answer, by status; pings and tags are not among them, requests that wait are."""
    outlet = FakeOutlet(verdict=None)
    app, timer = app_with(outlet), Ticking()
    connection = Connection(app, Room(), timer)
    lines = (f"GET {EVENT} HTTP/1.1", "GET /ping HTTP/1.1", "GET /divolte.js HTTP/1.1", "GET /x HTTP/1.1")
    connection.data_received(b"".join(f"{line}\r\n\r\n".encode() for line in lines))
    timer.now += 0.04
    outlet.acknowledge_all()
    connection.data_received(b"POST /csc-event HTTP/1.1\r\n\r\n")
    found = scrape(app)
    assert found.by_label("event_answer_seconds_count") == {"200": 1, "405": 1}
    assert found.value("event_answer_seconds_sum", code="200") == pytest.approx(0.04)
    assert found.value("event_answer_seconds_sum", code="405") == 0
