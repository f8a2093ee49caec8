"""Compose's command line, with a `docker` that is a short shell script."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pyglue.docker.compose import Compose, telling, version
from pyglue.docker.daemon import NoDaemon
from pyglue.errors import PyglueError
from pyglue.flow import Cancel, Cancelled


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in front of PATH with a `docker` that does what `script` writes into it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder / "docker"


def script(docker: Path, text: str) -> None:
    docker.write_text("#!/bin/sh\n" + text)
    docker.chmod(0o755)


def made(tmp_path: Path, **variables: str) -> Compose:
    return Compose(tmp_path, "shop", {**os.environ, **variables})


@pytest.mark.parametrize(
    ("text", "expected"), [("2.26.1-4", "2.26.1-4"), ("v2.20.0", "2.20.0"), ("5.0.1", "5.0.1")]
)
def test_a_version_that_will_do(docker: Path, text: str, expected: str) -> None:
    """With or without a `v`, whatever comes behind it."""
    script(docker, f"echo {text}")
    assert version() == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("echo 2.19.1", "no Compose v2 from 2.20 on (2.19.1)"),
        ("echo 1.29.2", "no Compose v2 from 2.20 on (1.29.2)"),
        (
            "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1",
            "no Compose v2 from 2.20 on (none)",
        ),
    ],
)
def test_a_version_that_will_not_do(docker: Path, text: str, reason: str) -> None:
    """Too old, or not there at all: the reason is short enough for the first line of `up`."""
    script(docker, text)
    with pytest.raises(NoDaemon) as caught:
        version()
    assert reason in caught.value.message


def test_no_docker_command(tmp_path: Path) -> None:
    """A machine without Docker."""
    with pytest.raises(NoDaemon, match="there is no docker command"):
        version({"PATH": str(tmp_path)})


def test_only_our_file_and_our_values_count(docker: Path, tmp_path: Path) -> None:
    """Neither another file, nor another name, that the environment chooses for who calls Compose by hand."""
    script(docker, 'echo "$* $COMPOSE_FILE $COMPOSE_PROJECT_NAME $KAFKA_PORT" >>calls')
    made(tmp_path, COMPOSE_FILE="x.yml", COMPOSE_PROJECT_NAME="x", KAFKA_PORT="19092").create({})
    calls = (tmp_path / "calls").read_text().splitlines()
    common = f"compose --project-name shop --file {tmp_path}/docker-compose.yml"
    assert [line.split("  ")[0] for line in calls] == [
        f"{common} --dry-run up --no-start --no-build --remove-orphans",
        f"{common} up --no-start --no-build --remove-orphans",
    ]
    assert all(line.endswith(" 19092") for line in calls)


def test_what_compose_would_make_anew_goes_to_it_alone_first(docker: Path, tmp_path: Path) -> None:
    """So that what depends on it is left running."""
    dry = 'case "$*" in *--dry-run*) echo " DRY-RUN MODE -  Container shop-kafka-1  Recreate";; esac'
    script(docker, f'echo "${{*##*yml}}" >>calls\n{dry}')
    made(tmp_path).create(
        {"kafka": "shop-kafka-1", "kafka-ui": "shop-kafka-1-ui", "divolte": "shop-divolte-1"}
    )
    assert (tmp_path / "calls").read_text().splitlines() == [
        " --dry-run up --no-start --no-build --remove-orphans",
        " up --no-start --no-build kafka",
        " up --no-start --no-build --remove-orphans",
    ]


def test_where_nothing_would_be_done_nothing_is(docker: Path, tmp_path: Path) -> None:
    """Compose is asked once; one that is missing, or too many, is something to do."""
    dry = 'echo "$*" >>calls; echo " DRY-RUN MODE -  Container shop-kafka-1  Running"; echo'
    script(docker, dry)
    assert made(tmp_path).create({"kafka": "shop-kafka-1"}) is False
    assert len((tmp_path / "calls").read_text().splitlines()) == 1
    assert made(tmp_path).create({"kafka": "shop-kafka-1", "divolte": "shop-divolte-1"}) is True


def test_services_are_renewed_alone(docker: Path, tmp_path: Path) -> None:
    """By the file as it is; nothing else is removed, and none is started."""
    script(docker, 'echo "${*##*yml}" >>calls')
    made(tmp_path).renew(["kafka", "divolte"])
    assert (tmp_path / "calls").read_text() == " up --no-start --no-build kafka divolte\n"


def test_a_failed_build_tells_of_errors_from_the_first_on() -> None:
    """Maven ends with how to see more, and Compose repeats it all; the cause stands above that, once."""
    said = [
        "#15 1.2 [INFO] Scanning",
        "#15 6.1 [ERROR] PKIX path building failed",
        "#15 6.2 [ERROR] Re-run Maven",
    ]
    again = ["------", "6.1 [ERROR] PKIX path building failed", "6.2 [ERROR] Re-run Maven"]
    assert telling([*said, *again]) == ["[ERROR] PKIX path building failed", "[ERROR] Re-run Maven"]


def test_a_failure_tells_the_last_lines(docker: Path, tmp_path: Path) -> None:
    """Both of its streams, without empty lines."""
    script(docker, "echo one; echo; echo two >&2; exit 17")
    with pytest.raises(PyglueError) as caught:
        made(tmp_path).create({})
    assert caught.value.message == "Docker Compose ended with 17"
    assert caught.value.details[1:] == ["  | one", "  | two"]


def test_a_build_hands_over_its_lines_and_can_be_cancelled(docker: Path, tmp_path: Path) -> None:
    """When another image fails, or Ctrl-C is pressed, Compose is ended, not left to itself."""
    script(docker, f"trap 'echo ended >{tmp_path}/ended; exit 1' INT; echo step; sleep 60 & wait")
    cancel, lines = Cancel(), []

    def said(line: str) -> None:
        lines.append(line)
        threading.Thread(target=cancel.set).start()

    with pytest.raises(Cancelled):
        made(tmp_path).build("kafka", said, cancel.wait, tmp_path / "log")
    assert lines == ["step"]
    assert (tmp_path / "log").read_text() == "step\n"
    assert (tmp_path / "ended").exists()


def test_removing_needs_no_file(docker: Path, tmp_path: Path) -> None:
    """A broken docker-compose.yml keeps nobody from stopping what runs."""
    script(docker, f'echo "$PWD: $*" >>{tmp_path}/calls')
    compose = made(tmp_path)
    compose.stop()
    compose.down()
    compose.down(volumes=True)
    assert (tmp_path / "calls").read_text().splitlines() == [
        "/: compose --project-name shop stop",
        "/: compose --project-name shop down --remove-orphans",
        "/: compose --project-name shop down --remove-orphans --volumes",
    ]
