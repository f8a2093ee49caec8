"""`pyglue check`: the files against each other, with nothing running."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.ended import Run


def test_the_shipped_files(pyglue: Run) -> None:
    """A few numbers on stdout, and the word that all is well."""
    ended = pyglue("check")
    assert ended.code == 0
    assert "dimensions of divolte-clickstream" in ended.out
    assert ended.err == "They fit each other.\n"


def test_all_that_does_not_fit_comes_together(pyglue: Run, project: Path) -> None:
    """A field without dimension, and the charts that miss it, each with file and line; nothing on stdout."""
    path = project / "supervisor-spec.json"
    spec = json.loads(path.read_text())
    listed = spec["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"]
    listed[:] = [item for item in listed if item["name"] != "technology"]
    path.write_text(json.dumps(spec))
    ended = pyglue("check")
    assert (ended.code, ended.out) == (1, "")
    assert "mapping.groovy:" in ended.err
    assert "'technology' would never reach Druid" in ended.err
    assert "superset/dashboards/clickstream/charts/clicks-by-technology.yaml:" in ended.err
