"""A dashboard and its charts without what Superset adds of its own, or keeps for itself. Pure.

Law of this file: files and what Superset exports both go through here before they are compared, and what is written to
files comes from here. So right after an import both are equal, whatever Superset has made of the files:

- numbers of charts and datasets, which are others in each Superset: files have UUIDs beside them;
- copies: a chart's name beside its place and its form in its query, the dashboard's title in its head;
- what Superset's pages find out anew each time: the colours of labels, the charts that a filter or a click reaches;
- what its import drops: settings of versions before, annotations that are no formulas;
- fields that are empty, the stamp of pyglue in the style sheet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pyglue.superset.dashboards import STAMP, places

COMPUTED: dict[str, Any] = {"shared_label_colors": [], "map_label_colors": {}, "color_scheme_domain": []}
_FORMER = ("show_native_filters", "default_filters", "filter_scopes")  # of the time before native filters
_OWN = ("datasource", "slice_id", "dashboards")  # of a chart's form: numbers in this Superset
_EVERYWHERE = {"scope": "global", "chartsInScope": []}  # what Superset's pages take a chart's click to reach
_STAMP = re.compile(rf"\n?{re.escape(STAMP)}\w+ \*/")
# Names that Superset draws anew at each export, for charts that are on a dashboard and have no place there.
_DRAWN = re.compile(r"(CHART|ROW-N)-[A-Z0-9]{8}")


def dashboard(fields: dict[str, Any], names: Mapping[str, str], ids: Mapping[str, int]) -> dict[str, Any]:
    """A dashboard's fields. `names` and `ids` are those of its charts, by UUID; places of other charts are left out."""
    made = _plain(fields)
    position = made.get("position") or {}
    numbers = {number_of(place): ids[uuid] for place in places(position) if (uuid := _uuid_of(place)) in ids}
    made["css"] = _STAMP.sub("", made.get("css") or "").strip() + "\n"
    made["css"] = made["css"] if made["css"].strip() else None
    made["position"] = _position(position, str(made["dashboard_title"]), names, ids)
    made["metadata"] = _metadata(made.get("metadata") or {}, numbers)
    made["theme_uuid"] = None  # Superset's import passes over it
    return _without_empty(made)


def chart(fields: dict[str, Any]) -> dict[str, Any]:
    """A chart's fields."""
    made = _plain(fields)
    made["params"] = _form(made.get("params") or {})
    context = made.get("query_context")
    if isinstance(context, dict):
        nowhere = {"id": 0, "type": "table"}  # the import puts the dataset here
        context["datasource"] = nowhere
        context["queries"] = [
            query | {"datasource": nowhere} if "datasource" in query else query
            for query in context.get("queries") or ()
        ]
        context.pop("form_data", None)  # the chart's form once more
    return _without_empty(made)


def number_of(place: Mapping[str, Any]) -> int:
    """A chart's number, by what is told of its place; 0 if there is none."""
    number = place.get("chartId")
    return number if isinstance(number, int) else 0


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    """As it is after a way through Superset, which keeps JSON: all keys are texts. A copy, too."""
    made: dict[str, Any] = json.loads(json.dumps(fields, default=str))
    return made


def _without_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value != ""}


def _form(form: dict[str, Any]) -> dict[str, Any]:
    made = {name: value for name, value in form.items() if name not in _OWN}
    layers = [
        layer
        for layer in made.pop("annotation_layers", None) or ()
        if layer.get("annotationType") == "FORMULA"
    ]
    return made | ({"annotation_layers": layers} if layers else {})


# -- where things are on a dashboard


def _position(
    position: dict[str, Any], title: str, names: Mapping[str, str], ids: Mapping[str, int]
) -> dict[str, Any]:
    steady = _steady(position)
    gone = {
        name
        for name, node in steady.items()
        if isinstance(node, dict) and node.get("type") == "CHART" and _uuid(node) not in ids
    }
    made: dict[str, Any] = {}
    for name, node in steady.items():
        if name in gone:
            continue
        if isinstance(node, dict):
            meta = node.get("meta") or {}
            if node.get("type") == "CHART":
                node["meta"] = meta | {"sliceName": names[_uuid(node)], "chartId": ids[_uuid(node)]}
            elif node.get("type") == "HEADER":
                node["meta"] = meta | {"text": title}
            if isinstance(node.get("children"), list):
                node["children"] = [child for child in node["children"] if child not in gone]
        made[name] = node
    return made


def _steady(position: dict[str, Any]) -> dict[str, Any]:
    """The same, with lasting names and a lasting order for charts that Superset has placed just for the export."""
    lasting: dict[str, str] = {}
    for name, node in position.items():
        if not isinstance(node, dict) or not _DRAWN.fullmatch(name):
            continue
        if node.get("type") == "ROW" and "0" in (node.get("meta") or {}):
            node["children"] = sorted(
                node.get("children") or (), key=lambda child: _uuid(position.get(child))
            )
            drawn = [child for child in node["children"] if _DRAWN.fullmatch(child) and child in position]
            lasting |= {child: f"CHART-{_uuid(position.get(child))}" for child in drawn}
            lasting[name] = f"ROW-N-{_uuid(position.get(next(iter(drawn), '')))}"
        elif node.get("type") == "CHART" and not node.get("parents"):
            lasting[name] = f"CHART-{_uuid(node)}"

    def named(name: str) -> Any:
        node = position[name]
        if not isinstance(node, dict):
            return node
        links = {
            key: [lasting.get(one, one) for one in node[key]]
            for key in ("children", "parents")
            if isinstance(node.get(key), list)
        }
        return node | links | ({"id": lasting[name]} if name in lasting else {})

    made = {name: named(name) for name in position if name not in lasting}
    return made | {lasting[name]: named(name) for name in sorted(lasting, key=lasting.__getitem__)}


def _uuid(node: Any) -> str:
    return _uuid_of(node.get("meta") or {}) if isinstance(node, dict) else ""


def _uuid_of(place: Mapping[str, Any]) -> str:
    return str(place.get("uuid") or "")


# -- settings of a dashboard


def _metadata(metadata: dict[str, Any], numbers: Mapping[int, int]) -> dict[str, Any]:
    made: dict[str, Any] = {
        name: _scopes(value, numbers)
        for name, value in metadata.items()
        if name not in COMPUTED and name not in _FORMER
    }
    if "timed_refresh_immune_slices" in made:
        made["timed_refresh_immune_slices"] = _known(made["timed_refresh_immune_slices"], numbers)
    if "expanded_slices" in made:
        made["expanded_slices"] = _keyed(made["expanded_slices"], numbers)
    if "chart_configuration" in made:
        made["chart_configuration"] = {
            key: value | {"id": int(key)}
            for key, value in _keyed(made["chart_configuration"], numbers).items()
            if isinstance(value, dict) and value.get("crossFilters") != _EVERYWHERE
        }
    return made


def _scopes(node: Any, numbers: Mapping[int, int]) -> Any:
    """Filters say which charts they leave out, and which are left: this Superset's numbers, both."""
    if isinstance(node, list):
        return [_scopes(item, numbers) for item in node]
    if not isinstance(node, dict):
        return node
    made: dict[str, Any] = {}
    for key, value in node.items():
        if key == "chartsInScope":
            made[key] = []
        elif key == "scope" and isinstance(value, dict) and "excluded" in value:
            made[key] = value | {"excluded": _known(value["excluded"], numbers)}
        else:
            made[key] = _scopes(value, numbers)
    return made


def _known(ids: Any, numbers: Mapping[int, int]) -> Any:
    if not isinstance(ids, list):
        return ids
    return [numbers[number] for number in ids if isinstance(number, int) and number in numbers]


def _keyed(entries: dict[str, Any] | None, numbers: Mapping[int, int]) -> dict[str, Any]:
    by_text = {str(number): ours for number, ours in numbers.items()}
    return {str(by_text[key]): value for key, value in (entries or {}).items() if key in by_text}
