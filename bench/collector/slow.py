"""What slow clients cost honest ones: an answer's time at a moderate rate, without and beside a crowd of them.

Both are taken in turns with one collector, and compared by their medians, for the machine has other moods of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.collector import servers, traffic
from bench.collector.load import Job, Outcome, pack
from bench.collector.measure import compare, generate, succeeded
from bench.copies import Copy
from bench.targets import CROWDS
from pyglue.errors import PyglueError
from pyglue.pipeline.kafka import Kafka

RATE = 500.0  # honest requests per second
CONNECTIONS = 64
SECONDS = 6.0
SETTLE = 3.0  # until the collector has taken in what a crowd brought
TURNS = 5
TOPIC = "bench-slow"
CROWD_SECONDS = 60.0  # for a crowd to come and to go
MIB = 2**20
Told = Callable[[str, str, float], None]


def measure(copy: Copy, told: Told) -> dict[str, float]:
    """The figures of one run; raises PyglueError if an honest event is refused or lost, or a crowd does not get in."""
    file = copy.root / "slow.requests"
    pack(file, traffic.tag_requests(list(traffic.events())))
    figures: dict[str, float] = {}
    with servers.kafka(copy) as brokers:
        kafka = Kafka(brokers)
        kafka.ensure_topic(TOPIC)
        settings = {
            "DIVOLTE_KAFKA_BROKER_LIST": brokers,
            "DIVOLTE_TOPIC": TOPIC,
            "DIVOLTE_SCHEMA": str(copy.project / "divolte" / "DefaultEventRecord.avsc"),
            "DIVOLTE_MAPPING": str(copy.project / "mapping.groovy"),
            "DIVOLTE_SPOOL": str(copy.root / "spool-slow"),
        }
        conf = copy.project / "divolte" / "divolte-collector.conf"
        with servers.collector(copy, "collector-slow", conf, settings) as (pid, port):
            answered = succeeded("warming up", _honest(port, pid, file), "200")
            for clients in CROWDS:
                began = time.perf_counter()
                calm, crowded = [], []
                for _ in range(TURNS):
                    calm.append(_honest(port, pid, file))
                    with crowd(port, clients):
                        crowded.append(_honest(port, pid, file))
                        pss, _ = servers.memory(pid)
                answered += sum(succeeded("honest events", outcome, "200") for outcome in (*calm, *crowded))
                figures |= compared(clients, calm, crowded) | {f"slow.{clients}.pss": pss / MIB}
                told(f"{clients} slow clients", _verdict(figures, clients), time.perf_counter() - began)
        compare("honest events", answered, sum(kafka.ends(TOPIC).values()))
    return figures


def compared(clients: int, calm: list[Outcome], crowded: list[Outcome]) -> dict[str, float]:
    """Milliseconds, and the collector's share of a CPU, without and beside so many clients; the p99 as a ratio."""
    name = f"slow.{clients}."
    before, beside = median(found.p99 for found in calm), median(found.p99 for found in crowded)
    return {
        f"{name}calm_p50": median(found.p50 for found in calm),
        f"{name}calm_p99": before,
        f"{name}p50": median(found.p50 for found in crowded),
        f"{name}p99": beside,
        f"{name}times": beside / before,
        f"{name}calm_cpu": median(found.cpu / found.took for found in calm),
        f"{name}cpu": median(found.cpu / found.took for found in crowded),
    }


@contextmanager
def crowd(port: int, clients: int, settle: float = SETTLE) -> Iterator[None]:
    """Slow clients, in a process of their own, until the end of the block; raises PyglueError if some have no place."""
    argv = [sys.executable, "-m", "bench.collector.crowd", str(port), str(clients)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None or not process.stdout.readline():
                raise PyglueError(f"{clients} slow clients could not connect")
            time.sleep(settle)
            yield
            said, _ = process.communicate("", CROWD_SECONDS)
        finally:
            process.kill()
    found = json.loads(said)
    if found["clients"] != clients:
        raise PyglueError(f"of {clients} slow clients {found['clients']} are left")


def _honest(port: int, pid: int, file: Path) -> Outcome:
    return generate(Job(port, str(file), CONNECTIONS, [pid], 0, SECONDS, RATE))


def _verdict(figures: dict[str, float], clients: int) -> str:
    name = f"slow.{clients}."
    return f"p99 {figures[name + 'calm_p99']:.1f} -> {figures[name + 'p99']:.1f} ms"
