"""A browser, a visitor with an empty cookie jar, a tab, and a collector that writes down what it gets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser import PATIENCE
from tests.browser import browser as browser
from tests.browser import context as context
from tests.browser import page as page
from tests.browser import recorder as recorder
from tests.tag.web import Web


@pytest.fixture
def web() -> Iterator[Web]:
    """Sites and collectors with names of their own."""
    server = Web()
    yield server
    server.close()


@pytest.fixture
def visitor(browser: Browser, web: Web) -> Iterator[BrowserContext]:
    """Somebody who was never on that web before; gone before it closes, and the connections with it."""
    found = browser.new_context(
        viewport={"width": 1000, "height": 700}, proxy={"server": web.proxy}, device_scale_factor=1.5
    )
    found.set_default_timeout(PATIENCE * 1000)
    yield found
    found.close()


@pytest.fixture
def tab(visitor: BrowserContext) -> Page:
    """An empty tab of that visitor's."""
    return visitor.new_page()
