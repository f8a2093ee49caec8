"""What each hop has counted by minute, asked of the hops: the rim of `reconcile`.

Each function raises PyglueError if its hop can't be asked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyglue.collector.avro import records
from pyglue.collector.counting.counts import OPEN, Counts, added, file_of, open_of, read_lines, read_open
from pyglue.collector.workers.share import MOST
from pyglue.engine import Engine
from pyglue.errors import BadAnswer, PyglueError
from pyglue.pipeline.clients import COLLECTOR
from pyglue.pipeline.druid import Druid
from pyglue.pipeline.kafka import Kafka
from pyglue.pipeline.minutes import MINUTE_MS, Span
from pyglue.pipeline.places import place
from pyglue.pipeline.reconcile import InKafka
from pyglue.pipeline.record_times import MinutesOf, minutes_of
from pyglue.superset import chart_data
from pyglue.superset.client import Superset

FOLDER = "counts"  # below the collector's DATA_DIR
SQL_SECONDS = 60.0
READERS = 2  # partitions at a time: one more only makes them wait for each other


def collector(engine: Engine, span: Span) -> tuple[dict[int, Counts], tuple[str, ...]]:
    """The collector's counts by minute, and where in its files there is something that can't be read."""
    names = list(
        dict.fromkeys(file_of(minute) for minute in (*range(span.first, span.end, 60), span.end - 1))
    )
    try:
        # In this order: a minute that is closed meanwhile is in both, and then the first counts.
        left = list(_left(engine))
        files = [(name, engine.read_data(COLLECTOR, f"{FOLDER}/{name}")) for name in names]
    except OSError as error:
        raise _no_counts(str(error)) from error
    there = [(name, text) for name, text in files if text is not None]
    if not left and not there:
        raise _no_counts("no file")
    lines: list[Counts] = []
    damaged: list[str] = []
    for name, text in there:
        found, torn = read_lines(text.decode(errors="replace"))
        lines += found
        damaged += [place(f"{FOLDER}/{name}", torn)] if torn else []
    for name, text in left:
        try:
            lines += _open(text.decode(errors="replace")) if text else []
        except ValueError as error:
            damaged.append(f"{FOLDER}/{name}: {error}")
    counted = {minute: one for minute, one in added(lines).items() if span.first <= minute < span.end}
    return counted, tuple(damaged)


def _left(engine: Engine) -> Iterator[tuple[str, bytes]]:
    """The files of open minutes, by name: that of a single process, and those of all workers that there may be."""
    for name in (OPEN, *map(open_of, range(MOST))):
        text = engine.read_data(COLLECTOR, f"{FOLDER}/{name}")
        if text is not None:
            yield name, text


def _open(text: str) -> list[Counts]:
    """The minutes that the collector has not closed; complete if it counted on after their end. Raises ValueError."""
    _, written, minutes = read_open(text)
    return [Counts(**{**vars(one), "complete": written >= (one.minute + 1) * MINUTE_MS}) for one in minutes]


def _no_counts(reason: str) -> PyglueError:
    return PyglueError(
        "the collector's counts are not there",
        details=[f"asked      {COLLECTOR}'s DATA_DIR/{FOLDER}", f"came back  {reason}"],
        try_="pyglue logs divolte  (does it say that it can't write counts?)",
        code="no-counts",
    )


def in_kafka(
    kafka: Kafka,
    topic: str,
    span: Span,
    minutes: MinutesOf,
    read: Mapping[int, int],
    tell: Callable[[int, int], None],
) -> InKafka:
    """The topic's records by the minute of their own time; `read` is the offset that Druid reads next, by partition.

    Read are all records from the first one that came in the span to the topic's end: late ones, and those of a history,
    are not in the order of time. `tell` is called with how many of how many are read.
    """
    bounds = kafka.bounds(topic)
    starts = kafka.since(topic, span.first * MINUTE_MS)
    total = sum(end - starts[part] for part, (_, end) in bounds.items())
    found = [_Partition(minutes, read.get(part, 0)) for part in bounds]

    def count(number: int, part: int) -> None:
        for messages in kafka.bulk(topic, part, starts[part], bounds[part][1]):
            found[number].add(messages)
            tell(sum(one.total for one in found), total)

    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(count, range(len(found)), bounds))
    whole = InKafka(
        removed=any(low > 0 and starts[part] <= low for part, (low, _) in bounds.items()),
        fresh=all(low == 0 == starts[part] for part, (low, _) in bounds.items()),
        told=bool(read),
        began=min((one.began for one in found if one.began is not None), default=None),
    )
    for one in found:
        whole.records.update(_within(one.records, span))
        whole.unread.update(_within(one.unread, span))
        whole.unreadable.update(_within(one.unreadable, span))
    return whole


def _within(counts: Counter[int], span: Span) -> dict[int, int]:
    return {minute: count for minute, count in counts.items() if count and span.first <= minute < span.end}


class _Partition:
    """Counts of one partition."""

    def __init__(self, minutes: MinutesOf, read: int) -> None:
        self._minutes = minutes
        self._read = read
        self.total = 0
        self.began: int | None = None  # the minute of its first record's writing
        self.records: Counter[int] = Counter()
        self.unread: Counter[int] = Counter()
        self.unreadable: Counter[int] = Counter()

    def add(self, messages: list[Any]) -> None:
        """Count a batch."""
        self.total += len(messages)
        if self.began is None:
            self.began = messages[0].timestamp()[1] // MINUTE_MS
        minutes = self._minutes([message.value() or b"" for message in messages])
        counts = Counter(minutes)
        if None in counts or messages[0].offset() < self._read <= messages[-1].offset():
            self._one_by_one(messages, minutes)
            return
        known = {at: count for at, count in counts.items() if at is not None}
        self.records.update(known)
        if messages[0].offset() >= self._read:
            self.unread.update(known)

    def _one_by_one(self, messages: list[Any], minutes: list[int | None]) -> None:
        """What is no record has Kafka's time stamp."""
        for message, own in zip(messages, minutes, strict=True):
            minute = message.timestamp()[1] // MINUTE_MS if own is None else own
            self.unreadable[minute] += own is None
            self.records[minute] += 1
            self.unread[minute] += message.offset() >= self._read


def times_of(spec: dict[str, Any], schema: Path) -> MinutesOf:
    """How a record's minute is told, by the Avro schema in a file and the spec's time column."""
    fields = json.loads(schema.read_text(encoding="utf-8"))["fields"]
    stamp = spec["spec"]["dataSchema"].get("timestampSpec") or {}
    return minutes_of(fields, str(stamp.get("column", "timestamp")), records.decode(schema))


def in_druid(druid: Druid, datasource: str, span: Span) -> dict[int, int]:
    """The datasource's rows by minute; none while there is no datasource."""
    query = (
        'SELECT TIMESTAMP_TO_MILLIS(FLOOR(__time TO MINUTE)) AS "minute", COUNT(*) AS "n" '  # noqa: S608 - our own name
        f'FROM "{datasource}" WHERE __time >= {_literal(span.first)} AND __time < {_literal(span.end)} GROUP BY 1'
    )
    try:
        rows = druid.sql(query, columns={"minute!": int, "n!": int}, timeout=SQL_SECONDS)
    except BadAnswer as error:
        if error.status == 400 and not druid.columns(datasource):
            return {}
        raise
    return {int(row["minute"]) // MINUTE_MS: int(row["n"]) for row in rows}


def _literal(minute: int) -> str:
    return f"TIMESTAMP '{datetime.fromtimestamp(minute * 60, UTC):%Y-%m-%d %H:%M:%S}'"


def in_superset(superset: Superset, dataset: str, span: Span) -> dict[int, int]:
    """What a chart without filters counts by minute."""
    found = superset.find("dataset", table_name=dataset)
    if found is None:
        raise PyglueError(
            f"Superset has no dataset {dataset}",
            details=[f"asked      the datasets of {superset.http.base}", "came back  none of that name"],
            try_="pyglue refresh-datasources",
            code="dataset-missing",
        )
    return chart_data.count_by_minute(superset, found["id"], span.first, span.end)
