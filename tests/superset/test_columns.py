"""The columns that charts and filters ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyglue.errors import InputError
from pyglue.superset import columns, dashboards
from pyglue.superset.dashboards import Dashboard
from pyglue.superset.register import DATASET_UUID
from tests.shaped import misshapen

KNOWN = {"__time", "a", "b"}


def dashboard(folder: Path, params: Any = None, queries: Any = (), **more: Any) -> Dashboard:
    """A dashboard of one chart, with its files."""
    (folder / "charts").mkdir()
    (folder / "charts" / "c.yaml").write_text("slice_name: C\n# wrong\n")
    (folder / "dashboard.yaml").write_text("\nwrong\n")
    chart = {"slice_name": "C", "params": params or {}, "query_context": {"queries": list(queries)}}
    return Dashboard(folder, more, {"c.yaml": {"dataset_uuid": DATASET_UUID, **chart}})


@pytest.mark.parametrize(
    "form",
    [
        {"groupby": ["a", "wrong"]},
        {"all_columns": ["wrong"]},
        {"x_axis": "wrong"},
        {"granularity_sqla": "wrong"},
        {"x_axis": {"expressionType": "SQL", "sqlExpression": "FLOOR(wrong TO HOUR)"}},
        {"columns": ["a", {"expressionType": "SQL", "sqlExpression": 'LOWER("wrong")'}]},
        {"order_by_cols": ['["wrong", false]']},
        {"adhoc_filters": [{"expressionType": "SIMPLE", "subject": "wrong"}]},
        {"metric": {"expressionType": "SIMPLE", "column": {"column_name": "wrong"}, "aggregate": "SUM"}},
        {"metrics": ["count", {"expressionType": "SQL", "sqlExpression": 'SUM("a") / SUM("wrong")'}]},
        {"filters": [{"col": "wrong", "op": "=="}]},
        {"filters": [{"col": {"expressionType": "SQL", "sqlExpression": "wrong"}}]},
        {"orderby": [[{"expressionType": "SQL", "sqlExpression": "MAX(wrong)"}, True]]},
    ],
)
def test_a_column_that_is_not_there(tmp_path: Path, form: dict[str, Any]) -> None:
    """It is told once, with file and line, wherever a chart's form or its query asks for it."""
    for number, (params, queries) in enumerate([(form, []), ({}, [form])]):
        folder = tmp_path / str(number)
        folder.mkdir()
        (found,) = columns.problems(dashboard(folder, params, queries), KNOWN)
        assert (found.file, found.line) == (str(folder / "charts" / "c.yaml"), 2)
        assert "the chart 'C' asks for the column 'wrong'" in found.message


def test_a_filter_on_a_column_that_is_not_there(tmp_path: Path) -> None:
    """The dashboard's own filters, too; those on other datasets are not ours."""
    targets = [
        {"datasetUuid": DATASET_UUID, "column": {"name": "wrong"}},
        {"datasetUuid": "another", "column": {"name": "x"}},
        {},
    ]
    metadata = {"native_filter_configuration": [{"name": "F", "targets": targets}]}
    (found,) = columns.problems(dashboard(tmp_path, metadata=metadata), KNOWN)
    assert (found.file, found.line) == (str(tmp_path / "dashboard.yaml"), 2)


def test_columns_of_a_result_are_not_the_datasets(tmp_path: Path) -> None:
    """What Superset's pages save of the work on the rows that came back names their columns: labels of metrics."""
    steps = [{"operation": "pivot", "options": {"columns": ["Clicks"], "groupby": ["Clicks"]}}]
    board = dashboard(tmp_path, queries=[{"columns": ["a"], "post_processing": steps}])
    assert list(columns.problems(board, KNOWN)) == []


def test_charts_of_other_datasets_are_not_ours(tmp_path: Path) -> None:
    """Nothing is known of their columns."""
    board = dashboard(tmp_path, {"groupby": ["wrong"]})
    board.charts["c.yaml"]["dataset_uuid"] = "another"
    assert list(columns.problems(board, KNOWN)) == []


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("COUNT(*)", []),
        ("COUNT(DISTINCT \"partyId\") FILTER (WHERE eventType = 'click now')", ["partyId", "eventType"]),
        ("TIME_FORMAT(__time, 'MM-dd''HH')", ["__time"]),
        ("approx_count_distinct(x1) * 1e3", ["x1"]),
        ('SUM("odd ""name""") - "CAPS"', ['odd "name"', "CAPS"]),
        ("CASE WHEN a > 1 THEN 'b' ELSE NULL END", ["a"]),
    ],
)
def test_names_in_expressions(sql: str, found: list[str]) -> None:
    """Quoted names, and bare ones that are no functions and no keywords in capitals."""
    assert columns.expression_names(sql) == found


def test_files_of_another_shape_are_refused_or_read(tmp_path: Path, checkout: Path) -> None:
    """Whatever stands where in a chart or a dashboard: it is a problem of the file, never a crash."""
    shipped = dashboards.read(checkout / "superset" / "dashboards" / "clickstream")
    filters = [{"name": "F", "targets": [{"datasetUuid": DATASET_UUID, "column": {"name": "a"}}]}]
    few = dict(list(shipped.fields["position"].items())[:2]) | {"CHART-x": {"type": "CHART", "meta": {}}}
    fields = shipped.fields | {"metadata": {"native_filter_configuration": filters}, "position": few}
    chart = shipped.charts["newest-events.yaml"]
    (tmp_path / "charts").mkdir()
    refused = 0
    for wrong_fields, wrong_chart in [
        *((wrong, chart) for wrong in misshapen(fields)),
        *((fields, wrong) for wrong in misshapen(chart)),
    ]:
        (tmp_path / "dashboard.yaml").write_text(json.dumps(wrong_fields))
        (tmp_path / "charts" / "c.yaml").write_text(json.dumps(wrong_chart))
        try:
            list(columns.problems(dashboards.read(tmp_path), KNOWN))
        except InputError:
            refused += 1
    assert refused > 50


def test_the_shipped_dashboard(checkout: Path) -> None:
    """Its charts ask for columns; without one of them the charts that need it are told."""
    board = dashboards.read(checkout / "superset" / "dashboards" / "clickstream")
    asked = {
        "__time",
        "eventType",
        "technology",
        "partyKey",
        "path",
        "referrerHost",
        "userAgentFamily",
        "userAgentDeviceCategory",
        "bot",
        "botReason",
    }
    assert list(columns.problems(board, asked)) == []
    lost = {Path(problem.file).name for problem in columns.problems(board, asked - {"partyKey"})}
    assert lost == {"active-visitors.yaml"}
    lost = {
        Path(problem.file).name for problem in columns.problems(board, asked - {"userAgentDeviceCategory"})
    }
    assert lost == {"newest-events.yaml", "dashboard.yaml"}
