from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from pyglue.errors import BadAnswer, InputError
from pyglue.superset.client import Superset
from pyglue.superset.dashboards import (
    TOP,
    Dashboard,
    absent,
    build,
    fingerprint,
    import_dashboard,
    read,
    read_all,
    titles,
)
from pyglue.superset.register import DATASET_UUID, Dataset, Outcome
from tests.superset.fake import Answer, FakeSuperset

LIVE = Dataset(1, "another-uuid", "divolte-clickstream", Outcome.KEPT, 29)


@pytest.fixture(scope="module")
def folder() -> Path:
    """A dashboard of a few charts."""
    return Path(__file__).parent / "board"


@pytest.fixture(scope="module")
def dashboard(folder: Path) -> Dashboard:
    return read(folder)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil."""
    return Path(shutil.copytree(folder, tmp_path / "clickstream"))


def contents(bundle: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as opened:
        return {name: yaml.safe_load(opened.read(name)) for name in opened.namelist()}


def test_the_bundle_is_what_superset_imports(dashboard: Dashboard) -> None:
    """One top folder with the metadata, the dashboard and each chart, and no database and no dataset."""
    files = contents(build(dashboard))
    assert {name.split("/")[0] for name in files} == {TOP}
    assert files[f"{TOP}/metadata.yaml"]["type"] == "assets"
    assert f"{TOP}/dashboards/clickstream.yaml" in files
    charts = [name for name in files if name.startswith(f"{TOP}/charts/")]
    assert len(charts) == len(dashboard.charts)
    assert len(files) == len(charts) + 2


def test_the_same_files_are_the_same_bytes(folder: Path, dashboard: Dashboard) -> None:
    """Building again gives the same ZIP, whatever the clock says."""
    bundle = build(dashboard, stamp="s")
    assert build(read(folder), stamp="s") == bundle
    with zipfile.ZipFile(io.BytesIO(bundle)) as opened:
        assert {entry.date_time for entry in opened.infolist()} == {(2026, 1, 1, 0, 0, 0)}


def test_charts_point_at_the_live_dataset(dashboard: Dashboard) -> None:
    """The files' dataset is replaced by the one that is there, in every chart."""
    files = contents(build(dashboard, uuids={DATASET_UUID: "live"}))
    charts = [content for name, content in files.items() if "/charts/" in name]
    assert {chart["dataset_uuid"] for chart in charts} == {"live"}
    assert {chart["dataset_uuid"] for chart in dashboard.charts.values()} == {DATASET_UUID}


def test_filters_point_at_the_live_dataset(dashboard: Dashboard) -> None:
    """So do the dashboard's own filters; those on other datasets, or on none, stay."""
    targets: list[dict[str, Any]] = [{"datasetUuid": DATASET_UUID}, {"datasetUuid": "other"}, {}]
    metadata = {"native_filter_configuration": [{"name": "F", "targets": targets}, {"name": "G"}]}
    board = Dashboard(dashboard.folder, dashboard.fields | {"metadata": metadata}, dashboard.charts)
    files = contents(build(board, uuids={DATASET_UUID: "live"}))
    filter_, _ = files[f"{TOP}/dashboards/clickstream.yaml"]["metadata"]["native_filter_configuration"]
    assert [target.get("datasetUuid") for target in filter_["targets"]] == ["live", "other", None]
    assert targets[0]["datasetUuid"] == DATASET_UUID


def test_a_chart_s_query_is_json_text(dashboard: Dashboard) -> None:
    """Superset wants the query of a chart as JSON in a string."""
    files = contents(build(dashboard))
    for name, content in files.items():
        if "/charts/" in name:
            assert json.loads(content["query_context"])["queries"]


def test_a_chart_without_a_query_has_none(dashboard: Dashboard) -> None:
    """One that was never saved by Superset's pages has no query; to its import the text `null` is a crash."""
    charts = {"clicks.yaml": dashboard.charts["clicks.yaml"] | {"query_context": None}}
    files = contents(build(Dashboard(dashboard.folder, dashboard.fields, charts)))
    assert files[f"{TOP}/charts/clicks.yaml"]["query_context"] is None


def test_the_style_sheet_keeps_its_rules_beside_the_stamp(dashboard: Dashboard) -> None:
    """The comment that names the files comes after the rules, and replaces none."""
    css = contents(build(dashboard, stamp="0123"))[f"{TOP}/dashboards/clickstream.yaml"]["css"]
    assert css.startswith(dashboard.fields["css"].rstrip())
    assert css.rstrip().endswith("0123 */")


def test_a_fingerprint_changes_with_files_and_dataset(folder: Path, dashboard: Dashboard, copy: Path) -> None:
    """Another file or another dataset is another fingerprint; the same again is the same."""
    mine = fingerprint(dashboard, LIVE)
    assert fingerprint(read(folder), LIVE) == mine
    assert fingerprint(dashboard, Dataset(2, LIVE.uuid, LIVE.table, Outcome.KEPT, 29)) != mine
    chart = copy / "charts" / "clicks.yaml"
    chart.write_text(chart.read_text().replace("slice_name: Clicks", "slice_name: Taps"))
    assert fingerprint(read(copy), LIVE) != mine


def test_importing_twice_is_harmless(fake: FakeSuperset, superset: Superset, dashboard: Dashboard) -> None:
    """The first import makes the dashboard, the second sends nothing."""
    assert import_dashboard(superset, dashboard, LIVE) is Outcome.MADE
    assert import_dashboard(superset, dashboard, LIVE) is Outcome.KEPT
    assert len(fake.calls("POST", "/api/v1/assets/import/")) == 1


def test_changed_files_are_imported(
    fake: FakeSuperset, superset: Superset, dashboard: Dashboard, copy: Path
) -> None:
    """After a change of its files the dashboard is updated."""
    import_dashboard(superset, dashboard, LIVE)
    file = copy / "dashboard.yaml"
    file.write_text(file.read_text().replace("refresh_frequency: 10", "refresh_frequency: 30"))
    assert import_dashboard(superset, read(copy), LIVE) is Outcome.UPDATED
    assert fake.dashboards["clickstream"]["metadata"]["refresh_frequency"] == 30


def test_what_people_changed_stays(fake: FakeSuperset, superset: Superset, dashboard: Dashboard) -> None:
    """A dashboard that was edited in Superset is kept as long as the files are the same."""
    import_dashboard(superset, dashboard, LIVE)
    fake.dashboards["clickstream"]["dashboard_title"] = "Ours"
    assert import_dashboard(superset, dashboard, LIVE) is Outcome.KEPT
    assert fake.dashboards["clickstream"]["dashboard_title"] == "Ours"


def test_overwriting_undoes_what_people_changed(
    fake: FakeSuperset, superset: Superset, dashboard: Dashboard
) -> None:
    """When asked to, the files win though they are the same, and clear what they say nothing of."""
    import_dashboard(superset, dashboard, LIVE)
    fake.dashboards["clickstream"] |= {"dashboard_title": "Ours", "certified_by": "us"}
    assert import_dashboard(superset, dashboard, LIVE, overwrite=True) is Outcome.UPDATED
    live = fake.dashboards["clickstream"]
    assert (live["dashboard_title"], live["certified_by"]) == ("Clickstream", None)


def test_a_dashboard_with_holes_is_mended(
    fake: FakeSuperset, superset: Superset, dashboard: Dashboard
) -> None:
    """Charts that somebody deleted, while the dashboard still has their places, come back."""
    import_dashboard(superset, dashboard, LIVE)
    del fake.charts[min(fake.charts)]
    assert import_dashboard(superset, dashboard, LIVE) is Outcome.UPDATED
    assert len(fake.charts) == len(dashboard.charts)
    assert import_dashboard(superset, dashboard, LIVE) is Outcome.KEPT


def test_a_refused_import_is_told(fake: FakeSuperset, superset: Superset, dashboard: Dashboard) -> None:
    """What Superset has against the files is in the error."""
    answer = Answer(422, '{"errors": [{"message": "Error importing assets"}]}')
    fake.fail("POST", "/api/v1/assets/import/", answer)
    with pytest.raises(BadAnswer) as caught:
        import_dashboard(superset, dashboard, LIVE)
    assert "Error importing assets" in caught.value.details[1]


def test_a_superset_in_trouble_is_not_one_without_the_dashboard(
    fake: FakeSuperset, superset: Superset, dashboard: Dashboard
) -> None:
    """Only 404 means that the dashboard is missing."""
    fake.fail("GET", "/api/v1/dashboard/clickstream", Answer(500, "oh"))
    with pytest.raises(BadAnswer):
        import_dashboard(superset, dashboard, LIVE)
    assert not fake.dashboards


def test_all_problems_of_the_files_are_told_together(copy: Path) -> None:
    """Broken YAML is told with its line, beside missing fields and charts that are not there."""
    (copy / "charts" / "clicks.yaml").write_text("slice_name: Clicks\nparams: [\n")
    (copy / "charts" / "events.yaml").write_text("slice_name: Events\n")
    (copy / "charts" / "visitors.yaml").write_text("- a list\n")
    with pytest.raises(InputError) as caught:
        read(copy)
    told = [str(problem) for problem in caught.value.problems]
    assert any("clicks.yaml:3:1: no YAML" in line for line in told)
    assert any("events.yaml: a chart needs uuid, version" in line for line in told)
    assert any("visitors.yaml:1:1: expected a chart's fields" in line for line in told)
    assert any("dashboard.yaml: position shows a chart with the uuid" in line for line in told)


def test_a_folder_without_a_dashboard(tmp_path: Path) -> None:
    """A missing file is a problem with its name."""
    with pytest.raises(InputError, match=r"dashboard\.yaml"):
        read(tmp_path)


def test_filters_act_on_the_dataset_that_there_is(checkout: Path) -> None:
    """A dataset of the same name under another UUID is meant by filters, too; the files stay as they are."""
    board = read(checkout / "superset" / "dashboards" / "clickstream")
    wanted = json.dumps(board.fields)
    made = contents(build(board, uuids={DATASET_UUID: "another-uuid"}))[f"{TOP}/dashboards/clickstream.yaml"]
    targets = [
        target
        for filter_ in made["metadata"]["native_filter_configuration"]
        for target in filter_["targets"]
        if "datasetUuid" in target
    ]
    assert targets
    assert {target["datasetUuid"] for target in targets} == {"another-uuid"}
    assert json.dumps(board.fields) == wanted


def test_all_folders_are_read_and_slugs_are_unique(copy: Path) -> None:
    """Two folders with one slug are told: Superset could have one of them only."""
    assert [board.slug for board in read_all(copy.parent)] == ["clickstream"]
    shutil.copytree(copy, copy.parent / "second")
    with pytest.raises(InputError, match=r"second/dashboard\.yaml") as caught:
        read_all(copy.parent)
    assert "its slug clickstream is that of clickstream, too" in str(caught.value.details[0])


def test_dashboards_that_superset_lacks(fake: FakeSuperset, superset: Superset, dashboard: Dashboard) -> None:
    """By their slugs; of a list that goes on beyond one answer each that is not on it is asked for."""
    import_dashboard(superset, dashboard, LIVE)
    assert absent(superset, [dashboard.slug, "sales"]) == ("sales",)
    fake.fail("GET", "/api/v1/dashboard/", Answer(200, '{"result": []}'))
    assert absent(superset, [dashboard.slug, "sales"]) == ("sales",)
    asked = len(fake.asked)
    assert absent(superset, []) == ()
    assert len(fake.asked) == asked


def test_titles_by_slug(copy: Path) -> None:
    """Of the files, without their charts; a broken one is left out, for `pyglue check` to tell."""
    broken = copy.parent / "broken"
    broken.mkdir()
    (broken / "dashboard.yaml").write_text("[")
    assert titles(copy.parent) == {read(copy).slug: read(copy).title}


def test_a_file_that_is_no_text(copy: Path) -> None:
    """Bytes that are no UTF-8 are a problem of that file."""
    (copy / "charts" / "clicks.yaml").write_bytes(b"slice_name: \xff\n")
    with pytest.raises(InputError) as caught:
        read(copy)
    assert "clicks.yaml: cannot be read: " in caught.value.details[0]
