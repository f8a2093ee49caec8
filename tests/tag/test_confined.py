"""Pages that forbid the tag something, and browsers that lack something: events are sent if at all possible, and no
exception escapes."""

from __future__ import annotations

import threading

import pytest
from playwright.sync_api import Page

from pyglue.collector.tag import render
from tests.browser import COMMITTED, TAG, Recorder, checksum
from tests.tag.web import escaped

pytestmark = pytest.mark.browser

THROWING = (
    "Object.defineProperty({}, '{}', {{get() {{ throw new DOMException('denied', 'SecurityError') }}}})"
)
CLICK = "() => { divolte.signal('click', {a: [1]}) }"


def test_strict_policy(page: Page, recorder: Recorder) -> None:
    """Where a policy lets nothing but the script through, nothing is sent, and the page goes on undisturbed."""
    policy = "default-src 'none'; script-src 'nonce-n' 'strict-dynamic'; require-trusted-types-for 'script'"
    head = f"""<meta http-equiv="Content-Security-Policy" content="{policy}; trusted-types 'none'">
        <script nonce="n" src="{recorder.collector}/divolte.js"></script>"""
    errors = escaped(page)
    page.clock.install()
    page.goto(recorder.page("/", "", head))
    page.evaluate(CLICK)
    page.evaluate("() => { window.done = 0; divolte.whenCommitted(() => done++) }")
    for _ in range(10):
        page.clock.fast_forward(12_000)
    assert page.evaluate("done") == 1
    assert page.evaluate("divolte.signal('last')").startswith("0:")
    page.goto(recorder.page("/next", "", head=""))
    assert recorder.hits == []
    assert errors == []


@pytest.mark.parametrize("rights", ["allow-scripts", "allow-scripts allow-same-origin"])
def test_sandbox(page: Page, recorder: Recorder, rights: str) -> None:
    """In a frame that may have no cookies everybody is a new visitor; the events are sent."""
    errors = escaped(page)
    recorder.page("/frame", "<button onclick=\"divolte.signal('click')\">Click</button>")
    page.goto(recorder.page("/", f'<iframe sandbox="{rights}" src="/frame"></iframe>', head=""))
    recorder.wait(1)
    page.frame_locator("iframe").get_by_role("button").click()
    view, click = recorder.wait(2)
    assert [hit["t"] + hit["n"] + hit["f"] for hit in (view, click)] == ["pageViewtt", "clickff"]
    assert [view[name] for name in "psv"] == [click[name] for name in "psv"]
    assert view["l"] == recorder.site + "/frame"
    assert errors == []


def test_leaving_a_sandbox(page: Page, recorder: Recorder) -> None:
    """What waits in such a frame when it goes away is sent."""
    gate = threading.Event()
    recorder.answer = lambda _: 200 if gate.wait(20) else 500
    errors = escaped(page)
    recorder.page("/frame", "")
    page.goto(
        recorder.page("/", '<iframe sandbox="allow-scripts" src="/frame"></iframe>', head=""),
        wait_until="domcontentloaded",
    )
    recorder.wait(1)
    page.frames[1].evaluate(CLICK)
    page.evaluate("document.querySelector('iframe').remove()")
    hits = recorder.wait(3)
    gate.set()
    assert sorted(hit["t"] for hit in hits) == ["click", "pageView", "pageView"]
    assert errors == []


@pytest.mark.parametrize(
    "without",
    [
        THROWING.format("Document.prototype", "cookie"),
        "Object.defineProperty(Document.prototype, 'cookie', {get: () => '', set: () => {}})",
        THROWING.format("window", "localStorage") + ";" + THROWING.format("window", "sessionStorage"),
        "Object.defineProperty(window, 'crypto', {value: undefined})",
        "Object.defineProperty(Document.prototype, 'hidden', {value: undefined})",
        "Object.defineProperty(window, 'screen', {value: undefined})",
        "Object.defineProperty(window, 'console', {value: undefined})",
        "Object.defineProperty(window, 'devicePixelRatio', {value: undefined})",
        "Math.imul = undefined",
        "delete window.fetch",
    ],
)
def test_browser_without(page: Page, recorder: Recorder, without: str) -> None:
    """A browser that lacks or denies something sends its events all the same, and whole."""
    errors = escaped(page)
    page.add_init_script(without)
    recorder.tag = lambda: render(**{**TAG, "logging": True})
    page.goto(recorder.page("/", ""))
    page.evaluate(CLICK)
    page.evaluate(COMMITTED)
    assert [hit["t"] for hit in recorder.wait(2)] == ["pageView", "click"]
    assert all(hit["x"] == checksum(hit.query) for hit in recorder.hits)
    page.goto(recorder.page("/next", "", head=""))
    assert errors == []


def test_half_a_character_is_no_error(page: Page, recorder: Recorder) -> None:
    """Text that has no UTF-8 form, in a type, a name, a value or the address, is sent with a replacement."""
    errors = escaped(page)
    page.goto(recorder.page("/", ""))
    page.evaluate("() => { divolte.signal('a\\ud83d', {'b\\udc00': 'c\\ud83d\\ude00\\ud83d'}) }")
    hit = recorder.wait(2)[1]
    assert (hit["t"], hit["u"]) == ("a\ufffd", "(sb\ufffd!c\U0001f600\ufffd!)")
    assert errors == []
