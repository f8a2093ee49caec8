"""One run: a Kafka of its own, nginx for comparison, and a new collector for each kind of traffic.

A closed loop on all connections finds how many events per second there are at most, and what CPU time each costs;
then an open loop at a part of that rate tells how long an answer takes when the collector is busy, not flooded.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from confluent_kafka import Message

from bench.collector import drain, kinds, servers, stages, traffic
from bench.collector.kinds import KINDS, Kind
from bench.collector.load import Job, Outcome, pack
from bench.collector.traffic import Event
from bench.copies import Copy
from bench.targets import COLLECTOR, STAGE
from pyglue.collector.avro.records import decode
from pyglue.errors import PyglueError
from pyglue.pipeline.kafka import Kafka

CONNECTIONS = 256
WARM_SECONDS, SECONDS = 4.0, 6.0
BUSY = 0.7  # of the highest rate: where latencies are taken
SAMPLE = 500  # records of each kind that are compared with their events
READ_SECONDS = 20.0
GENERATOR_SECONDS = 90.0
MIB = 2**20
REST = "the rest of an event of the tag: sockets, event loop, cold caches"

Figures = dict[str, float]
Finished = Callable[[str, str, float], None]


def measure(copy: Copy, finished: Finished) -> Figures:
    """The figures of one run; `finished` is told of each part. Raises PyglueError if an event is lost or wrong."""
    made = list(traffic.events())
    figures: Figures = {}
    began = time.perf_counter()
    for part, found in _parts(copy, made):
        figures |= {f"{COLLECTOR}{part}.{name}": value for name, value in found.items()}
        verdict = f"{found['cpu']:.1f} µs" if "cpu" in found else "ok"
        finished(part, verdict, time.perf_counter() - began)
        began = time.perf_counter()
    steps = sum(figures[STAGE + name] for name in stages.OF_TAG)
    figures[STAGE + REST] = figures[f"{COLLECTOR}tag.cpu"] - steps
    return figures


def _parts(copy: Copy, made: list[Event]) -> Iterator[tuple[str, Figures]]:
    yield "nginx", _nginx(copy, made)
    with servers.kafka(copy) as brokers:
        for kind in KINDS:
            yield kind.name, _collector(copy, brokers, kind, made)
        yield "drain", drain.measure(copy, brokers, stages.records(made, copy.project, copy.root))
        Kafka(brokers).ensure_topic("bench-stage")
        yield "stage", stages.measure(made, copy.project, copy.root, brokers, "bench-stage")


def _nginx(copy: Copy, made: list[Event]) -> Figures:
    file = copy.root / "nginx.requests"
    pack(file, traffic.tag_requests(made))
    with servers.nginx(copy) as (pid, port):
        outcome = generate(Job(port, str(file), CONNECTIONS, [pid], WARM_SECONDS / 4, SECONDS / 2))
    succeeded("nginx", outcome, "200")
    return _speed(outcome)


def _collector(copy: Copy, brokers: str, kind: Kind, made: list[Event]) -> Figures:
    topic = f"bench-{kind.name}"
    kafka = Kafka(brokers)
    kafka.ensure_topic(topic)
    file = copy.root / f"{kind.name}.requests"
    pack(file, kind.requests(made))
    found = kinds.files(kind, copy.project, copy.root)
    settings = {
        "DIVOLTE_KAFKA_BROKER_LIST": brokers,
        "DIVOLTE_TOPIC": topic,
        "DIVOLTE_SCHEMA": str(found.schema),
        "DIVOLTE_MAPPING": str(found.mapping),
        "DIVOLTE_SPOOL": str(copy.root / f"spool-{kind.name}"),
    }
    with servers.collector(copy, f"collector-{kind.name}", found.conf, settings) as (pid, port):
        flood = generate(Job(port, str(file), CONNECTIONS, [pid], WARM_SECONDS, SECONDS))
        rate = BUSY * flood.measured / flood.took
        busy = generate(Job(port, str(file), CONNECTIONS, [pid], 0, SECONDS, rate))
        pss, rss = servers.memory(pid)
    answered = succeeded(kind.what, flood, kind.success) + succeeded(kind.what, busy, kind.success)
    compare(kind.what, answered, sum(kafka.ends(topic).values()))
    events = {event.values["e"]: event for event in made}
    kinds.check(kind, events, list(_sample(kafka, topic, found.schema)))
    return {
        **_speed(flood),
        "busy_cpu": busy.cpu / busy.measured * 1e6,
        "p50": busy.p50,
        "p99": busy.p99,
        "pss": pss / MIB,
        "rss": rss / MIB,
    }


def generate(job: Job) -> Outcome:
    """Let the generator do a job in a process of its own; raises PyglueError."""
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "bench.collector.load"],
            input=json.dumps(asdict(job)),
            capture_output=True,
            text=True,
            timeout=GENERATOR_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PyglueError(f"the load generator was not done after {GENERATOR_SECONDS:g} s") from error
    if answer.returncode != 0:
        raise PyglueError("the load generator gave up", details=answer.stderr.splitlines()[-5:])
    return Outcome(**json.loads(answer.stdout))


def succeeded(what: str, outcome: Outcome, status: str) -> int:
    """How many requests were answered with this status; raises PyglueError if any was answered with another one."""
    others = {name: count for name, count in outcome.statuses.items() if name != status}
    if others or not outcome.measured:
        raise PyglueError(
            f"{what}: not every request was answered with {status}",
            details=[f"{count} with {name}" for name, count in outcome.statuses.items()],
        )
    return outcome.statuses[status]


def compare(what: str, answered: int, arrived: int) -> None:
    """Raises PyglueError if Kafka does not hold one record for each event that was answered with success."""
    if arrived != answered:
        raise PyglueError(f"{what}: {answered} events were answered with success, Kafka holds {arrived}")


def _speed(outcome: Outcome) -> Figures:
    return {
        "cpu": outcome.cpu / outcome.measured * 1e6,
        "per_cpu": outcome.measured / outcome.cpu,
        "rate": outcome.measured / outcome.took,
        "generator": outcome.own_cpu / outcome.measured * 1e6,
    }


def _sample(kafka: Kafka, topic: str, schema_file: Path) -> Iterator[Mapping[str, object]]:
    """Some records of the topic, from its beginning."""
    read = decode(schema_file)
    values: list[bytes] = []

    def take(message: Message) -> bool:
        values.append(message.value() or b"")
        return len(values) >= SAMPLE

    kafka.read(topic, dict.fromkeys(kafka.ends(topic), 0), take, READ_SECONDS)
    for value in values:
        yield read(value)
