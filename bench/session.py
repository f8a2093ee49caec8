"""The benches, run by run. What can share a stack does: up, memory and latency are taken from one after the other."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import psutil

from bench import ingest, latency
from bench.copies import Copy, Source
from bench.targets import MEMORY
from pyglue.errors import PyglueError
from pyglue.layout import Layout
from pyglue.screen import Screen

Figures = dict[str, float]
RUNS, RUNS_OF_FIRST = 5, 1
REST = 30.0  # seconds between the end of `up` and the look at the memory
MIB = 2**20


def measure(
    names: Sequence[str], runs: int | None, source: Source, screen: Screen
) -> Iterator[tuple[str, Figures]]:
    """Yield (bench, figures) for each bench and run. Raises PyglueError if a stack does not do what it should."""
    shared = [name for name in ("up", "memory", "latency") if name in names]
    if shared or "ingest" in names:
        with source.copy() as copy:
            _step(screen, "Install what is missing", copy.pyglue("install"))
    for number in range(runs or RUNS) if shared else ():
        yield from _chain(shared, source, screen, f"run {number + 1}")
    if "ingest" in names:
        yield from _ingest(runs or RUNS, source, screen)
    for number in range(runs or RUNS_OF_FIRST) if "first" in names else ():
        with source.copy(caches=True) as copy:
            seconds = _step(screen, f"run {number + 1}: make up, empty caches", copy.run("make", "up"))
        yield "first", {"first.up": seconds}


def _chain(names: Sequence[str], source: Source, screen: Screen, label: str) -> Iterator[tuple[str, Figures]]:
    with source.copy() as copy:
        up = {"up.fresh": _step(screen, f"{label}: up, no data", copy.pyglue("up"))}
        if "up" in names:
            up["up.second"] = _step(screen, f"{label}: second up", copy.pyglue("up"))
        if "memory" in names:
            time.sleep(REST)
            figures = memory(copy)
            screen.finished(f"{label}: memory", f"{figures['memory.sum']:.0f} MiB", REST)
            yield "memory", figures
        if "latency" in names:
            began = time.perf_counter()
            figures = latency.measure(copy)
            verdict = f"p50 {figures['latency.row_p50']:.0f} ms"
            screen.finished(f"{label}: latency", verdict, time.perf_counter() - began)
            yield "latency", figures
        if "up" in names:
            up["up.down"] = _step(screen, f"{label}: down", copy.pyglue("down"))
            up["up.cold"] = _step(screen, f"{label}: up, with data", copy.pyglue("up"))
            yield "up", up


def _ingest(runs: int, source: Source, screen: Screen) -> Iterator[tuple[str, Figures]]:
    with source.copy() as copy:
        _step(screen, "ingest: up", copy.pyglue("up"))
        with ingest.Ingest(copy) as bench:
            for number in range(runs):
                began = time.perf_counter()
                figures = bench.run(number)
                verdict = f"{figures['ingest.rate']:,.0f}/s"
                screen.finished(f"run {number + 1}: ingest", verdict, time.perf_counter() - began)
                yield "ingest", figures


def memory(copy: Copy) -> Figures:
    """MiB of PSS by service, of supervisord, and their sum. Raises PyglueError if a service does not run."""
    command = [sys.executable, "-m", "pyglue", "status", "--json"]
    answer = subprocess.run(
        command, cwd=copy.project, env=copy.environment, capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise PyglueError(
            "the stack is not well at rest", details=(answer.stdout + answer.stderr).split("\n")
        )
    by_service = {
        service["name"]: service["memory"] / MIB for service in json.loads(answer.stdout)["services"]
    }
    supervisord = int(Layout(copy.project).pid_file.read_text(encoding="utf-8"))
    by_service["supervisord"] = psutil.Process(supervisord).memory_full_info().pss / MIB
    figures = {MEMORY + name: value for name, value in by_service.items()}
    return {"memory.sum": sum(figures.values()), **figures}


def _step(screen: Screen, label: str, seconds: float) -> float:
    screen.finished(label, "ok", seconds)
    return seconds
