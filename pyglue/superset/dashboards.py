"""Dashboards as files: a folder of YAML in Superset's own export format -> one ZIP -> Superset's assets import.

A dashboard is a folder with `dashboard.yaml` and `charts/*.yaml`. What the files say wins over what is in
Superset only when the files have changed since they were imported: the dashboard's style sheet ends with a
comment that names what it was made from, and as long as it names the files as they are, nothing is imported,
so what people changed in Superset stays. A dashboard that shows charts which are gone is no such change: then the
files are imported again.

Law of this file: `build` and `fingerprint` are pure; the same files and UUIDs give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from pyglue import shapes
from pyglue.errors import BadAnswer, InputError, Problem
from pyglue.superset.client import Superset
from pyglue.superset.register import DATASET_UUID, Dataset, Outcome

FOLDER = Path("superset/dashboards")  # of a checkout
TOP = "assets"  # the ZIP's one folder; Superset strips it and reads what is below
METADATA = "version: 1.0.0\ntype: assets\ntimestamp: '2026-01-01T00:00:00+00:00'\n"
STAMP = "/* pyglue: made from "  # the start of the comment in the style sheet
# What Superset's import needs in each file.
NEEDED = {
    "dashboard": ("dashboard_title", "slug", "uuid", "version", "position", "metadata"),
    "chart": ("slice_name", "uuid", "version", "viz_type", "dataset_uuid", "params", "query_context"),
}
# What is empty in Superset if a file says nothing of it: an import leaves alone what it is not told.
_EMPTY = {
    "dashboard": ("description", "css", "certified_by", "certification_details"),
    "chart": ("description", "certified_by", "certification_details", "cache_timeout"),
}
# What is read of Superset's answers; a dashboard's `position_json` is JSON in a text.
_BOARD: shapes.Shapes = {
    "": dict,
    "result!": dict,
    "result.id!": int,
    "result.dashboard_title!": str,
    "result.slug": str,
    "result.uuid": str,
    "result.css": str,
    "result.position_json": str,
}
_POSITION: shapes.Shapes = {"": dict, "*.type": str, "*.meta": dict, "*.meta.chartId": int}
_PLACED: shapes.Shapes = {"": dict, "result!": list, "result[]": dict, "result[].id!": int}
_SLUGS: shapes.Shapes = {"": dict, "result!": list, "result[]": dict, "result[].slug": str}
# What is read of them here beside that, in files and in what Superset exports.
SHAPES: dict[str, shapes.Shapes] = {
    "dashboard": {
        "css": str,
        "position": dict,
        "position.*.meta": dict,
        "position.*.children": list,
        "position.*.children[]": str,
        "position.*.parents": list,
        "position.*.parents[]": str,
        "metadata": dict,
        "metadata.timed_refresh_immune_slices": list,
        "metadata.timed_refresh_immune_slices[]": int,
        "metadata.expanded_slices": dict,
        "metadata.chart_configuration": dict,
        "metadata.native_filter_configuration": list,
        "metadata.native_filter_configuration[]": dict,
        "metadata.native_filter_configuration[].targets": list,
        "metadata.native_filter_configuration[].targets[]": dict,
        "metadata.native_filter_configuration[].targets[].datasetUuid": str,
        "metadata.native_filter_configuration[].targets[].column": dict,
        "metadata.native_filter_configuration[].targets[].column.name!": str,
    },
    "chart": {
        "slice_name": str,
        "params": dict,
        "params.annotation_layers": list,
        "params.annotation_layers[]": dict,
        "query_context": dict,
        "query_context.queries": list,
        "query_context.queries[]": dict,
    },
}

# The same in C where PyYAML was built with it: dashboards are long, and `up` reads them each time.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Dashboard:
    """A dashboard read from its folder: Superset's own fields, and its charts by file name."""

    folder: Path
    fields: dict[str, Any]
    charts: dict[str, dict[str, Any]]

    @property
    def title(self) -> str:
        """What people call it."""
        return str(self.fields["dashboard_title"])

    @property
    def slug(self) -> str:
        """The end of its address, /superset/dashboard/<slug>/."""
        return str(self.fields["slug"])


def read_all(base: Path) -> tuple[Dashboard, ...]:
    """The dashboards of all folders below `base`. Raises InputError with every problem of their files."""
    problems: list[Problem] = []
    found: list[Dashboard] = []
    for folder in sorted(path for path in base.glob("*") if path.is_dir()):
        try:
            found.append(read(folder))
        except InputError as error:
            problems += error.problems
    by_slug = {board.slug: board.folder for board in reversed(found)}
    for board in found:
        if by_slug[board.slug] != board.folder:
            text = f"its slug {board.slug} is that of {by_slug[board.slug].name}, too"
            problems.append(Problem(str(board.folder / "dashboard.yaml"), None, None, text))
    if problems:
        raise InputError(problems)
    return tuple(found)


def titles(base: Path) -> dict[str, str]:
    """The titles of the dashboards below `base` by their slugs, without a look at their charts; broken ones are left out."""
    boards = [_load(file, "dashboard", []) for file in sorted(base.glob("*/dashboard.yaml"))]
    return {str(board["slug"]): str(board.get("dashboard_title")) for board in boards if board.get("slug")}


def read(folder: Path) -> Dashboard:
    """A dashboard from its folder. Raises InputError with every problem of its files."""
    problems: list[Problem] = []
    fields = _load(folder / "dashboard.yaml", "dashboard", problems)
    files = sorted((folder / "charts").glob("*.yaml"))
    charts = {file.name: _load(file, "chart", problems) for file in files}
    known = {str(chart.get("uuid")) for chart in charts.values()}
    for place in places(fields.get("position")):
        if str(place.get("uuid")) not in known:
            text = f"position shows a chart with the uuid {place.get('uuid')}, and no file in charts/ has it"
            problems.append(Problem(str(folder / "dashboard.yaml"), None, None, text))
    if problems:
        raise InputError(problems)
    return Dashboard(folder, fields, charts)


def places(position: Any) -> list[dict[str, Any]]:
    """What a dashboard's `position` tells of each chart that it shows: `uuid`, `chartId` and more."""
    nodes = position.values() if isinstance(position, dict) else ()
    charts = (node.get("meta") for node in nodes if isinstance(node, dict) and node.get("type") == "CHART")
    return [meta if isinstance(meta, dict) else {} for meta in charts]


def build(dashboard: Dashboard, *, stamp: str = "", uuids: Mapping[str, str] | None = None) -> bytes:
    """The ZIP that Superset imports: one dashboard and its charts, nothing of databases and datasets.

    `stamp` is the fingerprint to leave in the style sheet; `uuids` replaces UUIDs of datasets in the files, of charts as
    of filters, by those that the datasets have.
    """
    known = uuids or {}
    fields = dict.fromkeys(_EMPTY["dashboard"]) | dashboard.fields
    fields["metadata"] = over(fields["metadata"], known)
    if stamp:
        fields["css"] = f"{fields.get('css') or ''}\n{STAMP}{stamp} */".lstrip()
    files = {"metadata.yaml": METADATA, f"dashboards/{dashboard.slug}.yaml": _dump(fields)}
    for name, chart in dashboard.charts.items():
        dataset = str(chart["dataset_uuid"])
        ready = dict.fromkeys(_EMPTY["chart"]) | chart
        ready |= {
            "dataset_uuid": known.get(dataset, dataset),
            "query_context": json.dumps(query) if (query := chart["query_context"]) else None,
        }
        files[f"charts/{name}"] = _dump(ready)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for path in sorted(files):
            # A fixed date: the same files are the same bytes.
            bundle.writestr(zipfile.ZipInfo(f"{TOP}/{path}", (2026, 1, 1, 0, 0, 0)), files[path])
    return buffer.getvalue()


def over(metadata: dict[str, Any] | None, uuids: Mapping[str, str]) -> dict[str, Any]:
    """A dashboard's settings with the datasets of its filters replaced."""
    made = dict(metadata or {})
    filters = made.get("native_filter_configuration")
    if filters:
        made["native_filter_configuration"] = [
            filter_ | {"targets": [_target(target, uuids) for target in filter_.get("targets") or ()]}
            for filter_ in filters
        ]
    return made


def _target(target: dict[str, Any], uuids: Mapping[str, str]) -> dict[str, Any]:
    dataset = str(target.get("datasetUuid"))
    return target | {"datasetUuid": uuids[dataset]} if dataset in uuids else target


def fingerprint(dashboard: Dashboard, dataset: Dataset) -> str:
    """What an import of these files over this dataset makes, in 16 characters."""
    content = [dashboard.fields, dashboard.charts, dataset.uuid, dataset.id]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def import_dashboard(
    superset: Superset, dashboard: Dashboard, dataset: Dataset, *, overwrite: bool = False
) -> Outcome:
    """Import a dashboard over `dataset` unless Superset has it from the same files; with `overwrite` even then.

    Raises BadAnswer if Superset refuses it.
    """
    stamp = fingerprint(dashboard, dataset)
    live = find(superset, dashboard.slug)
    if (
        not overwrite
        and live is not None
        and f"{STAMP}{stamp} */" in (live.get("css") or "")
        and _is_whole(superset, live)
    ):
        return Outcome.KEPT
    bundle = build(dashboard, stamp=stamp, uuids={DATASET_UUID: dataset.uuid})
    superset.upload("assets/import/", "bundle", bundle, {"sparse": "true"})
    return Outcome.MADE if live is None else Outcome.UPDATED


def find(superset: Superset, name: str) -> dict[str, Any] | None:
    """What Superset says of the dashboard with this slug or UUID; None if there is none."""
    try:
        found: dict[str, Any] = superset.get(f"dashboard/{quote(name, safe='')}", _BOARD)["result"]
    except BadAnswer as error:
        if error.status == 404:
            return None
        raise
    return found


def slugs(superset: Superset) -> list[str]:
    """The slugs of the dashboards that Superset has."""
    shown = superset.get("dashboard/", _SLUGS, columns=["slug"], page_size=100)["result"]
    return sorted(entry["slug"] for entry in shown if entry.get("slug"))


def absent(superset: Superset, wanted: Sequence[str]) -> tuple[str, ...]:
    """Those of these slugs of which Superset has no dashboard. Its list may be longer than one answer."""
    there = slugs(superset) if wanted else []
    return tuple(slug for slug in wanted if slug not in there and find(superset, slug) is None)


def export(superset: Superset, number: int) -> bytes:
    """Superset's own export of a dashboard: a ZIP of it, its charts, and the datasets and databases below them."""
    return superset.download("dashboard/export/", [number])


def _is_whole(superset: Superset, live: dict[str, Any]) -> bool:
    """Whether every chart that a dashboard has a place for is still there."""
    position = superset.within(f"dashboard/{live['slug']}", live.get("position_json") or "{}", _POSITION)
    shown = {place.get("chartId") for place in places(position)}
    there = superset.get(f"dashboard/{live['slug']}/charts", _PLACED)["result"] if shown else []
    return shown <= {chart["id"] for chart in there}


def _load(file: Path, kind: str, problems: list[Problem]) -> dict[str, Any]:
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506 - both are safe
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        problems.append(Problem(str(file), None, None, f"cannot be read: {reason}"))
        return {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        problems.append(Problem(str(file), line, column, f"no YAML: {getattr(error, 'problem', error)}"))
        return {}
    if not isinstance(content, dict):
        problems.append(Problem(str(file), 1, 1, f"expected a {kind}'s fields"))
        return {}
    missing = [name for name in NEEDED[kind] if name not in content]
    if missing:
        problems.append(Problem(str(file), None, None, f"a {kind} needs {', '.join(missing)}"))
    for where, expected in shapes.faults(content, SHAPES[kind]):
        problems.append(Problem(str(file), None, None, f"{expected} at {where}"))
    return content


def _dump(content: dict[str, Any]) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
