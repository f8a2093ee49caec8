"""The benches, run by run. What can share a stack does: up, memory and latency are taken from one after the other."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

import psutil

from bench import commands, ingest, latency, volume
from bench.collector import measure as collector
from bench.collector import slow
from bench.copies import Copy, Source
from bench.targets import MEMORY
from pyglue.docker.daemon import Daemon
from pyglue.errors import PyglueError
from pyglue.layout import Layout
from pyglue.native import processes
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
    if "commands" in names:
        yield from _commands(runs or RUNS, source, screen)
    if "ingest" in names:
        yield from _ingest(runs or RUNS, source, screen)
    for number in range(runs or RUNS) if "docker" in names else ():
        with source.copy(engine="docker") as copy:
            yield "docker", _docker(copy, screen, f"run {number + 1}: containers")
    for number in range(runs or RUNS_OF_FIRST) if "images" in names else ():
        yield "images", images(source, screen, f"run {number + 1}: images")
    for number in range(runs or RUNS_OF_FIRST) if "volume" in names else ():
        yield "volume", _volume(source, screen, f"run {number + 1}: ")
    if "collector" in names:
        yield from _collector(runs or RUNS, source, screen)
    if "slow" in names:
        yield from _slow(runs or RUNS, source, screen)
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


def _docker(copy: Copy, screen: Screen, label: str) -> Figures:
    _step(screen, f"{label}: build", copy.pyglue("install"))
    figures = {
        "docker.fresh": _step(screen, f"{label}: up, no data", copy.pyglue("up")),
        "docker.second": _step(screen, f"{label}: second up", copy.pyglue("up")),
    }
    time.sleep(REST)
    figures["docker.memory"] = sum(
        (processes.memory(service["pid"]) or 0) / MIB for service in _services(copy)
    )
    screen.finished(f"{label}: memory", f"{figures['docker.memory']:.0f} MiB", REST)
    figures["docker.down"] = _step(screen, f"{label}: down", copy.pyglue("down"))
    figures["docker.cold"] = _step(screen, f"{label}: up, with data", copy.pyglue("up"))
    return figures


def images(source: Source, screen: Screen, label: str) -> Figures:
    """Build all images with a daemon of its own, which has the base image and else nothing."""
    with tempfile.TemporaryDirectory(prefix="pyglue-bench-daemon-", dir="/var/tmp") as folder:
        daemon = [str(source.project / "tests" / "docker" / "daemon")]
        more = {"DOCKER_HOST": f"unix://{folder}/docker.sock", "DOCKER_CONFIG": f"{folder}/config"}
        subprocess.run([*daemon, "start", folder], check=True)
        try:
            with source.copy(engine="docker", more=more) as copy:
                seconds = _step(screen, f"{label}: build", copy.pyglue("install"))
                size = Daemon.connect(copy.environment).layers() / 1e6
        finally:
            subprocess.run([*daemon, "stop", folder], check=True)
    return {"images.build": seconds, "images.size": size}


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


def _commands(runs: int, source: Source, screen: Screen) -> Iterator[tuple[str, Figures]]:
    for number in range(runs):

        def told(part: str, verdict: str, seconds: float, number: int = number) -> None:
            screen.finished(f"run {number + 1}: {part}", verdict, seconds)

        with source.copy() as copy:
            _step(screen, f"run {number + 1}: up", copy.pyglue("up"))
            yield "commands", commands.measure(copy, told)


def _volume(source: Source, screen: Screen, label: str) -> Figures:
    with source.copy() as copy:
        _step(screen, f"{label}up", copy.pyglue("up"))
        return volume.measure(copy, lambda *part: screen.finished(f"{label}{part[0]}", *part[1:]))


def _collector(runs: int, source: Source, screen: Screen) -> Iterator[tuple[str, Figures]]:
    with source.copy() as copy:
        _step(screen, "Install Kafka", copy.pyglue("install", "kafka"))
    for number in range(runs):

        def finished(part: str, verdict: str, seconds: float, number: int = number) -> None:
            screen.finished(f"run {number + 1}: collector, {part}", verdict, seconds)

        with source.copy() as copy:
            yield "collector", collector.measure(copy, finished)


def _slow(runs: int, source: Source, screen: Screen) -> Iterator[tuple[str, Figures]]:
    with source.copy() as copy:
        _step(screen, "Install Kafka", copy.pyglue("install", "kafka"))
    for number in range(runs):
        label = f"run {number + 1}: collector"
        with source.copy() as copy:
            yield (
                "slow",
                slow.measure(
                    copy, lambda *part, label=label: screen.finished(f"{label}, {part[0]}", *part[1:])
                ),
            )


def memory(copy: Copy) -> Figures:
    """MiB of PSS by service, of supervisord, and their sum. Raises PyglueError if a service does not run."""
    by_service = {service["name"]: service["memory"] / MIB for service in _services(copy)}
    supervisord = int(Layout(copy.project).pid_file.read_text(encoding="utf-8"))
    by_service["supervisord"] = psutil.Process(supervisord).memory_full_info().pss / MIB
    figures = {MEMORY + name: value for name, value in by_service.items()}
    return {"memory.sum": sum(figures.values()), **figures}


def _services(copy: Copy) -> list[dict[str, Any]]:
    """What `status` says of each service; raises PyglueError if one does not run."""
    command = [sys.executable, "-m", "pyglue", "status", "--json"]
    answer = subprocess.run(
        command, cwd=copy.project, env=copy.environment, capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise PyglueError(
            "the stack is not well at rest", details=(answer.stdout + answer.stderr).split("\n")
        )
    services: list[dict[str, Any]] = json.loads(answer.stdout)["services"]
    return services


def _step(screen: Screen, label: str, seconds: float) -> float:
    screen.finished(label, "ok", seconds)
    return seconds
