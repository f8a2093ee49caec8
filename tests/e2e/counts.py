"""What `pyglue reconcile` says of minutes that a test has just lived through."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.e2e.live import LiveStack

GRACE = 6  # seconds after a minute's end, when it is compared


def this_minute() -> int:
    """The minute that is running, since 1970. What other tests did in it every hop has counted alike."""
    return int(time.time()) // 60


def new_minute() -> int:
    """Wait until a minute begins, in which nobody else has done anything; its number since 1970."""
    time.sleep(60.5 - time.time() % 60)
    return this_minute()


def reconciled(stack: LiveStack, minute: int, *, until: int | None = None) -> tuple[int, dict[str, Any]]:
    """The exit code and the answer for the time from `minute` on, once `until` is over (or that minute)."""
    time.sleep(max(0.0, ((until or minute) + 1) * 60 + GRACE - time.time()))
    begin = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(minute * 60))
    done = stack.run("reconcile", "--from", begin, "--json", timeout=120)
    assert done.returncode in (0, 1), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, answer


def sent(stack: LiveStack, name: str, count: int) -> None:
    """Send events, which must be taken."""
    for number in range(count):
        assert stack.send(f"{name}-{number}", name) == 200
