"""The start scripts of Kafka and ZooKeeper, run as an engine runs them, with a stand-in for Java."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

JAVA = """#!/bin/bash
for last in "$@"; do :; done
if [[ $* == *StorageTool* ]]; then mkdir -- "$(sed -n 's/^log.dirs=//p' "$last")"; else pwd; cat -- "$last"; fi
"""


@pytest.fixture
def service(tmp_path: Path) -> dict[str, str]:
    """The environment of a service whose folders have a name that Java's properties can't hold as it is."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "java").write_text(JAVA)
    (bin_folder / "java").chmod(0o755)
    odd = tmp_path / "mein Ordner, ümlaut %d"
    for name in ("home", "data", "run"):
        (odd / name).mkdir(parents=True)
    return {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "SERVICE_HOME": str(odd / "home"),
        "DATA_DIR": str(odd / "data"),
        "RUN_DIR": str(odd / "run"),
        "BIND_ADDRESS": "127.0.0.1",
        "KAFKA_ADVERTISED_LISTENERS": "HOST://127.0.0.1:9092",
        "KAFKA_INTERNAL_PORT": "29092",
        "KAFKA_PORT": "9092",
        "KAFKA_CONTROLLER_PORT": "29093",
        "ZOOKEEPER_PORT": "2181",
    }


def started(command: list[str | Path], environment: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Where the server was started, and its properties."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    where, *lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    return where, dict(line.split("=", 1) for line in lines if "=" in line)


def test_kafkas_data_stays_in_its_folder_whatever_its_name(checkout: Path, service: dict[str, str]) -> None:
    """No property holds a path that Kafka would read differently; formatted once, the storage is kept."""
    for _ in range(2):
        where, properties = started([checkout / "kafka" / "start"], service)
        assert where == service["DATA_DIR"]
        assert properties["log.dirs"] == "log"
        assert sorted(path.name for path in Path(where).iterdir()) == ["log", "tmp"]


def test_zookeepers_data_stays_in_its_folder_whatever_its_name(
    checkout: Path, service: dict[str, str]
) -> None:
    """No property holds a path that ZooKeeper would read differently."""
    where, properties = started([checkout / "druid" / "start", "zookeeper"], service)
    assert where == service["DATA_DIR"]
    assert properties["dataDir"] == "./snapshots"
