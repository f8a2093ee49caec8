"""One real stack for all end-to-end tests, and one copy that is never started."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyglue.layout import Layout
from pyglue.native.processes import marked
from tests.browser import browser as browser
from tests.e2e.live import LiveStack


@pytest.fixture(scope="session")
def stack(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """The whole stack, up. When the tests are over it must come down without leaving a process."""
    for tool in ("java", "javac", "mvn"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} on this machine (apt-get install openjdk-17-jdk-headless maven)")
    live = LiveStack.create(checkout, tmp_path_factory.mktemp("stack"))
    try:
        live.up()
        yield live
    finally:
        down = live.run("down", timeout=60)
        left = marked(Layout(live.directory).identity)
        assert down.returncode == 0, down.stderr
        assert not left, left
