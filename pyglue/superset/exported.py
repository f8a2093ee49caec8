"""What Superset exports of a dashboard -> the files of its folder, and how they differ from those that are there. Pure.

A file that says the same already is left as it is, with its comments; what counts as the same is `settled.py`'s business.
Files of charts are found by the chart's UUID, whatever they are called.
"""

from __future__ import annotations

import difflib
import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from pyglue import shapes
from pyglue.errors import BadAnswer, PyglueError
from pyglue.superset import settled
from pyglue.superset.dashboards import LOADER, NEEDED, SHAPES, Dashboard, over, places
from pyglue.superset.handwriting import rewritten
from pyglue.superset.register import DATABASE, DATASET_UUID

BOARD = "dashboard.yaml"
# What an import takes, and no export gives: it stays as the file has it.
_FILES_OWN = ("is_managed_externally", "external_url", "tags", "theme_id")


@dataclass(frozen=True)
class Export:
    """A dashboard as Superset has it: its fields, and its charts by UUID. The dataset has the UUID that files have."""

    fields: dict[str, Any]
    charts: dict[str, dict[str, Any]]


def read(bundle: bytes, table: str) -> Export:
    """The ZIP of Superset's export of one dashboard; `table` is Druid's datasource.

    Raises BadAnswer for anything else, and PyglueError with all that no import could take.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(bundle)) as opened:
            files = {
                name.partition("/")[2]: yaml.load(opened.read(name), Loader=LOADER)  # noqa: S506 - both are safe
                for name in opened.namelist()
            }
        [fields] = [content for name, content in files.items() if name.startswith("dashboards/")]
        uuids = dict.fromkeys(_datasets(files, table), DATASET_UUID)
        found = [
            content | {"query_context": _query(content.get("query_context"))}
            for name, content in files.items()
            if name.startswith("charts/")
        ]
        wrong = _faults(fields, found)
        charts = {
            str(content["uuid"]): content | {"dataset_uuid": uuids.get(dataset, dataset)}
            for content in found
            if (dataset := content.get("dataset_uuid"))
        }
    except (zipfile.BadZipFile, yaml.YAMLError, ValueError, KeyError, TypeError) as error:
        raise BadAnswer(
            "Superset's export of a dashboard is not what Superset 6.0 gives",
            details=[
                "asked      a ZIP with one dashboard and its charts",
                f"came back  {str(bundle[:80])[2:-1]}",
            ],
            try_="pyglue logs superset",
        ) from error
    if wrong:
        raise PyglueError(
            f"the dashboard {fields['dashboard_title']} could not be imported again as it is in Superset",
            details=wrong,
            try_="mend it in Superset, or take the chart off the dashboard; then type the same again",
            code="dashboard-broken",
        )
    return Export(fields | {"metadata": over(fields.get("metadata"), uuids)}, charts)


def changes(export: Export, present: Dashboard | None, texts: Mapping[str, str]) -> dict[str, str | None]:
    """The files of a dashboard's folder that must change: the new text by path, or None for one that has to go.

    `present` is what the folder holds, and `texts` its files, by their paths in it. A chart's file goes if the dashboard
    of the files shows the chart and Superset's shows it no more.
    """
    known = present.charts if present is not None else {}
    paths = {str(fields["uuid"]): f"charts/{name}" for name, fields in known.items()}
    placed = places(present.fields["position"]) if present is not None else []
    before = {f"charts/{name}": fields for name, fields in known.items()}
    after = {
        _path(uuid, export.charts, paths): _with_own(fields, before.get(paths.get(uuid, ""), {}))
        for uuid, fields in sorted(export.charts.items(), key=lambda item: (item[1]["slice_name"], item[0]))
    }
    same = {path: settled.chart(fields) for path, fields in before.items()}
    wanted = {path: settled.chart(fields) for path, fields in after.items()}
    own = {str(meta.get("uuid")): settled.number_of(meta) for meta in placed}
    board = present.fields if present is not None else {}
    if present is not None:
        same[BOARD] = settled.dashboard(board, _names(known.values()), own)
    ids = _numbers(export, own)
    wanted[BOARD] = settled.dashboard(_with_own(export.fields, board), _names(export.charts.values()), ids)
    found: dict[str, str | None] = {}
    for path, content in wanted.items():
        if path not in same or _text(same[path]) != _text(content):
            old = board if path == BOARD else before.get(path, {})
            found[path] = rewritten(texts.get(path), _complete(content, old, path))
    gone = [path for uuid, path in paths.items() if uuid in own and uuid not in export.charts]
    return {path: found[path] for path in sorted(found, key=_order)} | dict.fromkeys(sorted(gone))


def differences(path: str, before: str | None, after: str | None) -> Iterator[str]:
    """The lines of a unified diff as `patch -p1` takes it; None stands for a file that is not there."""
    old = "/dev/null" if before is None else f"a/{path}"
    new = "/dev/null" if after is None else f"b/{path}"
    lines = [(text or "").splitlines(keepends=True) for text in (before, after)]
    for line in difflib.unified_diff(lines[0], lines[1], old, new):
        yield line.removesuffix("\n")
        if not line.endswith("\n"):
            yield "\\ No newline at end of file"


def file_name(title: str) -> str:
    """A chart's title as the name of a file: `Clicks per minute` becomes `clicks-per-minute`; empty if nothing is left."""
    ascii_ = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_.lower())[:80].strip("-")


def _datasets(files: Mapping[str, Any], table: str) -> Iterator[str]:
    """The UUIDs of the datasets over Druid's datasource."""
    databases = {
        content["uuid"]: content["database_name"]
        for name, content in files.items()
        if name.startswith("databases/")
    }
    for name, content in files.items():
        if name.startswith("datasets/"):
            over_druid = databases.get(content["database_uuid"]) == DATABASE
            if over_druid and content["table_name"] == table:
                yield content["uuid"]


def _query(text: str | None) -> Any:
    """Superset keeps a chart's query as JSON in a string; what is none is told by its shape."""
    try:
        return json.loads(text or "null")
    except ValueError:
        return text


def _faults(fields: dict[str, Any], charts: list[dict[str, Any]]) -> list[str]:
    title = fields["dashboard_title"]
    wrong = [
        f"{title}: {expected} at {where}" for where, expected in shapes.faults(fields, SHAPES["dashboard"])
    ]
    for chart in charts:
        name = chart["slice_name"]
        if not chart.get("dataset_uuid"):
            wrong.append(f"the chart {name}: its dataset is gone")
        wrong += [
            f"the chart {name}: {expected} at {where}"
            for where, expected in shapes.faults(chart, SHAPES["chart"])
        ]
    return wrong


def _path(uuid: str, charts: Mapping[str, dict[str, Any]], paths: dict[str, str]) -> str:
    """The file of a chart: the one that it has, else one of its title. It is noted in `paths`."""
    if uuid not in paths:
        name = file_name(str(charts[uuid]["slice_name"])) or "chart"
        taken = set(paths.values())
        free = (
            f"charts/{name}{end}.yaml" for end in ("", *(f"-{number}" for number in range(2, len(taken) + 3)))
        )
        paths[uuid] = next(path for path in free if path not in taken)
    return paths[uuid]


def _numbers(export: Export, own: Mapping[str, int]) -> dict[str, int]:
    """The numbers of charts that files have: those that they had; a new chart's is Superset's if that is free."""
    live = {str(meta.get("uuid")): settled.number_of(meta) for meta in places(export.fields["position"])}
    made = {uuid: own[uuid] for uuid in export.charts if uuid in own}
    for uuid in sorted(export.charts.keys() - made.keys()):
        taken = set(made.values()) | set(own.values())
        number = live.get(uuid, 1)
        made[uuid] = number if number not in taken else max(taken) + 1
    return made


def _names(charts: Any) -> dict[str, str]:
    return {str(fields["uuid"]): str(fields["slice_name"]) for fields in charts}


def _with_own(fields: dict[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    return fields | {name: old[name] for name in _FILES_OWN if name in old and name not in fields}


def _complete(content: dict[str, Any], old: Mapping[str, Any], path: str) -> dict[str, Any]:
    """With the empty fields that the file has, or that an import needs."""
    made: dict[str, Any] = {
        name: content.get(name)
        for name in (*content, *old, *NEEDED["dashboard" if path == BOARD else "chart"])
    }
    if path == BOARD:
        kept = {
            name: blank for name, blank in settled.COMPUTED.items() if name in (old.get("metadata") or {})
        }
        made["metadata"] = made["metadata"] | kept
    return made


def _text(content: dict[str, Any]) -> str:
    """For comparing: to Python True, 1 and 1.0 are equal."""
    return json.dumps(content, sort_keys=True)


def _order(path: str) -> tuple[bool, str]:
    return path != BOARD, path
