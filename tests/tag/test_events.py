"""What the tag sends: the page view, a signal's parameters, identifiers, the checksum, mincode."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Error, Page

from pyglue.collector import mincode
from pyglue.collector.tag import render
from tests.browser import COMMITTED, TAG, Recorder, checksum

pytestmark = pytest.mark.browser

NAMES = ["p", "s", "v", "e", "c", "n", "f", "l", "r", "i", "j", "k", "w", "h", "t", "u", "x"]


def test_page_view_on_load(page: Page, recorder: Recorder) -> None:
    """Loading a page sends one pageView with all that Divolte's tag says about a page, in its order."""
    address = recorder.page("/shop?q=caf\u00e9#top", "<p>Hello</p>")
    recorder.pages["/shop"] = recorder.pages.pop("/shop?q=caf\u00e9#top")
    before = int(time.time() * 1000)
    page.goto(address, referer="http://example.org/from")
    (hit,) = recorder.wait(1)
    assert hit.names == [name for name in NAMES if name != "u"]
    assert re.fullmatch(r"0:[0-9a-z]+:[A-Za-z0-9~_]{32}", hit["p"])
    assert re.fullmatch(r"0:[0-9a-z]+:[A-Za-z0-9~_]{32}", hit["s"])
    assert re.fullmatch(r"0:[A-Za-z0-9~_]{32}", hit["v"])
    assert hit["e"] == hit["v"] + "0"
    assert before <= int(hit["c"], 36) <= int(time.time() * 1000)
    assert int(hit["p"].split(":")[1], 36) >= before
    assert (hit["n"], hit["f"], hit["t"]) == ("t", "t", "pageView")
    assert (hit["l"], hit["r"]) == (page.url, "http://example.org/from")
    assert (int(hit["w"], 36), int(hit["h"], 36), hit["k"]) == (1000, 700, "1")
    assert int(hit["i"], 36) == page.evaluate("screen.availWidth")
    assert int(hit["j"], 36) == page.evaluate("screen.availHeight")


def test_no_referrer_is_left_out(page: Page, recorder: Recorder) -> None:
    """A visit that comes from nowhere has no parameter r, not an empty one."""
    page.goto(recorder.page("/", ""))
    assert "r" not in recorder.wait(1)[0].names


def test_divolte_page_unchanged(page: Page, recorder: Recorder) -> None:
    """A page written for Divolte, with a plain script tag and inline handlers, works as it is."""
    page.goto(
        recorder.page(
            "/",
            f"""<button onclick="divolte.signal('addToBasket', {{ productId: 309125, count: 1 }})">Add</button>
            <script src="{recorder.collector}/divolte.js" defer async></script>""",
            head="",
        )
    )
    recorder.wait(1)
    page.click("button")
    view, click = recorder.wait(2)
    assert click["t"] == "addToBasket"
    assert mincode.parse(click["u"]) == {"productId": 309125, "count": 1}
    assert (click["n"], click["f"]) == ("f", "f")
    assert [click[name] for name in "psv"] == [view[name] for name in "psv"]
    assert click["e"] == view["v"] + "1"


def test_members(page: Page, recorder: Recorder) -> None:
    """`divolte` has Divolte's members; its flags go on describing the page view as it began."""
    page.goto(recorder.page("/", ""))
    (hit,) = recorder.wait(1)
    assert sorted(page.evaluate("Object.keys(divolte)")) == sorted(
        [
            *("partyId", "sessionId", "pageViewId", "isNewPartyId", "isFirstInSession"),
            *("isServerPageView", "signal", "whenCommitted"),
        ]
    )
    values = page.evaluate("[divolte.partyId, divolte.sessionId, divolte.pageViewId]")
    assert values == [hit["p"], hit["s"], hit["v"]]
    flags = "[divolte.isNewPartyId, divolte.isFirstInSession, divolte.isServerPageView]"
    assert page.evaluate(flags) == [True, True, False]
    page.reload()
    assert recorder.wait(2)[1]["n"] == "f"
    assert page.evaluate(flags) == [False, False, False]


def test_signal_returns_the_event_id(page: Page, recorder: Recorder) -> None:
    """signal() returns the id under which the event is sent, counting in hexadecimal; null without a type."""
    page.goto(recorder.page("/", ""))
    ids = page.evaluate("Array.from({length: 17}, () => divolte.signal('x'))")
    hits = recorder.wait(18)
    view = hits[0]["v"]
    assert [hit["e"] for hit in hits] == [view + "0", *ids]
    assert ids[8:10] + ids[15:] == [view + "9", view + "a", view + "10", view + "11"]
    assert page.evaluate("[divolte.signal(''), divolte.signal(null), divolte.signal()]") == [None] * 3
    assert page.evaluate("divolte.signal('y')") == view + "12"


@pytest.mark.parametrize(
    "parameters",
    [
        "undefined",
        "{a: 'na\u00efve \u65e5\u672c \U0001f600 & = % + # / ? ; ,'}",
        "{half: 'cut \\ud83d', other: '\\ude00 too'}",
        "{long: 'x'.repeat(5000)}",
        *(f"{{tail: '{'x' * length}'}}" for length in range(4)),
    ],
)
def test_checksum(page: Page, recorder: Recorder, parameters: str) -> None:
    """The checksum is MurmurHash3 over the UTF-8 of all parameters, whatever text they hold."""
    page.goto(recorder.page("/", ""))
    page.evaluate(f"() => {{ divolte.signal('t\u00ffpe \U0001f680', {parameters}) }}")
    for hit in recorder.wait(2):
        assert hit["x"] == checksum(hit.query)
        assert hit["x"] == hit.query.rpartition("x=")[2]


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ("{}", "()"),
        ("[]", "a."),
        ("'Kafka'", "sKafka!"),
        ("{technology: 'Kafka'}", "(stechnology!Kafka!)"),
        ("{a: true, b: false, c: null}", "(ta!fb!nc!)"),
        ("{a: {b: {}}, c: [1, [2], {d: 3}]}", "((a!(b!))ac!d1!ad2!.(dd!3!).)"),
        ("{'wow!~': 'a!b~c'}", "(swow~!~~!a~!b~~c!)"),
        ("{'': ''}", "(s!!)"),
        ("{a: undefined, b: [undefined, 1]}", "(ab!nd1!.)"),
        ("[0, -0, 35, 36, -37, 123456789]", "ad0!d0!dz!d10!d-11!d21i3v9!."),
        ("[1000, 100000, 1e20, 1e21, -1e21]", "adrs!d255s!j1e+20!j1e+21!j-1e+21!."),
        ("[9007199254740991, 123456789012345680000]", "ad2gosa7pa2gv!j123456789012345680000!."),
        ("[0.1, 0.001, 1.5, -2.25, 1.5e300, 5e-324]", "aj0.1!j1e-3!j1.5!j-2.25!j1.5e+300!j5e-324!."),
        ("[NaN, Infinity, -Infinity]", "annn."),
        ("new Date(Date.UTC(2020, 1, 29, 12, 0, 0, 7))", "s2020-02-29T12:00:00.007Z!"),
        ("{d: new Date(NaN)}", "(nd!)"),
        ("{a: {toJSON: key => 'key ' + key}, b: {toJSON: () => undefined}}", "(sa!key a!)"),
        ("[{toJSON: key => typeof key + key}]", "asstring0!."),
        ("[new String('s'), new Number(7), new Boolean(false)]", "ass!d7!f."),
        ("[12345678901234567890n]", "ad2lsohxawjui8i!."),
        (
            "Object.create({inherited: 1}, {own: {value: 2, enumerable: true}, hidden: {value: 3}})",
            "(down!2!)",
        ),
        ("null", "n"),
        ("'\\n\\u0000'", "s\n\x00!"),
    ],
)
def test_mincode(page: Page, recorder: Recorder, value: str, encoded: str) -> None:
    """Custom parameters are encoded as Divolte's tag does, and the collector's decoder takes them."""
    page.goto(recorder.page("/", ""))
    page.evaluate(f"() => {{ divolte.signal('x', {value}) }}")
    assert recorder.wait(2)[1]["u"] == encoded
    mincode.parse(encoded)


@pytest.mark.parametrize("value", ["() => 1", "{f: function () {}}", "[Math.max]", "{s: Symbol('s')}"])
def test_functions_are_refused(page: Page, recorder: Recorder, value: str) -> None:
    """A function among the parameters throws, and the next event has the id that this one did not take."""
    page.goto(recorder.page("/", ""))
    with pytest.raises(Error, match="can not be sent"):
        page.evaluate(f"() => {{ divolte.signal('x', {value}) }}")
    page.evaluate("() => { divolte.signal('y') }")
    view, after = recorder.wait(2)
    assert (after["t"], after["e"]) == ("y", view["v"] + "1")


def test_server_page_view_id(page: Page, recorder: Recorder) -> None:
    """A page view id behind the script's # is used, so that a server can know it beforehand."""
    page.goto(recorder.page("/", "", f'<script src="{recorder.collector}/divolte.js?v=1/2#0:mine"></script>'))
    (hit,) = recorder.wait(1)
    assert (hit["v"], hit["e"]) == ("0:mine", "0:mine0")
    assert page.evaluate("divolte.isServerPageView") is True


def test_anchor_with_slash_is_no_page_view_id(page: Page, recorder: Recorder) -> None:
    """A path behind the script's # is not taken for a page view id."""
    page.goto(recorder.page("/", "", f'<script src="{recorder.collector}/divolte.js#/route"></script>'))
    assert recorder.wait(1)[0]["v"].startswith("0:")
    assert page.evaluate("divolte.isServerPageView") is False


def test_only_one_divolte(page: Page, recorder: Recorder) -> None:
    """An object called divolte that is there already stays, and a tag included twice reports once."""
    twice = f'<script src="{recorder.collector}/divolte.js"></script>' * 2
    page.goto(recorder.page("/twice", "", twice))
    page.evaluate("() => { divolte.signal('last') }")
    page.evaluate(COMMITTED)
    assert [hit["t"] for hit in recorder.wait(2)] == ["pageView", "last"]
    page.goto(recorder.page("/own", "", f"<script>divolte = {{mine: 1}}</script>{twice}"))
    assert page.evaluate("divolte") == {"mine": 1}
    assert len(recorder.hits) == 2


def test_without_automatic_page_view(page: Page, recorder: Recorder) -> None:
    """With auto_page_view off, the first event is the page's own, and it is the session's first."""
    recorder.tag = lambda: render(**{**TAG, "auto_page_view": False})
    page.goto(recorder.page("/", ""))
    page.evaluate("() => { divolte.signal('pageView', {kind: 'own'}) }")
    (hit,) = recorder.wait(1)
    assert (hit["u"], hit["f"]) == ("(skind!own!)", "t")


@pytest.mark.parametrize(
    ("head", "result"),
    [
        ("window.module = {exports: {}}", "module.exports === divolte"),
        (
            "window.made = []; window.define = (...a) => made.push(a); define.amd = {}",
            "made[0][0] === 'divolte' && made[0][2]() === divolte",
        ),
    ],
)
def test_module_systems(page: Page, recorder: Recorder, head: str, result: str) -> None:
    """CommonJS and AMD get the same object as the page."""
    tag = f'<script src="{recorder.collector}/divolte.js"></script>'
    page.goto(recorder.page("/", "", f"<script>{head}</script>{tag}"))
    recorder.wait(1)
    assert page.evaluate(result) is True


def test_loaded_by_an_amd_loader(page: Page, recorder: Recorder) -> None:
    """To a loader that fetched the script itself the tag does not dictate a module name."""
    load = f"""window.made = []; window.define = (...a) => made.push(a); define.amd = {{}};
        const s = document.createElement('script'); s.src = '{recorder.collector}/divolte.js';
        s.setAttribute('data-requiremodule', 'stats'); document.head.appendChild(s)"""
    page.goto(recorder.page("/", f"<script>{load}</script>", head=""))
    recorder.wait(1)
    assert page.evaluate("made.length === 1 && made[0].length === 1 && made[0][0]() === divolte") is True


def test_script_found_by_its_name(page: Page, recorder: Recorder) -> None:
    """Where the browser does not say which script runs, the tag finds itself by its name."""
    text = render(**TAG).decode()
    named = f'<script src="{recorder.collector}/divolte.js" type="text/plain"></script>'
    page.goto(recorder.page("/", f"<script>{text}</script>", named))
    recorder.wait(1)


def test_script_not_found(page: Page, recorder: Recorder) -> None:
    """A tag that can't tell where it came from, or not which of two it is, throws instead of guessing."""
    text = render(**TAG).decode()
    errors: list[Any] = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(recorder.page("/none", f"<script>{text}</script>", ""))
    one = f'<script src="{recorder.collector}/divolte.js" type="text/plain"></script>'
    other = f'<script src="{recorder.site}/divolte.js" type="text/plain"></script>'
    page.goto(recorder.page("/two", f"<script>{text}</script>", one + other))
    assert re.search("no script .* called divolte.js", str(errors[0]))
    assert re.search("several scripts are called divolte.js", str(errors[1]))
    assert recorder.hits == []
