"""Druid's sampler: real records of the topic read by a spec, without posting it.

Source: Druid 33's KafkaSamplerSpec. It begins at the topic's earliest record, and waits for `timeoutMs` where there are
fewer records than `numRows`; an address where nothing answers would take it a minute, but for the consumer's setting here.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyglue.errors import BadAnswer, PyglueError
from pyglue.pipeline.druid import Druid

ROWS = 100  # asked for: enough to meet records that can't be read
TIMEOUT_MS = 5000
EMPTY_MS = 1000  # for a topic that is likely empty: nobody likes to wait for nothing
PATIENCE = 30.0  # seconds for the whole answer
WIDTH = 36  # characters of a value in the table
# What the sampler says of a Kafka that it can't reach: a name that nobody knows, an address where nothing answers.
_AWAY = re.compile(r"bootstrap\.servers|Timeout expired while fetching topic metadata")
_BYTES = re.compile(r"[A-Za-z0-9+/=]{60,}")


@dataclass(frozen=True)
class Sample:
    """`rows` as Druid would store them; `unread` the records that it could not read: reason, and input if known."""

    rows: tuple[dict[str, Any], ...]
    unread: tuple[dict[str, Any], ...]

    @property
    def read(self) -> int:
        """How many records were looked at."""
        return len(self.rows) + len(self.unread)

    def to_json(self) -> dict[str, Any]:
        """As `pyglue submit-spec --dry-run --json` has it."""
        return {"read": self.read, "rows": list(self.rows), "unread": list(self.unread)}


def take(druid: Druid, spec: dict[str, Any], available: int, try_: str) -> Sample:
    """What Druid makes of the oldest records of the spec's topic, which holds so many.

    Raises BadAnswer with Druid's reason why it can't read with this spec, or can't reach Kafka.
    """
    try:
        return of_answer(druid.sample(question(spec, available), PATIENCE))
    except BadAnswer as error:
        if error.status != 400:
            raise
        if _AWAY.search(" ".join(error.details)):
            servers = spec["spec"]["ioConfig"]["consumerProperties"]["bootstrap.servers"]
            raise PyglueError(
                f"Druid can't reach Kafka at {servers}",
                details=error.details,
                try_="pyglue status",
                code="kafka-address",
            ) from error
        raise BadAnswer(
            "Druid can't read with this spec",
            status=error.status,
            details=error.details,
            try_=try_,
            code="spec-refused",
        ) from error


def question(spec: dict[str, Any], available: int) -> dict[str, Any]:
    """What is posted to the sampler for a topic with so many records; an empty one is tried for a moment."""
    tried = copy.deepcopy(spec)
    tried["spec"]["ioConfig"]["useEarliestOffset"] = True
    tried["spec"]["ioConfig"]["consumerProperties"]["default.api.timeout.ms"] = str(TIMEOUT_MS)
    timeout = TIMEOUT_MS if available else EMPTY_MS
    return {
        "type": "kafka",
        "spec": tried,
        "samplerConfig": {"numRows": min(ROWS, max(1, available)), "timeoutMs": timeout},
    }


def of_answer(answer: dict[str, Any]) -> Sample:
    """The rows of the sampler's answer. One with neither a row nor an error was left out by the spec's filter."""
    data = answer.get("data")
    found = [row for row in data if isinstance(row, dict)] if isinstance(data, list) else []
    unread = tuple(
        {"reason": _BYTES.sub("...", str(row.get("error"))), "input": row.get("input")}
        for row in found
        if row.get("unparseable")
    )
    rows = [row.get("parsed") for row in found if not row.get("unparseable")]
    return Sample(tuple(row for row in rows if isinstance(row, dict)), unread)


def table(rows: tuple[dict[str, Any], ...]) -> list[tuple[str, ...]]:
    """The rows side by side, a line for each column that has a value in one of them."""
    columns = [name for name in {name: None for row in rows for name in row} if name != "__time"]
    filled = [name for name in columns if any(row.get(name) is not None for row in rows)]
    head = ("COLUMN", *(f"ROW {number}" for number in range(1, len(rows) + 1)))
    times = ("__time", *(_time(row.get("__time")) for row in rows))
    return [head, times, *((name, *(_short(row.get(name)) for row in rows)) for name in filled)]


def empty(rows: tuple[dict[str, Any], ...]) -> list[str]:
    """The columns that have no value in any of these rows."""
    return sorted(name for name in {*rows[0]} if all(row.get(name) is None for row in rows)) if rows else []


def _time(millis: Any) -> str:
    if not isinstance(millis, int):
        return "-"
    return datetime.fromtimestamp(millis / 1000, UTC).isoformat(timespec="milliseconds")


def _short(value: Any) -> str:
    if value is None:
        return "-"
    text = value if value and isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."
