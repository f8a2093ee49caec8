"""One browser for all tests of the sample app; a recorder and an empty cookie jar for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser import PATIENCE, Recorder, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with chromium() as found:
        yield found


@pytest.fixture
def context(browser: Browser, recorder: Recorder) -> Iterator[BrowserContext]:
    """A visitor who was never here before; gone before the recorder closes, and the connections with it."""
    visitor = browser.new_context(viewport={"width": 1000, "height": 700})
    visitor.set_default_timeout(PATIENCE * 1000)
    yield visitor
    visitor.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty tab."""
    return context.new_page()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """A site and a collector."""
    server = Recorder()
    yield server
    server.close()
