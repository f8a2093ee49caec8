"""From Superset's export to the files of a folder, and back: what differs, and what only seems to."""

from __future__ import annotations

import copy
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pyglue.errors import BadAnswer, InputError, PyglueError
from pyglue.superset import dashboards, exported
from pyglue.superset.client import Superset
from pyglue.superset.register import DATASET_UUID, Dataset, Outcome
from tests.shaped import misshapen
from tests.superset.fake import FakeSuperset, zipped

LIVE = Dataset(7, "another-uuid", "divolte-clickstream", Outcome.KEPT, 29)
DONUT = "5b9a41cf-0c2e-4d0e-8b6f-3d5a6f0e7c20"
CLICKS = "5b9a41cf-0c2e-4d0e-8b6f-3d5a6f0e7c11"
Changes = dict[str, str | None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dashboard of a few charts, to be changed."""
    return Path(shutil.copytree(Path(__file__).parent / "board", tmp_path / "clickstream"))


@pytest.fixture
def live(fake: FakeSuperset, superset: Superset, folder: Path) -> FakeSuperset:
    """A Superset right after its import; its numbers of charts are not those of the files."""
    dashboards.import_dashboard(superset, dashboards.read(folder), LIVE)
    return fake


@pytest.fixture
def changes(live: FakeSuperset, superset: Superset, folder: Path) -> Callable[[], Changes]:
    """What an export would change in the folder now."""

    def now() -> Changes:
        export = exported.read(dashboards.export(superset, 1), LIVE.table)
        return exported.changes(export, dashboards.read(folder), texts(folder))

    return now


def texts(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*.yaml")}


def write(folder: Path, found: Changes) -> None:
    for path, text in found.items():
        if text is None:
            (folder / path).unlink()
        else:
            (folder / path).write_text(text)


def chart_of(fake: FakeSuperset, uuid: str) -> dict[str, Any]:
    return next(chart for chart in fake.charts.values() if chart["uuid"] == uuid)


def number_of(fake: FakeSuperset, uuid: str) -> int:
    return next(number for number, chart in fake.charts.items() if chart["uuid"] == uuid)


def board_of(fake: FakeSuperset) -> dict[str, Any]:
    return fake.dashboards["clickstream"]


def loaded(found: Changes, path: str = exported.BOARD) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(found[path] or "")
    return content


def add_chart(fake: FakeSuperset, name: str, uuid: str, place: str, number: int) -> None:
    """A chart that somebody made in Superset, and put on the dashboard."""
    fake.charts[number] = copy.deepcopy(chart_of(fake, CLICKS)) | {"uuid": uuid, "slice_name": name}
    meta = {"chartId": number, "uuid": uuid, "sliceName": name, "width": 4, "height": 50}
    node = {
        "type": "CHART",
        "id": place,
        "children": [],
        "meta": meta,
        "parents": ["ROOT_ID", "GRID_ID", "ROW-x"],
    }
    board_of(fake)["position"][place] = node


# -- the same


def test_right_after_an_import_nothing_differs(changes: Callable[[], Changes]) -> None:
    """Whatever Superset adds, and whichever numbers and dataset it has."""
    assert changes() == {}


def test_what_superset_does_of_its_own_is_no_difference(
    live: FakeSuperset, changes: Callable[[], Changes]
) -> None:
    """Colours and scopes that its pages find out, a chart's form below its query, empty texts, numbers of its own."""
    board = board_of(live)
    donut = number_of(live, DONUT)
    board["metadata"] |= {
        "map_label_colors": {"Kafka": "#000000"},
        "shared_label_colors": ["Kafka"],
        "color_scheme_domain": ["#000000"],
        "show_native_filters": True,
        "default_filters": "{}",
        "chart_configuration": {
            str(donut): {"id": donut, "crossFilters": {"scope": "global", "chartsInScope": [1, 2]}}
        },
    }
    board["metadata"]["global_chart_configuration"]["chartsInScope"] = [1, 2]
    board |= {"certified_by": "", "theme_uuid": "a-theme"}
    chart = chart_of(live, DONUT)
    chart["params"] |= {"slice_id": donut, "dashboards": [1]}
    context = json.loads(chart["query_context"])
    chart["query_context"] = json.dumps(context | {"form_data": {"slice_id": donut}})
    assert changes() == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("expanded_slices: {}", "expanded_slices: {20: true}"),
        ("timed_refresh_immune_slices: []", "timed_refresh_immune_slices: [21, 99]"),
        ("scope: {rootPath: [ROOT_ID], excluded: []}", "scope: {rootPath: [ROOT_ID], excluded: [22]}"),
        ("sliceName: Clicks,", "sliceName: Old,"),
        ("chartId: 10,", "chartId: 20,"),
        ("css: |", "is_managed_externally: true\ncss: |"),
        ("published: true", "published: true\ncertified_by: null\ntheme_uuid: null"),
        ("chart_configuration: {}", "chart_configuration: {'20': {id: 20, crossFilters: {scope: 1}}}"),
        (
            "native_filter_configuration: []",
            f"native_filter_configuration: [{{name: F, targets: [{{datasetUuid: {DATASET_UUID}}}]}}]",
        ),
    ],
)
def test_files_need_not_look_as_superset_would_write_them(
    fake: FakeSuperset, superset: Superset, folder: Path, old: str, new: str
) -> None:
    """Files by hand, with what Superset drops or turns round, are the same after their import, too."""
    file = folder / exported.BOARD
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    board = dashboards.read(folder)
    dashboards.import_dashboard(superset, board, LIVE)
    _number_anew(fake)
    export = exported.read(dashboards.export(superset, 1), LIVE.table)
    assert exported.changes(export, dashboards.read(folder), texts(folder)) == {}


def _number_anew(fake: FakeSuperset) -> None:
    """What Superset's import does with numbers of charts in a dashboard's settings."""
    metadata = board_of(fake)["metadata"]
    ours = {old: number_of(fake, uuid) for old, uuid in _uuids().items()}
    metadata["expanded_slices"] = {
        str(ours[int(old)]): value for old, value in metadata["expanded_slices"].items()
    }
    for scope in (
        metadata["timed_refresh_immune_slices"],
        metadata["global_chart_configuration"]["scope"]["excluded"],
    ):
        scope[:] = [ours[old] for old in scope if old in ours]
    metadata["chart_configuration"] = {
        str(ours[int(old)]): value | {"id": ours[int(old)]}
        for old, value in metadata["chart_configuration"].items()
    }
    board_of(fake).pop("is_managed_externally", None)


def _uuids() -> dict[int, str]:
    return {old: f"5b9a41cf-0c2e-4d0e-8b6f-3d5a6f0e7c{old}" for old in (10, 11, 12, 13, 20, 21, 22)}


def test_a_chart_in_the_folder_that_is_on_no_dashboard_stays(
    fake: FakeSuperset, superset: Superset, folder: Path
) -> None:
    """It was on none before, so it is none that was taken off."""
    spare = (folder / "charts/clicks.yaml").read_text().replace(CLICKS, "spare")
    (folder / "charts/spare.yaml").write_text(spare)
    dashboards.import_dashboard(superset, dashboards.read(folder), LIVE)
    export = exported.read(dashboards.export(superset, 1), LIVE.table)
    assert exported.changes(export, dashboards.read(folder), texts(folder)) == {}


# -- what differs


def test_a_new_name_changes_its_lines_and_no_others(
    live: FakeSuperset, changes: Callable[[], Changes], folder: Path
) -> None:
    """The chart's file, by its old name, and the place on the dashboard; comments and the hand stay."""
    chart_of(live, CLICKS)["slice_name"] = "Taps"
    found = changes()
    assert list(found) == [exported.BOARD, "charts/clicks.yaml"]
    before = texts(folder)
    assert found["charts/clicks.yaml"] == before["charts/clicks.yaml"].replace(
        "slice_name: Clicks", "slice_name: Taps"
    )
    assert found[exported.BOARD] == before[exported.BOARD].replace("sliceName: Clicks,", "sliceName: Taps,")


def test_a_new_title_is_that_of_the_head_too(
    live: FakeSuperset, changes: Callable[[], Changes], folder: Path
) -> None:
    """Superset keeps it twice, and shows one of both."""
    board_of(live)["dashboard_title"] = "Ours"
    (text,) = changes().values()
    old = texts(folder)[exported.BOARD]
    assert text == old.replace("title: Clickstream", "title: Ours").replace("text: Clickstream", "text: Ours")


def test_the_stamp_is_taken_out_of_the_style_sheet(
    live: FakeSuperset, changes: Callable[[], Changes]
) -> None:
    """Rules that somebody wrote behind it stay; no rules at all are none."""
    board_of(live)["css"] += "\n.mine { color: red }"
    css = loaded(changes())["css"]
    assert css.endswith(".mine { color: red }\n")
    assert "pyglue" not in css
    board_of(live)["css"] = f"{dashboards.STAMP}0123456789abcdef */"
    assert loaded(changes())["css"] is None


def test_what_was_written_is_the_same(
    live: FakeSuperset, changes: Callable[[], Changes], superset: Superset, folder: Path
) -> None:
    """After an export nothing differs, and the import of what was written is what Superset had."""
    board_of(live)["description"] = None
    board_of(live)["metadata"]["label_colors"] = {"2024": "#000000", "é": "#111111"}
    chart_of(live, DONUT)["params"]["row_limit"] = 10.0
    add_chart(live, "Mine", "b1", "CHART-mine", 50)
    before = changes()
    write(folder, before)
    assert changes() == {}
    bundle = dashboards.export(superset, 1)
    dashboards.import_dashboard(superset, dashboards.read(folder), LIVE, overwrite=True)
    assert changes() == {}
    after, old = (exported.read(one, LIVE.table) for one in (dashboards.export(superset, 1), bundle))
    assert after.charts == old.charts
    assert loaded(before)["description"] is None


@pytest.mark.parametrize("change", [{"cross_filters_enabled": 1}, {"refresh_frequency": 10.0}])
def test_one_and_true_are_not_the_same(
    live: FakeSuperset, changes: Callable[[], Changes], change: dict[str, Any]
) -> None:
    """Though they are to Python: the file says true, and 10."""
    board_of(live)["metadata"] |= change
    assert loaded(changes())["metadata"].items() >= change.items()


def test_a_chart_that_was_taken_off_goes(
    live: FakeSuperset, changes: Callable[[], Changes], folder: Path
) -> None:
    """Its file, and its place; so does one that was deleted and whose place is still there."""
    del board_of(live)["position"]["CHART-clicks"]
    board_of(live)["position"]["ROW-numbers"]["children"].remove("CHART-clicks")
    del live.charts[number_of(live, DONUT)]
    found = changes()
    assert [path for path, text in found.items() if text is None] == [
        "charts/clicks-by-technology.yaml",
        "charts/clicks.yaml",
    ]
    position = loaded(found)["position"]
    assert not {"CHART-clicks", "CHART-donut"} & position.keys()
    assert position["ROW-charts"]["children"] == ["CHART-minutes"]
    write(folder, found)
    assert changes() == {}
    dashboards.read(folder)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Clicks per minute", "clicks-per-minute-2"),
        ("Köln: 10 % of all/none", "koln-10-of-all-none"),
        ("../../etc", "etc"),
        ("日本", "chart"),
        ("long " * 50, "long-" * 15 + "long"),
    ],
)
def test_a_new_chart_gets_a_file_of_its_title(
    live: FakeSuperset, changes: Callable[[], Changes], title: str, name: str
) -> None:
    """In small letters with dashes, beside the one that has the name already."""
    add_chart(live, title, "b1", "CHART-mine", 50)
    found = changes()
    assert list(found) == [exported.BOARD, f"charts/{name}.yaml"]
    made = loaded(found, f"charts/{name}.yaml")
    assert (made["slice_name"], made["dataset_uuid"]) == (title, DATASET_UUID)
    assert made["query_context"]["datasource"] == {"id": 0, "type": "table"}
    assert loaded(found)["position"]["CHART-mine"]["meta"]["chartId"] == 50


def test_a_new_chart_takes_no_number_that_is_in_use(
    live: FakeSuperset, changes: Callable[[], Changes]
) -> None:
    """Files number charts as they like; a setting that names a chart by it must find the right one."""
    add_chart(live, "Mine", "b1", "CHART-mine", 20)
    board_of(live)["metadata"]["timed_refresh_immune_slices"] = [20, number_of(live, DONUT), 99]
    content = loaded(changes())
    number = content["position"]["CHART-mine"]["meta"]["chartId"]
    assert number not in _uuids()
    assert content["metadata"]["timed_refresh_immune_slices"] == [number, 20]


def test_charts_without_a_place_get_lasting_names(live: FakeSuperset, changes: Callable[[], Changes]) -> None:
    """Superset draws names and an order for them at each export; twice is the same here all the same."""
    seen = []
    for row, places in (
        ("ROW-N-AAAAAAAA", {"b1": "11111111", "b2": "22222222"}),
        ("ROW-N-BBBBBBBB", {"b2": "33333333", "b1": "44444444"}),
    ):
        position = board_of(live)["position"]
        for uuid, drawn in places.items():
            add_chart(live, uuid.upper(), uuid, f"CHART-{drawn}", {"b1": 51, "b2": 52}[uuid])
            position[f"CHART-{drawn}"]["parents"] = ["ROOT_ID", "GRID_ID", row]
        children = [f"CHART-{drawn}" for drawn in places.values()]
        position[row] = {
            "type": "ROW",
            "id": row,
            "meta": {"0": "ROOT_ID"},
            "children": children,
            "parents": ["ROOT_ID"],
        }
        position["GRID_ID"]["children"].append(row)
        seen.append(changes())
        for name in (row, *children):
            del position[name]
        position["GRID_ID"]["children"].remove(row)
    assert seen[0] == seen[1]
    position = loaded(seen[0])["position"]
    assert position["GRID_ID"]["children"][-1] == "ROW-N-b1"
    assert position["ROW-N-b1"]["children"] == ["CHART-b1", "CHART-b2"]
    assert position["CHART-b2"]["parents"][-1] == "ROW-N-b1"
    assert position["CHART-b2"]["id"] == "CHART-b2"


def test_a_floating_chart_without_a_place(live: FakeSuperset, changes: Callable[[], Changes]) -> None:
    """On a dashboard of tabs Superset puts them nowhere."""
    add_chart(live, "B", "b1", "CHART-ABCDEFGH", 51)
    del board_of(live)["position"]["CHART-ABCDEFGH"]["parents"]
    assert "CHART-b1" in loaded(changes())["position"]
    del live.charts[51]
    assert changes() == {}


def test_only_annotations_that_an_import_takes_are_written(
    live: FakeSuperset, changes: Callable[[], Changes]
) -> None:
    """Superset's import drops those that are no formulas."""
    formula = {"annotationType": "FORMULA", "name": "f", "value": "x"}
    chart = chart_of(live, CLICKS)
    live_export = live._export

    def with_layers(number: int) -> bytes:
        files = {name: yaml.safe_load(text) for name, text in _unzipped(live_export(number)).items()}
        for content in files.values():
            if content.get("uuid") == chart["uuid"]:
                content["params"]["annotation_layers"] = [{"annotationType": "EVENT"}, formula]
        return zipped(files)

    live._export = with_layers  # type: ignore[method-assign]
    assert loaded(changes(), "charts/clicks.yaml")["params"]["annotation_layers"] == [formula]


def test_a_dashboard_without_a_folder(live: FakeSuperset, superset: Superset, tmp_path: Path) -> None:
    """Everything is new; what is written can be read and is the same as what Superset has."""
    export = exported.read(dashboards.export(superset, 1), LIVE.table)
    found = exported.changes(export, None, {})
    assert next(iter(found)) == exported.BOARD
    assert len(found) == 8
    (tmp_path / "new" / "charts").mkdir(parents=True)
    write(tmp_path / "new", found)
    board = dashboards.read(tmp_path / "new")
    assert exported.changes(export, board, texts(tmp_path / "new")) == {}
    assert "theme_uuid" not in board.fields


def test_charts_of_other_datasets_keep_them(live: FakeSuperset, superset: Superset) -> None:
    """Only the dataset over Druid's datasource has another UUID in files."""
    export = exported.read(dashboards.export(superset, 1), "another-table")
    assert {chart["dataset_uuid"] for chart in export.charts.values()} == {LIVE.uuid}


# -- what can't be written


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"dataset_uuid": None}, "the chart Clicks: its dataset is gone"),
        ({"params": "{"}, "the chart Clicks: expected an object at params"),
        ({"query_context": "{"}, "the chart Clicks: expected an object at query_context"),
        ({"query_context": "[]"}, "the chart Clicks: expected an object at query_context"),
    ],
)
def test_a_chart_that_no_import_would_take_is_told(
    live: FakeSuperset, superset: Superset, change: dict[str, Any], told: str
) -> None:
    """With what is wrong, and before anything is written."""
    bundle = _unzipped(dashboards.export(superset, 1))
    files = {name: yaml.safe_load(text) for name, text in bundle.items()}
    for content in files.values():
        if content.get("slice_name") == "Clicks":
            content |= change
    with pytest.raises(PyglueError) as caught:
        exported.read(zipped(files), LIVE.table)
    assert caught.value.details == [told]
    assert caught.value.message.startswith("the dashboard Clickstream could not be imported again")


@pytest.mark.parametrize("bundle", [b"", b"<html>", zipped({}), zipped({"dashboards/x.yaml": []})])
def test_what_is_no_export_is_told(bundle: bytes) -> None:
    """Whatever came back in place of a ZIP with one dashboard."""
    with pytest.raises(BadAnswer) as caught:
        exported.read(bundle, LIVE.table)
    assert caught.value.try_ == "pyglue logs superset"


def test_an_export_of_another_shape_is_told_or_read(
    live: FakeSuperset, superset: Superset, folder: Path
) -> None:
    """Whatever stands where in files and in Superset: it is trouble with a name, never a crash."""
    whole = {name: yaml.safe_load(text) for name, text in _unzipped(dashboards.export(superset, 1)).items()}
    file, chart = next((name, one) for name, one in whole.items() if one.get("slice_name") == "Clicks")
    chart |= {
        "params": {"annotation_layers": [{"annotationType": "EVENT"}]},
        "query_context": '{"queries": [{}]}',
    }
    board = whole["dashboards/any_1.yaml"]
    few = ("DASHBOARD_VERSION_KEY", "GRID_ID", "HEADER_ID", "CHART-clicks")
    board["position"] = {key: board["position"][key] for key in few}
    board["metadata"] = {
        "expanded_slices": {"1": True},
        "timed_refresh_immune_slices": [1],
        "chart_configuration": {"1": {"id": 1, "crossFilters": {"scope": {"excluded": [1]}}}},
        "native_filter_configuration": [{"targets": [{"datasetUuid": "u"}], "scope": {"excluded": [1]}}],
    }
    files = {name: one for name, one in whole.items() if not name.startswith("charts/")} | {file: chart}
    told = 0
    for path in ("dashboards/any_1.yaml", file):
        for wrong in misshapen(files[path]):
            try:
                exported.changes(exported.read(zipped(files | {path: wrong}), LIVE.table), None, {})
            except PyglueError:
                told += 1
    assert told > 50
    export = exported.read(zipped(files), LIVE.table)
    shutil.rmtree(folder / "charts")
    (folder / "charts").mkdir()
    shown = {exported.BOARD: board, "charts/clicks.yaml": chart | {"query_context": {"queries": [{}]}}}
    for path, content in shown.items():
        (folder / path).write_text(json.dumps(content))
    for path, content in shown.items():
        for wrong in misshapen(content):
            (folder / path).write_text(json.dumps(wrong))
            try:
                exported.changes(export, dashboards.read(folder), {})
            except InputError:
                told += 1
        (folder / path).write_text(json.dumps(content))
    assert told > 100


def _unzipped(bundle: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as opened:
        return {name.partition("/")[2]: opened.read(name) for name in opened.namelist()}


# -- shown


def test_a_difference_is_shown_as_patch_takes_it() -> None:
    """Old and new names, a file that comes or goes, a last line without an end."""
    assert list(exported.differences("f", "a\nb\n", "a\nc\n")) == [
        "--- a/f",
        "+++ b/f",
        "@@ -1,2 +1,2 @@",
        " a",
        "-b",
        "+c",
    ]
    assert list(exported.differences("f", None, "a\n"))[:3] == ["--- /dev/null", "+++ b/f", "@@ -0,0 +1 @@"]
    assert list(exported.differences("f", "a\n", None))[:2] == ["--- a/f", "+++ /dev/null"]
    assert list(exported.differences("f", "a", "b\n"))[3:] == ["-a", "\\ No newline at end of file", "+b"]
