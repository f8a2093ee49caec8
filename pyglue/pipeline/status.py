"""The parts of the pipeline as `status` shows them: topic, supervisor, datasource, dataset."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyglue.errors import PyglueError
from pyglue.pipeline import spec as specs
from pyglue.screen import span

if TYPE_CHECKING:
    from pyglue.up import Clients


@dataclass(frozen=True)
class Part:
    """One part: its words for people, its figures for programs, and what is wrong with it, if anything."""

    kind: str
    name: str
    text: str
    figures: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None


def pipeline_parts(clients: Clients, project: Path) -> tuple[Part, ...]:
    """Ask every part; one that can't be asked is shown with the reason."""
    spec = specs.read(project / specs.FILE)
    topic, datasource = specs.topic(spec), specs.datasource(spec)
    return (
        _asked("topic", topic, lambda: _topic(clients, topic)),
        _asked("supervisor", datasource, lambda: _supervisor(clients, datasource, topic)),
        _asked("datasource", datasource, lambda: _datasource(clients, datasource)),
        _asked("dataset", datasource, lambda: _dataset(clients, datasource)),
    )


def _asked(kind: str, name: str, ask: Callable[[], Part]) -> Part:
    try:
        return ask()
    except PyglueError as error:
        reason = f"{error.message}; try: {error.try_}" if error.try_ else error.message
        return Part(kind, name, "unknown", {}, reason)


def _topic(clients: Clients, topic: str) -> Part:
    count, newest = clients.kafka.count(topic), clients.kafka.newest(topic)
    age = None if newest is None else max(0.0, time.time() - newest)
    text = f"{count:,} events" + ("" if age is None else f", newest {span(age)} ago")
    return Part("topic", topic, text, {"events": count, "newest_age_s": age})


def _supervisor(clients: Clients, name: str, topic: str) -> Part:
    status = clients.druid.status(name)
    if status is None:
        return Part("supervisor", name, "none", {}, "there is none; try: pyglue submit-spec")
    read, ends = clients.druid.offsets(name), clients.kafka.ends(topic)
    # Druid reports its offsets every few seconds; a lag that it knows to be 0 is newer than that.
    lag = sum(max(0, end - read.get(partition, 0)) for partition, end in ends.items())
    lag = 0 if status.lag == 0 else lag
    ahead = any(offset > ends.get(partition, 0) for partition, offset in read.items())
    problem = None if status.healthy else f"{status.detail}; try: pyglue logs druid-coordinator druid-indexer"
    if status.healthy and (status.state != "RUNNING" or status.detail == "CONNECTING_TO_STREAM"):
        problem = f"{status.detail}: it reads nothing now; try: pyglue submit-spec"
    if ahead:
        problem = f"Druid has read further than the topic {topic} goes, so it was made anew; try: pyglue up"
    figures = {
        "state": status.state,
        "detail": status.detail,
        "lag": lag,
        "processed": status.processed,
        "unparseable": status.unparseable,
        "thrown_away": status.thrown_away,
        "errors": list(status.errors),
    }
    text = f"{status.detail}, lag {lag}, {status.unparseable} unparseable"
    return Part("supervisor", name, text, figures, problem)


def _datasource(clients: Clients, name: str) -> Part:
    if not clients.druid.columns(name):
        return Part("datasource", name, "no rows yet", {"rows": 0})
    query = f'SELECT COUNT(*) AS n, TIMESTAMP_TO_MILLIS(MAX(__time)) AS newest FROM "{name}"'  # noqa: S608
    row = clients.druid.sql(query)[0]
    age = None if not row["newest"] else max(0.0, time.time() - row["newest"] / 1000)
    text = f"{row['n']:,} rows" + ("" if age is None else f", newest {span(age)} ago")
    return Part("datasource", name, text, {"rows": row["n"], "newest_age_s": age})


def _dataset(clients: Clients, name: str) -> Part:
    found = clients.superset.find("dataset", table_name=name)
    if found is None:
        return Part("dataset", name, "none", {}, "there is none; try: pyglue refresh-datasources")
    columns = clients.superset.get(f"dataset/{found['id']}")["result"]["columns"]
    return Part("dataset", name, f"{len(columns)} columns", {"columns": len(columns)})
