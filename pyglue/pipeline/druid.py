"""Druid's HTTP API, as far as pyglue asks it: supervisors, their counts and errors, SQL.

A coordinator that has no leader yet answers 307 with its own address, for as long as it takes; such an answer
means "not yet" here and is tried again until `LEADER_SECONDS` are over.
Source of the paths: Druid's documentation, "Supervisor API" and "Druid SQL API".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pyglue.errors import BadAnswer, PyglueError
from pyglue.pipeline import spec as specs
from pyglue.pipeline import supervisor_status
from pyglue.pipeline.supervisor_status import SupervisorStatus
from pyglue.shapes import Shapes
from pyglue.web import TIMEOUT, Client

SUPERVISOR = "/druid/indexer/v1/supervisor"
SAMPLER = "/druid/indexer/v1/sampler"
COORDINATOR = "/druid/coordinator/v1"
LEADER_SECONDS = 20.0
SQL = "/druid/v2/sql/"
PAUSE = 0.2
# What is read here of Druid's answers. A spec has the form that it was posted in, with Druid's defaults.
_OBJECT: Shapes = {"": dict}
_OBJECTS: Shapes = {"": list, "[]": dict}
_LISTED: Shapes = {
    **_OBJECTS,
    "[].id!": str,
    "[].spec": dict,
    "[].spec.spec": dict,
    "[].spec.spec.ioConfig": dict,
}
_TASKS: Shapes = {**_OBJECTS, "[].id!": str}
_WORKERS: Shapes = {**_OBJECTS, "[].runningTasks": list, "[].runningTasks[]": str}
# Druid first stops the supervisor that runs; one that can't reach its Kafka ends after that client's time-outs (seen: 80 s).
SUBMIT_SECONDS = 200.0


@dataclass(frozen=True)
class Listed:
    """A supervisor in Druid's list. `state` and `detail` are Druid's words."""

    name: str
    state: str
    detail: str
    healthy: bool
    suspended: bool
    topic: str | None


class Druid:
    """The coordinator (with its overlord) and the broker of one cluster.

    `timeout` is in seconds, for one answer; an overlord without a leader may have as long as `patience`.
    """

    def __init__(
        self,
        coordinator: str,
        broker: str,
        wait: Callable[[float], None],
        timeout: float = TIMEOUT,
        patience: float = LEADER_SECONDS,
    ) -> None:
        self.coordinator = Client(coordinator, "druid-coordinator", timeout=timeout)
        self.broker = Client(broker, "druid-broker", timeout=timeout)
        self._timeout = timeout
        self._patience = patience
        self._wait = wait
        self._missing: set[str] = set()  # tasks that no worker had when last asked
        self._stopped = False  # whether a supervisor was suspended that is still to be resumed

    def close(self) -> None:
        """Close both connections."""
        self.coordinator.close()
        self.broker.close()

    def supervisor(self, name: str) -> dict[str, Any] | None:
        """The spec that runs under this name, or None."""
        found: dict[str, Any] | None = self.overlord("GET", _of(name), shapes=specs.RUNNING)
        return found

    def supervisors(self) -> list[Listed]:
        """All supervisors, by name."""
        found = self.overlord("GET", f"{SUPERVISOR}?full", shapes=_LISTED) or []
        return sorted((_listed(entry) for entry in found), key=lambda listed: listed.name)

    def submit(self, spec: dict[str, Any]) -> str:
        """Post a supervisor spec; returns the supervisor's id. Raises BadAnswer with Druid's reason."""
        try:
            answer = self.overlord(
                "POST", SUPERVISOR, json=spec, timeout=SUBMIT_SECONDS, shapes={"": dict, "id!": str}
            )
        except BadAnswer as error:
            raise BadAnswer(
                "Druid refuses the supervisor spec",
                status=error.status,
                details=error.details,
                try_="pyglue submit-spec --print",
                code="spec-refused",
            ) from error
        if answer is None:
            raise self._missing_path("POST", SUPERVISOR)
        return str(answer["id"])

    def reset(self, name: str) -> None:
        """Forget the offsets read so far: the supervisor begins anew at the topic's earliest event."""
        self.overlord("POST", _of(name, "reset"))

    def suspend(self, name: str) -> None:
        """End the tasks of a supervisor and start no new ones; harmless if there is none or it is suspended."""
        try:
            self.overlord("POST", _of(name, "suspend"), timeout=SUBMIT_SECONDS)
        except BadAnswer as error:
            if error.status != 400:  # suspended already
                raise

    def resume(self, name: str) -> None:
        """Start a suspended supervisor anew; harmless if there is none or it was not suspended after all."""
        try:
            self.overlord("POST", _of(name, "resume"), timeout=SUBMIT_SECONDS)
        except BadAnswer as error:
            if error.status != 400:
                raise
        self._stopped = False

    def terminate(self, name: str) -> None:
        """End a supervisor and its tasks for good; harmless if there is none."""
        self.overlord("POST", _of(name, "terminate"), timeout=SUBMIT_SECONDS)

    def history(self, name: str) -> list[dict[str, Any]]:
        """All that was ever posted under this name, newest first: `version` is the time, `spec` Druid's form of it."""
        return self.overlord("GET", _of(name, "history"), shapes={**_OBJECTS, "[].spec": dict}) or []

    def parse_errors(self, name: str) -> list[dict[str, Any]]:
        """What the running tasks could not read lately, as Druid keeps it."""
        return self.overlord("GET", _of(name, "parseErrors"), shapes={**_OBJECTS, "[].details": list}) or []

    def sample(self, body: dict[str, Any], seconds: float) -> dict[str, Any]:
        """What Druid's sampler answers to `body` within this time; raises BadAnswer with its reason."""
        shapes: Shapes = {"": dict, "data!": list, "data[]": dict, "data[].parsed": dict}
        answer = self.overlord("POST", SAMPLER, json=body, timeout=seconds, shapes=shapes)
        if answer is None:
            raise BadAnswer(
                "Druid has no sampler",
                status=404,
                details=[
                    f"asked      POST {self.coordinator.base}{SAMPLER}",
                    "came back  404: there is none",
                ],
                try_=self.coordinator.try_,
            )
        return dict(answer)

    def wake(self) -> None:
        """Make the overlord hand out tasks that wait although a worker is there.

        A task that was taken from the metadata before the indexer had registered waits for up to a minute, for
        nobody tells the overlord's loop. Any new task does; this one does nothing.
        """
        tasks = "/druid/indexer/v1"
        waiting = self.overlord("GET", f"{tasks}/pendingTasks", shapes=_TASKS)
        if waiting and self.overlord("GET", f"{tasks}/workers", shapes=_WORKERS):
            self.overlord("POST", f"{tasks}/task", json={"type": "noop", "runTime": 1})

    def replace_lost(self, name: str) -> None:
        """End tasks of a supervisor that the overlord takes for running while no worker has them, and have others begin.

        So it is when the overlord was started anew, and after it the indexer: the overlord then waits for answers of a
        task that is gone, for minutes. A task that was only just handed out looks the same, so it takes two calls.
        """
        if self._stopped:  # the last call was broken off in between
            self.resume(name)
            return
        tasks = "/druid/indexer/v1"
        workers = self.overlord("GET", f"{tasks}/workers", shapes=_WORKERS) or []
        held = {task for worker in workers for task in worker.get("runningTasks") or ()}
        running = self.overlord("GET", f"{tasks}/runningTasks", shapes=_TASKS) or []
        ours = {task["id"] for task in running if task["id"].startswith(f"index_kafka_{name}_")}
        missing = ours - held if workers else set()
        lost, self._missing = missing & self._missing, missing
        for task in lost:
            self.overlord("POST", f"{tasks}/task/{task}/shutdown")
        if lost:  # the supervisor is in the middle of asking them; a new one is not
            self._stopped = True
            self.suspend(name)
            self.resume(name)

    def status(self, name: str) -> SupervisorStatus | None:
        """State, lag, offsets, counts, errors and tasks of a supervisor, or None if there is none."""
        payload = self._payload(name)
        if payload is None:
            return None
        stats = self.overlord("GET", _of(name, "stats"), shapes=_OBJECT)
        return supervisor_status.of_answers(payload, stats)

    def _payload(self, name: str) -> dict[str, Any] | None:
        answer = self.overlord("GET", _of(name, "status"), shapes=supervisor_status.SHAPES)
        return None if answer is None else dict(answer["payload"])

    def drop_segments(self, name: str) -> None:
        """Mark every segment of a datasource as unused: it is served no longer, and deleted by and by."""
        self.overlord("DELETE", f"{COORDINATOR}/datasources/{name}", silent=True)

    def set_retention(self, datasource: str, rules: list[Any]) -> bool:
        """Set which segments are kept, by Druid's rules; False if they are set already. Raises BadAnswer."""
        path = f"{COORDINATOR}/rules/{datasource}"
        if _holds(self.overlord("GET", path), rules):
            return False
        self.overlord("POST", path, silent=True, json=rules)
        return True

    def set_compaction(self, datasource: str, settings: dict[str, Any]) -> bool:
        """Set how small segments become large ones; False if it is set already. Raises BadAnswer."""
        path = f"{COORDINATOR}/config/compaction"
        if _holds(self.overlord("GET", f"{path}/{datasource}"), settings):
            return False
        self.overlord("POST", path, silent=True, json={"dataSource": datasource, **settings})
        return True

    def offsets(self, name: str) -> dict[int, int]:
        """The offset that Druid reads next, by partition: from the running tasks' reports."""
        return supervisor_status.offsets(self._payload(name) or {})

    def sql(
        self,
        query: str,
        parameters: list[Any] | None = None,
        *,
        columns: Shapes | None = None,
        timeout: float | None = None,
    ) -> list[dict[str, Any]]:
        """Rows of a query; `parameters` are Druid's typed ones, taken from Python's type.

        `columns`: what each row must have, by name. Raises BadAnswer.
        """
        types = {str: "VARCHAR", int: "BIGINT"}
        body = {
            "query": query,
            "parameters": [{"type": types[type(value)], "value": value} for value in parameters or []],
            "context": {"useCache": False, "populateCache": False},
        }
        shapes = {**_OBJECTS, **{f"[].{name}": kind for name, kind in (columns or {}).items()}}
        rows: list[dict[str, Any]] = self.broker.json(
            "POST", SQL, json=body, timeout=timeout or self._timeout, shapes=shapes
        )
        return rows

    def sql_row(self, query: str, columns: Shapes, *, timeout: float | None = None) -> dict[str, Any]:
        """The one row of a query that counts; raises BadAnswer if there is none, or without these columns."""
        rows = self.sql(query, columns=columns, timeout=timeout)
        if not rows:
            raise BadAnswer(
                f"{self.broker.name} answered a query that counts without a row",
                details=[f"asked      POST {self.broker.base}{SQL}: {query}", "came back  []"],
                try_=self.broker.try_,
            )
        return rows[0]

    def columns(self, datasource: str) -> set[str]:
        """The columns the broker knows; empty for a datasource without rows. New ones come with their first row."""
        query = "SELECT COLUMN_NAME AS name FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = 'druid' AND TABLE_NAME = ?"
        return {row["name"] for row in self.sql(query, [datasource], columns={"name!": str})}

    def has_event(self, datasource: str, event_id: str) -> bool:
        """Whether a row with this event id is visible; False while the datasource is not yet known."""
        query = f'SELECT "eventId" FROM "{datasource}" WHERE "eventId" = ? LIMIT 1'  # noqa: S608 - our own name
        try:
            return bool(self.sql(query, [event_id]))
        except BadAnswer as error:
            if error.status == 400:
                return False  # the broker knows a datasource only after its first row
            raise

    def overlord(
        self, method: str, path: str, *, silent: bool = False, shapes: Shapes | None = None, **kwargs: Any
    ) -> Any:
        """The JSON of the overlord or the coordinator, asked patiently while there is no leader; None for 404.

        `silent`: its success has no words. A page with 404 is somebody else's. Raises BadAnswer for another shape.
        """
        waited = 0.0
        while True:
            try:
                answer = self.coordinator.request(method, path, expect=(200, 404), **kwargs)
                if answer.status_code == 404 and not answer.text.lstrip().startswith("<"):
                    return None
                if answer.status_code == 404:
                    raise self.coordinator.bad(answer, method, path)
                return None if silent else self.coordinator.content(answer, method, path, shapes or {})
            except BadAnswer as error:
                if error.status not in (307, 503):
                    raise
                if waited >= self._patience:
                    raise PyglueError(
                        f"Druid's overlord has had no leader for {self._patience:g} s",
                        details=error.details,
                        try_="pyglue logs druid-coordinator",
                        code="service-unhealthy",
                    ) from error
            pause = min(PAUSE, self._patience)
            self._wait(pause)
            waited += pause

    def _missing_path(self, method: str, path: str) -> BadAnswer:
        return BadAnswer(
            f"{self.coordinator.name} knows no {path}",
            status=404,
            details=[f"asked      {method} {self.coordinator.base}{path}", "came back  404 Not Found"],
            try_=self.coordinator.try_,
        )


def _of(name: str, what: str = "") -> str:
    """The path of a supervisor, whatever its name, or of a part of it."""
    return f"{SUPERVISOR}/{quote(name, safe='')}" + (f"/{what}" if what else "")


def _listed(entry: dict[str, Any]) -> Listed:
    spec = entry.get("spec") or {}
    io = (spec.get("spec") or {}).get("ioConfig") or {}
    return Listed(
        str(entry.get("id")),
        str(entry.get("state")),
        str(entry.get("detailedState")),
        bool(entry.get("healthy")),
        bool(spec.get("suspended")),  # the entry's own `suspended` is false all the time (seen: 33.0.0)
        io.get("topic") or io.get("stream"),
    )


def _holds(theirs: Any, ours: Any) -> bool:
    """Whether what Druid has is what we want, and perhaps more: it adds its defaults."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return all(key in theirs and _holds(theirs[key], value) for key, value in ours.items())
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_holds, theirs, ours))
    return bool(theirs == ours)
