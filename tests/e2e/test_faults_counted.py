"""Every hop has counted the same; what a kill leaves unsure, what is missing and what was removed is said.

Only minutes that are over are compared, and waiting for one is what takes the time here: two of the tests share one run of
events, in which the collector is killed and Druid loses its supervisor. Natively; test_containers.py counts in containers.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import requests

from tests.e2e.counts import Answer, lived_through_a_kill, reconciled, sent, this_minute
from tests.e2e.live import LiveStack, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("mended")]
ENGINES = ("native",)
SUPERVISOR = "divolte-clickstream"


@dataclass(frozen=True)
class Told:
    """What reconcile said while Druid had no supervisor, and what it said afterwards of the same minutes."""

    lacking: Answer
    whole: Answer


@pytest.fixture(scope="module")
def told(stack: LiveStack) -> Told:
    """Events before and after a kill of the collector, then with a supervisor and without one, which `up` brings back."""
    first = this_minute()
    lived_through_a_kill(stack)
    sent(stack, "with-supervisor", 4)
    eventually(lambda: len(stack.ids("with-supervisor")) == 4, "rows before the supervisor ends")
    path = f"{stack.url('DRUID_COORDINATOR_PORT')}/druid/indexer/v1/supervisor/{SUPERVISOR}/terminate"
    assert requests.post(path, timeout=60).status_code == 200
    eventually(lambda: stack.run("status", timeout=60).returncode == 1, "a supervisor that is gone")
    sent(stack, "without-supervisor", 5)
    last = this_minute()
    lacking = reconciled(stack, first, until=last)
    stack.up()
    eventually(lambda: len(stack.ids("without-supervisor")) == 5, "the rows that waited")
    return Told(lacking, reconciled(stack, first, until=last))


def test_a_kill_loses_no_event_and_is_said(stack: LiveStack, told: Told) -> None:
    """Events before and after a kill -9 of the collector are counted alike at every hop, and so is what was dropped."""
    told.whole.shows_a_kill()
    said = stack.run("reconcile", "--since", "10m", timeout=120)
    assert "the collector was killed in" in said.stdout


def test_what_druid_lacks_is_named_and_comes_back(stack: LiveStack, told: Told) -> None:
    """Without a supervisor events stay in Kafka: exit code 1, Druid, the minute. `pyglue up` brings them in."""
    assert told.lacking.code == 1
    (missing,) = [gap for gap in told.lacking.gaps if gap["kind"] == "missing"]
    assert (missing["hop"], missing["count"]) == ("druid", 5)
    assert [(one["code"], one["hop"]) for one in told.lacking.problems] == [
        ("supervisor-missing", "druid"),
        ("rows-missing", "druid"),
    ]
    assert {one["try"] for one in told.lacking.problems} == {"pyglue submit-spec"}
    assert (told.whole.code, told.whole.problems) == (0, [])
    assert not [gap for gap in told.whole.gaps if gap["kind"] == "missing"]


def test_a_hop_is_made_anew(stack: LiveStack) -> None:
    """Druid's rows are read once more from the topic, none twice; Superset's things are there again."""
    events = [f"anew-{number}" for number in range(5)]
    for event in events:
        assert stack.send(event, "anew") == 200
    for hop in ("druid", "superset"):
        eventually(lambda: sorted(stack.ids("anew")) == events, f"the rows, before {hop} is made anew")
        done = stack.run("reset", "--hop", hop, "--yes", timeout=400)
        assert done.returncode == 0, done.stderr
    done = stack.run("trace", timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(stack.ids("anew")) == events


def test_what_a_reset_removes_is_no_loss(stack: LiveStack) -> None:
    """The topic made anew, then the rows of the old one dropped: reconcile says so, and finds nothing missing."""
    minute = this_minute()
    sent(stack, "removed", 5)
    eventually(lambda: len(stack.ids("removed")) == 5, "the rows")
    for hop in ("kafka", "druid"):
        done = stack.run("reset", "--hop", hop, "--yes", timeout=400)
        assert done.returncode == 0, done.stderr
    sent(stack, "after-reset", 5)
    answer = reconciled(stack, minute, until=this_minute())
    assert (answer.code, answer.problems) == (0, [])
    (gap,) = [gap for gap in answer.gaps if gap["kind"] == "reset"]
    assert gap["count"] >= 5
    assert len(stack.ids("after-reset")) == 5
