"""Which engine is chosen, and the reason that is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue import engines
from pyglue.docker import compose as docker_compose
from pyglue.docker.daemon import Daemon, NoDaemon
from pyglue.docker.engine import DockerEngine
from pyglue.engines import choose, refuse_two
from pyglue.errors import PyglueError
from pyglue.native.engine import NativeEngine
from pyglue.settings import Settings
from pyglue.stack import compose
from tests.docker.fakes import Shop, container


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop.made(tmp_path / "shop", 9092)


def chosen(shop: Shop, engine: str) -> engines.Choice:
    return choose(Settings(shop.path, engine, {}), compose.read(shop.path, {}))


def docker(
    monkeypatch: pytest.MonkeyPatch, error: str | None = None, compose_error: str | None = None
) -> None:
    """A machine on which a daemon and Compose answer, or say why not."""

    class Answers:
        address = "unix:///run/docker.sock"

    def connect(_environment: object) -> Answers:
        if error is not None:
            raise NoDaemon(error)
        return Answers()

    def version(_environment: object) -> str:
        if compose_error is not None:
            raise NoDaemon(compose_error)
        return "2.26.1"

    monkeypatch.setattr(Daemon, "connect", connect)
    monkeypatch.setattr(docker_compose, "version", version)


def test_docker_where_a_daemon_answers(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """And Compose is there."""
    docker(monkeypatch)
    choice = chosen(shop, "auto")
    assert isinstance(choice.engine, DockerEngine)
    assert str(choice) == (
        "docker engine, project shop (a daemon answers: unix:///run/docker.sock, Compose 2.26.1)"
    )


def test_native_where_something_is_missing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is told what."""
    docker(monkeypatch, error="no Docker daemon answers: unix:///x")
    choice = chosen(shop, "auto")
    assert isinstance(choice.engine, NativeEngine)
    assert str(choice) == "native engine, project shop (no Docker daemon answers: unix:///x)"
    docker(monkeypatch, compose_error="docker has no Compose v2 from 2.20 on (none)")
    assert "Compose" in chosen(shop, "auto").why


def test_what_runs_here_goes_on(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that was installed later does not hide a stack that runs natively."""
    docker(monkeypatch)
    monkeypatch.setattr(NativeEngine, "runs_in", lambda _directory: True)
    choice = chosen(shop, "auto")
    assert isinstance(choice.engine, NativeEngine)
    assert choice.why == "it runs here already"
    refuse_two(choice.engine, {})
    with pytest.raises(PyglueError) as caught:
        refuse_two(chosen(shop, "docker").engine, {})
    assert caught.value.try_ == "pyglue --engine native down"


def test_a_daemon_that_is_away_hides_no_containers(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout that was started in containers is not taken for one of processes: `down` would say that nothing runs."""
    shop.engine().layout.make()
    shop.engine().make_ready()
    docker(monkeypatch, error="no Docker daemon answers: unix:///x")
    with pytest.raises(NoDaemon) as caught:
        chosen(shop, "auto")
    assert "may run there still" in caught.value.details[0]
    assert caught.value.try_ == "pyglue --engine native up"
    shop.engine().down()
    assert isinstance(chosen(shop, "auto").engine, NativeEngine)


def test_two_engines_at_once_are_refused_the_other_way_too(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers of this checkout hold the ports that processes would want."""
    shop.engine().layout.make()
    shop.engine().make_ready()
    native = chosen(shop, "native").engine
    monkeypatch.setattr(Daemon, "connect", lambda _environment: shop.daemon)
    refuse_two(native, {})  # made, but not running
    shop.daemon.there["kafka"] = container("kafka")
    with pytest.raises(PyglueError, match="runs in Docker already") as caught:
        refuse_two(native, {})
    assert caught.value.try_ == "pyglue --engine docker down"


def test_who_asks_for_docker_in_vain_is_told_the_way_without(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No silent change to something else."""
    docker(monkeypatch, error="no Docker daemon answers: unix:///x")
    with pytest.raises(PyglueError) as caught:
        chosen(shop, "docker")
    assert caught.value.try_ == "pyglue --engine native up"
    assert chosen(shop, "native").why == "asked for"
