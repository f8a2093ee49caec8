"""A healthy stack as facts, to be broken in one place by each test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pyglue.diagnosis.facts import Disk, Facts, Rows, Supervisor
from pyglue.engine import State
from pyglue.pipeline.kafka import TopicState
from pyglue.pipeline.supervisor_status import SupervisorStatus

NOW = 1_800_000_000.0
SCHEMA: dict[str, Any] = {"type": "record", "name": "Event", "fields": [{"name": "price", "type": "long"}]}
DEPENDS = {
    "zookeeper": (),
    "kafka": (),
    "divolte": ("kafka",),
    "druid-coordinator": ("zookeeper",),
    "druid-indexer": ("zookeeper",),
    "superset": (),
}
STATUS = SupervisorStatus("RUNNING", "RUNNING", True, 0, 7, 0, 0, ())


def spec(kafka: str = "127.0.0.1:9092", topic: str = "divolte", schema: Any = SCHEMA) -> dict[str, Any]:
    """A supervisor spec."""
    decoder = {"type": "schema_inline", "schema": schema}
    io = {
        "topic": topic,
        "consumerProperties": {"bootstrap.servers": kafka},
        "inputFormat": {"avroBytesDecoder": decoder},
    }
    return {"type": "kafka", "spec": {"dataSchema": {"dataSource": "clicks"}, "ioConfig": io}}


def state(name: str, **changes: Any) -> State:
    """A service that runs and is healthy since a minute."""
    well = State(name, "running", True, "", 10, 60.0, 1 << 20, (1,))
    return replace(well, **changes)


def stopped(name: str) -> State:
    """A service that does not run."""
    return State(name, "stopped", False, "", None, None, None, (1,))


def healthy(**changes: Any) -> Facts:
    """Everything is well, but for the changes."""
    well = Facts(
        now=NOW,
        services=tuple(map(state, DEPENDS)),
        depends=DEPENDS,
        wanted=spec(),
        topic=TopicState({0: 5, 1: 2}, 7, NOW - 3),
        supervisor=Supervisor(STATUS, spec(), {0: 5, 1: 2}),
        rows=Rows(7, NOW - 3, 2, frozenset({"__time", "price"})),
        dataset=frozenset({"__time", "price"}),
        shipped={"live": "Live", "audience": "Audience"},
        absent=(),
        schema=SCHEMA,
        schema_changed=NOW - 900,
        disks=(Disk(Path("/data"), ("kafka",), 1 << 40, 1 << 41),),
    )
    return replace(well, **changes)


def without(*names: str) -> tuple[State, ...]:
    """All services, those of these names stopped."""
    return tuple(stopped(name) if name in names else state(name) for name in DEPENDS)
