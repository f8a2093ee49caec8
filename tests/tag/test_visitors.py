"""Who the tag says is looking: cookies and their life times, tabs that nobody looks at yet."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime

import pytest
from playwright.sync_api import BrowserContext, Page

from pyglue.collector.tag import render
from tests.browser import COMMITTED, TAG, Recorder

pytestmark = pytest.mark.browser

WATCH_COOKIES = """
    const real = Object.getOwnPropertyDescriptor(Document.prototype, 'cookie');
    window.written = [];
    Object.defineProperty(document, 'cookie', {
        get() { return real.get.call(document) },
        set(text) { written.push(text); real.set.call(document, text) },
    });
"""
HIDDEN = "Object.defineProperty(document, 'hidden', {get: () => !window.seen})"
LOOK = "() => { window.seen = true; document.dispatchEvent(new Event('visibilitychange')) }"


def test_cookies(page: Page, recorder: Recorder) -> None:
    """Each event renews both cookies, of the page's own host, for two years and for half an hour."""
    page.add_init_script(WATCH_COOKIES)
    page.goto(recorder.page("/", ""))
    (hit,) = recorder.wait(1)
    page.evaluate("() => { divolte.signal('x') }")
    recorder.wait(2)
    written = [dict(re.findall(r"([^=;\s]+)=([^;]*)", text)) for text in page.evaluate("written")]
    assert [set(cookie) for cookie in written] == [
        {name, "path", "expires", "max-age"} for name in ("_dvp", "_dvs") * 2
    ]
    for party, session in (written[:2], written[2:]):
        assert (party["_dvp"], party["path"], party["max-age"]) == (hit["p"], "/", "63072000")
        assert (session["_dvs"], session["path"], session["max-age"]) == (hit["s"], "/", "1800")
        for cookie in (party, session):
            end = parsedate_to_datetime(cookie["expires"]).timestamp()
            assert end == pytest.approx(time.time() + int(cookie["max-age"]), abs=60)


def test_configured_cookies(page: Page, context: BrowserContext, recorder: Recorder) -> None:
    """Names, life times and domain of the cookies are the collector's to decide."""
    settings = {
        **TAG,
        "party_cookie": "who",
        "party_timeout_s": 5000,
        "session_cookie": "ho",  # the end of the other's name
        "session_timeout_s": 60,
        "cookie_domain": "localhost",
    }
    recorder.tag = lambda: render(**settings)
    recorder.page("/", "")
    page.add_init_script(WATCH_COOKIES)
    page.goto(recorder.collector + "/")
    (hit,) = recorder.wait(1)
    page.reload()
    again = recorder.wait(2)[1]
    assert (again["p"], again["s"]) == (hit["p"], hit["s"])
    assert {cookie.get("name"): cookie.get("value") for cookie in context.cookies()} == {
        "who": hit["p"],
        "ho": hit["s"],
    }
    assert all("; domain=localhost" in text for text in page.evaluate("written"))
    assert [re.search(r"max-age=(\d+)", text)[1] for text in page.evaluate("written")] == ["5000", "60"]  # type: ignore[index]


def test_returning_visitor(page: Page, context: BrowserContext, recorder: Recorder) -> None:
    """A visitor is known again by the party cookie; a session begins where its cookie is gone."""
    page.goto(recorder.page("/", ""))
    first = recorder.wait(1)[0]
    page.reload()
    second = recorder.wait(2)[1]
    context.clear_cookies(name="_dvs")
    page.reload()
    third = recorder.wait(3)[2]
    assert first["p"] == second["p"] == third["p"]
    assert first["s"] == second["s"] != third["s"]
    assert first["v"] != second["v"]
    assert [(hit["n"], hit["f"]) for hit in (first, second, third)] == [("t", "t"), ("f", "f"), ("f", "t")]


@pytest.mark.parametrize("broken", ["", "hello", "0:abc", "1:abc:d", "0:a_b:d", "0:abc:d:e", "0%3Aabc%3Ad"])
def test_broken_cookie(page: Page, context: BrowserContext, recorder: Recorder, broken: str) -> None:
    """An identifier that the collector would refuse is replaced, so that the visitor does not stay unseen."""
    context.add_cookies([{"name": "_dvp", "value": broken, "url": recorder.site}])
    page.goto(recorder.page("/", ""))
    (hit,) = recorder.wait(1)
    assert re.fullmatch(r"0:[0-9a-z]+:[A-Za-z0-9~_]{32}", hit["p"])
    assert hit["n"] == "t"


def test_known_cookie(page: Page, context: BrowserContext, recorder: Recorder) -> None:
    """Identifiers that the collector takes are used as they are, wherever they came from."""
    context.add_cookies([{"name": "_dvp", "value": "0:-1Z:", "url": recorder.site}])
    page.goto(recorder.page("/", ""))
    assert (recorder.wait(1)[0]["p"], recorder.hits[0]["n"]) == ("0:-1Z:", "f")


@pytest.mark.parametrize("crypto", ["undefined", "null", "{}"])
def test_without_randomness(page: Page, recorder: Recorder, crypto: str) -> None:
    """Identifiers from a browser without good random numbers bear a mark."""
    page.add_init_script(f"Object.defineProperty(window, 'crypto', {{value: {crypto}}})")
    page.goto(recorder.page("/", ""))
    (hit,) = recorder.wait(1)
    assert re.fullmatch(r"0:[0-9a-z]+:[A-Za-z0-9~_]{32}!", hit["p"])
    assert re.fullmatch(r"0:[0-9a-z]+:[A-Za-z0-9~_]{32}!", hit["s"])
    assert re.fullmatch(r"0:[A-Za-z0-9~_]{32}!", hit["v"])


def test_identifiers_have_the_time_of_the_load(page: Page, recorder: Recorder) -> None:
    """A new visitor and a new session begin with the script, not with its first event."""
    page.clock.install(time=1_700_000_000)
    page.add_init_script(HIDDEN)
    page.goto(recorder.page("/", ""))
    page.wait_for_function("window.divolte")
    loaded = [page.evaluate(f"divolte.{name}.split(':')[1]") for name in ("partyId", "sessionId")]
    page.clock.fast_forward(5000)
    page.evaluate("() => { divolte.signal('x') }")
    for hit in recorder.wait(2):
        assert [hit["p"].split(":")[1], hit["s"].split(":")[1]] == loaded
        assert int(hit["c"], 36) >= int(loaded[0], 36) + 5000
    assert loaded[0] == loaded[1]


def test_hidden_page(page: Page, recorder: Recorder) -> None:
    """A page in a background tab is viewed once, when somebody first sees it, by the visitor who opened it."""
    page.add_init_script(HIDDEN)
    page.goto(recorder.page("/", ""))
    page.wait_for_function("window.divolte")
    members = "[divolte.partyId, divolte.sessionId, divolte.pageViewId]"
    party, session, view = page.evaluate(members)
    assert view is None
    page.evaluate("() => { document.dispatchEvent(new Event('visibilitychange')) }")
    page.evaluate(COMMITTED)
    assert recorder.hits == []
    page.evaluate(LOOK)
    page.evaluate(LOOK)
    page.evaluate(COMMITTED)
    (hit,) = recorder.wait(1)
    assert (hit["t"], hit["n"], hit["f"]) == ("pageView", "t", "t")
    assert page.evaluate(members) == [party, session, hit["v"]] == [hit["p"], hit["s"], hit["v"]]


def test_hidden_page_with_an_id(page: Page, recorder: Recorder) -> None:
    """A page view that the server named waits, too; its id can be read before."""
    page.add_init_script(HIDDEN)
    page.goto(recorder.page("/", "", f'<script src="{recorder.collector}/divolte.js#0:mine"></script>'))
    assert page.evaluate("divolte.pageViewId") == "0:mine"
    page.evaluate(COMMITTED)
    assert recorder.hits == []
    page.evaluate(LOOK)
    assert recorder.wait(1)[0]["e"] == "0:mine0"


def test_events_of_a_hidden_page(page: Page, recorder: Recorder) -> None:
    """What a hidden page's own script signals begins its page view, which does not begin again when it is seen."""
    page.add_init_script(HIDDEN)
    page.goto(recorder.page("/", ""))
    page.wait_for_function("window.divolte")
    page.evaluate("() => { divolte.signal('background') }")
    view, background = recorder.wait(2)
    page.evaluate(LOOK)
    page.evaluate("() => { divolte.signal('seen') }")
    seen = recorder.wait(3)[2]
    assert [hit["t"] + hit["f"] for hit in recorder.hits] == ["pageViewt", "backgroundf", "seenf"]
    assert [hit["e"] for hit in (view, background, seen)] == [view["v"] + digit for digit in "012"]
    assert page.evaluate("[divolte.isNewPartyId, divolte.isFirstInSession]") == [True, True]
