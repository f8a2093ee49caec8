"""The pipeline's parts as `status` shows them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pyglue.diagnosis.facts import Supervisor
from pyglue.diagnosis.parts import lag, parts
from pyglue.errors import Unreachable
from pyglue.pipeline.kafka import TopicState
from pyglue.pipeline.ledger import Ledger
from tests.diagnosis.faults import NOW, STATUS, healthy, spec

SUSPENDED = replace(STATUS, state="SUSPENDED", detail="SUSPENDED")
READ = {0: 5, 1: 2}


@pytest.mark.parametrize(
    ("found", "ends", "unread"),
    [
        (Supervisor(STATUS, spec(), READ), {0: 9, 1: 2}, 0),  # Druid knows better
        (Supervisor(replace(STATUS, lag=9), spec(), READ), {0: 9, 1: 2}, 4),
        (Supervisor(SUSPENDED, spec(), READ), {0: 9, 1: 2}, 4),  # what came since then is unread
        (Supervisor(replace(SUSPENDED, lag=None), spec(), {}), {0: 9, 1: 2}, None),
        (Supervisor(replace(STATUS, lag=None), spec(), {}), {0: 0, 1: 0}, 0),
    ],
)
def test_what_druid_has_not_read(found: Supervisor, ends: dict[int, int], unread: int | None) -> None:
    """By its offsets; rows that were published before a suspension are read, and nothing is guessed."""
    assert lag(healthy(topic=TopicState(ends, 11, NOW)), found) == unread


def test_dashboards_are_counted() -> None:
    """Those that were shipped, and how many of them are there."""
    part = parts(healthy(absent=("live",)))[-1]
    assert (part.kind, part.text, part.figures) == (
        "dashboards",
        "1 of 2 in Superset",
        {"shipped": 2, "there": 1},
    )
    assert parts(healthy(absent=Unreachable("away")))[-1].problem == "away"
    assert parts(healthy(absent=None))[-1].text == "unknown"


def test_the_collector_tells_what_waits_on_its_disk() -> None:
    """And what it refused or discarded; a collector that is elsewhere, or has no metrics, is no part."""
    part = parts(healthy(collector=Ledger(1234, 1200, 0, 30, 4, 17)))[0]
    assert (part.kind, part.name) == ("collector", "divolte")
    assert part.text == "1,234 events since its start, 30 refused, 17 in the spool"
    assert part.figures["spool"] == 17
    assert parts(healthy(collector=Unreachable("away")))[0].problem == "away"
    assert parts(healthy())[0].kind == "topic"
