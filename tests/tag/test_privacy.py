"""What the tag does for privacy: Do Not Track, Global Privacy Control, consent, the attributes of cookies, none at all."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from pyglue.collector.config.configured import Privacy
from pyglue.collector.tag import render
from tests.browser import COMMITTED, TAG, Hit, Recorder
from tests.tag.test_delivery import LEAVE, RETURN
from tests.tag.web import escaped

pytestmark = pytest.mark.browser

DAY = 86_400_000
DAY_S = 86_400
MEMBERS = "[divolte.partyId, divolte.sessionId]"
GPC = "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})"
BOTH = Privacy(honour_do_not_track=True, honour_global_privacy_control=True)
CONSENT = Privacy(consent=True)
CLICK = "divolte.signal('click')"


def serve(recorder: Recorder, privacy: Privacy, **settings: Any) -> None:
    """Let the collector's tag be one with these settings."""
    recorder.tag = lambda: render(**{**TAG, **settings}, privacy=privacy)


def cookies(context: BrowserContext) -> dict[str, str]:
    """The visitor's cookies."""
    return {str(cookie.get("name")): str(cookie.get("value")) for cookie in context.cookies()}


def loaded(page: Page, address: str) -> None:
    """Open a page and wait for its tag."""
    page.goto(address)
    page.wait_for_function("window.divolte")


def types(hits: list[Hit]) -> list[str]:
    return [hit["t"] for hit in hits]


@pytest.mark.parametrize(
    "signal",
    [
        GPC,
        "Object.defineProperty(navigator, 'doNotTrack', {value: '1'})",
        "Object.defineProperty(navigator, 'doNotTrack', {value: 'yes'})",
        "Object.defineProperty(navigator, 'doNotTrack', {value: undefined}); window.doNotTrack = '1'",
        "Object.defineProperty(navigator, 'doNotTrack', {value: undefined}); navigator.msDoNotTrack = '1'",
    ],
)
def test_opted_out(page: Page, context: BrowserContext, recorder: Recorder, signal: str) -> None:
    """A browser that says Do Not Track or Global Privacy Control sends nothing, keeps nothing, and its page goes on."""
    serve(recorder, BOTH)
    errors = escaped(page)
    page.add_init_script(signal)
    context.add_cookies([{"name": "_dvp", "value": "0:abc:before", "url": recorder.site}])
    loaded(page, recorder.page("/", ""))
    assert page.evaluate(CLICK) is None
    page.evaluate(COMMITTED)
    assert "before" not in page.evaluate("divolte.partyId")
    page.evaluate(LEAVE)
    page.evaluate(RETURN)
    page.goto(recorder.page("/next", "", head=""))
    assert (recorder.hits, cookies(context), errors) == ([], {}, [])


@pytest.mark.parametrize(
    ("privacy", "signal"),
    [
        (Privacy(), GPC),
        (Privacy(honour_do_not_track=True), GPC),
        (BOTH, "Object.defineProperty(navigator, 'doNotTrack', {value: '0'})"),
        (BOTH, "Object.defineProperty(navigator, 'globalPrivacyControl', {value: false})"),
        (BOTH, ""),
    ],
)
def test_not_opted_out(
    page: Page, context: BrowserContext, recorder: Recorder, privacy: Privacy, signal: str
) -> None:
    """A signal that is not honoured, or that says no, changes nothing."""
    serve(recorder, privacy)
    page.add_init_script(signal)
    loaded(page, recorder.page("/", ""))
    (hit,) = recorder.wait(1)
    assert cookies(context) == {"_dvp": hit["p"], "_dvs": hit["s"]}


def test_consent_given(page: Page, context: BrowserContext, recorder: Recorder) -> None:
    """Until the visitor agrees nothing is sent or kept; then all that happened on the page is, as it happened."""
    serve(recorder, CONSENT)
    loaded(page, recorder.page("/", ""))
    assert page.evaluate("divolte.consent()") is None
    id_ = page.evaluate(CLICK)
    before = time.time() * 1000
    page.evaluate(COMMITTED)
    assert (recorder.hits, cookies(context)) == ([], {})
    assert page.evaluate("divolte.consent(true)") is True
    view, click = recorder.wait(2)
    page.evaluate(COMMITTED)
    assert types(recorder.hits) == ["pageView", "click"]
    assert (click["e"], view["f"], click["f"]) == (id_, "t", "f")
    assert int(click["c"], 36) <= before
    assert page.evaluate(MEMBERS) == [view["p"], view["s"]] == [click["p"], click["s"]]
    assert cookies(context) == {"_dvp": view["p"], "_dvs": view["s"], "_dvc": "1"}


def test_consent_is_remembered(page: Page, context: BrowserContext, recorder: Recorder) -> None:
    """Who agreed is not asked again while the word lasts, and is the same visitor."""
    serve(recorder, Privacy(consent=True, consent_cookie="agreed", consent_timeout_ms=90 * DAY))
    loaded(page, recorder.page("/", ""))
    page.evaluate("divolte.consent(true)")
    first = recorder.wait(1)[0]
    page.evaluate(COMMITTED)
    page.reload()
    second = recorder.wait(2)[1]
    assert page.evaluate("divolte.consent()") is True
    assert (second["p"], second["s"], second["n"]) == (first["p"], first["s"], "f")
    (end,) = [cookie.get("expires", 0) for cookie in context.cookies() if cookie.get("name") == "agreed"]
    assert end == pytest.approx(time.time() + 90 * DAY_S, abs=60)


def test_consent_refused(page: Page, context: BrowserContext, recorder: Recorder) -> None:
    """Who refuses leaves nothing but the word, now and on the next page; who changes their mind is counted from then."""
    serve(recorder, CONSENT)
    loaded(page, recorder.page("/", ""))
    page.evaluate(CLICK)
    assert page.evaluate("divolte.consent(false)") is False
    assert page.evaluate(CLICK) is None
    page.reload()
    page.wait_for_function("window.divolte")
    assert page.evaluate("[divolte.consent(), divolte.signal('click')]") == [False, None]
    assert (recorder.hits, cookies(context)) == ([], {"_dvc": "0"})
    page.evaluate("divolte.consent(true)")
    assert page.evaluate(CLICK)
    hits = recorder.wait(2)
    assert types(hits) == ["pageView", "click"]
    assert cookies(context) == {"_dvp": hits[0]["p"], "_dvs": hits[0]["s"], "_dvc": "1"}


def test_consent_withdrawn(page: Page, context: BrowserContext, recorder: Recorder) -> None:
    """Who takes the word back is forgotten: no cookies, nothing more is sent, and later agreement is by somebody new."""
    answers: list[int] = []
    recorder.answer = lambda _: answers.pop(0) if answers else 200
    serve(recorder, CONSENT)
    loaded(page, recorder.page("/", ""))
    page.evaluate("divolte.consent(true)")
    old = recorder.wait(1)[0]
    page.evaluate(COMMITTED)
    answers.append(503)
    page.evaluate("() => { divolte.signal('refused'); divolte.signal('waits') }")
    recorder.wait(2)
    page.evaluate(COMMITTED)
    page.evaluate("divolte.consent(false)")
    assert cookies(context) == {"_dvc": "0"}
    page.evaluate(LEAVE)
    page.evaluate(RETURN)
    page.evaluate("divolte.consent(true)")
    new = recorder.wait(3)[2]
    page.evaluate(COMMITTED)
    assert types(recorder.hits) == ["pageView", "refused", "pageView"]
    assert (new["n"], new["f"]) == ("t", "t")
    assert old["p"] != new["p"]
    assert old["s"] != new["s"]
    assert old["v"] != new["v"]


def test_refused_after_withdrawal(page: Page, recorder: Recorder) -> None:
    """An event that was under way when the word was taken back, and is refused later, is not tried again."""
    page.clock.install()
    serve(recorder, CONSENT, event_timeout_ms=1)
    recorder.answer = lambda hit: 200 if hit["t"] == "pageView" else 503
    loaded(page, recorder.page("/", ""))
    page.evaluate("divolte.consent(true)")
    recorder.wait(1)
    page.evaluate(COMMITTED)
    page.evaluate("() => { divolte.signal('late'); divolte.consent(false) }")
    recorder.wait(2)
    page.wait_for_timeout(200)
    page.clock.fast_forward(20_000)
    page.wait_for_timeout(200)
    assert types(recorder.hits) == ["pageView", "late"]


def test_a_word_in_another_tab(page: Page, context: BrowserContext, recorder: Recorder) -> None:
    """What the visitor says in one tab counts in the others with their next event."""
    serve(recorder, CONSENT)
    address = recorder.page("/", "")
    loaded(page, address)
    other = context.new_page()
    loaded(other, address)
    other.evaluate("divolte.consent(true)")
    recorder.wait(1)
    assert page.evaluate(CLICK)
    recorder.wait(3)
    other.evaluate("divolte.consent(false)")
    assert page.evaluate(CLICK) is None
    assert cookies(context) == {"_dvc": "0"}


@pytest.mark.parametrize("word", ["1", "'true'", "null", "{}"])
def test_only_true_is_consent(page: Page, recorder: Recorder, word: str) -> None:
    """Anything but true is a refusal."""
    serve(recorder, CONSENT)
    loaded(page, recorder.page("/", ""))
    assert page.evaluate(f"divolte.consent({word})") is False
    page.evaluate(COMMITTED)
    assert recorder.hits == []


def test_events_held_are_limited(page: Page, recorder: Recorder) -> None:
    """A page that signals without end while nobody answers does not fill the memory; the first events are kept."""
    tag = render(**TAG, privacy=CONSENT)
    assert tag.count(b"MOST_HELD=500;") == 1
    recorder.tag = lambda: tag.replace(b"MOST_HELD=500;", b"MOST_HELD=5;")
    loaded(page, recorder.page("/", ""))
    page.evaluate("() => { for (let i = 0; i < 9; i++) divolte.signal('e' + i) }")
    page.evaluate("divolte.consent(true)")
    page.evaluate(COMMITTED)
    assert types(recorder.hits) == ["pageView", "e0", "e1", "e2", "e3"]


def test_consent_of_who_opted_out(page: Page, context: BrowserContext, recorder: Recorder) -> None:
    """The browser's own word is the stronger one: the collector would not record the event either."""
    serve(recorder, Privacy(consent=True, honour_global_privacy_control=True))
    page.add_init_script(GPC)
    loaded(page, recorder.page("/", ""))
    assert page.evaluate("[divolte.consent(), divolte.consent(true), divolte.signal('x')]") == [
        False,
        False,
        None,
    ]
    page.evaluate(COMMITTED)
    assert (recorder.hits, cookies(context)) == ([], {})


def test_no_ids_are_read_before_consent(page: Page, context: BrowserContext, recorder: Recorder) -> None:
    """Cookies of a time when nobody was asked are not read: who agrees is a new visitor."""
    serve(recorder, CONSENT)
    context.add_cookies([{"name": "_dvp", "value": "0:abc:before", "url": recorder.site}])
    loaded(page, recorder.page("/", ""))
    page.evaluate("divolte.consent(true)")
    (hit,) = recorder.wait(1)
    assert hit["n"] == "t"
    assert cookies(context)["_dvp"] == hit["p"] != "0:abc:before"


@pytest.mark.parametrize("same_site", ["Lax", "Strict"])
def test_same_site(page: Page, context: BrowserContext, recorder: Recorder, same_site: str) -> None:
    """Cookies have the attribute that is configured, and the visitor is known again."""
    serve(recorder, Privacy(same_site=same_site))
    loaded(page, recorder.page("/", ""))
    first = recorder.wait(1)[0]
    assert [cookie.get("sameSite") for cookie in context.cookies()] == [same_site] * 2
    page.evaluate(COMMITTED)
    page.reload()
    assert recorder.wait(2)[1]["p"] == first["p"]


def test_secure(page: Page, context: BrowserContext, recorder: Recorder) -> None:
    """Secure cookies are written as such, for other sites, too."""
    serve(recorder, Privacy(same_site="None", secure=True))
    recorder.page("/", "")
    loaded(page, recorder.collector + "/")  # localhost counts as secure
    recorder.wait(1)
    assert [(cookie.get("sameSite"), cookie.get("secure")) for cookie in context.cookies()] == [
        ("None", True)
    ] * 2


def base36(number: int) -> str:
    """As the tag writes times."""
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits


@pytest.mark.parametrize(("age", "left"), [(0, 30), (10, 20), (-5, 30), (29, 1)])
def test_party_lifetime(page: Page, context: BrowserContext, recorder: Recorder, age: int, left: int) -> None:
    """A visitor's identifier ends so long after it was made, however often the visitor comes."""
    serve(recorder, Privacy(party_lifetime_ms=30 * DAY))
    made = base36(int(time.time() * 1000) - age * DAY)
    context.add_cookies([{"name": "_dvp", "value": f"0:{made}:known", "url": recorder.site}])
    loaded(page, recorder.page("/", ""))
    assert recorder.wait(1)[0]["p"] == f"0:{made}:known"
    (end,) = [cookie.get("expires", 0) for cookie in context.cookies() if cookie.get("name") == "_dvp"]
    assert end == pytest.approx(time.time() + left * DAY_S, abs=60)


def test_party_beyond_its_lifetime(page: Page, context: BrowserContext, recorder: Recorder) -> None:
    """A cookie that is older, because it was written before there was a lifetime, counts no more, nor does its visit."""
    serve(recorder, Privacy(party_lifetime_ms=30 * DAY))
    old = f"0:{base36(int(time.time() * 1000) - 31 * DAY)}:known"
    context.add_cookies([{"name": name, "value": old, "url": recorder.site} for name in ("_dvp", "_dvs")])
    loaded(page, recorder.page("/", ""))
    (hit,) = recorder.wait(1)
    assert (hit["n"], hit["f"]) == ("t", "t")
    assert cookies(context) == {"_dvp": hit["p"], "_dvs": hit["s"]}


def test_cookieless(page: Page, context: BrowserContext, recorder: Recorder) -> None:
    """Without cookies each load of a page is a visitor of its own, all of whose events belong together."""
    serve(recorder, Privacy(cookies=False))
    context.add_cookies([{"name": "_dvp", "value": "0:abc:before", "url": recorder.site}])
    loaded(page, recorder.page("/", ""))
    page.evaluate(CLICK)
    page.evaluate(COMMITTED)
    page.reload()
    view, click, other = recorder.wait(3)
    assert (view["p"], view["s"], view["n"], view["f"]) == (click["p"], click["s"], "t", "t")
    assert (click["n"], click["f"], other["n"], other["f"]) == ("f", "f", "t", "t")
    assert len({"0:abc:before", view["p"], other["p"]}) == 3
    assert view["s"] != other["s"]
    assert cookies(context) == {}
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


def test_cookieless_consent(page: Page, context: BrowserContext, recorder: Recorder) -> None:
    """Without cookies the visitor's word lasts as long as the page: the page says it each time."""
    serve(recorder, Privacy(cookies=False, consent=True))
    loaded(page, recorder.page("/", ""))
    assert page.evaluate("divolte.consent(true)") is True
    recorder.wait(1)
    page.evaluate(COMMITTED)
    page.reload()
    page.wait_for_function("window.divolte")
    assert page.evaluate("divolte.consent()") is None
    assert cookies(context) == {}
