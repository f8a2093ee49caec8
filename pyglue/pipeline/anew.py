"""One hop made anew, with what belongs to it: what `pyglue reset --hop` does.

    kafka     the topic, and the offsets that Druid has read it to; rows stay
    druid     the datasource's rows; what the topic still has is read once more
    superset  the database, the dataset, the shipped dashboards with their charts

Each answers labelled steps, run one after the other, so that a step that failed can be told by its name; all may be
run again, and that is what mends one that was broken off: until the last step Druid's supervisor is suspended, so that
nothing is read by offsets that mean nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyglue.checks import Checked
from pyglue.counted import counted
from pyglue.errors import PyglueError
from pyglue.pipeline import spec as specs
from pyglue.pipeline import supervisors
from pyglue.pipeline.druid import Druid
from pyglue.pipeline.kafka import Kafka
from pyglue.superset.client import Superset
from pyglue.superset.dashboards import Dashboard, import_dashboard
from pyglue.superset.register import DATABASE, Dataset, refresh_dataset, register_cluster

HOPS = ("kafka", "druid", "superset")
GONE_SECONDS = 180.0  # seen: 3 s; many segments take longer
PAUSE = 0.2
Wait = Callable[[float], None]


@dataclass(frozen=True)
class Step:
    """One thing that is done: its label, and the act."""

    label: str
    act: Callable[[], Any]


def kafka(kafka: Kafka, druid: Druid, spec: dict[str, Any], wait: Wait) -> list[Step]:
    """The topic is deleted and made, and Druid begins at its start."""
    topic, name = specs.topic(spec), specs.datasource(spec)
    return [
        Step(f"Suspend {name}, publish its rows", lambda: supervisors.publish(druid, name, wait)),
        Step(f"Delete topic {topic}", lambda: kafka.delete_topic(topic)),
        Step(f"Create topic {topic}", lambda: kafka.ensure_topic(topic)),
        Step(f"Read {topic} from its start", lambda: _begin(druid, name, wait)),
    ]


def druid(druid: Druid, spec: dict[str, Any], wait: Wait) -> list[Step]:
    """All rows are dropped before the offsets are forgotten: whoever breaks this off has no row twice."""
    name = specs.datasource(spec)
    return [
        Step(f"Suspend {name}, publish its rows", lambda: supervisors.publish(druid, name, wait)),
        Step(f"Drop segments of {name}", lambda: _drop(druid, name, wait)),
        Step(f"Read {specs.topic(spec)} from its start", lambda: _begin(druid, name, wait)),
    ]


def superset(superset: Superset, checked: Checked, uri: str) -> list[Step]:
    """What pyglue made in Superset is deleted and made again from the checkout's files."""
    name = specs.datasource(checked.spec)
    made: list[Dataset] = []
    return [
        *(
            Step(f"Delete dashboard {board.title}", partial(_delete_dashboard, superset, board.slug))
            for board in checked.dashboards
        ),
        Step(f"Delete dataset {name}", lambda: _delete(superset, "dataset", "table_name", name)),
        Step(f"Delete database {DATABASE}", lambda: _delete(superset, "database", "database_name", DATABASE)),
        Step("Register Druid in Superset", lambda: register_cluster(superset, uri=uri)),
        Step(f"Refresh dataset {name}", lambda: made.append(refresh_dataset(superset, table=name))),
        *(
            Step(f"Import dashboard {board.title}", partial(_import, superset, board, made))
            for board in checked.dashboards
        ),
    ]


def _begin(druid: Druid, name: str, wait: Wait) -> None:
    """Forget the offsets and resume."""
    druid.reset(name)
    supervisors.resume(druid, name, wait)


def _drop(druid: Druid, name: str, wait: Wait) -> None:
    """Mark all segments as unused, and wait until none is served any more."""
    druid.drop_segments(name)
    waited = 0.0
    while served := druid.sql(
        "SELECT segment_id FROM sys.segments WHERE datasource = ? AND is_realtime = 0 AND is_available = 1",
        [name],
    ):
        if waited >= GONE_SECONDS:
            left = counted(len(served), "segment")
            raise PyglueError(
                f"after {waited:.0f} s Druid still serves {left} of {name} that it was told to drop",
                try_="pyglue logs druid-coordinator druid-historical",
                code="segments-stay",
            )
        wait(PAUSE)
        waited += PAUSE


def _delete_dashboard(superset: Superset, slug: str) -> None:
    found = superset.find("dashboard", slug=slug)
    if found is None:
        return
    for chart in superset.get(f"dashboard/{slug}/charts")["result"]:
        superset.delete(f"chart/{chart['id']}")
    superset.delete(f"dashboard/{found['id']}")


def _import(superset: Superset, board: Dashboard, made: Sequence[Dataset]) -> None:
    import_dashboard(superset, board, made[0])  # the step before has made it


def _delete(superset: Superset, resource: str, column: str, value: str) -> None:
    found = superset.find(resource, **{column: value})  # type: ignore[arg-type] # `column` is not `related`
    if found is not None:
        superset.delete(f"{resource}/{found['id']}")


def means(hop: str, spec: dict[str, Any], rows: int | None, records: int | None) -> Sequence[str]:
    """What is lost and what stays, for the question before it."""
    topic, name = specs.topic(spec), specs.datasource(spec)
    had = "all records" if records is None else counted(records, "record")
    if hop == "kafka":
        return (
            f"The topic {topic} is deleted with {had}, and made anew, empty.",
            "Records that Druid has not read are lost. Druid's rows stay.",
        )
    if hop == "druid":
        lost = "All rows" if rows is None else counted(rows, "row")
        are, read = "is" if rows == 1 else "are", "is" if records == 1 else "are"
        return (
            f"{lost} of the datasource {name} {are} dropped; {had} that the topic still has {read} read anew.",
            "Rows of records that Kafka has deleted by now are lost.",
        )
    return (
        "The database, the dataset, and the shipped dashboards are deleted in Superset and made again from the files.",
        "Changes that were made to them in Superset are lost; charts made by hand over the dataset lose it.",
    )
