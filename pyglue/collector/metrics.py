"""What Prometheus is told: the ledger, times, queues, and the process, as text of its format 0.0.4.

The one door to prometheus_client. Nothing is counted here: each scrape reads what the collector counts anyway, in one
call of its loop, so that what a scrape tells belongs together (see `counters` for what always adds up). Names follow
Prometheus' conventions; labels are reasons, kinds, statuses, topics, folders and sinks, of which there are a few each.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sized
from math import isinf

import confluent_kafka
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

import pyglue
from pyglue.collector.app import App
from pyglue.collector.bad.keeping import BadEvents
from pyglue.collector.sinks import Queue, Queues
from pyglue.collector.timings import Histogram

PREFIX = "pyglue_collector_"


class Metrics(Collector):
    """Of one collector: `connections` are the open ones, `queues` tells what waits, `bad` has the bad events, if any."""

    def __init__(
        self,
        app: App,
        connections: Sized,
        queues: Callable[[], Queues],
        bad: BadEvents | None = None,
    ) -> None:
        self._app = app
        self._connections = connections
        self._queues = queues
        self._bad = bad
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """A scrape."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """All metrics but those of the process."""
        yield from self._events()
        yield from self._times()
        yield from self._waiting()
        versions = {
            "version": pyglue.__version__,
            "python": platform.python_version(),
            "librdkafka": confluent_kafka.libversion()[0],
        }
        build = InfoMetricFamily(PREFIX + "build", "Versions.", value=versions)
        yield build

    def _events(self) -> Iterator[Metric]:
        totals = self._app.counters.totals()
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
        yield _gauge("events_in_flight", "Events whose fate is not known.", self._app.in_flight)
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
        if self._bad is not None:
            yield _counter("bad_events_kept", "Bad events that are on the disk for a replay.", self._bad.kept)
            yield _counters("bad_events_not_kept", "Bad events that are not.", "reason", self._bad.not_kept)
            yield _counter("bad_events_removed", "Kept ones, removed to make room.", self._bad.removed)

    def _times(self) -> Iterator[Metric]:
        timings = self._app.timings
        timings.sort()
        yield _histograms(
            "event_answer_seconds",
            "From the last byte of an event's request to its answer.",
            "code",
            {str(status): found for status, found in timings.answers.items()},
        )
        yield _histograms(
            "acknowledgement_seconds",
            "From handing a record to its sink until it is safe, by topic or folder.",
            "place",
            timings.acknowledgements,
        )

    def _waiting(self) -> Iterator[Metric]:
        yield _gauge("connections", "Open connections, those of scrapes left out.", len(self._connections))
        yield _gauge("ready", "Whether /ready says so.", not self._app.troubles())
        queues = self._queues()
        if queues.producer is not None:
            yield _gauge("producer_queue_records", "Records on their way to Kafka.", queues.producer.records)
            yield _gauge("producer_queue_bytes", "Their keys and values.", queues.producer.bytes)
        if queues.spool is not None:
            yield _gauge("spool_records", "Records on the disk until Kafka has them.", queues.spool.records)
            yield _gauge("spool_bytes", "Their files.", queues.spool.bytes)
        if queues.files:
            yield _gauges("file_queue_records", "Records that wait for the disk.", queues.files, 0)
            yield _gauges("file_queue_bytes", "Their values.", queues.files, 1)


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


def _histograms(name: str, text: str, label: str, values: Mapping[str, Histogram]) -> Metric:
    family = HistogramMetricFamily(PREFIX + name, text, labels=[label])
    for of, found in sorted(values.items()):
        family.add_metric(
            [of],
            [("+Inf" if isinf(bound) else str(bound), count) for bound, count in found.steps()],
            found.total,
        )
    return family
