"""docker-compose.yml and the Dockerfiles, as files: limits that fit, versions that agree, nobody who is root."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pyglue import __version__
from pyglue.stack.durations import compose_seconds

FOLDERS = ("kafka", "druid", "divolte", "superset", "sample-app")


def test_who_stops_has_longer_than_it_needs(checkout: Path) -> None:
    """The collector waits for the acknowledgement of what is under way and a second more."""
    services = yaml.safe_load((checkout / "docker-compose.yml").read_text())["services"]
    conf = (checkout / "divolte" / "divolte-collector.conf").read_text()
    acknowledge = re.search(r"acknowledge_timeout = (\d+) seconds", conf)
    assert acknowledge is not None
    assert compose_seconds(services["divolte"]["stop_grace_period"]) > int(acknowledge[1]) + 1 + 2


@pytest.mark.parametrize("folder", FOLDERS)
def test_versions_agree(checkout: Path, folder: str) -> None:
    """The image's label and its tag are this version of pyglue."""
    dockerfile = (checkout / folder / "Dockerfile").read_text()
    assert f'org.opencontainers.image.version="{__version__}"' in dockerfile
    for label in ("title", "description", "licenses"):
        assert f"org.opencontainers.image.{label}=" in dockerfile
    assert f"/{folder}:{__version__}\n" in (checkout / "docker-compose.yml").read_text()


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_last_stage_is_for_nobody_in_particular(checkout: Path, folder: str) -> None:
    """It ends as user 10001, and has neither what builds nor certificates."""
    last = (checkout / folder / "Dockerfile").read_text().split("\nFROM ")[-1]
    assert "\nUSER 10001:10001\n" in last
    assert "ca-certificates" not in last
    assert not re.search(r"maven|-jdk|python3-|\buv\b", last.partition("ENV ")[0])


def test_images_are_installed_by_the_uv_that_installs_natively(checkout: Path) -> None:
    """One version of the installer, in two locks."""
    versions = {
        re.search(r"^uv==(\S+)", (checkout / name).read_text(), re.MULTILINE)[1]  # type: ignore[index]
        for name in ("requirements.txt", "images/python/requirements.txt")
    }
    assert len(versions) == 1
