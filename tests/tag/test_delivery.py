"""How the tag delivers: one event at a time, with a time-out, retries, and nothing lost when the page is left."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from pyglue.collector.tag import render
from tests.browser import COMMITTED, PATIENCE, TAG, Hit, Recorder
from tests.tag.web import escaped

pytestmark = pytest.mark.browser

LEAVE = "() => { dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true})) }"
RETURN = "() => { dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true})) }"
SIGNAL_ABC = "() => { for (const type of 'abc') divolte.signal(type) }"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds answers back until it is set, at the latest when the test ends."""
    event = threading.Event()
    yield event
    event.set()


def types(hits: list[Hit]) -> list[str]:
    return [hit["t"] for hit in hits]


def until_hits(page: Page, recorder: Recorder, count: int) -> list[Hit]:
    """Let the page's own clock run on until the collector got `count` events."""
    end = time.monotonic() + PATIENCE
    while len(recorder.hits) < count and time.monotonic() < end:
        page.clock.fast_forward(12_000)
    return recorder.wait(count)


def test_one_at_a_time(page: Page, recorder: Recorder) -> None:
    """The next event is sent only after the answer to the one before."""
    log: list[str] = []

    def answer(hit: Hit) -> int:
        log.append("asked " + hit["t"])
        time.sleep(0.05)
        log.append("answered " + hit["t"])
        return 200

    recorder.answer = answer
    page.goto(recorder.page("/", ""))
    page.evaluate(SIGNAL_ABC)
    page.evaluate(COMMITTED)
    assert log == [f"{what} {type_}" for type_ in ("pageView", *"abc") for what in ("asked", "answered")]


def test_time_out(page: Page, recorder: Recorder, gate: threading.Event) -> None:
    """An event that gets no answer in time does not hold up the next, nor whoever waits for it."""
    recorder.tag = lambda: render(**{**TAG, "event_timeout_ms": 1000})
    recorder.answer = lambda hit: 200 if hit["t"] != "a" or gate.wait(2 * PATIENCE) else 500
    page.goto(recorder.page("/", ""))
    page.evaluate(SIGNAL_ABC)
    page.evaluate(COMMITTED)
    assert types(recorder.hits) == ["pageView", "a", "b", "c"]
    assert not gate.is_set()


@pytest.mark.parametrize("way", ["link", "close"])
def test_leaving_the_page(page: Page, recorder: Recorder, gate: threading.Event, way: str) -> None:
    """What waits when the page is left is sent all the same, by GET; the event under way with the id it had."""
    recorder.answer = lambda _: 200 if gate.wait(2 * PATIENCE) else 500
    page.goto(recorder.page("/next", "", head=""))
    with page.expect_popup() as popup:
        page.evaluate(f"() => {{ window.tab = open('{recorder.page('/', '<a href=/next>Next</a>')}') }}")
    recorder.wait(1)
    popup.value.evaluate(SIGNAL_ABC)
    if way == "link":
        popup.value.click("a")
    else:
        page.evaluate("tab.close()")
    hits = recorder.wait(5)
    assert Counter(types(hits)) == {"pageView": 2, "a": 1, "b": 1, "c": 1}
    assert [hit["e"] for hit in hits if hit["t"] == "pageView"] == [hits[0]["e"]] * 2
    assert [hit.headers["Sec-Fetch-Dest"] for hit in hits] == ["image", *["empty"] * 4]


def test_last_words(page: Page, recorder: Recorder) -> None:
    """An event signalled while the page is being left is sent, and nothing else is sent twice."""
    last = "<script>addEventListener('load', () => addEventListener('pagehide', () => divolte.signal('bye')))</script>"
    page.goto(recorder.page("/", last, f'<script src="{recorder.collector}/divolte.js"></script>'))
    recorder.page("/next", "", head="")
    page.evaluate(COMMITTED)
    page.goto(recorder.site + "/next")
    assert types(recorder.wait(2)) == ["pageView", "bye"]


def test_leaving_without_fetch(page: Page, recorder: Recorder, gate: threading.Event) -> None:
    """A browser without keepalive requests sends its last events as images."""
    page.add_init_script("delete window.fetch")
    recorder.answer = lambda _: 200 if gate.wait(2 * PATIENCE) else 500
    page.goto(recorder.page("/", ""), wait_until="domcontentloaded")
    recorder.page("/next", "", head="")
    recorder.wait(1)
    page.evaluate(SIGNAL_ABC)
    assert page.evaluate("typeof fetch") == "undefined"
    page.goto(recorder.site + "/next")
    assert Counter(types(recorder.wait(5))) == {"pageView": 2, "a": 1, "b": 1, "c": 1}


@pytest.mark.parametrize("limit", ["null", "'20'", "20"])
def test_limits(page: Page, recorder: Recorder, gate: threading.Event, limit: str) -> None:
    """Whatever setTimeout takes limits the waiting for commitment; what is no function is not called."""
    errors = escaped(page)
    recorder.answer = lambda _: 200 if gate.wait(2 * PATIENCE) else 500
    page.goto(recorder.page("/", ""), wait_until="domcontentloaded")
    recorder.wait(1)
    page.evaluate(
        f"""new Promise((done, fail) => {{
            setTimeout(fail, 15000, 'whenCommitted did not call back');
            for (const none of [undefined, null, 'text', {{}}])
                divolte.whenCommitted(none, {limit});
            divolte.whenCommitted(done, {limit});
        }})"""
    )
    assert not gate.is_set()
    assert errors == []


def test_images_are_enough(page: Page, recorder: Recorder) -> None:
    """A security policy written for Divolte, that lets only the script and images through, goes on working."""
    policy = f"default-src 'none'; script-src {recorder.collector}; img-src {recorder.collector}"
    tag = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    page.goto(recorder.page("/", "", f'{tag}<script src="{recorder.collector}/divolte.js"></script>'))
    page.evaluate(SIGNAL_ABC)
    assert types(recorder.wait(4)) == ["pageView", "a", "b", "c"]


def test_retry(page: Page, recorder: Recorder) -> None:
    """An event that is refused is sent again, the same in every character, before the ones behind it."""
    refusals = iter([200, 503, 503, 503])
    recorder.answer = lambda _: next(refusals, 200)
    page.clock.install()
    page.goto(recorder.page("/", ""))
    page.evaluate(SIGNAL_ABC)
    hits = until_hits(page, recorder, 7)
    assert types(hits) == ["pageView", "a", "a", "a", "a", "b", "c"]
    assert len({hit.query for hit in hits}) == 4


def test_giving_up(page: Page, recorder: Recorder) -> None:
    """After four refusals an event is given up, and the next ones get one try each until one is taken."""
    answers = iter([503] * 6 + [200, 503, 200])
    recorder.answer = lambda _: next(answers)
    page.clock.install()
    page.goto(recorder.page("/", ""))
    page.evaluate(SIGNAL_ABC)
    hits = until_hits(page, recorder, 7)
    assert types(hits) == ["pageView"] * 4 + ["a", "b", "c"]
    page.evaluate("() => { divolte.signal('d') }")
    assert types(until_hits(page, recorder, 9))[7:] == ["d", "d"]


def test_late_refusal(page: Page, recorder: Recorder, gate: threading.Event) -> None:
    """An event that is refused after its time was up is sent again, behind those that overtook it."""
    recorder.tag = lambda: render(**{**TAG, "event_timeout_ms": 1000})
    first = threading.Event()

    def answer(hit: Hit) -> int:
        if hit["t"] == "a" and not first.is_set():
            first.set()
            return 503 if gate.wait(2 * PATIENCE) else 500
        return 200

    recorder.answer = answer
    page.goto(recorder.page("/", ""))
    page.evaluate(SIGNAL_ABC)
    recorder.wait(4)
    gate.set()
    assert types(recorder.wait(5)) == ["pageView", "a", "b", "c", "a"]


def test_committed_after_the_answers(page: Page, recorder: Recorder) -> None:
    """whenCommitted runs its callback once, after the answers, and never before it has returned."""
    answered: list[str] = []

    def answer(hit: Hit) -> int:
        time.sleep(0.05)
        answered.append(hit["t"])
        return 200

    recorder.answer = answer
    page.goto(recorder.page("/", ""))
    page.evaluate(SIGNAL_ABC)
    assert page.evaluate(
        """new Promise((done, fail) => {
            setTimeout(fail, 15000, 'whenCommitted did not call back');
            const calls = [];
            divolte.whenCommitted(() => calls.push('limited'), 60000);
            divolte.whenCommitted(() => { calls.push('first'); setTimeout(() => done(calls), 50) });
            divolte.signal('d');
            calls.push('returned');
        })"""
    ) == ["returned", "limited", "first"]
    assert answered[:4] == ["pageView", "a", "b", "c"]
    page.evaluate(COMMITTED)
    assert page.evaluate(
        """new Promise((done, fail) => {
            setTimeout(fail, 15000, 'whenCommitted did not call back');
            let returned = false;
            divolte.whenCommitted(() => done(returned));
            returned = true;
        })"""
    )


def test_committed_at_the_latest(page: Page, recorder: Recorder, gate: threading.Event) -> None:
    """whenCommitted waits no longer than it was told to, and does not run its callback again afterwards."""
    recorder.answer = lambda _: 200 if gate.wait(2 * PATIENCE) else 500
    page.goto(recorder.page("/", ""), wait_until="domcontentloaded")
    recorder.wait(1)
    page.evaluate(
        """window.calls = 0, new Promise((done, fail) => {
            setTimeout(fail, 15000, 'whenCommitted did not call back');
            divolte.whenCommitted(() => { calls++; done() }, 20);
        })"""
    )
    assert not gate.is_set()
    gate.set()
    page.evaluate(COMMITTED)
    assert page.evaluate("calls") == 1


def test_committed_when_refused(page: Page, recorder: Recorder) -> None:
    """While the collector refuses events nobody is kept from leaving; what waits is sent on leaving."""
    accepted: list[str] = []
    refuse = threading.Event()
    refuse.set()

    def answer(hit: Hit) -> int:
        if refuse.is_set():
            return 503
        accepted.append(hit["t"])
        return 200

    recorder.answer = answer
    page.goto(recorder.page("/", ""))
    page.evaluate("() => { divolte.signal('a') }")
    page.evaluate(COMMITTED)
    page.evaluate(COMMITTED)
    refuse.clear()
    recorder.page("/next", "", head="")
    page.goto(recorder.site + "/next")
    recorder.wait(3)
    assert set(accepted) == {"pageView", "a"}


def test_coming_back(page: Page, recorder: Recorder, gate: threading.Event) -> None:
    """A page that the back button brings back as it was left begins a new page view and repeats nothing."""
    recorder.answer = lambda _: 200 if gate.wait(2 * PATIENCE) else 500
    page.goto(recorder.page("/", ""), wait_until="domcontentloaded")
    recorder.wait(1)
    page.evaluate("() => { window.calls = 0; divolte.whenCommitted(() => calls++); }")
    page.evaluate(LEAVE)
    recorder.wait(2)
    gate.set()
    page.evaluate(RETURN)
    page.evaluate(COMMITTED)
    first, again, second = recorder.wait(3)
    assert again["e"] == first["e"]
    assert (second["t"], second["n"], second["f"]) == ("pageView", "f", "f")
    assert (second["p"], second["s"]) == (first["p"], first["s"])
    assert second["v"] != first["v"]
    assert second["e"] == second["v"] + "0"
    members = page.evaluate("[divolte.partyId, divolte.sessionId, divolte.pageViewId]")
    assert members == [second["p"], second["s"], second["v"]]
    assert page.evaluate("[divolte.isNewPartyId, divolte.isFirstInSession, calls]") == [True, True, 0]


def test_coming_back_by_the_back_button(page: Page, recorder: Recorder) -> None:
    """Whether or not the browser kept the page, going back to it is one more page view."""
    page.goto(recorder.page("/", ""))
    page.evaluate(COMMITTED)
    page.goto(recorder.page("/next", "", head=""))
    page.go_back()
    first, second = recorder.wait(2)
    page.evaluate(COMMITTED)
    assert [hit["t"] for hit in recorder.hits] == ["pageView", "pageView"]
    assert first["v"] != second["v"]
    assert first["p"] == second["p"]


def test_coming_back_to_a_named_page_view(page: Page, recorder: Recorder) -> None:
    """A page view id from the server stays the page's: its events count on, so that no two have one id."""
    page.goto(recorder.page("/", "", f'<script src="{recorder.collector}/divolte.js#0:mine"></script>'))
    page.evaluate("() => { divolte.signal('a') }")
    page.evaluate(COMMITTED)
    page.evaluate(LEAVE)
    page.evaluate(RETURN)
    page.evaluate("() => { divolte.signal('b') }")
    hits = recorder.wait(4)
    assert types(hits) == ["pageView", "a", "pageView", "b"]
    assert [hit["e"] for hit in hits] == ["0:mine0", "0:mine1", "0:mine2", "0:mine3"]
    assert page.evaluate("[divolte.pageViewId, divolte.isServerPageView]") == ["0:mine", True]
