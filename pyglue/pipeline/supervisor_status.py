"""What Druid says of a supervisor, as values: state, lag, offsets, counts, errors, tasks. Pure.

Source of the fields: Druid's documentation, "Supervisor API" (status and stats).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pyglue.shapes import Shapes

# What is read here of the answer about a supervisor's status.
SHAPES: Shapes = {
    "": dict,
    "payload!": dict,
    "payload.state!": str,
    "payload.aggregateLag": int,
    "payload.recentErrors": list,
    "payload.recentErrors[]": dict,
    "payload.latestOffsets": dict,
    "payload.latestOffsets.*": int,
    "payload.minimumLag": dict,
    "payload.minimumLag.*": int,
    **{
        f"payload.{tasks}{path}": kind
        for tasks in ("activeTasks", "publishingTasks")
        for path, kind in {
            "": list,
            "[]": dict,
            "[].currentOffsets": dict,
            "[].currentOffsets.*": int,
        }.items()
    },
}


@dataclass(frozen=True)
class Partition:
    """A partition of the topic: `read` is the offset that is read next, `end` the topic's own; None while unknown."""

    partition: int
    read: int | None
    end: int | None
    lag: int | None


@dataclass(frozen=True)
class Task:
    """An ingestion task: `state` is `reading` or `publishing`; `remaining` seconds until it publishes."""

    id: str
    state: str
    started: str | None
    remaining: int | None


@dataclass(frozen=True)
class SupervisorStatus:
    """`state` is Druid's word; `lag` events not yet read (None while unknown); counts since the tasks began.

    `error_times` are those of `errors`, in the same order. `updated` is when Druid last asked Kafka for its ends.
    """

    state: str
    detail: str
    healthy: bool
    lag: int | None
    processed: int
    unparseable: int
    thrown_away: int
    errors: tuple[str, ...]
    processed_with_error: int = 0
    error_times: tuple[str, ...] = ()
    topic: str = ""
    updated: str | None = None
    partitions: tuple[Partition, ...] = ()
    tasks: tuple[Task, ...] = ()

    def timed_errors(self) -> list[str]:
        """One line for each error, with its time where it is known."""
        times = self.error_times or ("",) * len(self.errors)
        return [f"{time}  {error}" if time else error for time, error in zip(times, self.errors, strict=True)]

    def to_json(self) -> dict[str, Any]:
        """The object that `--json` prints (docs/commands.md)."""
        content = asdict(self)
        times = content.pop("error_times") or [None] * len(self.errors)
        errors = zip(times, content.pop("errors"), strict=True)
        return {**content, "errors": [{"time": time or None, "message": message} for time, message in errors]}


def of_answers(payload: dict[str, Any], stats: Any) -> SupervisorStatus:
    """From the payload of Druid's status and the answer of its stats (None while no task has any)."""
    counts = totals(stats)
    errors = payload.get("recentErrors") or []
    return SupervisorStatus(
        state=str(payload.get("state")),
        detail=str(payload.get("detailedState")),
        healthy=bool(payload.get("healthy")),
        # 0 is Druid's word, too, while it has not yet asked Kafka.
        lag=payload.get("aggregateLag") or (0 if payload.get("offsetsLastUpdated") else None),
        processed=counts.get("processed", 0),
        unparseable=counts.get("unparseable", 0),
        thrown_away=counts.get("thrownAway", 0),
        errors=tuple(str(error.get("message") or error.get("exceptionClass")) for error in errors),
        processed_with_error=counts.get("processedWithError", 0),
        error_times=tuple(str(error.get("timestamp") or "") for error in errors),
        topic=str(payload.get("stream") or ""),
        updated=payload.get("offsetsLastUpdated"),
        partitions=_partitions(payload),
        tasks=_tasks(payload),
    )


def offsets(payload: dict[str, Any]) -> dict[int, int]:
    """The offset that is read next, by partition: the newest of all tasks' reports.

    Without a report, as while it is suspended, it is what Druid has published: so far before the end as it says.
    """
    reported = _reported(payload)
    if reported:
        return reported
    ends, lags = _numbers(payload.get("latestOffsets")), _numbers(payload.get("minimumLag"))
    return {partition: end - lags[partition] for partition, end in ends.items() if partition in lags}


def _reported(payload: dict[str, Any]) -> dict[int, int]:
    """By the tasks alone."""
    newest: dict[int, int] = {}
    for task in (*(payload.get("activeTasks") or ()), *(payload.get("publishingTasks") or ())):
        for partition, offset in _numbers(task.get("currentOffsets")).items():
            newest[partition] = max(newest.get(partition, 0), offset)
    return newest


def totals(stats: Any) -> dict[str, int]:
    """Rows of the running tasks by Druid's names of counts, summed over task groups."""
    found: dict[str, int] = {}
    for group in stats.values() if isinstance(stats, dict) else ():
        for task in group.values() if isinstance(group, dict) else ():
            for counts in (task.get("totals") or {}).values() if isinstance(task, dict) else ():
                for key, value in counts.items() if isinstance(counts, dict) else ():
                    if isinstance(value, int | float):
                        found[key] = found.get(key, 0) + int(value)
    return found


def _partitions(payload: dict[str, Any]) -> tuple[Partition, ...]:
    read = _reported(payload)
    ends = _numbers(payload.get("latestOffsets"))
    lags = _numbers(payload.get("minimumLag"))
    return tuple(
        Partition(number, read.get(number), ends.get(number), lags.get(number))
        for number in sorted({*read, *ends, *lags})
    )


def _numbers(by_partition: Any) -> dict[int, int]:
    items = by_partition.items() if isinstance(by_partition, dict) else ()
    return {int(key): value for key, value in items if key.isdecimal() and value is not None}


def _tasks(payload: dict[str, Any]) -> tuple[Task, ...]:
    return tuple(
        Task(str(task.get("id")), state, task.get("startTime"), task.get("remainingSeconds"))
        for state, key in (("reading", "activeTasks"), ("publishing", "publishingTasks"))
        for task in payload.get(key) or ()
    )
