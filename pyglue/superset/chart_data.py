"""Rows as Superset's charts get them: `POST /api/v1/chart/data`, past every cache."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyglue.errors import BadAnswer, PyglueError
from pyglue.shapes import Shapes, faults
from pyglue.superset.client import Superset

CHART_SECONDS = 60.0  # as long as Superset itself waits for a chart
_DATA: Shapes = {"": dict, "result!": list, "result[]": dict, "result[].data!": list, "result[].data[]": dict}
_CHARTS: Shapes = {
    "": dict,
    "result!": list,
    "result[]": dict,
    "result[].id!": int,
    "result[].form_data!": dict,
    "result[].form_data.datasource!": str,
}
_CHART: Shapes = {
    "": dict,
    "result!": dict,
    "result.slice_name!": str,
    "result.viz_type!": str,
    "result.query_context": str,
}
_CONTEXT: Shapes = {
    "": dict,
    "queries!": list,
    "queries[]": dict,
    "queries[].extras": dict,
    "queries[].filters": list,
    "queries[].filters[]": dict,
    "queries[].metrics": list,
    "queries[].metrics[]": (str, dict),
    "queries[].metrics[].label!": str,
}
MOST_ROWS = 50_000  # Superset's own limit
# Open at its end: an event from a clock that goes a little ahead is found, too. Its start lets Druid leave out
# all segments but the newest ones.
RECENT = 'DATEADD(DATETIME("now"), -1, day) : '


def find_event(
    superset: Superset, dataset_id: int, event_id: str, time_range: str = RECENT
) -> dict[str, Any] | None:
    """The row of the event with this id in a dataset, or None if there is none (yet).

    `time_range` is Superset's; without it the last 24 hours are looked through.
    """
    query = {
        "columns": ["__time", "eventId", "eventType"],
        "metrics": [],
        "filters": [{"col": "eventId", "op": "==", "val": event_id}],
        "time_range": time_range,
        "granularity": "__time",
        "row_limit": 1,
    }
    body = {
        "datasource": {"id": dataset_id, "type": "table"},
        "force": True,
        "queries": [query],
        "result_format": "json",
        "result_type": "full",
    }
    rows = _rows(superset, superset.post("chart/data", body))
    return rows[0] if rows else None


def count_by_minute(superset: Superset, dataset_id: int, first: int, end: int) -> dict[int, int]:
    """How many rows a chart without filters counts in each minute from `first` to before `end` (minutes since 1970)."""
    span = " : ".join(f"{datetime.fromtimestamp(at * 60, UTC):%Y-%m-%dT%H:%M:%S}" for at in (first, end))
    time_axis = {
        "columnType": "BASE_AXIS",
        "expressionType": "SQL",
        "label": "__time",
        "sqlExpression": "__time",
        "timeGrain": "PT1M",
    }
    query = {
        "columns": [time_axis],
        "metrics": [{"expressionType": "SQL", "sqlExpression": "COUNT(*)", "label": "events"}],
        "filters": [{"col": "__time", "op": "TEMPORAL_RANGE", "val": span}],
        "extras": {"time_grain_sqla": "PT1M"},
        "orderby": [],
        "row_limit": MOST_ROWS,
    }
    body = {
        "datasource": {"id": dataset_id, "type": "table"},
        "force": True,
        "queries": [query],
        "result_format": "json",
        "result_type": "full",
    }
    counted = {**_DATA, "result[].data[].__time!": (int, float), "result[].data[].events!": int}
    rows = _rows(superset, superset.post("chart/data", body, timeout=CHART_SECONDS), counted)
    return {int(row["__time"]) // 60_000: int(row["events"]) for row in rows}


def chart_rows(superset: Superset, name: str) -> list[dict[str, Any]]:
    """The rows that the saved chart with this name shows now. Raises BadAnswer if there is no such chart."""
    found = superset.find("chart", slice_name=name)
    if found is None:
        raise BadAnswer(
            f"Superset has no chart called {name}",
            details=[f"asked      the charts of {superset.http.base}", "came back  none of that name"],
            try_="pyglue up",
            code="chart-missing",
        )
    return _rows(superset, superset.get(f"chart/{found['id']}/data/?force=true"))


@dataclass(frozen=True)
class Chart:
    """A chart on a dashboard, as Superset has it: its dataset's number and its query context, None if it has none."""

    id: int
    name: str
    kind: str
    context: dict[str, Any] | None

    @property
    def dataset_id(self) -> int | None:
        """The number of the dataset that it asks."""
        return None if self.context is None else self.context["datasource"]["id"]

    @property
    def measures(self) -> dict[str, str]:
        """The SQL of each of its metrics by its label; empty for one that the dataset defines."""
        queries = (self.context or {}).get("queries") or [{}]
        return {
            metric if isinstance(metric, str) else str(metric["label"]): ""
            if isinstance(metric, str)
            else str(metric.get("sqlExpression") or "")
            for metric in queries[0].get("metrics") or ()
        }


@dataclass(frozen=True)
class Answer:
    """What a chart's query answered: rows, the SQL that Superset made of it, and how long it took."""

    rows: list[dict[str, Any]]
    sql: str
    seconds: float

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show: no row, or no value in any."""
        return not any(value is not None for row in self.rows for value in row.values())


def charts(superset: Superset, slug: str) -> list[Chart]:
    """The charts of a dashboard."""
    found = []
    for entry in superset.get(f"dashboard/{slug}/charts", _CHARTS)["result"]:
        path = f"chart/{entry['id']}"
        chart = superset.get(path, _CHART)["result"]
        context = superset.within(path, text, _CONTEXT) if (text := chart.get("query_context")) else None
        dataset = entry["form_data"]["datasource"].partition("__")[0]
        if context is not None:
            context["datasource"] = {"id": int(dataset) if dataset.isdecimal() else 0, "type": "table"}
        found.append(Chart(entry["id"], chart["slice_name"], chart["viz_type"], context))
    return found


def ask(superset: Superset, chart: Chart, where: str | None = None) -> Answer:
    """Run a chart's query past the caches; with `where`, for these rows of all times and without a limit.

    Raises BadAnswer if the chart has no query, or if the query fails; Unreachable if there is no answer.
    """
    if chart.context is None:
        raise BadAnswer(
            f"the chart '{chart.name}' has no query of its own",
            details=["came back  a chart without query_context: it was never saved in Superset's editor"],
            try_="open the chart in Superset and save it",
            code="chart-unsaved",
        )
    body = copy.deepcopy(chart.context)
    body |= {"force": True, "result_format": "json", "result_type": "full"}
    if where is not None:
        for query in body["queries"]:
            _narrow(query, where)
    began = time.monotonic()
    try:
        answer = superset.post("chart/data", body, timeout=CHART_SECONDS)
    except PyglueError as error:
        error.message = f"chart '{chart.name}': {error.message}"
        raise
    seconds = time.monotonic() - began
    return Answer(_rows(superset, answer), str(answer["result"][0].get("query") or ""), seconds)


def _narrow(query: dict[str, Any], where: str) -> None:
    query["filters"] = [one for one in query.get("filters") or () if one.get("op") != "TEMPORAL_RANGE"]
    query["time_range"] = "No filter"
    query["row_limit"] = MOST_ROWS
    query.pop("post_processing", None)
    extras = query.setdefault("extras", {})
    extras["where"] = " AND ".join(f"({part})" for part in (extras.get("where"), where) if part)


def _rows(superset: Superset, answer: Any, shapes: Shapes = _DATA) -> list[dict[str, Any]]:
    wrong = [f"{expected} at {where}" for where, expected in faults(answer, shapes)]
    if wrong or not answer["result"]:
        raise BadAnswer(
            "Superset answered a chart's query without data",
            details=[
                f"asked      {superset.http.base}/api/v1/chart/data",
                f"came back  {str(answer)[:300]}",
                f"but        {', '.join(wrong) or 'expected one result'}",
            ],
            try_=superset.http.try_,
        )
    return list(answer["result"][0]["data"])
