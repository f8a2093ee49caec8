"""Which columns a dashboard's charts and filters ask for, read from its files: to be compared with those there are.

Superset would only tell when somebody looks at the chart. Of an SQL expression the names are taken that stand in double
quotes, and bare ones with a small letter in them that no bracket follows; functions and keywords are written in capitals.
Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyglue.errors import Problem
from pyglue.superset.dashboards import Dashboard
from pyglue.superset.register import DATASET_UUID

# Where the forms of charts and of queries hold columns by their names, alone or in lists.
_HOLDERS = {
    "all_columns",
    "columns",
    "granularity",
    "granularity_sqla",
    "groupby",
    "groupbyColumns",
    "groupbyRows",
    "series_columns",
    "x_axis",
}
_NAMES = re.compile(r"""'(?:[^']|'')*'|"((?:[^"]|"")+)"|\b([A-Za-z_]*[a-z]\w*)\b(?!\s*\()""")


def problems(dashboard: Dashboard, known: set[str]) -> Iterator[Problem]:
    """Columns that charts on pyglue's dataset, or the dashboard's filters, ask for and `known` lacks."""
    for file, chart in dashboard.charts.items():
        if str(chart["dataset_uuid"]) == DATASET_UUID:
            path = dashboard.folder / "charts" / file
            asked = {**_asked(chart["params"]), **_asked(chart["query_context"])}
            yield from _unknown(path, f"the chart '{chart['slice_name']}'", asked, known)
    filters = (dashboard.fields.get("metadata") or {}).get("native_filter_configuration") or ()
    for filter_ in filters:
        targets = [
            target for target in filter_.get("targets") or () if target.get("datasetUuid") == DATASET_UUID
        ]
        asked = dict.fromkeys(str(target["column"]["name"]) for target in targets if target.get("column"))
        yield from _unknown(
            dashboard.folder / "dashboard.yaml", f"the filter '{filter_.get('name')}'", asked, known
        )


def expression_names(sql: str) -> list[str]:
    """The columns that an SQL expression names, by the module's rule."""
    found = (quoted.replace('""', '"') or bare for quoted, bare in _NAMES.findall(sql))
    return [name for name in found if name]


def _unknown(path: Path, who: str, asked: dict[str, None], known: set[str]) -> Iterator[Problem]:
    text = path.read_text(encoding="utf-8")
    for name in asked:
        if name not in known:
            found = re.search(rf"\b{re.escape(name)}\b", text)
            line = text.count("\n", 0, found.start()) + 1 if found else None
            reason = f"{who} asks for the column '{name}', which is neither a dimension nor a metric of the datasource"
            yield Problem(str(path), line, None, reason)


def _asked(form: Any) -> dict[str, None]:
    """The columns in a chart's form or queries, in their order."""
    found: dict[str, None] = {}
    _gather(form, found)
    return found


def _gather(node: Any, found: dict[str, None]) -> None:
    if isinstance(node, list):
        for item in node:
            _gather(item, found)
    elif isinstance(node, dict) and node.get("expressionType") == "SQL":
        found.update(dict.fromkeys(expression_names(str(node.get("sqlExpression") or ""))))
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("subject", "col", "column_name") and isinstance(value, str):
                found[value] = None
            elif key == "post_processing":
                continue  # what is done with the rows that came back: its columns are theirs
            elif key == "order_by_cols":
                found.update(dict.fromkeys(json.loads(entry)[0] for entry in value))
            elif key in _HOLDERS:
                names = value if isinstance(value, list) else [value]
                found.update(dict.fromkeys(name for name in names if isinstance(name, str)))
                _gather([name for name in names if not isinstance(name, str)], found)
            else:
                _gather(value, found)
