"""`pyglue dashboards`: import, export and diff against a Superset of the tests' own."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyglue.superset.register import DATABASE, TABLE
from tests.cli.ended import Run
from tests.superset.fake import PASSWORD, Answer, FakeSuperset, served

FOLDER = Path("superset/dashboards/clickstream")
EXPORT = "/api/v1/dashboard/export/"


@pytest.fixture
def fake(
    checkout: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeSuperset]:
    """The stack's Superset, with Druid registered; the project has one dashboard, which may be written."""
    (project / "superset").unlink()
    shutil.copytree(checkout / "superset", project / "superset")
    shutil.rmtree(project / "superset" / "dashboards")
    board = checkout / "tests" / "superset" / "board"
    shutil.copytree(board, project / "superset" / "dashboards" / "clickstream")
    state = FakeSuperset(
        tables={TABLE: {"__time": "TIMESTAMP"}}, databases={1: {"id": 1, "database_name": DATABASE}}
    )
    with served(state):
        monkeypatch.setenv("PYGLUE_SUPERSET_URL", state.base)
        monkeypatch.setenv("SUPERSET_ADMIN_PASSWORD", PASSWORD)
        yield state


@pytest.fixture
def live(fake: FakeSuperset, pyglue: Run) -> dict[str, Any]:
    """The dashboard in Superset, right after its import."""
    assert pyglue("dashboards", "import").code == 0
    return fake.dashboards["clickstream"]


def contents(project: Path) -> dict[str, bytes]:
    files = (path for path in (project / "superset/dashboards").rglob("*") if path.is_file())
    return {str(path.relative_to(project)): path.read_bytes() for path in files}


def add(fake: FakeSuperset, slug: str, **more: Any) -> None:
    """Another dashboard that somebody made in Superset."""
    board = fake.dashboards["clickstream"] | {
        "slug": slug,
        "uuid": f"uuid-{slug}",
        "id": len(fake.dashboards) + 1,
    }
    fake.dashboards[slug] = board | more


# -- import


def test_import_says_what_it_did(fake: FakeSuperset, pyglue: Run) -> None:
    """One line for each dashboard: made, then kept; with --overwrite updated, whatever was changed meanwhile."""
    for words, verdict in (
        ((), "made"),
        ((), "kept"),
        (("clickstream",), "kept"),
        (("--overwrite",), "updated"),
    ):
        ended = pyglue("dashboards", "import", *words)
        assert (ended.code, ended.out) == (0, "")
        assert ended.err.startswith("Import dashboard Clickstream...")
        assert f"...{verdict}  " in ended.err
        fake.dashboards["clickstream"]["dashboard_title"] = "Ours"
    assert len(fake.calls("POST", "/api/v1/assets/import/")) == 2


def test_import_of_a_slug_that_no_folder_has(fake: FakeSuperset, pyglue: Run) -> None:
    """The known ones are told; nothing is asked of Superset."""
    ended = pyglue("dashboards", "import", "clickstream", "nosuch")
    assert ended.code == 2
    assert ended.err == (
        "error: superset/dashboards has no dashboard nosuch\n  there are clickstream\n  see: docs/errors.md#usage\n"
    )
    assert fake.asked == []


def test_broken_files_are_told_before_anything_is_asked(
    fake: FakeSuperset, pyglue: Run, project: Path
) -> None:
    """By each of the commands, with their names in the checkout."""
    (project / FOLDER / "charts/clicks.yaml").write_text("slice_name: [\n")
    for command in ("import", "export", "diff"):
        ended = pyglue("dashboards", command)
        assert ended.code == 1
        assert f"{FOLDER}/charts/clicks.yaml:2:1: no YAML" in ended.err
    assert fake.asked == []


def test_a_chart_that_would_show_an_error_is_not_imported(
    fake: FakeSuperset, pyglue: Run, project: Path
) -> None:
    """What `pyglue check` refuses, `import` refuses, too, before anything is asked."""
    file = project / FOLDER / "charts/newest-events.yaml"
    file.write_text(file.read_text().replace("eventType", "evenType"))
    ended = pyglue("dashboards", "import")
    assert ended.code == 1
    assert "asks for the column 'evenType'" in ended.err
    assert fake.asked == []


# -- diff


def test_diff_right_after_an_import(live: dict[str, Any], pyglue: Run) -> None:
    """One line, on stderr; nothing on stdout, code 0."""
    ended = pyglue("dashboards", "diff")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "The files and Superset are the same: Clickstream.\n"


def test_diff_shows_what_export_would_write(live: dict[str, Any], pyglue: Run, project: Path) -> None:
    """A unified diff on stdout, code 1; nothing is written, and `patch` could do what export does."""
    live["dashboard_title"] = "Ours"
    before = contents(project)
    ended = pyglue("dashboards", "diff", "clickstream")
    assert (ended.code, ended.err) == (1, "")
    lines = ended.out.splitlines()
    assert lines[:2] == [f"--- a/{FOLDER}/dashboard.yaml", f"+++ b/{FOLDER}/dashboard.yaml"]
    assert [line for line in lines[2:] if line[0] in "+-"][:2] == [
        "-dashboard_title: Clickstream",
        "+dashboard_title: Ours",
    ]
    assert contents(project) == before


# -- export


def test_export_where_nothing_changed(live: dict[str, Any], pyglue: Run, project: Path) -> None:
    """The files are not even touched."""
    file = project / FOLDER / "dashboard.yaml"
    stat = file.stat()
    ended = pyglue("dashboards", "export")
    assert ended.code == 0
    assert "...kept  " in ended.err
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (stat.st_mtime_ns, stat.st_ino)


def test_export_names_each_file(fake: FakeSuperset, live: dict[str, Any], pyglue: Run, project: Path) -> None:
    """What changed, what came, what went; then both are the same, and `import` takes what was written."""
    live["position"].pop("CHART-clicks")
    live["position"]["ROW-numbers"]["children"].remove("CHART-clicks")
    old = next(number for number, chart in fake.charts.items() if chart["slice_name"] == "Clicks")
    fake.charts[90] = fake.charts[old] | {"uuid": "b1", "slice_name": "New one"}
    meta = {"chartId": 90, "uuid": "b1", "sliceName": "New one"}
    live["position"]["CHART-b1"] = {"type": "CHART", "id": "CHART-b1", "meta": meta, "parents": ["GRID_ID"]}
    ended = pyglue("dashboards", "export")
    assert ended.code == 0
    first, *others = ended.err.splitlines()
    assert "...updated  " in first
    assert others == [
        f"  changed: {FOLDER}/dashboard.yaml",
        f"  added: {FOLDER}/charts/new-one.yaml",
        f"  removed: {FOLDER}/charts/clicks.yaml",
    ]
    assert not (project / FOLDER / "charts/clicks.yaml").exists()
    assert not list((project / FOLDER).rglob("*.new"))
    assert pyglue("dashboards", "diff").code == 0
    assert pyglue("dashboards", "import").code == 0


def test_export_of_a_dashboard_without_a_folder(
    fake: FakeSuperset, live: dict[str, Any], pyglue: Run, project: Path
) -> None:
    """It gets one; without SLUG only those that have one are looked at."""
    add(fake, "sales", dashboard_title="Sales")
    assert pyglue("dashboards", "diff").code == 0
    assert pyglue("dashboards", "diff", "sales").out.startswith("--- /dev/null\n")
    ended = pyglue("dashboards", "export", "sales")
    assert ended.code == 0
    assert "Export dashboard Sales" in ended.err
    assert "...made  " in ended.err
    assert len(list((project / "superset/dashboards/sales/charts").iterdir())) == 7
    assert pyglue("dashboards", "diff").err == "The files and Superset are the same: Clickstream, Sales.\n"


@pytest.mark.parametrize("slug", ["nosuch", "1", "5b9a41cf-0c2e-4d0e-8b6f-3d5a6f0e7c03", "../x", ""])
@pytest.mark.parametrize("command", ["export", "diff"])
def test_a_slug_that_nobody_has(
    live: dict[str, Any], pyglue: Run, project: Path, command: str, slug: str
) -> None:
    """A usage error with those that there are; numbers and UUIDs are no slugs, and nothing is written."""
    before = contents(project)
    ended = pyglue("dashboards", command, "clickstream", slug)
    assert (ended.code, ended.out) == (2, "")
    assert f"there is no dashboard with the slug {slug}" in ended.err
    assert "  files     clickstream\n  Superset  clickstream\n" in ended.err
    assert contents(project) == before


def test_a_slug_that_was_changed_in_superset(
    fake: FakeSuperset, live: dict[str, Any], pyglue: Run, project: Path
) -> None:
    """Both the old and the new one name the same folder: the UUID tells."""
    fake.dashboards = {"clicks": live | {"slug": "clicks"}}
    for slug in ("clickstream", "clicks"):
        assert "+slug: clicks\n" in pyglue("dashboards", "diff", slug).out
    assert pyglue("dashboards", "export", "clicks").code == 0
    assert [path.name for path in (project / "superset/dashboards").iterdir()] == ["clickstream"]
    assert pyglue("dashboards", "diff", "clicks").code == 0


def test_a_folder_of_that_name_with_another_dashboard(
    fake: FakeSuperset, live: dict[str, Any], pyglue: Run, project: Path
) -> None:
    """It is not written over."""
    add(fake, "sales")
    (project / FOLDER).rename(project / "superset/dashboards/sales")
    before = contents(project)
    ended = pyglue("dashboards", "export", "sales")
    assert ended.code == 2
    assert "superset/dashboards/sales holds another dashboard than the one with the slug sales" in ended.err
    assert contents(project) == before


def test_a_dashboard_that_superset_has_not(fake: FakeSuperset, pyglue: Run) -> None:
    """What was asked, what there is, and the command that brings it there."""
    ended = pyglue("dashboards", "export")
    assert ended.code == 1
    assert ended.err == (
        "error: Superset has no dashboard clickstream\n"
        f"  asked      {fake.base}, for the UUID in {FOLDER}/dashboard.yaml\n"
        "  came back  not found; there are none\n"
        "  try: pyglue dashboards import clickstream\n"
        "  see: docs/errors.md#dashboard-missing\n"
    )


def test_a_dashboard_that_lost_its_slug(fake: FakeSuperset, live: dict[str, Any], pyglue: Run) -> None:
    """Its files could not be imported."""
    live["slug"] = None
    ended = pyglue("dashboards", "export")
    assert ended.code == 1
    assert "the dashboard Clickstream has no slug in Superset any more" in ended.err


def test_nothing_is_written_unless_everything_could_be_read(
    fake: FakeSuperset, live: dict[str, Any], pyglue: Run, project: Path
) -> None:
    """A failure with the second dashboard leaves the files of the first as they were."""
    add(fake, "sales")
    live["dashboard_title"] = "Ours"
    before = contents(project)
    good = Answer(200, fake._export(1), "application/zip")
    fake.fail("GET", EXPORT, good, Answer(500, '{"message": "oh"}'))
    ended = pyglue("dashboards", "export", "clickstream", "sales")
    assert ended.code == 1
    assert "came back  oh" in ended.err
    assert contents(project) == before


def test_a_new_folder_that_cannot_be_written(
    fake: FakeSuperset, live: dict[str, Any], pyglue: Run, project: Path
) -> None:
    """As on a full disk: half a folder would keep every other command from its work."""
    add(fake, "sales")
    before = contents(project)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # bytes in one file
    try:
        ended = pyglue("dashboards", "export", "sales")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ended.code == 1
    assert "error: superset/dashboards/sales can't be written: File too large" in ended.err
    assert contents(project) == before
    assert not (project / "superset/dashboards/sales").exists()


def test_a_folder_that_cannot_be_written(
    fake: FakeSuperset, live: dict[str, Any], pyglue: Run, project: Path
) -> None:
    """The new texts are all there before the first takes an old one's place, so the old ones stay."""
    live["dashboard_title"] = "Ours"
    next(chart for chart in fake.charts.values() if chart["slice_name"] == "Visitors")["description"] = (
        "Other."
    )
    before = contents(project)
    (project / FOLDER / "charts/visitors.yaml.new").mkdir()
    ended = pyglue("dashboards", "export")
    assert ended.code == 1
    assert f"error: {FOLDER} can't be written: Is a directory" in ended.err
    assert "try: pyglue dashboards export" in ended.err
    assert contents(project) == before
