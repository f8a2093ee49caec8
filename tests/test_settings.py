"""What pyglue is told from outside: precedence, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue.errors import InputError, UsageError
from pyglue.settings import Settings


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that looks like a checkout."""
    (tmp_path / "docker-compose.yml").write_text("services: {}\n")
    return tmp_path


def test_the_environment_goes_before_the_file(project: Path) -> None:
    """A value of .env counts where the environment has none."""
    (project / ".env").write_text("A=file\nB=file\nC=${A}\n")
    settings = Settings.read(project, None, {"A": "outside"})
    assert settings.variables == {"A": "outside", "B": "file", "C": "outside"}


@pytest.mark.parametrize(
    ("flag", "environment", "file", "engine"),
    [
        ("native", {"PYGLUE_ENGINE": "auto"}, "", "native"),
        (None, {"PYGLUE_ENGINE": "native"}, "PYGLUE_ENGINE=auto", "native"),
        (None, {}, "PYGLUE_ENGINE=native", "native"),
        (None, {"PYGLUE_ENGINE": ""}, "", "auto"),
        (None, {}, "", "auto"),
    ],
)
def test_the_engine(
    project: Path, flag: str | None, environment: dict[str, str], file: str, engine: str
) -> None:
    """Flag, environment, .env, default: in that order."""
    (project / ".env").write_text(file)
    assert Settings.read(project, flag, environment).engine == engine


def test_an_engine_that_is_none_is_refused(project: Path) -> None:
    """A usage error that names the choice."""
    with pytest.raises(UsageError, match="there is no engine 'podman'; choose one of"):
        Settings.read(project, None, {"PYGLUE_ENGINE": "podman"})


def test_the_checkout(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag, the environment, the current directory."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "docker-compose.yml").touch()
    assert Settings.read(other, None, {"PYGLUE_PROJECT_DIR": str(project)}).project == other
    assert Settings.read(None, None, {"PYGLUE_PROJECT_DIR": str(other)}).project == other
    monkeypatch.chdir(project)
    assert Settings.read(None, None, {}).project == project


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    """The error says how to name the right one."""
    with pytest.raises(UsageError, match=r"holds no docker-compose\.yml") as caught:
        Settings.read(tmp_path, None, {})
    assert caught.value.try_ == "pyglue --project-dir DIR ..."


def test_a_broken_env_file_is_told_with_its_line(project: Path) -> None:
    """Before anything else is done."""
    (project / ".env").write_text("A=1\nnonsense\n")
    with pytest.raises(InputError) as caught:
        Settings.read(project, None, {})
    assert str(caught.value.problems[0]).startswith(".env:2: expected NAME=value")


def test_secrets_are_made_and_used_at_once(project: Path) -> None:
    """An empty line for a secret, as in a copied example, does not hide the one that was made."""
    (project / ".env").write_text("SUPERSET_SECRET_KEY=\nOTHER=\n")
    settings = Settings.read(project, None, {}).with_secrets()
    assert len(settings.variables["SUPERSET_SECRET_KEY"]) >= 42
    assert len(settings.variables["SUPERSET_ADMIN_PASSWORD"]) >= 20
    assert settings.variables["OTHER"] == ""
    again = Settings.read(project, None, {}).with_secrets()
    assert again.variables == settings.variables


def test_a_secret_of_the_environment_is_kept(project: Path) -> None:
    """Who sets a password gets that password."""
    settings = Settings.read(project, None, {"SUPERSET_ADMIN_PASSWORD": "mine"}).with_secrets()
    assert settings.variables["SUPERSET_ADMIN_PASSWORD"] == "mine"
