"""Dashboards between files and Superset, there and back, as one does who works on them in Superset."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyglue.superset.client import Superset
from tests.e2e.live import LiveStack

pytestmark = [pytest.mark.e2e]
FOLDER = Path("superset/dashboards/clickstream")
ENGINES = ("native",)  # Superset is the same in both
SAME = "The files and Superset are the same: "


@pytest.fixture
def superset(stack: LiveStack, tmp_path: Path) -> Iterator[Superset]:
    """The stack's Superset; after the test files and Superset are as before."""
    kept = Path(shutil.copytree(stack.directory / FOLDER, tmp_path / "kept"))
    superset = stack.superset()
    yield superset
    superset.http.close()
    shutil.rmtree(stack.directory / FOLDER)
    shutil.copytree(kept, stack.directory / FOLDER)
    assert stack.run("dashboards", "import", "--overwrite").returncode == 0


def test_there_and_back(stack: LiveStack, superset: Superset) -> None:
    """What is changed in Superset is shown, written, the same, and imported again; what is overwritten is lost."""
    assert (stack.run("dashboards", "import").returncode, difference(stack)) == (0, (0, ""))
    number = board(superset)["id"]
    superset.put(f"chart/{chart(superset, 'Clicks by technology')}", {"slice_name": "Clicks by logo"})
    superset.put(f"dashboard/{number}", {"dashboard_title": "Our clicks"})

    code, shown = difference(stack)
    assert code == 1
    changed = [line for line in shown.splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert changed[:4] == [
        "-dashboard_title: Live",
        "+dashboard_title: Our clicks",
        "-  HEADER_ID: {type: HEADER, id: HEADER_ID, meta: {text: Live}}",
        "+  HEADER_ID: {type: HEADER, id: HEADER_ID, meta: {text: Our clicks}}",
    ]
    assert changed[6:] == ["-slice_name: Clicks by technology", "+slice_name: Clicks by logo"]

    done = stack.run("dashboards", "export")
    assert (done.returncode, done.stdout) == (0, "")
    assert [line for line in done.stderr.splitlines() if line.startswith("  ")] == [
        f"  changed: {FOLDER}/dashboard.yaml",
        f"  changed: {FOLDER}/charts/clicks-by-technology.yaml",
    ]
    assert difference(stack) == (0, "")
    assert stack.run("check").returncode == 0

    superset.put(f"dashboard/{number}", {"dashboard_title": "A mistake"})
    assert "...updated" in stack.run("dashboards", "import", "--overwrite").stderr
    assert board(superset)["dashboard_title"] == "Our clicks"
    assert difference(stack) == (0, "")
    assert "...kept" in stack.run("dashboards", "import").stderr


def test_a_dashboard_made_in_superset(stack: LiveStack, superset: Superset) -> None:
    """With a chart that has no place yet and a filter: it gets a folder, and its import makes the same again."""
    dataset = superset.find("dataset", table_name="divolte-clickstream")
    assert dataset is not None
    target = {"datasetId": dataset["id"], "column": {"name": "technology"}}
    filter_ = {
        "id": "NATIVE_FILTER-1",
        "name": "Technology",
        "targets": [target],
        "scope": {"excluded": [999]},
    }
    made = superset.post(
        "dashboard/",
        {
            "dashboard_title": "Sales",
            "slug": "sales",
            "json_metadata": json.dumps({"native_filter_configuration": [filter_]}),
        },
    )
    params = {"viz_type": "big_number_total", "metric": "count", "adhoc_filters": []}
    for name in ("Sold", "Sold: all"):
        chart_: dict[str, Any] = {"slice_name": name, "viz_type": "big_number_total"}
        chart_ |= {
            "params": json.dumps(params),
            "datasource_id": dataset["id"],
            "datasource_type": "table",
            "dashboards": [made["id"]],
        }
        superset.post("chart/", chart_)
    folder = stack.directory / FOLDER.parent / "sales"
    try:
        first, second = (stack.run("dashboards", "diff", "sales").stdout for _ in range(2))
        assert first
        assert first == second
        assert stack.run("dashboards", "export", "sales").returncode == 0
        assert sorted(path.name for path in folder.rglob("*.yaml")) == [
            "dashboard.yaml",
            "sold-all.yaml",
            "sold.yaml",
        ]
        assert difference(stack) == (0, "")
        superset._call("DELETE", f"dashboard/{made['id']}")
        superset._call("DELETE", f"chart/{chart(superset, 'Sold')}")
        missing = stack.run("dashboards", "diff", "sales")
        assert missing.returncode == 1
        assert "try: pyglue dashboards import sales" in missing.stderr
        assert "Import dashboard Sales...." in stack.run("dashboards", "import", "sales").stderr
        assert difference(stack) == (0, "")
        (found,) = json.loads(board(superset, "sales")["json_metadata"])["native_filter_configuration"]
        assert found["targets"] == [target]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        superset._call("DELETE", f"dashboard/{board(superset, 'sales')['id']}")
        for name in ("Sold", "Sold: all"):
            superset._call("DELETE", f"chart/{chart(superset, name)}")


def difference(stack: LiveStack) -> tuple[int, str]:
    """`dashboards diff`: its code, and what it shows. It says which are the same, or shows what is not."""
    done = stack.run("dashboards", "diff")
    assert done.stderr.startswith(SAME) is (done.returncode == 0), done.stderr
    return done.returncode, done.stdout


def board(superset: Superset, slug: str = "clickstream") -> dict[str, Any]:
    """What Superset says of a dashboard."""
    found: dict[str, Any] = superset.get(f"dashboard/{slug}")["result"]
    return found


def chart(superset: Superset, name: str) -> int:
    """A chart's number."""
    found = superset.find("chart", slice_name=name)
    assert found is not None, name
    return int(found["id"])
