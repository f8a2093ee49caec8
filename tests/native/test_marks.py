"""The mark of a service's data."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue.native import marks
from pyglue.native.marks import Mark
from tests.native.stacks import Checkout


def test_a_start_marks_the_data(tmp_path: Path, checkout: Path) -> None:
    """The version is that of the last start, the place that of the first."""
    file, data = tmp_path / "kafka.json", tmp_path / "data"
    marks.keep(file, data, "4.0.0")
    assert marks.read(file) == Mark("4.0.0", str(data))
    data.mkdir()
    (data / "log").touch()
    moved = data.rename(tmp_path / "moved")
    marks.keep(file, moved, "4.1.2")
    assert marks.read(file) == Mark("4.1.2", str(data))


def test_data_that_was_wiped_is_marked_anew(tmp_path: Path) -> None:
    """An empty folder is as good as none."""
    file, data = tmp_path / "kafka.json", tmp_path / "data"
    marks.keep(file, Path("/elsewhere"), "4.0.0")
    data.mkdir()
    marks.keep(file, data, "4.1.2")
    assert marks.read(file) == Mark("4.1.2", str(data))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": "1"}'])
def test_a_damaged_mark_is_none(tmp_path: Path, text: str) -> None:
    """It is a help, and nothing depends on it."""
    file = tmp_path / "kafka.json"
    assert marks.read(file) is None
    file.write_text(text)
    assert marks.read(file) is None


def test_versions_are_found_where_they_are_pinned(checkout: Path) -> None:
    """In pom.xml or requirements.txt; what is our own has none."""
    found = {name: marks.version(checkout / name) for name in ("kafka", "druid", "superset", "divolte")}
    assert found.pop("divolte") == ""
    assert all(version.count(".") == 2 for version in found.values())


def test_the_engine_marks_at_each_start(tmp_path: Path) -> None:
    """Beside the data, and gone with it."""
    checkout = Checkout(tmp_path / "shop")
    checkout.service("one")
    (checkout.path / "one/requirements.txt").write_text("apache-one==1.2.3 \\\n    --hash=sha256:00\n")
    checkout.compose("one: {build: one}")
    engine = checkout.engine()
    try:
        checkout.up()
        assert marks.read(engine.layout.mark("one")) == Mark("1.2.3", str(engine.layout.data / "one"))
    finally:
        engine.down()
    engine.wipe()
    assert marks.read(engine.layout.mark("one")) is None
