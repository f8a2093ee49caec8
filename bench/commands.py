"""The commands that are typed while one looks for something: they must not keep one waiting.

What `trace` adds of its own is the time from the collector's answer to the row as `trace` tells it, less the same time
as the bench of the latency sees it with a query every 2 ms; both in one stack, one after the other.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from bench import latency
from bench.copies import Copy
from pyglue.errors import PyglueError

TYPED = 10  # times that a command is run in each measurement
TRACED = 100
DAY_RATE = 11.6  # events per second: a million in a day
LIMIT = 180.0  # seconds until Druid has read a million
Told = Callable[[str, str, float], None]


def measure(copy: Copy, told: Told) -> dict[str, float]:
    """The figures of one run in a stack that is up: milliseconds, and seconds for `reconcile`."""
    figures = {
        "commands.help": median(copy.pyglue("--help") for _ in range(TYPED)) * 1000,
        "commands.status": median(copy.pyglue("status") for _ in range(TYPED)) * 1000,
    }
    for name, value in figures.items():
        told(name.partition(".")[2], f"{value:.0f} ms", value / 1000 * TYPED)
    seen = latency.measure(copy)["latency.row_p50"]
    began = time.perf_counter()
    hops = _json(copy, "trace", "--repeat", str(TRACED))["percentiles"]
    own = hops["druid"]["p50"] - hops["collector"]["p50"] - seen
    told("trace", f"{own:.1f} ms of its own", time.perf_counter() - began)
    return {**figures, "commands.trace_own": max(0.0, own), "commands.reconcile": _reconcile(copy, told)}


def _reconcile(copy: Copy, told: Told) -> float:
    """Seconds of `reconcile` over a day with a million events."""
    seconds = copy.pyglue("traffic", "--backfill", "1d", "--rate", str(DAY_RATE))
    told("a million events of a day", "written", seconds)
    deadline = time.monotonic() + LIMIT
    while _lag(copy):
        if time.monotonic() > deadline:
            raise PyglueError(f"Druid has not read a million events within {LIMIT:g} s", code="rows-missing")
        time.sleep(1)
    taken = median(copy.pyglue("reconcile", "--since", "1d") for _ in range(3))
    told("reconcile", f"{taken:.1f} s", taken * 3)
    return taken


def _lag(copy: Copy) -> int:
    parts: list[dict[str, Any]] = _json(copy, "status")["pipeline"]
    return int(next(part["figures"].get("lag") or 0 for part in parts if part["kind"] == "supervisor"))


def _json(copy: Copy, *words: str) -> dict[str, Any]:
    """What a command says as JSON; raises PyglueError if it finds something wrong."""
    done = subprocess.run(
        [sys.executable, "-m", "pyglue", *words, "--json"],
        cwd=copy.project,
        env=copy.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).split("\n")
        raise PyglueError(f"pyglue {words[0]} finds something wrong", details=said, code="bad-answer")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
