"""Superset's database and datasets over Druid: made if missing, brought up to date, else left alone.

Law of this file: twice is harmless, and what a person set in Superset (a column's name, a description) stays.
The UUIDs are fixed, because the dashboards' files refer to them; where a database or dataset of the same name
is there already under another UUID, that one is used.
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from pyglue.errors import BadAnswer
from pyglue.shapes import Shapes
from pyglue.superset.client import Superset

DATABASE = "docker-druid"
DATABASE_UUID = "5b9a41cf-0c2e-4d0e-8b6f-3d5a6f0e7c01"
TABLE = "divolte-clickstream"
DATASET_UUID = "5b9a41cf-0c2e-4d0e-8b6f-3d5a6f0e7c02"
SCHEMA = "druid"  # where Druid SQL shows its datasources
TIME = "__time"  # Druid's column of an event's time

# What a chart's reader sees instead of a column's name; other names are taken apart into words.
NAMES = {
    "__time": "Time (UTC)",
    "timestamp": "Received (ms since 1970)",
    "clientTimestamp": "Sent by the browser's clock (ms since 1970)",
    "detectedDuplicate": "Duplicate",
    "detectedCorruption": "Corrupt",
    "firstInSession": "First in session",
    "remoteHost": "IP address",
    "referer": "Came from",
    "location": "Page address",
    "viewportPixelWidth": "Window width",
    "viewportPixelHeight": "Window height",
    "screenPixelWidth": "Screen width",
    "screenPixelHeight": "Screen height",
    "partyId": "Visitor",
    "sessionId": "Session",
    "pageViewId": "Page view",
    "eventType": "Event",
    "eventId": "Event id",
    "userAgentString": "User agent",
    "userAgentName": "Browser",
    "userAgentFamily": "Browser family",
    "userAgentVendor": "Browser vendor",
    "userAgentType": "Browser type",
    "userAgentVersion": "Browser version",
    "userAgentDeviceCategory": "Device",
    "userAgentOsFamily": "System",
    "userAgentOsVersion": "System version",
    "userAgentOsVendor": "System vendor",
    "path": "Page",
    "referrerHost": "Came from site",
    "variant": "Test variant",
    "bot": "Robot",
    "botReason": "Taken for a robot because of",
    "newVisitor": "New visitor",
    "sessionSeconds": "Seconds since the session began",
    "viewportClass": "Window class",
    "partyKey": "Visitor as a number, for counting",
    "sessionKey": "Session as a number, for counting",
    "sessionPhase": "Seconds since the session began, at least",
    "transitMillis": "Milliseconds from browser to collector",
}
# What Superset accepts when a dataset's columns are written back; the rest it only reports.
COLUMN_FIELDS = (
    "id",
    "uuid",
    "column_name",
    "type",
    "advanced_data_type",
    "verbose_name",
    "description",
    "expression",
    "extra",
    "filterable",
    "groupby",
    "is_active",
    "is_dttm",
    "python_date_format",
)

# Of an answer about a dataset: its columns.
COLUMNS: Shapes = {
    "": dict,
    "result!": dict,
    "result.columns!": list,
    "result.columns[]": dict,
    "result.columns[].column_name!": str,
}


class Outcome(StrEnum):
    """What was done about something."""

    MADE = "made"
    UPDATED = "updated"
    KEPT = "kept"


@dataclass(frozen=True)
class Dataset:
    """A dataset as it is now, and what refreshing changed: names of columns.

    `waiting` are those that were kept though Druid does not show them now.
    """

    id: int
    uuid: str
    table: str
    outcome: Outcome
    columns: int
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)  # of another type than before
    waiting: list[str] = field(default_factory=list)


def sqlalchemy_uri(broker: str) -> str:
    """The address of Druid SQL for Superset: `broker` is HOST:PORT as Superset reaches it."""
    return f"druid://{broker}/druid/v2/sql/"


def register_cluster(superset: Superset, *, uri: str, name: str = DATABASE) -> Outcome:
    """Make the database `name` with this SQLAlchemy URI in Superset, or give it that URI.

    Superset hides a password in a URI that it shows, so a URI with one is written each time. Raises BadAnswer
    if Superset refuses the URI.
    """
    wanted = {"database_name": name, "sqlalchemy_uri": uri, "expose_in_sqllab": True}
    found = superset.find("database", database_name=name)
    if found is None:
        fixed = {"uuid": DATABASE_UUID} if name == DATABASE else {}
        superset.post("database/", wanted | fixed)
        return Outcome.MADE
    shapes: Shapes = {"": dict, "result!": dict, "result.sqlalchemy_uri!": str}
    live = superset.get(f"database/{found['id']}/connection", shapes)["result"]
    if live["sqlalchemy_uri"] == uri:
        return Outcome.KEPT
    superset.put(f"database/{found['id']}", {"database_name": name, "sqlalchemy_uri": uri})
    return Outcome.UPDATED


def refresh_dataset(
    superset: Superset,
    *,
    table: str = TABLE,
    database: str = DATABASE,
    known: Set[str] = frozenset(),
    keep: Set[str] = frozenset(),
) -> Dataset:
    """Make the dataset over a Druid datasource if it is missing, and bring its columns up to date.

    A caller who knows that no column can have changed its type gives the columns' names as `known`: a dataset
    that has just these is left alone, which saves Superset's slow look at Druid. Columns called as in `keep` are not
    removed: after a reset Druid shows one again only after its first row, and charts ask for it meanwhile.

    Raises BadAnswer if the database is not registered, or if Druid does not know the datasource: it does only
    after the datasource's first row.
    """
    found = superset.find("database", database_name=database)
    if found is None:
        raise BadAnswer(
            f"Superset knows no database {database}",
            details=[
                f"asked      the databases of {superset.http.base}",
                f"came back  none called {database}",
            ],
            try_="pyglue register-cluster",
            code="database-missing",
        )
    dataset = superset.find("dataset", related={"database": found["id"]}, table_name=table, schema=SCHEMA)
    if dataset is None:
        made = _create(superset, int(found["id"]), table, database)
        _describe(superset, made)
        return _result(_dataset(superset, made), Outcome.MADE, {})
    number = int(dataset["id"])
    present = _dataset(superset, number)
    before = _types(present)
    if before.keys() == known and not description(present):
        return _result(present, Outcome.KEPT, before)
    superset.put(f"dataset/{number}/refresh")
    waiting = _bring_back(superset, number, present, keep)
    described = _describe(superset, number)
    after = _dataset(superset, number)
    changed = described or _types(after) != before
    return replace(_result(after, Outcome.UPDATED if changed else Outcome.KEPT, before), waiting=waiting)


def words(column: str) -> str:
    """A column's name in plain words: `cartValue` becomes `Cart value`."""
    if column in NAMES:
        return NAMES[column]
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z_\W]+", column)
    text = " ".join(part if part.isupper() and len(part) > 1 else part.lower() for part in parts)
    return text[:1].upper() + text[1:] if text else column


def description(dataset: dict[str, Any]) -> dict[str, Any]:
    """What has to be written to a dataset so that its columns have plain names and its time column is known.

    Empty if nothing has to be. Names that are there already stay, and a column that Superset can't filter by
    or group by is only what a person made so.
    """
    columns = [{name: column.get(name) for name in COLUMN_FIELDS} for column in dataset["columns"]]
    change: dict[str, Any] = {}
    if any(not column["verbose_name"] for column in columns):
        for column in columns:
            column["verbose_name"] = column["verbose_name"] or words(column["column_name"])
        change["columns"] = columns
    names = {column["column_name"] for column in columns}
    if TIME in names and dataset.get("main_dttm_col") != TIME:
        change["main_dttm_col"] = TIME
    return change


def _create(superset: Superset, database_id: int, table: str, database: str) -> int:
    body: dict[str, Any] = {"database": database_id, "schema": SCHEMA, "table_name": table}
    if (table, database) == (TABLE, DATABASE):
        body["uuid"] = DATASET_UUID
    try:
        return int(superset.post("dataset/", body, {"": dict, "id!": int})["id"])
    except BadAnswer as error:
        if error.status != 422 or "could not be found" not in "".join(error.details):
            raise
        raise BadAnswer(
            f"Superset finds no table {table} in {database} yet: Druid shows one after its first row",
            status=422,
            details=error.details,
            try_="pyglue smoke-test",
            code="table-missing",
        ) from error


def _dataset(superset: Superset, number: int) -> dict[str, Any]:
    shown = ["id", "uuid", "table_name", "main_dttm_col", *(f"columns.{name}" for name in COLUMN_FIELDS)]
    shapes: Shapes = {**COLUMNS, "result.id!": int, "result.table_name!": str}
    result: dict[str, Any] = superset.get(f"dataset/{number}", shapes, columns=shown)["result"]
    return result


def _bring_back(superset: Superset, number: int, before: dict[str, Any], keep: Set[str]) -> list[str]:
    """Give a dataset columns back that a refresh took from it, with what people said of them; their names."""
    present = _dataset(superset, number)["columns"]
    there = {column["column_name"] for column in present}
    lost = [
        column
        for column in before["columns"]
        if column["column_name"] in keep and column["column_name"] not in there
    ]
    if lost:
        columns = [{name: column.get(name) for name in COLUMN_FIELDS} for column in present]
        columns += [{name: column.get(name) for name in COLUMN_FIELDS if name != "id"} for column in lost]
        superset.put(f"dataset/{number}", {"columns": columns})
    return sorted(column["column_name"] for column in lost)


def _describe(superset: Superset, number: int) -> bool:
    change = description(_dataset(superset, number))
    if change:
        superset.put(f"dataset/{number}", change)
    return bool(change)


def _result(dataset: dict[str, Any], outcome: Outcome, before: dict[str, str]) -> Dataset:
    after = _types(dataset)
    return Dataset(
        id=dataset["id"],
        uuid=str(dataset.get("uuid")),
        table=dataset["table_name"],
        outcome=outcome,
        columns=len(after),
        added=sorted(after.keys() - before.keys()),
        removed=sorted(before.keys() - after.keys()),
        changed=sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
    )


def _types(dataset: dict[str, Any]) -> dict[str, str]:
    return {column["column_name"]: str(column.get("type")) for column in dataset["columns"]}
