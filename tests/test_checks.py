"""The user's files as they would be started with: all problems, before anything is."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from pyglue.checks import Checked, check, same_schema
from pyglue.errors import InputError
from pyglue.settings import Settings

FOLDERS = ("kafka", "druid", "sample-app", "pyglue")
COPIED = ("divolte", "superset")
FILES = ("docker-compose.yml", "mapping.groovy", "supervisor-spec.json")


@pytest.fixture
def project(checkout: Path, tmp_path: Path) -> Path:
    """The shipped files, in copies that a test may break."""
    for name in FOLDERS:
        (tmp_path / name).symlink_to(checkout / name)
    for name in COPIED:
        shutil.copytree(checkout / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(checkout / name, tmp_path)
    return tmp_path


def checked(project: Path) -> Checked:
    return check(Settings.read(project, None, {"PATH": "/usr/bin:/bin"}))


def problems(project: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        checked(project)
    return [str(problem) for problem in caught.value.problems]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_shipped_files_are_fine(project: Path) -> None:
    """Stack, spec, schema and dashboards of this checkout."""
    found = checked(project)
    assert len(found.stack.services) >= 10
    assert found.spec["type"] == "kafka"
    assert found.schema.exists()
    assert found.dashboards


def test_problems_of_all_files_come_together(project: Path) -> None:
    """Mapping, spec and dashboards at once, each under the name that a user would type."""
    (project / "mapping.groovy").write_text("mapping {\n  nonsense\n}\n")
    (project / "supervisor-spec.json").write_text("{")
    dashboard = next((project / "superset/dashboards").rglob("*.yaml"))
    dashboard.write_text("[\n")
    files = {problem.partition(":")[0] for problem in problems(project)}
    assert {"mapping.groovy", "supervisor-spec.json", str(dashboard.relative_to(project))} <= files


@pytest.mark.parametrize("line", ["", "DIVOLTE_WORKERS=", "DIVOLTE_WORKERS=''", "DIVOLTE_WORKERS=auto"])
def test_a_variable_that_is_empty_is_the_default(project: Path, line: str) -> None:
    """The number of workers is that of processors then, as without the line."""
    (project / ".env").write_text(f"{line}\n")
    setup = checked(project).setup
    assert setup is not None
    assert setup.config.workers >= 1


WRONG = "expected auto or a whole number from 1 to 63, found 'x'"


def test_a_wrong_value_is_told_where_it_was_typed(project: Path) -> None:
    """The variable with its line in .env, the last one that counts; or the shell, which goes before .env."""
    (project / ".env").write_text("# mine\nDIVOLTE_WORKERS=2\nDIVOLTE_WORKERS=x\n")
    assert problems(project) == [f".env:3: DIVOLTE_WORKERS: {WRONG}; mend that line or take it out"]
    (project / ".env").write_text("DIVOLTE_WORKERS=2\n")
    with pytest.raises(InputError) as caught:
        check(Settings.read(project, None, {"PATH": "/usr/bin:/bin", "DIVOLTE_WORKERS": "x"}))
    (told,) = map(str, caught.value.problems)
    assert told.startswith("divolte/divolte-collector.conf:")
    assert told.endswith(f"{WRONG} in DIVOLTE_WORKERS; mend it in this shell, or: unset DIVOLTE_WORKERS")


def test_a_wrong_value_of_the_composition_is_no_users(project: Path) -> None:
    """What docker-compose.yml gives the collector by itself is told at the configuration, with the variable's name."""
    edit(project / "docker-compose.yml", "${DIVOLTE_WORKERS:-auto}", "x")
    (told,) = problems(project)
    assert told.startswith("divolte/divolte-collector.conf:")
    assert told.endswith(f"{WRONG} (from the variable DIVOLTE_WORKERS)")


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("divolte/DefaultEventRecord.avsc", '"fields"', '"fjelds"', "divolte/DefaultEventRecord.avsc"),
        ("divolte/DefaultEventRecord.avsc", "{", "", "divolte/DefaultEventRecord.avsc:"),
        ("divolte/divolte-collector.conf", "\ndivolte {", "\ndivolte {{", "divolte/divolte-collector.conf"),
        ("mapping.groovy", "onto 'technology'", "onto 'nowhere'", "mapping.groovy:"),
    ],
)
def test_what_the_collector_would_refuse_is_refused_before(
    project: Path, name: str, old: str, new: str, said: str
) -> None:
    """Schema, configuration and mapping, with the file."""
    edit(project / name, old, new)
    found = problems(project)
    assert any(said in problem for problem in found), found


def test_another_schema_in_the_spec_names_the_fields(project: Path) -> None:
    """Druid and the collector must speak of one record."""
    spec = json.loads((project / "supervisor-spec.json").read_text())
    schema = project / "divolte/DefaultEventRecord.avsc"
    fields = spec["spec"]["ioConfig"]["inputFormat"]["avroBytesDecoder"]["schema"]["fields"]
    assert same_schema(spec, schema) == []
    fields[0], fields[1] = fields[1], fields[0]
    assert "the order of fields" in same_schema(spec, schema)[0].message
    fields.pop()
    assert "fields that differ: eventParameters" in same_schema(spec, schema)[0].message
    del spec["spec"]["ioConfig"]["inputFormat"]
    assert same_schema(spec, schema) == []


def test_a_checkout_without_dashboards_has_none(project: Path) -> None:
    """Who takes them out does not want any."""
    shutil.rmtree(project / "superset/dashboards")
    assert checked(project).dashboards == ()


def test_a_stray_file_beside_the_dashboards_is_no_dashboard(project: Path) -> None:
    """Only folders are dashboards."""
    (project / "superset/dashboards/.DS_Store").write_bytes(b"\0")
    assert checked(project).dashboards


def test_a_collector_without_its_configuration_is_told(project: Path) -> None:
    """The argument that names the file is missing from docker-compose.yml."""
    edit(project / "docker-compose.yml", "    command: [/etc/pyglue/divolte-collector.conf]\n", "")
    assert any("docker-compose.yml:" in problem and "divolte" in problem for problem in problems(project))


def test_files_that_do_not_fit_each_other_are_refused(project: Path) -> None:
    """A dimension too many: nothing feeds it."""
    edit(
        project / "supervisor-spec.json",
        '{"type": "string", "name": "technology"}',
        '{"type": "string", "name": "technology"},\n          {"type": "double", "name": "price"}',
    )
    (found,) = problems(project)
    assert re.fullmatch(r"supervisor-spec\.json:\d+: the dimension 'price' would stay empty: .*", found)


def test_the_collector_writes_the_topic_that_druid_reads(project: Path) -> None:
    """Another DIVOLTE_TOPIC without another topic in the spec is refused: nothing would ever arrive."""
    edit(project / "docker-compose.yml", "${DIVOLTE_TOPIC:-divolte}", "clicks")
    assert problems(project) == [
        "supervisor-spec.json: it reads the topic divolte, but DIVOLTE_TOPIC is clicks"
    ]


def test_a_suspended_spec_is_refused(project: Path) -> None:
    """Nothing would arrive with it."""
    edit(project / "supervisor-spec.json", '"type": "kafka",', '"type": "kafka", "suspended": true,')
    assert problems(project) == ["supervisor-spec.json: it is suspended, so nothing would arrive"]
