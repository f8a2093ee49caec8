"""What Prometheus is told: the ledger, times, queues, and the processes, as text of its format 0.0.4.

The one door to prometheus_client. Nothing is counted here: each scrape tells a snapshot of what the collector counts
anyway, so that what a scrape tells belongs together (see `counters` for what always adds up). Names follow Prometheus'
conventions; labels are reasons, kinds, statuses, topics, folders and sinks, of which there are a few each.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isinf

import confluent_kafka
from prometheus_client import ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

import pyglue
from pyglue.collector.counting.snapshot import Snapshot
from pyglue.collector.counting.timings import Times
from pyglue.collector.sinks.sink import Queue, Queues

PREFIX = "pyglue_collector_"

_ADD_UP = (
    "process_cpu_seconds",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
    "process_open_fds",
)


@dataclass(frozen=True)
class Crew:
    """The processes of a collector, by id, the one that tells first; `workers` of them serve.

    Of those that have ended: how many were `replaced`, and the seconds of processor time of all.
    """

    processes: tuple[int, ...]
    workers: int = 1
    replaced: int = 0
    seconds_of_ended: float = 0.0


class _Told(Collector):
    """Metrics as generate_latest wants them."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """All."""
        return self._metrics


def alone() -> Crew:
    """This process and no other."""
    return Crew((os.getpid(),))


def text(snapshot: Snapshot, crew: Crew) -> bytes:
    """A scrape."""
    return generate_latest(_Told([*_all(snapshot), *_processes(crew)]))


def _all(snapshot: Snapshot) -> Iterator[Metric]:
    """All metrics but those of processes."""
    yield from _events(snapshot)
    yield from _times(snapshot)
    yield from _waiting(snapshot)
    versions = {
        "version": pyglue.__version__,
        "python": platform.python_version(),
        "librdkafka": confluent_kafka.libversion()[0],
    }
    yield InfoMetricFamily(PREFIX + "build", "Versions.", value=versions)


def _events(snapshot: Snapshot) -> Iterator[Metric]:
    totals = snapshot.totals
    yield _counter("events_received", "Events that came.", totals.received)
    yield _counter(
        "events_acknowledged", "Events answered with success, their records safe.", totals.acknowledged
    )
    yield _counters(
        "events_discarded", "Events of which no record was to be made.", "reason", totals.discarded
    )
    yield _counters(
        "events_refused", "Events not recorded; the client may try again.", "reason", totals.refusals
    )
    yield _gauge("events_in_flight", "Events whose fate is not known.", snapshot.in_flight)
    yield _counters(
        "records_acknowledged", "Records that are safe, by topic or folder.", "place", totals.records
    )
    yield _counter(
        "records_spooled", "Records that were safe on the disk before Kafka had them.", totals.spooled
    )
    yield _counter("records_landed", "Of these, records that are in Kafka by now.", totals.landed)
    yield _counters(
        "records_dropped", "Events, or records of them, that were not made.", "reason", totals.dropped
    )
    yield _counters("other_requests", "Requests that were no events.", "kind", totals.requests)
    if snapshot.bad is not None:
        bad = snapshot.bad
        yield _counter("bad_events_kept", "Bad events that are on the disk for a replay.", bad.kept)
        yield _counters("bad_events_not_kept", "Bad events that are not.", "reason", bad.not_kept)
        yield _counter("bad_events_removed", "Kept ones, removed to make room.", bad.removed)


def _times(snapshot: Snapshot) -> Iterator[Metric]:
    yield _histograms(
        "event_answer_seconds",
        "From the last byte of an event's request to its answer.",
        "code",
        snapshot.answers,
    )
    yield _histograms(
        "acknowledgement_seconds",
        "From handing a record to its sink until it is safe, by topic or folder.",
        "place",
        snapshot.acknowledgements,
    )


def _waiting(snapshot: Snapshot) -> Iterator[Metric]:
    yield _gauge("connections", "Open connections, those of scrapes left out.", snapshot.connections)
    yield _gauge("ready", "Whether /ready says so.", snapshot.ready)
    queues: Queues = snapshot.queues
    if queues.producer is not None:
        yield _gauge("producer_queue_records", "Records on their way to Kafka.", queues.producer.records)
        yield _gauge("producer_queue_bytes", "Their keys and values.", queues.producer.bytes)
    if queues.spool is not None:
        yield _gauge("spool_records", "Records on the disk until Kafka has them.", queues.spool.records)
        yield _gauge("spool_bytes", "Their files.", queues.spool.bytes)
    if queues.files:
        yield _gauges("file_queue_records", "Records that wait for the disk.", queues.files, 0)
        yield _gauges("file_queue_bytes", "Their values.", queues.files, 1)


def _processes(crew: Crew) -> Iterator[Metric]:
    """Sums over all processes, and what is no sum of the first one."""
    yield _gauge("workers", "Processes that serve.", crew.workers)
    yield _counter(
        "workers_replaced", "Workers that ended and had another one take their place.", crew.replaced
    )
    found: dict[str, Metric] = {}
    for process in crew.processes:
        for family in _process(process).collect():
            first = found.setdefault(family.name, family)
            if first is not family and family.name in _ADD_UP:
                _add(first, family.samples[0].value)
    cpu = found.get("process_cpu_seconds")
    if cpu is not None:
        _add(cpu, crew.seconds_of_ended)
    yield from found.values()


def _process(number: int) -> ProcessCollector:
    return ProcessCollector(pid=lambda: number, registry=None)


def _add(family: Metric, value: float) -> None:
    sample = family.samples[0]
    family.samples[0] = sample._replace(value=sample.value + value)


def _counter(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(PREFIX + name, text, value=value)


def _counters(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(PREFIX + name, text, labels=[label])
    for of, value in sorted(values.items()):
        family.add_metric([of], value)
    return family


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, text, value=value)


def _gauges(name: str, text: str, queues: Mapping[str, Queue], part: int) -> Metric:
    family = GaugeMetricFamily(PREFIX + name, text, labels=["sink"])
    for sink, queue in queues.items():
        family.add_metric([sink], queue[part])
    return family


def _histograms(name: str, text: str, label: str, values: Mapping[str, Times]) -> Metric:
    family = HistogramMetricFamily(PREFIX + name, text, labels=[label])
    for of, found in sorted(values.items()):
        family.add_metric(
            [of],
            [("+Inf" if isinf(bound) else str(bound), count) for bound, count in found.steps()],
            found.total,
        )
    return family
