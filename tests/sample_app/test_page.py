"""The sample page in a real browser: clicks become events, whatever the collector is doing."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from pyglue.collector.config.configured import Privacy
from pyglue.collector.events import mincode
from pyglue.collector.tag import render
from tests.browser import TAG, Hit, Recorder, checksum

pytestmark = pytest.mark.browser

NAMES = ["Divolte", "Kafka", "Druid", "Superset", "Airflow", "Spark"]
NAMES += ["MariaDB", "Python", "ZooKeeper", "Docker", "Avro", "Java"]


def technologies(hits: list[Hit]) -> list[Any]:
    return [mincode.parse(hit["u"]) for hit in hits]


def test_clicks(page: Page, app: Any, recorder: Recorder) -> None:
    """Each technology is a button with a drawing, and a click on it is one event that names it."""
    failed: list[str] = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.on("console", lambda message: failed.append(message.text))
    page.goto(app.address)
    page.wait_for_function("window.divolte")
    for name in NAMES:
        page.get_by_role("button", name=name, exact=True).click()
    clicks = recorder.wait(len(NAMES), type_="click")
    assert technologies(clicks) == [{"technology": name} for name in NAMES]
    assert all(hit["x"] == checksum(hit.query) for hit in recorder.hits)
    assert recorder.hits[0]["t"] == "pageView"
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)") is True
    assert failed == []


def test_what_was_sent(page: Page, app: Any, recorder: Recorder) -> None:
    """The page tells what it sent, when and where to, newest first, and counts."""
    page.goto(app.address)
    page.wait_for_function("window.divolte")
    for name in ("Kafka", "Kafka", "Druid"):
        page.get_by_role("button", name=name, exact=True).click()
    expect(page.locator("#log li")).to_have_text(
        [re.compile(rf"^{name} \u2013 sent \d\d:\d\d:\d\d$") for name in ("Druid", "Kafka", "Kafka")]
    )
    expect(page.locator("#total")).to_have_text("3")
    expect(page.locator("[data-technology=Kafka]")).to_have_attribute("data-count", "2")
    expect(page.get_by_role("status").filter(has_text="Connected")).to_be_visible()
    expect(page.get_by_text(f"Events go to {recorder.collector}")).to_be_visible()


def test_keyboard(page: Page, app: Any, recorder: Recorder) -> None:
    """The page works without a mouse."""
    page.goto(app.address)
    page.wait_for_function("window.divolte")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert technologies(recorder.wait(2, type_="click")) == [
        {"technology": "Divolte"},
        {"technology": "Kafka"},
    ]


def test_clicks_before_the_tag(page: Page, app: Any, recorder: Recorder) -> None:
    """Clicks made while the tag is still on its way are sent in their order once it is there."""
    gate = threading.Event()

    def late() -> bytes:
        gate.wait(10)
        return render(**TAG)

    recorder.tag = late
    page.goto(app.address, wait_until="commit")
    for name in ("Spark", "Java", "Spark"):
        page.get_by_role("button", name=name, exact=True).click()
    expect(page.locator("#log li").first).to_have_text("Spark \u2013 waiting")
    expect(page.get_by_text("Waiting for the collector")).to_be_visible()
    gate.set()
    clicks = recorder.wait(3, type_="click")
    assert technologies(clicks) == [{"technology": name} for name in ("Spark", "Java", "Spark")]
    expect(page.locator("#log li.waiting")).to_have_count(0)


@pytest.mark.parametrize("broken", [None, b"", b"throw 'no tag';"])
def test_tag_fails_at_first(page: Page, app: Any, recorder: Recorder, broken: bytes | None) -> None:
    """A tag that could not be loaded is asked for again until it is there, and no click is lost meanwhile."""
    answers = iter([broken, broken])
    recorder.tag = lambda: next(answers, render(**TAG))
    page.goto(app.address)
    page.get_by_role("button", name="Avro", exact=True).click()
    assert technologies(recorder.wait(1, type_="click")) == [{"technology": "Avro"}]
    assert [hit["t"] for hit in recorder.hits] == ["pageView", "click"]


def test_refused_at_first(page: Page, app: Any, recorder: Recorder) -> None:
    """Clicks that the collector refuses for a while, because Kafka is away, arrive afterwards."""
    answers = iter([200, 503])
    recorder.answer = lambda _: next(answers, 200)
    page.goto(app.address)
    page.wait_for_function("window.divolte")
    page.get_by_role("button", name="Docker", exact=True).click()
    first, again = recorder.wait(2, type_="click")
    assert first.query == again.query


@pytest.mark.parametrize("width", [320, 390, 800, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_layout(context: BrowserContext, app: Any, width: int, scheme: Any) -> None:
    """On narrow and wide screens nothing is cut off, in light and dark every text is readable."""
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(app.address)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") is True
    for selector in ("h1", "header p", ".pipeline li:last-child", "button span", "h2", "#status", ".address"):
        assert page.evaluate(CONTRAST, selector) >= 4.5, selector


# The contrast of a text with what lies behind it, as accessibility guidelines define it (WCAG 2, 1.4.3).
CONTRAST = """selector => {
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = colour => {
        const [r, g, b] = numbers(colour).map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const element = document.querySelector(selector);
    let ground = element;
    while (ground && numbers(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
    const style = ground ? getComputedStyle(ground) : null;
    const [a, b] = [light(getComputedStyle(element).color), light(style.backgroundColor)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
}"""


def test_who_does_not_want_to_be_counted(page: Page, app: Any, recorder: Recorder) -> None:
    """Where the browser opts out and the collector heeds it, the page says of a click that it was not sent."""
    recorder.tag = lambda: render(**TAG, privacy=Privacy(honour_global_privacy_control=True))
    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    page.goto(app.address)
    page.wait_for_function("window.divolte")
    page.get_by_role("button", name="Kafka", exact=True).click()
    expect(page.locator("#log li")).to_have_text("Kafka \u2013 not sent")
    expect(page.get_by_text("You do not want to be counted: nothing is sent")).to_be_visible()
    expect(page.get_by_text("May this page count your clicks?")).to_be_hidden()
    assert recorder.hits == []


@pytest.mark.parametrize(
    ("answer", "state", "events"),
    [("Yes", "sent \\d\\d:\\d\\d:\\d\\d", ["pageView", "click", "click"]), ("No", "not sent", [])],
)
def test_the_question(
    page: Page, app: Any, recorder: Recorder, answer: str, state: str, events: list[str]
) -> None:
    """Where the collector waits for consent the page asks; clicks wait for the answer, and go or don't by it."""
    recorder.tag = lambda: render(**TAG, privacy=Privacy(consent=True))
    page.goto(app.address)
    page.wait_for_function("window.divolte")
    page.get_by_role("button", name="Kafka", exact=True).click()
    expect(page.locator("#log li")).to_have_text("Kafka \u2013 waiting")
    assert recorder.hits == []
    page.get_by_role("button", name=answer, exact=True).click()
    expect(page.get_by_text("May this page count your clicks?")).to_be_hidden()
    page.get_by_role("button", name="Druid", exact=True).click()
    expect(page.locator("#log li")).to_have_text(
        [re.compile(f"^{name} \u2013 {state}$") for name in ("Druid", "Kafka")]
    )
    recorder.wait(len(events))
    page.reload()
    page.wait_for_function("window.divolte")
    expect(page.get_by_text("Connected to the collector")).to_be_visible()
    expect(page.get_by_text("May this page count your clicks?")).to_be_hidden()
    assert [hit["t"] for hit in recorder.hits][: len(events)] == events
