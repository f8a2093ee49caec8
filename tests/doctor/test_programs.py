"""Python, JDK, Maven, Docker: wanted or not, there or not."""

from __future__ import annotations

from typing import Any

import pytest

from pyglue.doctor.machine import Answer
from tests.doctor.machines import found, lacks, only, verdict

NO_JAVA = lacks("there is no Java", "no-java")
NO_MAVEN = lacks("Maven is not installed", "no-maven")
NO_DOCKER = lacks("no Docker daemon answers", "no-docker")
NO_UV = lacks("no uv", "no-uv")


def test_a_jre_has_no_compiler() -> None:
    """That keeps what is missing from being installed, and nothing else."""
    jre = {"java": Answer("17.0.15"), "compiler": NO_JAVA}
    assert only(**jre).try_ == "install no-java"
    assert found(**jre, missing=()) == []


def test_no_java_is_told_once() -> None:
    """Java itself, not its compiler as well."""
    assert only(java=NO_JAVA, compiler=NO_JAVA).code == "no-java"


@pytest.mark.parametrize("lacking", [{"maven": NO_MAVEN}, {"uv": NO_UV}])
def test_what_only_an_installation_wants(lacking: dict[str, Any]) -> None:
    """With everything in the cache nothing of it is needed."""
    assert only(**lacking).severity == "error"
    assert found(**lacking, missing=()) == []


@pytest.mark.parametrize(("version", "fits"), [((3, 11, 2), True), ((3, 12, 0), True), ((3, 13, 1), False)])
def test_python(version: tuple[int, ...], fits: bool) -> None:
    """3.11 and 3.12."""
    assert [finding.code for finding in found(python=version)] == ([] if fits else ["no-python"])


def test_containers_bring_what_they_need() -> None:
    """Neither JDK, Maven nor uv of this machine is of interest then."""
    lacking = {"java": NO_JAVA, "compiler": NO_JAVA, "maven": NO_MAVEN, "uv": NO_UV}
    assert found(engine="docker", docker=Answer("Compose 2.26.1"), **lacking) == []


def test_docker_is_wanted_by_its_engine_alone() -> None:
    """Natively it is told that there is none, and that is fine."""
    assert found(docker=NO_DOCKER) == []
    finding = only(engine="docker", docker=NO_DOCKER)
    assert (finding.severity, finding.try_) == ("error", "install no-docker")
    assert verdict("engine", engine="docker", docker=NO_DOCKER) == "skipped"
