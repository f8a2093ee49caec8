"""One look at everything: services, collector, topic, supervisor, datasource, dataset, disks, ports, files.

Everything is asked at the same time, and what does not answer within `PATIENCE` seconds is a fact as well: the error
stands where the answer would. Nothing here judges.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pyglue import ports
from pyglue.engine import Engine, State
from pyglue.errors import InputError, PyglueError
from pyglue.moved import Moved, moved
from pyglue.pipeline import spec as specs
from pyglue.pipeline.addresses import all_given, given
from pyglue.pipeline.clients import COLLECTOR, Clients
from pyglue.pipeline.druid import Druid
from pyglue.pipeline.kafka import TopicState
from pyglue.pipeline.ledger import Ledger, ledger
from pyglue.pipeline.supervisor_status import SupervisorStatus
from pyglue.settings import Settings
from pyglue.stack import dotenv
from pyglue.superset import dashboards
from pyglue.superset.client import Superset
from pyglue.superset.register import COLUMNS

PATIENCE = 4.0  # seconds for one answer
FULL = 32 * 2**20  # bytes: Kafka and Druid write segments of more than that
T = TypeVar("T")


@dataclass(frozen=True)
class Supervisor:
    """What runs in Druid under the datasource's name. `read` is the next offset by partition."""

    status: SupervisorStatus
    spec: Mapping[str, Any]
    read: Mapping[int, int]


@dataclass(frozen=True)
class Rows:
    """A datasource: rows by SQL, the newest one's time (Unix seconds), segments that are published, columns."""

    rows: int
    newest: float | None
    segments: int
    columns: frozenset[str]


@dataclass(frozen=True)
class Disk:
    """Where services keep data, and how much room is left there, in bytes."""

    path: Path
    services: tuple[str, ...]
    free: int
    total: int


@dataclass(frozen=True)
class Facts:
    """What was seen. A part is None if there is none, or if it was not asked; an error if it could not be asked.

    `wanted` is the spec of the checkout as it should run, `schema` the collector's Avro schema, `schema_changed` when its
    file was last written (Unix seconds). `edited` are files of the checkout, by the service that runs and has read others;
    `posted` is what was posted last from here. `holders` says who has a port that a service which does not run needs.
    `dataset` are the columns of Superset's dataset; `shipped` the checkout's dashboards, titles by slug, and `absent` those
    of their slugs that Superset lacks. `services` are none where everything runs elsewhere. `moved` are the ports with
    which the stack was started and that these settings do not have: then the pipeline is not asked. `files` is what a start
    would refuse; it is looked for where the collector is ill, or a file was edited since the start.
    """

    now: float
    services: tuple[State, ...]
    depends: Mapping[str, tuple[str, ...]]
    wanted: Mapping[str, Any]
    collector: Ledger | PyglueError | None = None
    topic: TopicState | PyglueError | None = None
    supervisor: Supervisor | PyglueError | None = None
    rows: Rows | PyglueError | None = None
    dataset: frozenset[str] | PyglueError | None = None
    shipped: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] | PyglueError | None = None
    asked: bool = True
    schema: Any = None
    schema_changed: float = 0.0
    disks: tuple[Disk, ...] = ()
    holders: Mapping[str, str] = field(default_factory=dict)
    files: InputError | None = None
    edited: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    posted: specs.Posted | None = None
    moved: tuple[Moved, ...] = ()

    @property
    def topic_name(self) -> str:
        """The topic of the checkout's spec."""
        return specs.topic(dict(self.wanted))

    @property
    def datasource(self) -> str:
        """The datasource of the checkout's spec, and the supervisor's name."""
        return specs.datasource(dict(self.wanted))

    def service(self, name: str) -> State | None:
        """A service of the stack."""
        return next((state for state in self.services if state.name == name), None)


def look(settings: Settings, engine: Engine, clients: Clients, wanted: Mapping[str, Any]) -> Facts:
    """Ask everything; `wanted` is the spec as it should run. Raises PyglueError only if the engine does not answer."""
    topic, name = specs.topic(dict(wanted)), specs.datasource(dict(wanted))
    shipped = dashboards.titles(settings.project / dashboards.FOLDER)
    with ThreadPoolExecutor(7) as pool:
        services = pool.submit(engine.states)
        outdated = pool.submit(engine.outdated)
        elsewhere = all_given(settings.variables)
        differing = () if elsewhere else moved(engine, settings.variables)
        asked: dict[str, Any] = {}
        if not differing and _worth_asking(settings, engine):
            metrics = clients.metrics
            asked = {
                "collector": pool.submit(_told, lambda: None if metrics is None else ledger(metrics)),
                "topic": pool.submit(_told, lambda: clients.kafka.state(topic)),
                "supervisor": pool.submit(_told, lambda: supervisor(clients.druid, name)),
                "rows": pool.submit(_told, lambda: rows(clients.druid, name)),
            }
            of_superset = pool.submit(_of_superset, clients.superset, name, tuple(shipped))
        schema = settings.project / specs.SCHEMA
        states = tuple(services.result())
        if elsewhere and all(state.state == "stopped" for state in states):
            states = ()  # the pipeline is another one than the checkout's
        ill = [state for state in states if not state.healthy]
        edited = {one.name: _newer(engine, one) for one in states if one.name in outdated.result()}
        return Facts(
            now=time.time(),
            services=states,
            depends={one.name: tuple(one.depends_on) for one in engine.stack.services.values()},
            wanted=wanted,
            asked=bool(asked),
            schema=_schema(schema),
            schema_changed=schema.stat().st_mtime if schema.exists() else 0.0,
            disks=disks(engine),
            holders=_holders(engine, ill) if asked else {},
            files=_files(settings) if _worth_checking(settings, states, edited) else None,
            edited=edited,
            posted=specs.Posted.load(settings.project / specs.POSTED / f"{name}.json"),
            shipped=shipped,
            moved=differing,
            **{part: future.result() for part, future in asked.items()},
            **(of_superset.result() if asked else {}),
        )


def supervisor(druid: Druid, name: str) -> Supervisor | None:
    """The supervisor of this name, or None. Raises PyglueError if Druid can't be asked."""
    spec = druid.supervisor(name)
    status = druid.status(name) if spec is not None else None
    if spec is None or status is None:
        return None
    return Supervisor(status, spec, druid.offsets(name))


def rows(druid: Druid, name: str) -> Rows | None:
    """The rows of a datasource, or None while there are none. Raises PyglueError if Druid can't be asked."""
    columns = frozenset(druid.columns(name))
    if not columns:
        return None
    query = f'SELECT COUNT(*) AS n, TIMESTAMP_TO_MILLIS(MAX(__time)) AS newest FROM "{name}"'  # noqa: S608 - our name
    found = druid.sql_row(query, {"n!": int, "newest": int})
    published = druid.sql(
        "SELECT COUNT(*) AS n FROM sys.segments WHERE datasource = ? AND is_active = 1 AND is_published = 1",
        [name],
        columns={"n!": int},
    )
    newest = found["newest"] / 1000 if found["newest"] else None
    segments = sum(row["n"] for row in published)  # no row at all where there are none
    return Rows(found["n"], newest, segments, columns)


def dataset(superset: Superset, name: str) -> frozenset[str] | None:
    """The columns of Superset's dataset, or None if there is none. Raises PyglueError if Superset can't be asked."""
    found = superset.find("dataset", table_name=name)
    if found is None:
        return None
    shown = superset.get(f"dataset/{found['id']}", COLUMNS, columns=["columns.column_name"])
    return frozenset(column["column_name"] for column in shown["result"]["columns"])


def _of_superset(superset: Superset, name: str, slugs: tuple[str, ...]) -> dict[str, Any]:
    """One after the other, over one log-in; where the first has no answer the second is not asked."""
    columns = _told(lambda: dataset(superset, name))
    if isinstance(columns, PyglueError):
        return {"dataset": columns}
    return {"dataset": columns, "absent": _told(lambda: dashboards.absent(superset, slugs))}


def disks(engine: Engine) -> tuple[Disk, ...]:
    """Where the services' data lies, each file system once."""
    found: dict[int, Disk] = {}
    for service, folders in engine.folders().items():
        for folder in folders:
            if not folder.exists():
                continue
            device, usage = folder.stat().st_dev, shutil.disk_usage(folder)
            known = found.get(device)
            services = tuple(dict.fromkeys((*(known.services if known else ()), service)))
            found[device] = Disk(known.path if known else folder, services, usage.free, usage.total)
    return tuple(found.values())


def _newer(engine: Engine, state: State) -> tuple[str, ...]:
    """Of the files that are mounted into a service, those that were written after its start."""
    folder, started = engine.stack.directory, time.time() - (state.up or 0.0)
    files = [Path(mount.source) for mount in engine.stack.services[state.name].mounts if mount.is_bind]
    there = [file for file in files if (folder / file).is_file()]
    return tuple(str(file) for file in there if (folder / file).stat().st_mtime > started)


def _worth_asking(settings: Settings, engine: Engine) -> bool:
    return bool(engine.running()) or given(settings.variables)


def _schema(file: Path) -> Any:
    """The Avro schema in a file; None if it can't be read, which `pyglue check` tells better."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _told(ask: Callable[[], T]) -> T | PyglueError:
    try:
        return ask()
    except PyglueError as error:
        return error


def _worth_checking(settings: Settings, states: Sequence[State], edited: Mapping[str, object]) -> bool:
    """Whether files may be wrong: the collector is ill, or something was edited since what runs was started."""
    if edited or any(state.name == COLLECTOR and not state.healthy for state in states):
        return True
    file, longest = settings.project / dotenv.FILE, max((state.up or 0.0 for state in states), default=0.0)
    return longest > 0 and file.exists() and file.stat().st_mtime > time.time() - longest


def _files(settings: Settings) -> InputError | None:
    from pyglue import (
        checks,  # here: it brings the mapping's compiler, without which everything else is quicker
    )

    try:
        checks.check(settings)
    except InputError as error:
        return error
    return None


def _holders(engine: Engine, ill: list[State]) -> dict[str, str]:
    """Who has the ports of services that are not healthy, by service, in words: one may be dying of it just now."""
    found: dict[str, str] = {}
    for state in ill:
        for port in state.ports:
            who = None if ports.is_free(port) else ports.holder(port)
            if who is not None and not engine.holds(state.name, port, who):
                found[state.name] = f"{port} is held by {who.words}"
    return found
