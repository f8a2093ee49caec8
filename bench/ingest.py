"""How fast one Druid task reads: records lie in Kafka already, and a supervisor like the shipped one is posted.

The rate is taken from the task's own counter, between its first records and its last; that the rows are really
there, every one, is asked of Druid SQL.
"""

from __future__ import annotations

import copy as copying
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from bench.copies import Copy
from bench.figures import rate
from bench.records import encoded, events, write
from bench.services import Services, connected
from pyglue.errors import PyglueError
from pyglue.pipeline.druid import SUPERVISOR

EVENTS = 300_000
POLL = 0.1  # seconds between two looks at the task's counter
LIMIT = 180.0
OVERLORD = "/druid/indexer/v1"


class Ingest:
    """One stack's topic full of events, read as often as is wanted; a context manager."""

    def __init__(self, copy: Copy, count: int = EVENTS) -> None:
        self._copy = copy
        self._count = count
        self._open = ExitStack()

    def __enter__(self) -> Ingest:
        """Write the topic, and end the supervisor that runs: the indexer is for the measured task alone."""
        self._services: Services = self._open.enter_context(connected(self._copy))
        clients = self._services.clients
        clients.kafka.ensure_topic("bench")
        made = events(self._count, int(time.time() * 1000))
        write(self._services.addresses.kafka, "bench", encoded(self._services.schema, made))
        self._end(self._services.datasource)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def run(self, number: int) -> dict[str, float]:
        """Read the topic into a new datasource; returns events per second, and the seconds from post to all rows.

        Raises PyglueError if not every event became a row.
        """
        name = f"bench-{number}"
        druid = self._services.clients.druid
        began = time.perf_counter()
        druid.submit(renamed(self._services.spec, name, "bench", self._services.addresses.kafka_for_druid))
        readings: list[tuple[float, int]] = []

        def all_read() -> bool:
            status = druid.status(name)
            if status is not None:
                if status.unparseable or status.thrown_away:
                    raise PyglueError(f"Druid refuses events of the bench: {status}")
                readings.append((time.perf_counter(), status.processed))
            return bool(readings) and readings[-1][1] >= self._count

        _until(all_read, f"reading {self._count} events")
        _until(lambda: self._rows(name) == self._count, f"{self._count} rows in Druid SQL")
        seconds = time.perf_counter() - began
        self._end(name)
        return {"ingest.rate": rate(readings, self._count), "ingest.seconds": seconds}

    def _rows(self, name: str) -> int:
        druid = self._services.clients.druid
        query = f'SELECT COUNT(*) AS n FROM "{name}"'  # noqa: S608 - our own name
        return int(druid.sql(query)[0]["n"]) if druid.columns(name) else 0

    def _end(self, name: str) -> None:
        """End a supervisor and its tasks, and wait until the indexer is free; what they have read is dropped."""
        overlord = self._services.clients.druid.coordinator
        overlord.json("POST", f"{SUPERVISOR}/{name}/terminate")

        def free() -> bool:
            tasks = self._tasks()
            for task in tasks:  # left alone, it would first hand its rows over to the historical
                overlord.request("POST", f"{OVERLORD}/task/{task['id']}/shutdown", expect=(200, 404))
            return not tasks

        _until(free, f"the end of the tasks of {name}")

    def _tasks(self) -> list[Any]:
        overlord = self._services.clients.druid.coordinator
        return [
            task
            for state in ("running", "pending", "waiting")
            for task in overlord.json("GET", f"{OVERLORD}/tasks?state={state}")
        ]


def renamed(spec: dict[str, Any], datasource: str, topic: str, kafka: str) -> dict[str, Any]:
    """A copy of a supervisor spec that reads another topic, of this Kafka, into another datasource."""
    result = copying.deepcopy(spec)
    result["spec"]["dataSchema"]["dataSource"] = datasource
    result["spec"]["ioConfig"]["topic"] = topic
    result["spec"]["ioConfig"]["consumerProperties"]["bootstrap.servers"] = kafka
    return result


def _until(seen: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT
    while not seen():
        if time.monotonic() > deadline:
            raise PyglueError(f"the bench waited {LIMIT:g} s in vain for {what}")
        time.sleep(POLL)
