"""Reading a machine: this one, and one whose services run with a Docker daemon."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pyglue.docker.daemon import Owner
from pyglue.doctor import facts
from pyglue.doctor.facts import Surroundings
from pyglue.doctor.machine import Machine
from pyglue.errors import PyglueError
from pyglue.settings import Settings
from tests.docker.fakes import Shop, container

ALL = psutil.virtual_memory().total


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Two services, as containers."""
    return Shop.made(tmp_path / "shop", 20_292)


def read(shop: Shop) -> Machine:
    """What is read with that daemon."""
    engine = shop.engine()
    return facts.read(
        Surroundings(Settings(shop.path, "auto", {}), engine.stack, engine, "docker", "", (), None)
    )


@contextmanager
def open_files(number: int) -> Iterator[None]:
    """A lower soft limit for a while."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_daemon_of_this_machine_has_its_memory_and_disk(shop: Shop) -> None:
    """Images and volumes share the daemon's folder."""
    found = read(shop)
    assert found.memory.place == "this machine"
    assert [disk.purpose for disk in found.disks] == ["data", "images"]
    assert found.missing == ("kafka", "divolte")
    assert found.architecture == "aarch64"


@pytest.mark.parametrize("virtual", [True, False])
def test_a_daemon_in_a_machine_of_its_own(shop: Shop, virtual: bool) -> None:
    """A virtual one has less memory than this one; one elsewhere says so. Of its disks nothing is known."""
    shop.daemon.capacity = ALL // 4 if virtual else ALL
    shop.daemon.is_local = virtual
    found = read(shop)
    assert (found.memory.available, found.memory.place) == (
        shop.daemon.capacity,
        "the Docker daemon's machine",
    )
    assert found.cores == 3
    assert found.disks == ()
    assert found.ports == ((20_292,) if virtual else ())


def test_what_runs_holds_memory(shop: Shop) -> None:
    """It is the stack's own already; so are its ports."""
    shop.daemon.there["kafka"] = container("kafka")
    found = read(shop)
    assert (found.running, found.memory.held) == (1, 2**20)


def test_what_the_engine_would_refuse_is_an_obstacle(shop: Shop) -> None:
    """Somebody else's project."""
    shop.daemon.foreign = [Owner("shop-kafka-1", "shop", "/home/other")]
    assert [error.code for error in read(shop).obstacles] == ["not-this-checkout"]


def test_an_engine_that_does_not_answer_is_told_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the rest is read all the same."""

    def refuse() -> None:
        raise PyglueError("Docker did not do what it was asked", code="docker-refused")

    monkeypatch.setattr(shop.daemon, "containers", lambda **_labels: refuse())
    monkeypatch.setattr(shop.daemon, "host", refuse)
    found = read(shop)
    assert [error.code for error in found.obstacles] == ["docker-refused"]
    assert found.local == ""


def test_data_of_the_other_engine_is_seen(shop: Shop) -> None:
    """Native data lies in the checkout; without any there is nothing to tell."""
    assert read(shop).elsewhere == ""
    (shop.path / ".pyglue/data/kafka-data").mkdir(parents=True)
    assert read(shop).elsewhere == "native"


def test_hard_limits_count(shop: Shop) -> None:
    """A JVM raises the soft one by itself."""
    usual = read(shop).open_files
    with open_files(256):
        assert read(shop).open_files == usual
