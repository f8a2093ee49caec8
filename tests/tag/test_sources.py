"""Several browser sources side by side: on one host, for one site, on one page; and what a source can be set to."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser import COMMITTED, PATIENCE
from tests.tag.web import SITE_PAGE, Web, escaped

pytestmark = pytest.mark.browser

LOAD = """url => new Promise((done, fail) => {
    const script = document.createElement('script');
    Object.assign(script, {src: url, onload: done, onerror: fail});
    document.head.appendChild(script);
})"""
REQUIRE_BOTH = f"""names => new Promise((done, fail) => {{
    setTimeout(fail, {PATIENCE * 1000}, 'the modules did not load');
    require(names, (...tags) => done(tags.map(tag => tag.signal('click'))));
}})"""


def cookies(visitor: BrowserContext) -> dict[str, str]:
    return {cookie["name"]: cookie["value"] for cookie in visitor.cookies()}


def test_one_host(web: Web, tab: Page, visitor: BrowserContext) -> None:
    """Each source's tag sends to its own prefix and suffix, whatever the script is called, and has its own cookies."""
    shop = web.source("http://track.example/shop/", script_name="shop_1-a.js", event_suffix="in/events")
    blog = web.source("http://track.example/", party_cookie="reader", session_cookie="reading")
    tab.goto(web.publish("http://shop.example/", SITE_PAGE.format(shop)))
    tab.goto(web.publish("http://shop.example/blog/", SITE_PAGE.format(blog)))
    first, second = web.wait(2)
    assert first.url == "http://track.example/shop/in/events"
    assert second.url == "http://track.example/csc-event"
    assert (second["n"], second["f"]) == ("t", "t")
    assert cookies(visitor) == {
        "_dvp": first["p"],
        "_dvs": first["s"],
        "reader": second["p"],
        "reading": second["s"],
    }


def test_one_site(web: Web, tab: Page) -> None:
    """Sources that name the same cookies know the same visitor in the same session."""
    one, other = web.source("http://track.example/one/"), web.source("http://other.example/")
    tab.goto(web.publish("http://shop.example/", SITE_PAGE.format(one)))
    tab.goto(web.publish("http://shop.example/blog", SITE_PAGE.format(other)))
    first, second = web.wait(2)
    assert (first["p"], first["s"]) == (second["p"], second["s"])
    assert (second["n"], second["f"]) == ("f", "f")


def test_one_page(web: Web, tab: Page) -> None:
    """Of two plain tags the one that ran first has the page."""
    one, other = web.source("http://track.example/one/"), web.source("http://track.example/other/")
    tab.goto(web.publish("http://shop.example/", SITE_PAGE.format(one)))
    tab.evaluate(LOAD, other)
    tab.evaluate("() => { divolte.signal('click') }")
    tab.evaluate(COMMITTED)
    assert [(hit.url, hit["t"]) for hit in web.hits] == [
        ("http://track.example/one/csc-event", "pageView"),
        ("http://track.example/one/csc-event", "click"),
    ]


def test_one_page_with_modules(web: Web, tab: Page) -> None:
    """To a loader of modules two tags are two modules; each reports to its own source."""
    web.publish_pages("http://shop.example/")
    prefixes = ["http://track.example/one/", "http://track.example/other/"]
    names = [web.source(prefix) for prefix in prefixes]
    tab.goto(web.publish("http://shop.example/", SITE_PAGE.format("require.js")))
    ids = tab.evaluate(REQUIRE_BOTH, names)
    hits = web.wait(4)
    for prefix, id_ in zip(prefixes, ids, strict=True):
        mine = [hit for hit in hits if hit.url == prefix + "csc-event"]
        assert [hit["t"] for hit in mine] == ["pageView", "click"]
        assert mine[1]["e"] == id_


def test_cookie_domain(web: Web, tab: Page) -> None:
    """With a cookie domain all hosts of a site know the visitor; a cookie without one stays on its host."""
    wide = web.source("http://track.example/wide/", cookie_domain="shop.example")
    host = web.source("http://track.example/host/", party_cookie="host")
    for site in ("http://www.shop.example/", "http://help.shop.example/"):
        tab.goto(web.publish(site + "wide", SITE_PAGE.format(wide)))
        tab.evaluate(COMMITTED)
        tab.goto(web.publish(site + "host", SITE_PAGE.format(host)))
        tab.evaluate(COMMITTED)
    wides = [hit for hit in web.wait(4) if "/wide/" in hit.url]
    hosts = [hit for hit in web.hits if "/host/" in hit.url]
    assert wides[0]["p"] == wides[1]["p"]
    assert wides[0]["s"] == wides[1]["s"]
    assert hosts[0]["p"] != hosts[1]["p"]


def test_foreign_cookie_domain(web: Web, tab: Page, visitor: BrowserContext) -> None:
    """A domain that is not the page's gives no cookies: each page has a new visitor, and nothing else is lost."""
    errors = escaped(tab)
    url = web.publish(
        "http://shop.example/",
        SITE_PAGE.format(web.source("http://track.example/", cookie_domain="other.example")),
    )
    for _ in range(2):
        tab.goto(url)
        tab.evaluate("() => { divolte.signal('click') }")
        tab.evaluate(COMMITTED)
    hits = web.wait(4)
    assert [hit["t"] + hit["n"] for hit in hits] == ["pageViewt", "clickf"] * 2
    assert len({hit["p"] for hit in hits}) == 2
    assert cookies(visitor) == {}
    assert errors == []


def test_two_cookies_of_one_name(web: Web, tab: Page, visitor: BrowserContext) -> None:
    """Where a site's cookies once had a domain, and now have none, or the reverse, the younger one counts."""
    for value, domain in (("0:a:host", "shop.example"), ("0:b:domain", ".shop.example")):
        visitor.add_cookies([{"name": "_dvp", "value": value, "domain": domain, "path": "/"}])
    tab.goto(web.publish("http://shop.example/", SITE_PAGE.format(web.source("http://track.example/"))))
    assert web.wait(1)[0]["p"] == "0:b:domain"


def test_logging(web: Web, tab: Page) -> None:
    """With logging on the browser's console tells where events go, who looks, and each event; without, nothing."""
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    silent = web.source("http://track.example/")
    loud = web.source("http://track.example/loud/", logging=True)
    tab.goto(web.publish("http://shop.example/", SITE_PAGE.format(silent)))
    tab.evaluate(COMMITTED)
    assert said == []
    tab.goto(web.publish("http://shop.example/loud", SITE_PAGE.format(loud)))
    tab.evaluate(COMMITTED)
    hit = web.wait(2)[1]
    assert said == [
        f"divolte: {line}"
        for line in (
            "events go to http://track.example/loud/csc-event",
            f"party {hit['p']}",
            f"session {hit['s']}",
            f"page view {hit['v']}",
            f"pageView {hit['e']}",
        )
    ]
