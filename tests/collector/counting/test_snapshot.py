"""What several processes tell, added up."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.counting import metrics
from pyglue.collector.counting.counts import Counts
from pyglue.collector.counting.snapshot import DIED, Bad, Snapshot, read, together
from pyglue.collector.counting.timings import BOUNDS, Times
from pyglue.collector.sinks.sink import Queue, Queues
from tests.collector.scrapes import Scrape

small = st.integers(0, 10**12)
reasons = st.dictionaries(st.sampled_from(["a", "b", 'quoted " reason']), small)
times = st.builds(
    Times, st.lists(small, min_size=len(BOUNDS) + 1, max_size=len(BOUNDS) + 1).map(tuple), st.floats(0, 10**6)
)
queue = st.none() | st.builds(Queue, small, small)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Of one process, whose ledger adds up."""
    acknowledged, in_flight = draw(small), draw(small)
    discarded, refusals = draw(reasons), draw(reasons)
    refused = sum(refusals.values())
    totals = Counts(
        -1,
        acknowledged + in_flight + sum(discarded.values()) + refused,
        acknowledged,
        refused,
        draw(reasons),
        draw(reasons),
        draw(reasons),
        discarded=discarded,
        refusals=refusals,
    )
    named = st.dictionaries(st.sampled_from(["200", "503"]), times)
    files = draw(st.dictionaries(st.sampled_from(["x", "y"]), st.builds(Queue, small, small)))
    queues = Queues(draw(queue), files, draw(queue))
    bad = draw(st.none() | st.builds(Bad, small, small, reasons))
    return Snapshot(
        totals, in_flight, draw(named), draw(named), draw(small), draw(st.booleans()), queues, bad
    )


@given(snapshots())
def test_a_snapshot_is_read_as_it_was_told(one: Snapshot) -> None:
    """On one line."""
    text = one.as_json()
    assert "\n" not in text
    assert read(json.loads(text)) == one


@given(st.lists(snapshots(), max_size=4), st.lists(snapshots(), max_size=3))
def test_the_ledger_adds_up_over_living_and_dead(living: list[Snapshot], dead: list[Snapshot]) -> None:
    """What a dead one had under way is refused; nothing else of it changes, and its queues and connections are gone."""
    gone = Snapshot()
    for one in dead:
        gone = together([one.of_the_dead()], gone)
    whole = together(living, gone)
    found = Scrape(metrics.text(whole, metrics.alone()).decode())
    assert found.adds_up()
    assert found.received == sum(one.totals.received for one in living + dead)
    assert found.value("events_in_flight") == sum(one.in_flight for one in living)
    assert whole.totals.refusals.get(DIED, 0) == sum(one.in_flight for one in dead)
    assert whole.totals.refused == sum(whole.totals.refusals.values())
    assert whole.connections == sum(one.connections for one in living)
    assert whole.ready == (bool(living) and all(one.ready for one in living))
    kept = [one.bad.kept for one in living + dead if one.bad is not None]
    assert (whole.bad.kept if whole.bad else 0) == sum(kept)
    spooled = [one.queues.spool for one in living if one.queues.spool]
    assert (whole.queues.spool or Queue(0, 0)).bytes == sum(one.bytes for one in spooled)
    counts = [one.answers["200"].counts for one in living + dead if "200" in one.answers]
    assert not counts or whole.answers["200"].counts == tuple(map(sum, zip(*counts, strict=True)))


def test_processes_are_added_up() -> None:
    """Processor time, memory and files of all, with the time of those that have ended."""
    alone = metrics.alone()
    one = Scrape(metrics.text(Snapshot(), alone).decode()).families
    crew = metrics.Crew(alone.processes * 3, 2, 7, 100.0)
    found = Scrape(metrics.text(Snapshot(), crew).decode())
    for name in ("process_resident_memory_bytes", "process_open_fds"):
        assert found.families[name].samples[0].value > 2.5 * one[name].samples[0].value
    assert found.families["process_cpu_seconds"].samples[0].value >= 100
    assert found.families["process_max_fds"].samples[0].value == one["process_max_fds"].samples[0].value
    assert (found.value("workers"), found.value("workers_replaced_total")) == (2, 7)
