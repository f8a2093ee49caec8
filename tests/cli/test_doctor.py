"""`pyglue doctor` in a checkout where nothing runs: whatever is broken, the rest is looked at, and nothing is changed."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from pyglue.layout import Layout
from tests.cli.ended import Run

NAMES = {
    *("system", "python", "java", "maven", "docker", "memory", "cpu", "disk", "files", "secrets", "engine"),
    *("ports", "data", "limits", "loopback", "clock"),
}


def told(pyglue: Run, *arguments: str) -> dict[str, Any]:
    """Every check by its name, and what else the object holds."""
    ended = pyglue("doctor", "--json", *arguments)
    assert ended.err == ""
    found: dict[str, Any] = json.loads(ended.out)
    assert ended.code == (0 if found["ready"] else 1)
    checks = {check["name"]: check for check in found["checks"]}
    assert set(checks) == NAMES
    return {**found, "checks": checks}


def codes(found: dict[str, Any], name: str) -> list[str]:
    """What one check found."""
    return [finding["code"] for finding in found["checks"][name]["findings"]]


def test_a_look_changes_nothing(pyglue: Run, project: Path, layout: Layout) -> None:
    """No folder, no secret, no cache."""
    before = sorted(project.iterdir())
    found = told(pyglue)
    assert found["checks"]["files"]["verdict"] == "ok"
    assert len(found["memory"]["services"]) >= 10
    assert sorted(project.iterdir()) == before
    assert not layout.state.exists()
    assert not (project.parent / "cache").exists()


def test_for_people_the_last_line_counts(pyglue: Run, project: Path) -> None:
    """Table, memory, problems with remedies; all of it data."""
    (project / "mapping.groovy").write_text("mapping {\n  nonsense\n}\n")
    ended = pyglue("--engine", "native", "doctor")
    lines = ended.out.splitlines()
    assert (ended.code, ended.err) == (1, "")
    assert lines[0].split() == ["CHECK", "VERDICT", "WHAT"]
    assert any(line.startswith("MEMORY") for line in lines)
    assert any("error, files: mapping.groovy:2:" in line for line in lines)
    assert lines[-1].endswith("not ready for pyglue --engine native up.")


@pytest.mark.parametrize("name", ["docker-compose.yml", ".env"])
def test_a_broken_file_is_a_finding_and_the_rest_is_looked_at(pyglue: Run, project: Path, name: str) -> None:
    """What can't be known without it is skipped."""
    with (project / name).open("a") as file:
        file.write("\n  - [\n")
    found = told(pyglue)
    assert codes(found, "files") == ["bad-input"]
    assert found["checks"]["files"]["findings"][0]["message"].startswith(name)
    unknown = {check for check in NAMES if found["checks"][check]["verdict"] == "skipped"}
    assert unknown == ({"memory", "ports", "data"} if name == "docker-compose.yml" else set())


def test_no_java_and_no_docker(pyglue: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty PATH has neither; each is told where it is needed."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    native = told(pyglue)
    assert codes(native, "java") == ["no-java"]
    assert codes(native, "maven") == ["no-maven"]
    assert native["checks"]["docker"]["verdict"] == "ok"
    docker = told(pyglue, "--engine", "docker")
    assert codes(docker, "docker") == ["no-docker"]
    assert docker["checks"]["java"]["verdict"] == "ok"


def test_a_taken_port_is_named_with_its_service(
    pyglue: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `up` would refuse it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("DIVOLTE_PORT", str(port))
        found = told(pyglue)
    assert "port-taken" in codes(found, "ports")
    assert any(f"{port} (for divolte)" in one["message"] for one in found["checks"]["ports"]["findings"])


def test_data_that_an_older_version_left(pyglue: Run, layout: Layout) -> None:
    """By the mark beside it."""
    (layout.data / "kafka-data/log").mkdir(parents=True)
    layout.marks.mkdir()
    place = str(layout.data / "kafka-data")
    layout.mark("kafka").write_text(json.dumps({"version": "3.9.0", "place": place}))
    found = told(pyglue)
    assert codes(found, "data") == ["other-data"]
    assert "3.9.0" in found["checks"]["data"]["findings"][0]["message"]


def test_secrets_are_never_shown(pyglue: Run, project: Path) -> None:
    """Neither to people nor to programs."""
    (project / ".env").write_text("SUPERSET_ADMIN_PASSWORD=hunter2hunter2\nSUPERSET_SECRET_KEY=short1\n")
    (project / ".env").chmod(0o640)
    for ended in (pyglue("doctor"), pyglue("doctor", "--json")):
        assert "hunter2" not in ended.out + ended.err
        assert "short1" not in ended.out + ended.err
    assert codes(told(pyglue), "secrets") == ["env-open", "known-secret"]


def test_outside_a_checkout_it_says_what_to_type(pyglue: Run, tmp_path: Path) -> None:
    """As every command does."""
    assert pyglue("doctor", "--project-dir", str(tmp_path)).code == 2
