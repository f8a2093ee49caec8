"""Every hop has counted the same; what a kill leaves unsure is said; what is missing is named, and the remedy helps."""

from __future__ import annotations

import json
import signal
import time
from typing import Any

import pytest
import requests

from tests.e2e.live import LiveStack, eventually

pytestmark = [pytest.mark.e2e]
GRACE = 6  # seconds after a minute's end, when it is compared


def this_minute() -> int:
    """The minute that is running, since 1970. What other tests did in it every hop has counted alike."""
    return int(time.time()) // 60


def reconciled(stack: LiveStack, minute: int, *, until: int | None = None) -> tuple[int, dict[str, Any]]:
    """The exit code and the answer for the time from `minute` on, once `until` is over (or that minute)."""
    time.sleep(max(0.0, ((until or minute) + 1) * 60 + GRACE - time.time()))
    begin = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(minute * 60))
    done = stack.run("reconcile", "--from", begin, "--json", timeout=120)
    assert done.returncode in (0, 1), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, answer


def kinds(answer: dict[str, Any]) -> dict[str, int]:
    return {gap["kind"]: gap["count"] for gap in answer["gaps"]}


def sent(stack: LiveStack, name: str, count: int) -> None:
    """Send events, which must be taken."""
    for number in range(count):
        assert stack.send(f"{name}-{number}", name) == 200


def test_a_kill_loses_no_event_and_is_said(stack: LiveStack) -> None:
    """Events before and after a kill -9 of the collector are counted alike at every hop, and so is what was dropped."""
    minute = this_minute()
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


def test_what_druid_lacks_is_named_and_comes_back(stack: LiveStack) -> None:
    """Without a supervisor events stay in Kafka: exit code 1, Druid, the minute. `pyglue up` brings them in."""
    minute = this_minute()
    sent(stack, "with-supervisor", 4)
    name = "divolte-clickstream"
    eventually(lambda: len(stack.ids("with-supervisor")) == 4, "rows before the supervisor ends")
    path = f"{stack.url('DRUID_COORDINATOR_PORT')}/druid/indexer/v1/supervisor/{name}/terminate"
    assert requests.post(path, timeout=60).status_code == 200
    eventually(lambda: stack.run("status", timeout=60).returncode == 1, "a supervisor that is gone")
    began = this_minute()
    sent(stack, "without-supervisor", 5)
    code, answer = reconciled(stack, began, until=this_minute())
    assert code == 1
    (missing,) = [gap for gap in answer["gaps"] if gap["kind"] == "missing"]
    assert (missing["hop"], missing["count"]) == ("druid", 5)
    assert [(one["code"], one["hop"]) for one in answer["problems"]] == [
        ("supervisor-missing", "druid"),
        ("rows-missing", "druid"),
    ]
    assert {one["try"] for one in answer["problems"]} == {"pyglue submit-spec"}
    stack.up()
    eventually(lambda: len(stack.ids("without-supervisor")) == 5, "the rows that waited")
    code, answer = reconciled(stack, minute, until=began)
    assert (code, answer["problems"]) == (0, [])
    hops = answer["hops"]
    records = hops["collector"]["acknowledged_records"]
    assert (hops["kafka"]["records"], hops["druid"]["rows"], hops["superset"]["count"]) == (records,) * 3
