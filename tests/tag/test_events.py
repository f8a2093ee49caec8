"""What the tag sends: the page view, a signal's parameters, identifiers, the checksum, mincode."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page

from pyglue.collector.events import mincode
from pyglue.collector.tag import render
from tests.browser import COMMITTED, TAG, Recorder, checksum

pytestmark = pytest.mark.browser

# JavaScript that keeps what scripts throw, and that takes the place of a loader of modules.
CATCH = "window.caught = []; window.onerror = (message, file, line, column, error) => { caught.push(error) }"
DEFINE = "window.made = []; window.define = (...words) => made.push(words); define.amd = {}"
# JavaScript values, and how they are sent.
ENCODED = {
    "{}": "()",
    "[]": "a.",
    "'Kafka'": "sKafka!",
    "{technology: 'Kafka'}": "(stechnology!Kafka!)",
    "{a: true, b: false, c: null}": "(ta!fb!nc!)",
    "{a: {b: {}}, c: [1, [2], {d: 3}]}": "((a!(b!))ac!d1!ad2!.(dd!3!).)",
    "{'wow!~': 'a!b~c'}": "(swow~!~~!a~!b~~c!)",
    "{'': ''}": "(s!!)",
    "{a: undefined, b: [undefined, 1]}": "(ab!nd1!.)",
    "[0, -0, 35, 36, -37, 123456789]": "ad0!d0!dz!d10!d-11!d21i3v9!.",
    "[1000, 100000, 1e20, 1e21, -1e21]": "adrs!d255s!j1e+20!j1e+21!j-1e+21!.",
    "[9007199254740991, 9007199254740992]": "ad2gosa7pa2gv!d2gosa7pa2gw!.",
    "[1e18, 1e19, -1e20]": "aj1e+18!j1e+19!j-1e+20!.",
    "[0.1, 0.001, 1.5, -2.25, 1.5e300, 5e-324]": "aj0.1!j1e-3!j1.5!j-2.25!j1.5e+300!j5e-324!.",
    "[NaN, Infinity, -Infinity]": "annn.",
    "new Date(Date.UTC(2020, 1, 29, 12, 0, 0, 7))": "s2020-02-29T12:00:00.007Z!",
    "{d: new Date(NaN)}": "(nd!)",
    "{a: {toJSON: key => typeof key}, b: {toJSON: () => undefined}}": "(sa!undefined!)",
    "[{toJSON: () => undefined}, {toJSON: () => ({toJSON: () => 7})}]": "and7!.",
    "Object.create({inherited: 1}, {own: {value: 2, enumerable: true}, hidden: {value: 3}})": "(down!2!)",
    "null": "n",
    "'\\n\\u0000'": "s\n\x00!",
}
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


def test_mincode(page: Page, recorder: Recorder) -> None:
    """Custom parameters are encoded as Divolte's tag does, and the collector's decoder takes them."""
    page.goto(recorder.page("/", ""))
    for value in ENCODED:
        page.evaluate(f"() => {{ divolte.signal('x', {value}) }}")
    hits = recorder.wait(1 + len(ENCODED))[1:]
    assert dict(zip(ENCODED, (hit["u"] for hit in hits), strict=True)) == ENCODED
    for encoded in ENCODED.values():
        mincode.parse(encoded)


def test_only_objects_are_asked_for_json(page: Page, recorder: Recorder) -> None:
    """Libraries that give texts, numbers and arrays a toJSON() of their own change arrays at most."""
    page.add_init_script(
        "for (const type of [String, Number, Boolean, Array]) type.prototype.toJSON = () => 'own'"
    )
    page.goto(recorder.page("/", ""))
    page.evaluate("() => { divolte.signal('x', {a: 'b', c: 1, d: true, e: [1]}) }")
    assert recorder.wait(2)[1]["u"] == "(sa!b!dc!1!td!se!own!)"


@pytest.mark.parametrize(
    "value", ["() => 1", "{f: function () {}}", "[Math.max]", "{s: Symbol('s')}", "[1n]"]
)
def test_functions_are_refused(page: Page, recorder: Recorder, value: str) -> None:
    """A function among the parameters throws a text, and the next event has the id that this one did not take."""
    page.goto(recorder.page("/", ""))
    thrown = page.evaluate(
        f"() => {{ try {{ divolte.signal('x', {value}) }} catch (error) {{ return error }} }}"
    )
    assert re.fullmatch(r"divolte: a \w+ can not be sent in an event", thrown)
    page.evaluate("() => { divolte.signal('y') }")
    view, after = recorder.wait(2)
    assert (after["t"], after["e"]) == ("y", view["v"] + "1")


def test_server_page_view_id(page: Page, recorder: Recorder) -> None:
    """A page view id behind the script's # is used, so that a server can know it beforehand."""
    page.goto(recorder.page("/", "", f'<script src="{recorder.collector}/divolte.js?v=1/2#0:mine"></script>'))
    (hit,) = recorder.wait(1)
    assert (hit["v"], hit["e"]) == ("0:mine", "0:mine0")
    assert page.evaluate("divolte.isServerPageView") is True


def test_empty_anchor_is_no_page_view_id(page: Page, recorder: Recorder) -> None:
    """A # with nothing behind it names no page view."""
    page.goto(recorder.page("/", "", f'<script src="{recorder.collector}/divolte.js#"></script>'))
    assert re.fullmatch(r"0:[A-Za-z0-9~_]{32}", recorder.wait(1)[0]["v"])
    assert page.evaluate("divolte.isServerPageView") is False


def test_anchor_with_slash(page: Page, recorder: Recorder) -> None:
    """A page view id with a slash is a mistake of the page's: the tag throws a text and does nothing."""
    page.add_init_script(CATCH)
    page.goto(recorder.page("/", "", f'<script src="{recorder.site}/divolte.js#0:a/b"></script>'))
    assert page.evaluate("caught") == ["divolte: the page view id behind # may not hold a slash: 0:a/b"]
    assert page.evaluate("typeof divolte") == "undefined"
    assert recorder.hits == []


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
    ("head", "result", "on_the_page"),
    [
        ("window.module = {exports: {}}", "module.exports", False),
        ("window.module = {}", "divolte", True),
        (
            f"{DEFINE}; window.module = {{exports: {{}}}}",
            "made.length === 1 && made[0].length === 1 && made[0][0]()",
            False,
        ),
        (f"{DEFINE}; delete define.amd", "made.length === 0 && divolte", True),
        (
            f"{DEFINE}; window.requirejs = () => 1",
            "made.length === 1 && made[0].length === 3 && made[0][0] === 'divolte' && made[0][2]()",
            True,
        ),
    ],
)
def test_module_systems(page: Page, recorder: Recorder, head: str, result: str, on_the_page: bool) -> None:
    """AMD, else CommonJS, gets the tag as a module, not the page; RequireJS, if it did not ask, a module with a name."""
    tag = f'<script src="{recorder.collector}/divolte.js"></script>'
    page.goto(recorder.page("/", "", f"<script>{head}</script>{tag}"))
    (hit,) = recorder.wait(1)
    assert page.evaluate(f"({result}).pageViewId") == hit["v"]
    assert page.evaluate("typeof divolte") == ("object" if on_the_page else "undefined")


def test_loaded_by_requirejs(page: Page, recorder: Recorder) -> None:
    """To RequireJS, if it fetched the script itself, the tag does not dictate a module name."""
    load = f"""{DEFINE}; window.requirejs = () => 1;
        const s = document.createElement('script'); s.src = '{recorder.collector}/divolte.js';
        s.setAttribute('data-requiremodule', 'stats'); document.head.appendChild(s)"""
    page.goto(recorder.page("/", f"<script>{load}</script>", head=""))
    (hit,) = recorder.wait(1)
    assert page.evaluate("made.length === 1 && made[0].length === 1 && made[0][0]().pageViewId") == hit["v"]
    assert page.evaluate("typeof divolte") == "undefined"


def test_script_found_by_its_name(page: Page, recorder: Recorder) -> None:
    """Where the browser does not say which script runs (it is a module), the tag finds itself by its name."""
    others = '<script src="data:,1?/divolte.js"></script><script src="data:,/not-divolte.js"></script>'
    tag = f'<script type="module" src="{recorder.site}/divolte.js?v=1/2#0:mine"></script>'
    page.goto(recorder.page("/", "", others + tag + tag.replace("module", "text/plain")))
    assert recorder.wait(1)[0]["v"] == "0:mine"


def test_script_not_found(page: Page, recorder: Recorder) -> None:
    """A tag that can't tell where it came from, or not which of two it is, throws a text instead of guessing."""
    page.add_init_script(CATCH)
    tag = f'<script type="module">{render(**TAG).decode()}</script>'
    page.goto(recorder.page("/none", tag, ""))
    assert page.evaluate("caught") == ["divolte: no script on this page is called divolte.js"]
    one, other = (
        f'<script src="{host}/divolte.js" type="text/plain"></script>'
        for host in (recorder.collector, recorder.site)
    )
    page.goto(recorder.page("/two", tag, one + other))
    assert page.evaluate("caught") == ["divolte: several scripts are called divolte.js; which one is this?"]
    assert recorder.hits == []


def test_tag_in_the_page(page: Page, recorder: Recorder) -> None:
    """A tag that a page holds as text sends its events to where the page lies."""
    page.goto(recorder.page("/", f"<script>{render(**TAG).decode()}</script>", ""))
    assert recorder.wait(1)[0].headers["Host"] == recorder.site.removeprefix("http://")


def test_numbers_are_written_in_base_36(page: Page, recorder: Recorder) -> None:
    """A ratio of screen pixels is not rounded, what a browser does not know is left out, and a type may be a number."""
    page.add_init_script(
        "devicePixelRatio = 1.5; Object.defineProperty(screen, 'availWidth', {value: undefined})"
    )
    page.goto(recorder.page("/", ""))
    page.evaluate("() => { divolte.signal(100) }")
    view, number = recorder.wait(2)
    assert view["k"] == "1.i"
    assert view.names == [name for name in NAMES if name not in ("i", "r", "u")]
    assert number["t"] == "2s"


def test_members_are_for_reading(page: Page, recorder: Recorder) -> None:
    """A page that writes on `divolte` does not change what is sent."""
    page.goto(recorder.page("/", ""))
    page.evaluate(
        "() => { divolte.partyId = divolte.sessionId = divolte.pageViewId = 'x'; divolte.signal('y') }"
    )
    view, event = recorder.wait(2)
    assert [event[name] for name in "psv"] == [view[name] for name in "psv"]
