"""Pages as users of Divolte have them, byte for byte (the folder `pages`), on a site and with a collector of their own."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Page

from pyglue.collector.events import mincode
from tests.collector.support import browser_event
from tests.tag.web import Web, WebHit, escaped

pytestmark = pytest.mark.browser

SITE = "http://shop.example/"
EVENTS = "http://track.example/csc-event"
FORMS = pytest.mark.parametrize("debug", [False, True], ids=["minified", "readable"])


@pytest.fixture
def shop(web: Web, debug: bool) -> Web:
    """The site and its collector, which serves the tag in one of its forms."""
    web.publish_pages(SITE)
    web.source("http://track.example/", debug=debug)
    return web


def told(hits: list[WebHit]) -> list[tuple[str, Any]]:
    """Type and parameters of each event, none of which is damaged in the collector's eyes."""
    events = [browser_event(hit.query.encode()) for hit in hits]
    assert not any(event.corrupt for event in events)
    assert {hit.url for hit in hits} == {EVENTS}
    return [(hit["t"], mincode.parse(hit["u"]) if hit.get("u") else None) for hit in hits]


@FORMS
def test_plain(shop: Web, tab: Page) -> None:
    """A product page: nested parameters, ids in a form, a link that waits, a page view id from the server."""
    errors = escaped(tab)
    tab.goto(SITE + "plain.html")
    tab.get_by_role("button").click()
    shop.wait(3)
    fields = tab.evaluate("[...document.forms[0].elements].map(field => field.value)")
    tab.get_by_role("link").click()
    tab.wait_for_url(SITE + "next.html")
    shop.wait(5)
    tab.get_by_role("button").click()
    hits = shop.wait(6)
    kettle = {"id": 309125, "name": "Kettle, 1.5 l!", "price": Decimal("24.95"), "tags": ["kitchen", "red"]}
    expected: list[tuple[str, Any]] = [
        ("pageView", None),
        ("welcome", None),
        ("addToBasket", {"product": kettle, "count": 1, "gift": False, "voucher": None}),
        ("followLink", {"to": "next.html", "text": "Toaster"}),
        ("pageView", None),
        ("addToBasket", {"product": {"id": 309126}}),
    ]
    assert told(hits) == expected
    first, second = hits[0]["v"], "0:rendered-by-the-server"
    assert fields == [hits[0]["p"], first]
    assert re.fullmatch(r"0:[A-Za-z0-9~_]{32}", first)
    assert [hit["e"] for hit in hits] == [*(first + digit for digit in "0123"), second + "0", second + "1"]
    assert [hit["v"] for hit in hits] == [first] * 4 + [second] * 2
    assert len({(hit["p"], hit["s"]) for hit in hits}) == 1
    assert [hit["n"] + hit["f"] for hit in hits] == ["tt", *["ff"] * 5]
    assert [hit["l"] for hit in hits] == [SITE + "plain.html"] * 4 + [SITE + "next.html"] * 2
    assert [hit.get("r") for hit in hits] == [None] * 4 + [SITE + "plain.html"] * 2
    assert {hit["k"] for hit in hits} == {"1.i"}
    assert errors == []


@FORMS
def test_modules(shop: Web, tab: Page) -> None:
    """A page that gets the tag by a loader of modules, under a name of its own, beside modules of its own."""
    errors = escaped(tab)
    tab.goto(SITE + "amd.html")
    tab.wait_for_function("document.title === 'ready'")
    tab.get_by_role("textbox").fill("t\u00e9")
    tab.get_by_role("button").click()
    assert told(shop.wait(2)) == [
        ("pageView", None),
        (
            "search",
            {
                "phrase": "t\u00e9",
                "hits": [{"id": 309125, "score": Decimal("0.75")}, {"id": 309126, "score": 2}],
            },
        ),
    ]
    assert tab.evaluate("typeof window.divolte") == "undefined"
    assert errors == []
