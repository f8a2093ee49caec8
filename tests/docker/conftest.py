"""A checkout of two services, and a daemon that is a fake; a base image for another machine, begun before all tests."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pyglue.docker.daemon import Daemon, NoDaemon
from tests.conftest import ROOT
from tests.docker.fakes import Shop
from tests.docker.other_machine import BaseImage, possible

_BASE_IMAGE = pytest.StashKey[BaseImage]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin the base image, if one of the tests that will run needs it and this machine can make it."""
    wanted = any("base_image" in getattr(item, "fixturenames", ()) for item in session.items)
    if wanted and possible() and not session.config.option.collectonly:
        try:
            Daemon.connect()
        except NoDaemon:
            return
        session.config.stash[_BASE_IMAGE] = BaseImage(ROOT)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Whatever became of the tests, nothing is left that runs."""
    begun = session.config.stash.get(_BASE_IMAGE, None)
    if begun is not None:
        begun.end()


@pytest.fixture(scope="session")
def base_image(request: pytest.FixtureRequest) -> BaseImage:
    """The base image that was begun before the first test."""
    begun = request.config.stash.get(_BASE_IMAGE, None)
    if begun is None:
        pytest.skip(
            "emulating another machine needs root, Debian's packages (tests/docker/foreign) and a Docker daemon"
        )
    return begun


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Nothing of it runs yet; its port is free."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    return Shop.made(tmp_path / "shop", port)
