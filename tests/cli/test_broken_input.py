"""What runs can be stopped even when the files that describe it are broken by now."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.ended import Run


def test_down_works_with_a_broken_compose_file(pyglue: Run, project: Path) -> None:
    """The problem is shown, and `down` goes on."""
    (project / "docker-compose.yml").write_text("services: [\n")
    ended = pyglue("down", "--project-dir", str(project))
    assert ended.code == 0
    assert "docker-compose.yml" in ended.err
    assert "Nothing was running" in ended.err


def test_a_missing_core_service_is_an_input_error(
    pyglue: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack without a service of the pipeline is told so, with the file's name."""
    monkeypatch.setenv("PYGLUE_SUPERSET_URL", "http://127.0.0.1:1")  # it runs elsewhere
    file = project / "docker-compose.yml"
    whole = file.read_text()
    start, end = whole.index("  sample-app:"), whole.index("volumes:\n  zookeeper-data:")
    file.write_text(whole[:start] + whole[end:])
    ended = pyglue("register-cluster", "--project-dir", str(project))
    assert ended.code == 1
    assert "docker-compose.yml: has no service sample-app, which the pipeline needs" in ended.err


def test_without_a_password_the_next_command_is_named(
    pyglue: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a Superset that runs elsewhere it has to be given."""
    monkeypatch.setenv("PYGLUE_SUPERSET_URL", "http://127.0.0.1:1")
    ended = pyglue("register-cluster", "--project-dir", str(project))
    assert ended.code == 1
    assert "SUPERSET_ADMIN_PASSWORD is not set" in ended.err
    assert "try: pyglue up" in ended.err
