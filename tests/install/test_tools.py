"""What an installation needs of the machine, found or named with the command that installs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue.errors import PyglueError
from pyglue.install import tools


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A JDK's folder on the PATH, and nothing else."""
    (tmp_path / "jdk/bin").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path / "jdk/bin"))
    return tmp_path / "jdk"


def java(jdk: Path, version: str) -> None:
    """A java that says its version as a JVM does."""
    path = jdk / "bin/java"
    path.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2026-01-01' >&2\n")
    path.chmod(0o755)


def test_the_version_is_read_from_the_release_file(machine: Path) -> None:
    """Reading takes no time; the vendor counts, for archives of classes belong to one build."""
    java(machine, "should not be asked")
    (machine / "release").write_text('IMPLEMENTOR="Debian"\nJAVA_VERSION="17.0.15"\nOS_ARCH="x86_64"\n')
    assert tools.java_version() == "17.0.15 Debian"


@pytest.mark.parametrize("release", [None, "", 'OS_ARCH="x86_64"\n'])
def test_without_a_release_file_java_is_asked(machine: Path, release: str | None) -> None:
    """A JDK that does not say so must be started once."""
    java(machine, "21.0.2")
    if release is not None:
        (machine / "release").write_text(release)
    assert tools.java_version() == "21.0.2"


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.2", "25", "x"])
def test_another_java_is_refused(machine: Path, version: str) -> None:
    """Its version, which one is needed, and how to get it."""
    java(machine, version)
    with pytest.raises(PyglueError, match="Java 17 or 21 is needed") as caught:
        tools.java_version()
    assert caught.value.try_ == "sudo apt-get install -y openjdk-17-jdk-headless"


def test_no_java_is_told(machine: Path) -> None:
    """The command that installs it is the next one to type."""
    with pytest.raises(PyglueError, match="there is no Java on this machine"):
        tools.java_version()


def test_a_link_leads_to_its_jdk(machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """/usr/bin/java is a link; the release file lies beside its target."""
    java(machine, "no")
    (machine / "release").write_text('JAVA_VERSION="17.0.1"\n')
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").symlink_to(machine / "bin/java")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert tools.java_version() == "17.0.1"
