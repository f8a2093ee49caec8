"""The proof: one marked event, sent as a browser would, and looked for at every hop.

An event of type `pyglue-probe` goes to the collector; it must come back from Kafka, from Druid SQL and from
Superset's chart data endpoint. Dashboards filter that type out. `ms` counts from the moment the event was sent
until it was first seen at that hop.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyglue.collector.avro.records import decode
from pyglue.collector.events import base36
from pyglue.collector.events.probe import probe_query
from pyglue.errors import BadAnswer, PyglueError, Unreachable
from pyglue.pipeline.druid import Druid
from pyglue.pipeline.kafka import Kafka
from pyglue.superset import chart_data
from pyglue.superset.client import Superset
from pyglue.superset.register import TABLE
from pyglue.web import Client

PROBE = "pyglue-probe"
HOPS = {"collector": "divolte", "kafka": "kafka", "druid": "druid-indexer", "superset": "superset"}
MEND_EVERY = 2.0  # seconds
PIXEL = "image/gif"  # what a collector answers an event with
POLL = 0.01  # seconds between two looks: the resolution of the figures


@dataclass(frozen=True)
class Hop:
    """One hop: whether the event was seen there, after how many milliseconds, and what is known of it."""

    hop: str
    ok: bool
    ms: float | None
    known: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As `smoke-test --json` prints it."""
        return {"hop": self.hop, "ok": self.ok, "ms": self.ms, **self.known}


@dataclass(frozen=True)
class Report:
    """All hops that were asked, and what is wrong with the first that failed.

    `record` is what the topic carries, decoded, once it was found there.
    """

    event_id: str
    hops: tuple[Hop, ...]
    problem: PyglueError | None = None
    record: dict[str, Any] | None = None

    @property
    def ok(self) -> bool:
        return self.problem is None

    @property
    def failed_service(self) -> str | None:
        """The service whose log is to be read; none for an event that no hop knows."""
        return None if self.ok or not self.hops else HOPS[self.hops[-1].hop]

    def ms(self, hop: str) -> float:
        """Milliseconds of a hop that succeeded."""
        return next(h.ms for h in self.hops if h.hop == hop and h.ms is not None)

    def to_json(self) -> dict[str, Any]:
        """The object that `smoke-test --json` prints."""
        problem = None
        if self.problem is not None:
            problem = ": ".join([self.problem.message, *self.problem.details[:4]])
        return {
            "ok": self.ok,
            "event_id": self.event_id,
            "hops": [hop.to_json() for hop in self.hops],
            "problem": problem,
        }


@dataclass(frozen=True)
class Pipeline:
    """Where the hops are. `schema` is the Avro schema's file, with which the record in Kafka is read."""

    collector: Client
    kafka: Kafka
    druid: Druid
    superset: Superset
    topic: str
    datasource: str
    schema: Path


class Probe:
    """One event and its way. `seconds` is the most that each hop after the collector may take.

    `mend` is called every few seconds while a hop keeps one waiting; what it raises ends the way at that hop.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        seconds: float,
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        mend: Callable[[], None] = lambda: None,
    ) -> None:
        self._mend = mend
        self.pipeline = pipeline
        self.seconds = seconds
        self.event_id = f"probe-{secrets.token_hex(8)}"
        self._wait = wait
        self._clock = clock
        self._sent = 0.0
        self._record: dict[str, Any] | None = None
        self._given_up = threading.Event()  # nobody waits for the reader of the topic any more

    def run(self) -> Report:
        """Send the event and follow it; the first hop that fails ends the way."""
        hops: list[Hop] = []
        with ThreadPoolExecutor(1) as pool:
            try:
                topic = self._listen(pool)
                for name, ask in (
                    ("collector", self.send),
                    ("kafka", lambda: self._in_kafka(topic)),
                    ("druid", self.in_druid),
                    ("superset", self._in_superset),
                ):
                    try:
                        known = ask()
                    except PyglueError as error:
                        hops.append(Hop(name, ok=False, ms=None))
                        return Report(self.event_id, tuple(hops), error, self._record)
                    hops.append(Hop(name, True, known.pop("ms", self._ms()), known))
            except PyglueError as error:  # Kafka did not even tell its offsets
                return Report(self.event_id, (Hop("kafka", ok=False, ms=None),), error)
            finally:
                self._given_up.set()
        return Report(self.event_id, tuple(hops), record=self._record)

    def send(self) -> dict[str, Any]:
        """Hop 1: the collector answers with success. While it says 503 it is asked again."""
        now = int(time.time() * 1000)
        query = probe_query(
            party_id=f"0:{base36.render(now)}:pyglue",
            session_id=f"0:{base36.render(now)}:pyglue",
            page_view_id=self.event_id,
            event_id=self.event_id,
            event_type=PROBE,
            client_time_ms=now,
            location="http://localhost/pyglue-probe",
            # Druid learns that the column holds objects, and not texts, from the first one.
            parameters={"sender": "pyglue"},
        )
        deadline, mend = self._clock() + self.seconds, self._clock() + MEND_EVERY
        while True:
            self._sent = self._clock()
            try:
                answer = self.pipeline.collector.request("GET", f"/csc-event?{query}")
                if answer.headers.get("Content-Type") != PIXEL:
                    raise _no_pixel(self.pipeline.collector, answer)
                return {"status": answer.status_code}
            except BadAnswer as error:
                if error.status != 503 or self._clock() > deadline:
                    raise
            if self._clock() > mend:
                self._mend()
                mend = self._clock() + MEND_EVERY
            self._wait(0.2)

    def _listen(self, pool: ThreadPoolExecutor) -> Future[dict[str, Any] | None]:
        """Begin to read the topic from its present end on, before the event is sent."""
        kafka, topic = self.pipeline.kafka, self.pipeline.topic
        starts = kafka.ends(topic)
        needle = self.event_id.encode()

        def read() -> dict[str, Any] | None:
            found = kafka.find(
                topic, starts, lambda value: needle in value, self.seconds, self._given_up.is_set
            )
            if found is None:
                return None
            ms = self._ms()
            record = decode(self.pipeline.schema)(found.value)
            return {"ms": ms, "partition": found.partition, "offset": found.offset, "record": record}

        return pool.submit(read)

    def _in_kafka(self, topic: Future[dict[str, Any] | None]) -> dict[str, Any]:
        """Hop 2: the record is in the topic, and can be read with the schema of this checkout."""
        found = topic.result()
        if found is None:
            raise PyglueError(
                f"the collector answered, but the event is not in the topic {self.pipeline.topic}",
                details=[f"asked      {self.pipeline.kafka.servers} for {self.seconds:g} s"],
                try_="pyglue logs divolte",
                code="event-not-in-kafka",
            )
        if found["record"].get("eventId") != self.event_id:
            raise PyglueError(
                f"the event in the topic {self.pipeline.topic} reads differently with {self.pipeline.schema.name}",
                details=[f"wanted     eventId {self.event_id}", f"came back  {found['record']}"],
                try_="pyglue up",
                code="record-unreadable",
            )
        self._record = found.pop("record")
        return found

    def in_druid(self) -> dict[str, Any]:
        """Hop 3: the row is in Druid SQL."""
        druid, datasource = self.pipeline.druid, self.pipeline.datasource
        if self._until(lambda: druid.has_event(datasource, self.event_id)):
            return {}
        status = druid.status(datasource)
        state = "no supervisor reads the topic"
        if status is not None:
            state = f"supervisor {status.detail}, lag {status.lag}, unparseable {status.unparseable}"
        raise PyglueError(
            f"the event is in Kafka, but after {self.seconds:g} s not in Druid's {datasource}",
            details=[state, *(status.errors[:3] if status else ())],
            try_="pyglue submit-spec" if status is None else "pyglue logs druid-indexer druid-coordinator",
            code="event-not-in-druid",
        )

    def _in_superset(self) -> dict[str, Any]:
        """Hop 4: a query of our own at Superset's chart data endpoint, past the cache, finds it."""
        superset = self.pipeline.superset
        dataset = superset.find("dataset", table_name=self.pipeline.datasource or TABLE)
        if dataset is None:
            raise PyglueError(
                f"Superset has no dataset {self.pipeline.datasource}",
                try_="pyglue refresh-datasources",
                code="dataset-missing",
            )
        number = int(dataset["id"])
        if self._until(lambda: bool(chart_data.find_event(superset, number, self.event_id))):
            return {}
        raise PyglueError(
            f"the event is in Druid, but after {self.seconds:g} s not in a chart of Superset",
            details=[f"asked      {superset.http.base}/api/v1/chart/data for dataset {number}"],
            try_="pyglue refresh-datasources",
            code="event-not-on-charts",
        )

    def _until(self, seen: Callable[[], bool]) -> bool:
        """Ask until seen or the time is over; a service that does not answer yet is asked again, too."""
        deadline, mend = self._clock() + self.seconds, self._clock() + MEND_EVERY
        while True:
            try:
                if seen():
                    return True
                if self._clock() > mend:
                    self._mend()
                    mend = self._clock() + MEND_EVERY
            except Unreachable:
                if self._clock() > deadline:
                    raise
            if self._clock() > deadline:
                return False
            self._wait(POLL)

    def _ms(self) -> float:
        return round((self._clock() - self._sent) * 1000, 1)


def _no_pixel(collector: Client, answer: Any) -> BadAnswer:
    """The error of a success that no collector gave."""
    return BadAnswer(
        f"{collector.name} answered with something that is no pixel: another program listens there",
        status=answer.status_code,
        details=[f"asked      GET {collector.base}/csc-event", f"came back  {collector.said(answer)}"],
        try_="pyglue status",
    )
