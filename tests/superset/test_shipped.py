"""The dashboards that are shipped: what holds for every one of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pyglue.pipeline import columns
from pyglue.superset.dashboards import Dashboard, read
from pyglue.superset.register import DATASET_UUID

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path for path in (ROOT / "superset" / "dashboards").iterdir() if path.is_dir())
BOARDS = [read(folder) for folder in FOLDERS]
CHARTS = [(board, chart) for board in BOARDS for chart in board.charts.values()]
PROBE = "pyglue-probe"
ALL_EVENTS = {"Complete up to"}  # pyglue's own events prove that the pipeline works, too

each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.slug)
each_chart = pytest.mark.parametrize(
    ("board", "chart"), CHARTS, ids=[f"{board.slug}-{chart['slice_name']}" for board, chart in CHARTS]
)


def filters(chart: dict[str, Any]) -> list[dict[str, Any]]:
    """What the chart's form shows as its filters, as the query has them; those in SQL are left out."""
    return [
        {"col": one["subject"], "op": one["operator"]}
        | ({"val": one["comparator"]} if "comparator" in one else {})
        for one in chart["params"]["adhoc_filters"]
        if one["expressionType"] == "SIMPLE"
    ]


def test_there_are_three() -> None:
    """Live, audience, data quality; each with an address of its own."""
    assert [(board.slug, board.title) for board in BOARDS] == [
        ("audience", "Audience"),
        ("clickstream", "Live"),
        ("data-quality", "Data quality"),
    ]


@each_chart
def test_form_and_query_are_the_same(board: Dashboard, chart: dict[str, Any]) -> None:
    """What a chart shows when it is opened in the editor is what its saved query asks."""
    (query,) = chart["query_context"]["queries"]
    params = chart["params"]
    assert query["filters"] == filters(chart)
    where = [f"({one['sqlExpression']})" for one in params["adhoc_filters"] if one["expressionType"] == "SQL"]
    assert query["extras"]["where"] == " AND ".join(where)
    metrics = params.get("metrics") or ([params["metric"]] if "metric" in params else [])
    assert query["metrics"] == metrics
    asked = [one if isinstance(one, str) else one["label"] for one in query["columns"]]
    axis = params.get("x_axis")
    shown = [axis if isinstance(axis, str) else axis["label"]] if axis else []
    for column in (*params.get("groupby", ()), *params.get("all_columns", ())):
        shown.append(column if isinstance(column, str) else column["label"])
    assert asked == shown
    assert query["row_limit"] == params.get("row_limit", 1)


@each_chart
def test_no_chart_shows_pyglues_own_events(board: Dashboard, chart: dict[str, Any]) -> None:
    """Every chart that counts leaves out the probes, or shows one kind of event only."""
    kinds = [(one["op"], one["val"]) for one in filters(chart) if one["col"] == "eventType"]
    if chart["slice_name"] in ALL_EVENTS:
        assert kinds == []
    else:
        assert any(kind == ("!=", PROBE) or (kind[0] == "==" and kind[1] != PROBE) for kind in kinds)


@each_chart
def test_only_humans_are_an_audience(board: Dashboard, chart: dict[str, Any]) -> None:
    """Robots are left out where people are counted."""
    if board.slug == "audience" or "visitors" in chart["slice_name"].lower():
        assert {"col": "bot", "op": "==", "val": 0} in filters(chart)


@each_chart
def test_every_chart_counts_back_from_now(board: Dashboard, chart: dict[str, Any]) -> None:
    """Live charts the last hour or less; the others two weeks."""
    (range_,) = [one["val"] for one in filters(chart) if one["col"] == "__time"]
    assert re.fullmatch(r'DATEADD\(DATETIME\("now"\), -\d+, (minute|hour|day)\) : now', range_)
    if board.slug != "clickstream":
        assert "-14, day" in range_


@each_chart
def test_everything_has_a_plain_name(board: Dashboard, chart: dict[str, Any]) -> None:
    """A title, metrics and axes in words, a description in sentences."""
    assert chart["description"].endswith((".", "works."))
    params = chart["params"]
    labels = [chart["slice_name"], *(one["label"] for one in chart["query_context"]["queries"][0]["metrics"])]
    for text in (*labels, params.get("x_axis_title", ""), params.get("y_axis_title", "")):
        assert not re.search(r"_|[a-z][A-Z]", text), text
    if chart["viz_type"].startswith("echarts") and params.get("orientation") != "horizontal":
        assert params["x_axis_title"]
        assert params["y_axis_title"]


@each_board
def test_every_chart_has_its_place(board: Dashboard) -> None:
    """Each once, under its own name, in rows that are as wide as the page."""
    nodes = [node for node in board.fields["position"].values() if isinstance(node, dict)]
    placed = {node["meta"]["uuid"]: node["meta"]["sliceName"] for node in nodes if node["type"] == "CHART"}
    assert placed == {chart["uuid"]: chart["slice_name"] for chart in board.charts.values()}
    for row in (node for node in nodes if node["type"] == "ROW"):
        assert sum(board.fields["position"][name]["meta"]["width"] for name in row["children"]) == 12


@each_board
def test_the_dashboard_refreshes_itself(board: Dashboard) -> None:
    """Every chart is asked for again: live every ten seconds, the others every minute."""
    metadata = board.fields["metadata"]
    assert metadata["refresh_frequency"] == (10 if board.slug == "clickstream" else 60)
    assert metadata["timed_refresh_immune_slices"] == []
    assert metadata["cross_filters_enabled"]


@each_board
def test_filters_are_about_the_dataset(board: Dashboard) -> None:
    """Each has a name and says what it does; all but the one for the time act on a column of the dataset."""
    found = board.fields["metadata"]["native_filter_configuration"]
    assert found
    for one in found:
        assert one["name"]
        assert one["description"]
        if one["filterType"] != "filter_time":
            assert [target["datasetUuid"] for target in one["targets"]] == [DATASET_UUID]


def test_charts_use_columns_that_there_are() -> None:
    """Whatever a chart asks for is a column of the datasource, by the supervisor spec."""
    spec = json.loads((ROOT / "supervisor-spec.json").read_text())
    known = columns.names(spec) or set()
    for _, chart in CHARTS:
        params = chart["params"]
        used = {one["col"] for one in filters(chart)} | {*params.get("all_columns", ())}
        used |= {column for column in params.get("groupby", ()) if isinstance(column, str)}
        assert used <= known, chart["slice_name"]


def test_uuids_are_unique() -> None:
    """No two things share a UUID."""
    uuids = [
        DATASET_UUID,
        *(board.fields["uuid"] for board in BOARDS),
        *(chart["uuid"] for _, chart in CHARTS),
    ]
    assert len(set(uuids)) == len(uuids)


def test_a_thing_has_the_same_colour_everywhere() -> None:
    """On every dashboard; every technology of the sample app has one, and no two technologies share one."""
    colours = BOARDS[0].fields["metadata"]["label_colors"]
    assert all(board.fields["metadata"]["label_colors"] == colours for board in BOARDS)
    page = (ROOT / "sample-app" / "page" / "index.html").read_text(encoding="utf-8")
    technologies = set(re.findall(r'data-technology="(\w+)"', page))
    assert technologies
    assert technologies <= colours.keys()
    assert len({colours[technology] for technology in technologies}) == len(technologies)
