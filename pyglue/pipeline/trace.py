"""An event that came some time ago, found at every hop; and what the hops say about the same event, compared.

Unlike the probe of `smoke.py` it sends nothing, so there are no milliseconds: what is told is where the event lies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pyglue.collector.records import decode
from pyglue.errors import PyglueError
from pyglue.pipeline.druid import Druid
from pyglue.pipeline.kafka import Record
from pyglue.pipeline.smoke import Hop, Pipeline, Report
from pyglue.superset import chart_data

NEWEST = (
    200_000  # records of each partition that are looked through for an event of which Druid knows nothing
)
ALL_TIMES = "No filter"


def row(druid: Druid, datasource: str, event_id: str) -> dict[str, Any] | None:
    """The row of an event, all of its columns, or None. Raises PyglueError if Druid can't be asked."""
    if not druid.has_event(datasource, event_id):
        return None
    query = f'SELECT * FROM "{datasource}" WHERE "eventId" = ? LIMIT 1'  # noqa: S608 - our name
    found = druid.sql(query, [event_id], columns={"__time!": str})
    return found[0] if found else None


def follow(pipeline: Pipeline, event_id: str) -> tuple[Report, dict[str, Any] | None]:
    """Look for an event at every hop; the report's last hop is the first at which it is not, and the row if there is one.

    The collector keeps no events: its hop is told by the record. Raises PyglueError if Kafka or Druid can't be asked.
    """
    seen = row(pipeline.druid, pipeline.datasource, event_id)
    found = _in_topic(pipeline, event_id, seen)
    if found is None and seen is None:
        problem = PyglueError(
            f"no hop knows an event {event_id}",
            details=[
                f"asked      the topic {pipeline.topic} (its newest {NEWEST:,} records of each partition)",
                f"asked      Druid's {pipeline.datasource}, all times",
            ],
            try_="pyglue tail --bad --no-follow  (was it refused or can't it be read?)",
            code="event-unknown",
        )
        return Report(event_id, (Hop("collector", ok=False, ms=None),), problem), None
    hops, record = [Hop("collector", ok=True, ms=None)], None
    if found is not None:
        record = decode(pipeline.schema)(found.value)
        hops.append(Hop("kafka", True, None, {"partition": found.partition, "offset": found.offset}))
    else:  # deleted there by now: Kafka keeps records for some days only
        hops.append(Hop("kafka", True, None, {"partition": None, "offset": None}))
    if seen is None:
        problem = PyglueError(
            f"the event is in Kafka, but not in Druid's {pipeline.datasource}",
            details=[
                f"found      partition {hops[-1].known['partition']}, offset {hops[-1].known['offset']}"
            ],
            try_="pyglue status",
            code="event-not-in-druid",
        )
        return Report(event_id, (*hops, Hop("druid", ok=False, ms=None)), problem, record), None
    hops.append(Hop("druid", ok=True, ms=None))
    if not _on_a_chart(pipeline, event_id):
        problem = PyglueError(
            "the event is in Druid, but a chart's query does not find it",
            details=[f"asked      {pipeline.superset.http.base}/api/v1/chart/data"],
            try_="pyglue refresh-datasources",
            code="event-not-on-charts",
        )
        return Report(event_id, (*hops, Hop("superset", ok=False, ms=None)), problem, record), seen
    hops.append(Hop("superset", ok=True, ms=None))
    return Report(event_id, tuple(hops), record=record), seen


def _in_topic(pipeline: Pipeline, event_id: str, seen: Mapping[str, Any] | None) -> Record | None:
    """The event's record: around the row's time, or among the newest ones."""
    kafka, topic, needle = pipeline.kafka, pipeline.topic, event_id.encode()
    bounds = kafka.bounds(topic)
    if seen is None:
        starts = {partition: max(low, high - NEWEST) for partition, (low, high) in bounds.items()}
    else:
        starts = kafka.since(topic, milliseconds(seen["__time"]))
    for records in kafka.batches(topic, starts, {partition: high for partition, (_, high) in bounds.items()}):
        for record in records:
            if needle in record.value:
                return record
    return None


def _on_a_chart(pipeline: Pipeline, event_id: str) -> bool:
    superset = pipeline.superset
    dataset = superset.find("dataset", table_name=pipeline.datasource)
    if dataset is None:
        return False
    return bool(chart_data.find_event(superset, int(dataset["id"]), event_id, ALL_TIMES))


def milliseconds(iso: str) -> int:
    """Druid's way to write a time, `2026-11-26T05:30:00.123Z`, as milliseconds since 1970."""
    when = datetime.fromisoformat(iso.removesuffix("Z")).replace(tzinfo=UTC)
    return round(when.timestamp() * 1000)


def differences(record: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """Fields of which the row has another value than the record, in words.

    Lists and objects are left out: Druid has ways of its own to write them.
    """
    return [
        f"{name}: {record[name]!r} in Kafka, {row[name]!r} in Druid"
        for name in record
        if name in row
        and not isinstance(record[name], list | dict)
        and _plain(record[name]) != _plain(row[name])
    ]


def _plain(value: Any) -> str:
    """A value as Druid keeps it: a boolean as 0 or 1, nothing and an empty text alike."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of the values that at least so many percent of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]
