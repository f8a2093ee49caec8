"""One real stack for all end-to-end tests, by each of the two engines; they are the same tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyglue.docker import compose
from pyglue.docker.daemon import Daemon, NoDaemon
from tests.browser import browser as browser
from tests.e2e.live import LiveStack

ENGINES = ("native", "docker")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that uses the stack runs with both engines, or with those that its module names in ENGINES."""
    if "engine" in metafunc.fixturenames:
        engines = getattr(metafunc.module, "ENGINES", ENGINES)
        metafunc.parametrize("engine", engines, indirect=True, scope="session")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One engine after the other: each has one stack, which is up until its last test."""

    def order(item: pytest.Item) -> int:
        called = getattr(item, "callspec", None)
        engine = called.params.get("engine") if called is not None else None
        return ENGINES.index(engine) if engine in ENGINES else -1

    items.sort(key=order)


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """The name of an engine that this machine can run; else the tests with it are skipped."""
    name: str = request.param
    need_docker() if name == "docker" else need_tools()
    return name


def need_docker() -> None:
    """Skip where no daemon answers."""
    try:
        Daemon.connect()
        compose.version()
    except NoDaemon as error:
        pytest.skip(f"{error.message} (tests/docker/daemon starts one)")


def need_tools() -> None:
    """Skip where the native engine can't install."""
    for tool in ("java", "javac", "mvn"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} on this machine (apt-get install openjdk-17-jdk-headless maven)")


@pytest.fixture(scope="session")
def stack(checkout: Path, tmp_path_factory: pytest.TempPathFactory, engine: str) -> Iterator[LiveStack]:
    """The whole stack, up. When the tests are over it must come down without leaving anything that runs."""
    live = LiveStack.create(checkout, tmp_path_factory.mktemp(f"stack-{engine}"), engine)
    try:
        live.up()
        yield live
    finally:
        down = live.run("down", timeout=60)
        left = live.left()
        live.remove()
        assert down.returncode == 0, down.stderr
        assert not left, left


@pytest.fixture
def mended(stack: LiveStack) -> Iterator[None]:
    """A test that failed leaves no broken stack to the next one."""
    yield
    if stack.run("status", timeout=60).returncode:
        stack.up()
