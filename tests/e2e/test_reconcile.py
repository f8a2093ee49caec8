"""Every hop has counted the same, and what a kill leaves unsure is said. What is missing: test_faults.py."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest
import requests

from tests.e2e.counts import new_minute, reconciled, sent, this_minute
from tests.e2e.live import LiveStack, eventually

pytestmark = [pytest.mark.e2e]


def kinds(answer: dict[str, Any]) -> dict[str, int]:
    return {gap["kind"]: gap["count"] for gap in answer["gaps"]}


def test_a_kill_loses_no_event_and_is_said(stack: LiveStack) -> None:
    """Events before and after a kill -9 of the collector are counted alike at every hop, and so is what was dropped."""
    minute = new_minute()
    sent(stack, "before-kill", 20)
    for _ in range(3):
        assert requests.get(f"{stack.url('DIVOLTE_PORT')}/csc-event?s=1", timeout=20).status_code == 200
    time.sleep(2)  # what was counted a second ago is on disk
    stack.signal("divolte", signal.SIGKILL)
    eventually(lambda: stack.send("after-kill", "after-kill") == 200, "the collector's next life")
    code, answer = reconciled(stack, minute, until=this_minute())
    assert (code, answer["problems"]) == (0, [])
    hops = answer["hops"]
    records = hops["kafka"]["records"]
    assert records >= 21
    assert (hops["druid"]["rows"], hops["superset"]["count"]) == (records, records)
    collector = hops["collector"]
    dropped = collector["dropped"]
    assert dropped["missing p"] >= 3
    # The next life refuses events until it has found Kafka.
    assert collector["received"] == collector["acknowledged"] + collector["refused"] + sum(dropped.values())
    assert collector["acknowledged"] == collector["acknowledged_records"] == records
    assert not collector["complete"]
    assert kinds(answer) == {"counts incomplete": 0}
    said = stack.run("reconcile", "--since", "10m", timeout=120)
    assert "the collector was killed in" in said.stdout
