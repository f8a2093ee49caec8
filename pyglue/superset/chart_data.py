"""Rows as Superset's charts get them: `POST /api/v1/chart/data`, past every cache."""

from __future__ import annotations

from typing import Any

from pyglue.errors import BadAnswer
from pyglue.superset.client import Superset

# Open at its end: an event from a clock that goes a little ahead is found, too. Its start lets Druid leave out
# all segments but the newest ones.
RECENT = 'DATEADD(DATETIME("now"), -1, day) : '


def find_event(superset: Superset, dataset_id: int, event_id: str) -> dict[str, Any] | None:
    """The row of the event with this id in a dataset over the last 24 hours, or None if there is none (yet)."""
    query = {
        "columns": ["__time", "eventId", "eventType"],
        "metrics": [],
        "filters": [{"col": "eventId", "op": "==", "val": event_id}],
        "time_range": RECENT,
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


def chart_rows(superset: Superset, name: str) -> list[dict[str, Any]]:
    """The rows that the saved chart with this name shows now. Raises BadAnswer if there is no such chart."""
    found = superset.find("chart", slice_name=name)
    if found is None:
        raise BadAnswer(
            f"Superset has no chart called {name}",
            details=[f"asked      the charts of {superset.http.base}", "came back  none of that name"],
            try_="pyglue up",
        )
    return _rows(superset, superset.get(f"chart/{found['id']}/data/?force=true"))


def _rows(superset: Superset, answer: Any) -> list[dict[str, Any]]:
    try:
        rows = answer["result"][0]["data"]
    except (KeyError, IndexError, TypeError) as error:
        raise BadAnswer(
            "Superset answered a chart's query without data",
            details=[f"asked      {superset.http.base}/api/v1/chart/data", f"came back  {str(answer)[:300]}"],
            try_=superset.http.try_,
        ) from error
    return list(rows)
