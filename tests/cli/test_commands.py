"""Commands where nothing runs: what they say, what they refuse, and that they change nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from pyglue.layout import Layout
from tests.cli.ended import Run


def test_project_dir_before_and_behind_the_command(
    pyglue: Run, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From anywhere, in both places, or from the environment; the one behind the command wins."""
    monkeypatch.chdir(tmp_path)
    assert pyglue("submit-spec", "--print").code == 2
    assert pyglue("--project-dir", str(project), "submit-spec", "--print").code == 0
    assert pyglue("submit-spec", "--print", "--project-dir", str(project)).code == 0
    assert (
        pyglue("--project-dir", str(tmp_path), "submit-spec", "--print", "--project-dir", str(project)).code
        == 0
    )
    monkeypatch.setenv("PYGLUE_PROJECT_DIR", str(project))
    assert pyglue("submit-spec", "--print").code == 0


def test_outside_a_checkout_it_says_what_to_type(
    pyglue: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A usage error with the option that helps."""
    monkeypatch.chdir(tmp_path)
    ended = pyglue("status")
    assert ended.code == 2
    assert ended.err.startswith(f"error: {tmp_path} holds no docker-compose.yml\n")
    assert "try: pyglue --project-dir DIR ..." in ended.err


@pytest.mark.parametrize("command", [["up"], ["status"], ["logs"], ["install"], ["submit-spec", "--print"]])
def test_a_broken_compose_file_ends_every_command(pyglue: Run, project: Path, command: list[str]) -> None:
    """One clear error with file and line, before anything else."""
    with (project / "docker-compose.yml").open("a") as file:
        file.write("\nsecrets: {}\n")
    lines = (project / "docker-compose.yml").read_text().count("\n")
    ended = pyglue(*command)
    assert (ended.code, ended.out) == (1, "")
    assert f"docker-compose.yml:{lines}: the key `secrets`" in ended.err


def test_status_where_nothing_runs(pyglue: Run) -> None:
    """Every service is listed as stopped, one problem, the next command, code 1."""
    ended = pyglue("status")
    assert ended.code == 1
    rows = ended.out.splitlines()
    assert rows[0].split() == ["SERVICE", "STATE", "HEALTH", "UP", "MEMORY", "WHERE"]
    assert ["kafka", "stopped", "-", "-", "-", "localhost:9092"] in [row.split() for row in rows]
    assert rows[-3:] == ["1. nothing runs", "   try: pyglue up", "   see: docs/errors.md#nothing-runs"]


def test_status_as_json(pyglue: Run) -> None:
    """One object on stdout, nothing else."""
    ended = pyglue("status", "--json")
    answer = json.loads(ended.out)
    assert ended.code == 1
    assert answer["healthy"] is False
    assert {"zookeeper", "kafka", "superset"} <= {service["name"] for service in answer["services"]}
    assert [(problem["code"], problem["try"]) for problem in answer["problems"]] == [
        ("nothing-runs", "pyglue up")
    ]


def test_status_with_a_broken_spec_still_shows_the_services(pyglue: Run, project: Path) -> None:
    """What runs can be seen; the file's problem is told with its line."""
    (project / "supervisor-spec.json").write_text("{")
    ended = pyglue("status")
    assert ended.code == 1
    assert "kafka" in ended.out
    assert "supervisor-spec.json:1:2" in ended.err


def test_down_where_nothing_runs(pyglue: Run) -> None:
    """Harmless, and said so."""
    ended = pyglue("down")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith("Nothing was running....")


def test_logs_with_and_without_names(pyglue: Run, layout: Layout) -> None:
    """One service's lines are bare, several have their names before them; a service without a log has none."""
    layout.make()
    layout.log("kafka").write_text("".join(f"line {number}\n" for number in range(100)))
    layout.log("divolte").write_text("hello\n")
    assert pyglue("logs", "-n", "2", "kafka").out == "line 98\nline 99\n"
    assert pyglue("logs", "-n", "1", "divolte", "kafka").out == "divolte | hello\nkafka   | line 99\n"
    assert len(pyglue("logs").out.splitlines()) == 51
    assert pyglue("logs", "superset").out == ""
    assert pyglue("logs", "-n", "0", "kafka").out == ""
    layout.run.rmdir()


@pytest.mark.parametrize("command", ["logs", "install", "restart"])
def test_a_service_that_is_none_is_told_with_those_that_are(pyglue: Run, command: str) -> None:
    """The names to choose from are in the error."""
    ended = pyglue(command, "kafak")
    assert ended.code == 2
    assert "there is no service kafak" in ended.err
    assert "there are zookeeper, kafka" in ended.err


def test_submit_spec_print_replaces_only_the_address(pyglue: Run, project: Path) -> None:
    """What would be posted, as JSON on stdout; nothing is asked of any service."""
    ended = pyglue("submit-spec", "--print")
    shown = json.loads(ended.out)
    shown["spec"]["ioConfig"]["consumerProperties"]["bootstrap.servers"] = "kafka:29092"
    assert shown == json.loads((project / "supervisor-spec.json").read_text())


def test_submit_spec_print_shows_no_password(pyglue: Run, project: Path) -> None:
    """A terminal, or the log of a CI server, is no place for one."""
    spec = json.loads((project / "supervisor-spec.json").read_text())
    spec["spec"]["ioConfig"]["consumerProperties"]["sasl.jaas.config"] = 'x required password="loud";'
    (project / "supervisor-spec.json").write_text(json.dumps(spec))
    ended = pyglue("submit-spec", "--print")
    assert "loud" not in ended.out
    assert json.loads(ended.out)["spec"]["ioConfig"]["consumerProperties"]["sasl.jaas.config"] == "***"


def test_submit_spec_of_another_file(pyglue: Run, project: Path) -> None:
    """A file that is named is read; one that is broken or missing is known trouble."""
    (project / "other.json").write_text("{")
    ended = pyglue("submit-spec", "--print", "other.json")
    assert ended.code == 1
    assert "other.json:1:2: " in ended.err
    assert pyglue("submit-spec", "--print", "missing.json").code == 1


def test_reset_asks_and_a_no_wipes_nothing(
    pyglue: Run, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a yes the data stays; that is no interruption and no success."""
    layout.make()
    (layout.data / "file").touch()
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    ended = pyglue("reset")
    assert ended.code == 1
    assert "nothing was wiped" in ended.err
    assert "--yes" in ended.err
    assert (layout.data / "file").exists()
    layout.run.rmdir()


def test_reset_wipes_data_and_keeps_env(pyglue: Run, project: Path, layout: Layout) -> None:
    """Events, logs and what was posted are gone; .env stays."""
    layout.make()
    (layout.data / "kafka-data").mkdir()
    (layout.state / "supervisors").mkdir()
    (project / ".env").write_text("A=1\n")
    ended = pyglue("reset", "--yes")
    assert ended.code == 0
    assert not layout.data.exists()
    assert not (layout.state / "supervisors").exists()
    assert (project / ".env").read_text() == "A=1\n"


def test_up_reports_the_problems_of_all_files_before_anything_is_started(pyglue: Run, project: Path) -> None:
    """Mapping and spec together, each with file and line; neither installed nor started anything."""
    (project / "mapping.groovy").write_text("mapping {\n  mapp x onto 'y'\n}\n")
    (project / "supervisor-spec.json").write_text('{"type": "kafka"}')
    ended = pyglue("up")
    assert (ended.code, ended.out) == (1, "")
    assert "mapping.groovy:2:" in ended.err
    assert "supervisor-spec.json: expected a text at spec.ioConfig.topic" in ended.err
    assert not (project / ".pyglue").exists()


def test_up_refuses_another_schema_in_the_spec(pyglue: Run, project: Path) -> None:
    """Collector and Druid must speak of the same record."""
    spec = json.loads((project / "supervisor-spec.json").read_text())
    fields = spec["spec"]["ioConfig"]["inputFormat"]["avroBytesDecoder"]["schema"]["fields"]
    fields[-1]["name"] = "other"
    (project / "supervisor-spec.json").write_text(json.dumps(spec))
    ended = pyglue("up")
    assert ended.code == 1
    assert (
        "its Avro schema is not that of divolte/DefaultEventRecord.avsc (fields that differ: eventParameters, other)"
        in ended.err
    )


@pytest.mark.parametrize(
    "command", [["up"], ["down"], ["restart", "kafka"], ["reset", "--yes"], ["submit-spec"]]
)
def test_two_at_once_are_refused(pyglue: Run, layout: Layout, command: list[str]) -> None:
    """Whoever changes the stack is alone; the other one is named."""
    with layout.locked("up"):
        ended = pyglue(*command)
    layout.run.rmdir()
    assert ended.code == 1
    assert "another pyglue is at work on this checkout: `pyglue up`, process " in ended.err


def test_a_broken_env_file_is_told_by_every_command(pyglue: Run, project: Path) -> None:
    """File and line."""
    (project / ".env").write_text("A=1\nnonsense\n")
    ended = pyglue("status")
    assert ended.code == 1
    assert ".env:2: expected NAME=value, found 'nonsense'" in ended.err


def test_up_makes_secrets_that_only_the_user_can_read(pyglue: Run, project: Path) -> None:
    """Even where it stops at the first problem, as here."""
    (project / "supervisor-spec.json").write_text("{")
    assert pyglue("up").code == 1
    assert (project / ".env").stat().st_mode & 0o777 == 0o600
    assert "SUPERSET_ADMIN_PASSWORD=" in (project / ".env").read_text()
