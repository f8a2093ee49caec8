"""What `pyglue reconcile` says of minutes that a test has just lived through."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import dataclass
from typing import Any

import requests

from tests.e2e.live import LiveStack, eventually

GRACE = 6  # seconds after a minute's end, when it is compared


@dataclass(frozen=True)
class Answer:
    """The exit code, and what stands in the JSON object."""

    code: int
    problems: list[dict[str, Any]]
    hops: dict[str, Any]
    gaps: list[dict[str, Any]]

    def shows_a_kill(self) -> None:
        """What is said of the minutes of `lived_through_a_kill`, in which nothing else was amiss."""
        assert (self.code, self.problems) == (0, [])
        records = self.hops["kafka"]["records"]
        assert records >= 21
        assert (self.hops["druid"]["rows"], self.hops["superset"]["count"]) == (records, records)
        collector = self.hops["collector"]
        dropped = collector["dropped"]
        assert dropped["missing p"] >= 3
        # The next life refuses events until it has found Kafka.
        assert collector["received"] == collector["acknowledged"] + collector["refused"] + sum(
            dropped.values()
        )
        assert collector["acknowledged"] == collector["acknowledged_records"] == records
        assert not collector["complete"]
        assert {gap["kind"]: gap["count"] for gap in self.gaps} == {"counts incomplete": 0}


def this_minute() -> int:
    """The minute that is running, since 1970. What other tests did in it every hop has counted alike."""
    return int(time.time()) // 60


def reconciled(stack: LiveStack, first: int, *, until: int) -> Answer:
    """What reconcile says of the minutes from `first` to `until`, once they are over."""
    time.sleep(max(0.0, (until + 1) * 60 + GRACE - time.time()))
    done = stack.run("reconcile", "--from", _text(first), "--to", _text(until + 1), "--json", timeout=120)
    assert done.returncode in (0, 1), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return Answer(done.returncode, answer["problems"], answer["hops"], answer["gaps"])


def _text(minute: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M", time.gmtime(minute * 60))


def sent(stack: LiveStack, name: str, count: int) -> None:
    """Send events, which must be taken."""
    for number in range(count):
        assert stack.send(f"{name}-{number}", name) == 200


def lived_through_a_kill(stack: LiveStack) -> None:
    """Events before and after a kill -9 of the collector, and some that it drops.

    Once more if a minute ended before the kill: the collector has then closed its counts, and a kill leaves nothing unsure.
    """
    while True:
        begun = this_minute()
        sent(stack, "before-kill", 20)
        for _ in range(3):
            assert requests.get(f"{stack.url('DIVOLTE_PORT')}/csc-event?s=1", timeout=20).status_code == 200
        time.sleep(2)  # what was counted a second ago is on disk
        stack.signal("divolte", signal.SIGKILL)
        killed = this_minute()
        eventually(lambda: stack.send("after-kill", "after-kill") == 200, "the collector's next life")
        if killed == begun:
            return
