"""From the collector's answer to the row in Druid SQL, and to the data of a chart in Superset.

One event at a time. The clock starts when the collector's answer is there, and stops when the answer of the first
query that finds the event is there: the query's own time is in the figure.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable

from bench.copies import Copy
from bench.figures import percentile
from bench.services import Services, connected
from pyglue.collector.events import base36
from pyglue.collector.events.probe import probe_query
from pyglue.errors import PyglueError
from pyglue.pipeline.smoke import PROBE
from pyglue.superset import chart_data

WARM_UP = 30  # events before the first that counts: the JVMs have just started
EVENTS = 300
CHART_EVENTS = 50
POLL = 0.002  # seconds between two queries
# Seconds before the next event, at random, so that sending does not fall into step with anybody's polling.
PAUSE = 0.05
LIMIT = 30.0


def measure(copy: Copy) -> dict[str, float]:
    """The figures of one run, in milliseconds; raises PyglueError if an event does not arrive."""
    with connected(copy) as services:
        clients, datasource = services.clients, services.datasource
        dataset = clients.superset.find("dataset", table_name=datasource)
        if dataset is None:
            raise PyglueError(f"Superset has no dataset {datasource}", try_="pyglue refresh-datasources")
        number = int(dataset["id"])

        def send() -> str:
            return _send(services)

        def in_druid(event_id: str) -> bool:
            return clients.druid.has_event(datasource, event_id)

        def on_chart(event_id: str) -> bool:
            return chart_data.find_event(clients.superset, number, event_id) is not None

        follow(send, in_druid, WARM_UP)
        rows = follow(send, in_druid, EVENTS)
        follow(send, on_chart, WARM_UP)
        charts = follow(send, on_chart, CHART_EVENTS)
    return {
        "latency.row_p50": percentile(rows, 50),
        "latency.row_p99": percentile(rows, 99),
        "latency.row_max": max(rows),
        "latency.chart_p50": percentile(charts, 50),
        "latency.chart_max": max(charts),
    }


def follow(
    send: Callable[[], str],
    seen: Callable[[str], bool],
    count: int,
    wait: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Send `count` events one after the other; milliseconds from each `send`'s return until it is `seen`.

    Raises PyglueError if one is not seen within LIMIT seconds.
    """
    taken = []
    for _ in range(count):
        wait(random.uniform(0, PAUSE))  # noqa: S311 - no secret
        event_id = send()
        began = clock()
        while not seen(event_id):
            if clock() - began > LIMIT:
                raise PyglueError(f"the event {event_id} did not arrive within {LIMIT:g} s")
            wait(POLL)
        taken.append((clock() - began) * 1000)
    return taken


def _send(services: Services) -> str:
    """An event of the type that dashboards filter out; returns its id once the collector has answered."""
    event_id = f"bench-{secrets.token_hex(8)}"
    now = int(time.time() * 1000)
    visitor = f"0:{base36.render(now)}:bench"
    query = probe_query(
        party_id=visitor,
        session_id=visitor,
        page_view_id=event_id,
        event_id=event_id,
        event_type=PROBE,
        client_time_ms=now,
        location="http://localhost/pyglue-bench",
    )
    services.clients.collector.request("GET", f"/csc-event?{query}")
    return event_id
