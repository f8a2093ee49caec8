"""An event that came some time ago, found at every hop; and what the hops say about the same event, compared.

Unlike the probe of `smoke.py` it sends nothing, so there are no milliseconds: what is told is where the event lies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pyglue.collector.avro.records import decode
from pyglue.counted import counted
from pyglue.errors import BadAnswer, PyglueError
from pyglue.pipeline.druid import Druid
from pyglue.pipeline.field_statistics import short
from pyglue.pipeline.kafka import Record
from pyglue.pipeline.smoke import Hop, Pipeline, Report
from pyglue.superset import chart_data

NEWEST = (
    200_000  # records of each partition that are looked through for an event of which Druid knows nothing
)
ALL_TIMES = "No filter"
WIDTH = 60  # letters of an id that are shown: people type anything


def row(druid: Druid, datasource: str, event_id: str) -> dict[str, Any] | None:
    """The row of an event, all of its columns, or None. Raises PyglueError if Druid can't be asked."""
    if not druid.has_event(datasource, event_id):
        return None
    query = f'SELECT * FROM "{datasource}" WHERE "eventId" = ? LIMIT 1'  # noqa: S608 - our name
    found = druid.sql(query, [event_id], columns={"__time!": str})
    return found[0] if found else None


def follow(pipeline: Pipeline, event_id: str, now: float) -> tuple[Report, dict[str, Any] | None]:
    """Look for an event at every hop; the report's last hop is the first at which it is not, and the row if there is one.

    The collector keeps no events: its hop is told by the record. Of an event that nobody knows there are no hops. `now` is
    in Unix seconds. Raises PyglueError if Kafka or Druid can't be asked.
    """
    seen = row(pipeline.druid, pipeline.datasource, event_id)
    looked = _in_topic(pipeline, event_id, seen)
    found, record = looked.found, looked.fields
    if found is None and seen is None:
        return Report(event_id, (), _unknown(pipeline, event_id, looked, now)), None
    hops = [Hop("collector", ok=True, ms=None)]
    if found is not None:
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


def _unknown(pipeline: Pipeline, event_id: str, looked: _Looked, now: float) -> PyglueError:
    """That neither Kafka nor Druid has it, and how far back Kafka was looked through."""
    if looked.oldest_ms is None:
        where = "in Kafka, which has no record now"
    else:
        minutes = max(1, math.ceil((now * 1000 - looked.oldest_ms) / 60_000))
        where = f"in the last {counted(minutes, 'minute')} of Kafka"
    return PyglueError(
        f"there is no event with the id {short(event_id, WIDTH)} {where}, nor in Druid",
        details=[
            f"asked      the topic {pipeline.topic}: {counted(looked.records, 'record')},"
            f" of each partition the newest {NEWEST:,}",
            f"asked      Druid's {pipeline.datasource}, all times",
        ],
        try_="pyglue tail --no-follow -n 20 --fields eventId,eventType  (what ids look like)",
        code="event-unknown",
    )


@dataclass
class _Looked:
    """What the topic was looked through for: the event's record with its fields; how many, and the time of the oldest."""

    found: Record | None = None
    fields: dict[str, Any] | None = None
    records: int = 0
    oldest_ms: int | None = None


def _in_topic(pipeline: Pipeline, event_id: str, seen: Mapping[str, Any] | None) -> _Looked:
    """The event's record: around the row's time, or among the newest ones.

    Raises BadAnswer if only records that can't be read hold the id.
    """
    looked, read = _Looked(), decode(pipeline.schema)
    unreadable: BadAnswer | None = None
    kafka, topic, needle = pipeline.kafka, pipeline.topic, event_id.encode()
    bounds = kafka.bounds(topic)
    if seen is None:
        starts = {partition: max(low, high - NEWEST) for partition, (low, high) in bounds.items()}
    else:
        starts = kafka.since(topic, milliseconds(seen["__time"]))
    for records in kafka.batches(topic, starts, {partition: high for partition, (_, high) in bounds.items()}):
        looked.records += len(records)
        oldest = min(record.time_ms for record in records)
        looked.oldest_ms = oldest if looked.oldest_ms is None else min(looked.oldest_ms, oldest)
        for record in records:
            if needle not in record.value:
                continue
            try:
                fields = read(record.value)
            except BadAnswer as error:
                unreadable = error
                continue
            if fields.get("eventId", event_id) == event_id:
                return replace(looked, found=record, fields=fields)
    if unreadable is not None and seen is None:
        raise unreadable
    return looked


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
