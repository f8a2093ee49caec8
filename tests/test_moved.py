"""Ports of the running stack against those of this shell: what differs is named by its variable, with what to type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest

from pyglue.engine import Engine
from pyglue.moved import Moved, error, moved
from pyglue.stack import compose
from pyglue.stack.model import Service, Stack

FILE = """services:
  kafka:
    build: kafka
    ports: ["127.0.0.1:${KAFKA_PORT:-9092}:${KAFKA_PORT:-9092}"]
    expose: ["${KAFKA_INTERNAL_PORT:-29092}", "7000"]
  divolte:
    build: kafka
    ports: ["127.0.0.1:${DIVOLTE_PORT:-8290}:${DIVOLTE_PORT:-8290}"]
"""


class Runs:
    """An engine whose services were started with these ports."""

    def __init__(self, stack: Stack, started: Mapping[str, Sequence[int]]) -> None:
        self.stack = stack
        self._started = started

    def started_with(self) -> Mapping[str, Sequence[int]]:
        """As they run."""
        return self._started

    def listens(self, service: Service) -> Sequence[int]:
        """As they would run now."""
        return service.ports


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """With two services."""
    (tmp_path / "kafka").mkdir()
    for script in ("start", "healthy"):
        (tmp_path / "kafka" / script).touch(mode=0o755)
    (tmp_path / "docker-compose.yml").write_text(FILE)
    return tmp_path


def found(checkout: Path, started: Mapping[str, Sequence[int]], **variables: str) -> tuple[Moved, ...]:
    """What differs between what runs and what these variables say."""
    return moved(cast(Engine, Runs(compose.read(checkout, variables), started)), variables)


def test_the_same_ports_are_no_difference(checkout: Path) -> None:
    """And neither is what does not run, or of which nobody knows the ports."""
    assert found(checkout, {"kafka": (9092, 29092, 7000), "divolte": (8290,)}) == ()
    assert found(checkout, {"kafka": (), "gone": (1,)}) == ()


def test_a_port_that_differs_is_named_by_its_variable(checkout: Path) -> None:
    """Whichever side has the default; in the order of docker-compose.yml."""
    started = {"divolte": (8290,), "kafka": (12592, 29092, 7000)}
    assert found(checkout, started, DIVOLTE_PORT="9") == (
        Moved("kafka", "KAFKA_PORT", 12592, 9092),
        Moved("divolte", "DIVOLTE_PORT", 8290, 9),
    )


def test_what_to_type_names_all_of_them() -> None:
    """One line for this shell; that `pyglue up` would move the stack is said as well."""
    told = error((Moved("kafka", "KAFKA_PORT", 12592, 9092), Moved("divolte", "DIVOLTE_PORT", 8290, 9)))
    assert told.message == (
        "the running stack was started with KAFKA_PORT=12592, this shell says 9092 (and 1 more)"
    )
    assert told.try_ == "export KAFKA_PORT=12592 DIVOLTE_PORT=8290"
    assert "`pyglue up`" in told.details[0]
    assert told.code == "ports-differ"


def test_a_plain_number_can_only_be_moved(checkout: Path) -> None:
    """Somebody changed it in docker-compose.yml: no variable brings it back."""
    (one,) = found(checkout, {"kafka": (9092, 29092, 6999)})
    assert one == Moved("kafka", "", 6999, 7000)
    assert error((one,)).message == (
        "the running stack was started with port 6999 of kafka, this shell says 7000"
    )
    assert error((one,)).try_ == "pyglue up"
