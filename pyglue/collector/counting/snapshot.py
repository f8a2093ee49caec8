"""What is told of a collector at one moment: its ledger, times, and what waits; of one process, or of several together.

Its law is the ledger's (see `counters`), and it holds over a sum as over each part. So a process that has died stays in
the sum with the last that it told; of what it had under way then nobody was told that it is safe.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from typing import Any, NamedTuple

from pyglue.collector.app import App
from pyglue.collector.bad.keeping import BadEvents
from pyglue.collector.counting.counts import Counts, plus
from pyglue.collector.counting.timings import Histogram, Times
from pyglue.collector.sinks.sink import Queue, Queues

DIED = "worker died"
_ALL_TIME = -1  # no minute of its own


class Bad(NamedTuple):
    """Counts of bad events: see BadEvents."""

    kept: int
    removed: int
    not_kept: Mapping[str, int]


@dataclass(frozen=True)
class Snapshot:
    """`totals` since the start; `answers` by status, `acknowledgements` by place: see Timings. `ready` as `/ready` says."""

    totals: Counts = field(default_factory=lambda: Counts(_ALL_TIME))
    in_flight: int = 0
    answers: Mapping[str, Times] = field(default_factory=dict)
    acknowledgements: Mapping[str, Times] = field(default_factory=dict)
    connections: int = 0
    ready: bool = False
    queues: Queues = field(default_factory=Queues)
    bad: Bad | None = None

    def as_json(self) -> str:
        """On one line."""
        return json.dumps(asdict(self))

    def of_the_dead(self) -> Snapshot:
        """What stays of a process that has died after it told this."""
        refusals = {**self.totals.refusals}
        if self.in_flight:
            refusals[DIED] = refusals.get(DIED, 0) + self.in_flight
        totals = replace(self.totals, refused=self.totals.refused + self.in_flight, refusals=refusals)
        return Snapshot(totals, 0, self.answers, self.acknowledgements, bad=self.bad)


def take(
    app: App, connections: Sized, queues: Callable[[], Queues], bad: BadEvents | None = None
) -> Snapshot:
    """Of this process, in one call of its loop."""
    app.timings.sort()
    return Snapshot(
        app.counters.totals(),
        app.in_flight,
        _times({str(status): found for status, found in app.timings.answers.items()}),
        _times(app.timings.acknowledgements),
        len(connections),
        not app.troubles(),
        queues(),
        None if bad is None else Bad(bad.kept, bad.removed, dict(bad.not_kept)),
    )


def read(fields: Mapping[str, Any]) -> Snapshot:
    """From the JSON of `as_json`, read."""
    queues = fields["queues"]
    return Snapshot(
        Counts(**fields["totals"]),
        fields["in_flight"],
        _read_times(fields["answers"]),
        _read_times(fields["acknowledgements"]),
        fields["connections"],
        fields["ready"],
        Queues(
            _read_queue(queues["producer"]),
            {sink: Queue(*queue) for sink, queue in queues["files"].items()},
            _read_queue(queues["spool"]),
        ),
        None if fields["bad"] is None else Bad(*fields["bad"]),
    )


def together(snapshots: Iterable[Snapshot], dead: Snapshot) -> Snapshot:
    """The sum; those that have died count for what is over, not for what is."""
    found = list(snapshots)
    whole = reduce(_plus, [dead, *found])
    return replace(whole, ready=bool(found) and all(one.ready for one in found))


def _plus(one: Snapshot, other: Snapshot) -> Snapshot:
    return Snapshot(
        plus(one.totals, other.totals),
        one.in_flight + other.in_flight,
        _sum(one.answers, other.answers, Times.plus),
        _sum(one.acknowledgements, other.acknowledgements, Times.plus),
        one.connections + other.connections,
        one.ready and other.ready,
        Queues(
            _both(one.queues.producer, other.queues.producer),
            _sum(one.queues.files, other.queues.files, _both_queues),
            _both(one.queues.spool, other.queues.spool),
        ),
        _both_bad(one.bad, other.bad),
    )


def _sum(
    one: Mapping[str, Any], other: Mapping[str, Any], plus_: Callable[[Any, Any], Any]
) -> dict[str, Any]:
    both = {name: plus_(one[name], other[name]) for name in one.keys() & other.keys()}
    return {**one, **other, **both}


def _both_queues(one: Queue, other: Queue) -> Queue:
    return Queue(one.records + other.records, one.bytes + other.bytes)


def _both(one: Queue | None, other: Queue | None) -> Queue | None:
    return _both_queues(one, other) if one and other else one or other


def _both_bad(one: Bad | None, other: Bad | None) -> Bad | None:
    if one is None or other is None:
        return one or other
    not_kept = _sum(one.not_kept, other.not_kept, int.__add__)
    return Bad(one.kept + other.kept, one.removed + other.removed, not_kept)


def _times(found: Mapping[str, Histogram]) -> dict[str, Times]:
    return {name: histogram.times() for name, histogram in found.items()}


def _read_times(fields: Mapping[str, Any]) -> dict[str, Times]:
    return {name: Times(tuple(counts), total) for name, (counts, total) in fields.items()}


def _read_queue(fields: list[int] | None) -> Queue | None:
    return None if fields is None else Queue(*fields)
