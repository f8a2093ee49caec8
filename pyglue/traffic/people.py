"""Who comes: visitors with a browser, a screen, a language, tastes; and robots, which don't say so all alike."""

from __future__ import annotations

import random
from base64 import b64encode
from dataclasses import dataclass
from itertools import accumulate

from pyglue.collector.events import base36
from pyglue.traffic import site

ROBOT_SHARE = 0.04  # of the visitors
NEW_SHARE = 0.62  # of the visitors who are seen for the first time: they have never been here before
RETURN_DAYS = 20.0  # how long ago the first visit of the others was, in the mean
SKEWED_SHARE = 0.02  # of the visitors: their clock is wrong
_SKEW_MS = (2 * 60_000, 90 * 60_000)
LANGUAGES = ("en-US,en;q=0.9", "de-DE,de;q=0.9,en;q=0.8", "nl-NL,nl;q=0.9,en;q=0.7", "fr-FR,fr;q=0.9")
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Browser:
    """A kind of browser: the header it sends with `{version}` in it, its versions, and the screens it runs on.

    A screen is width, height and device pixel ratio. `robot` tells that it is one, and how the datasource can know it:
    in its words, or `UNSEEN`. A browser that `speaks` sends its user's languages.
    """

    family: str
    device: str
    header: str
    versions: range
    screens: tuple[tuple[int, int, int], ...]
    weight: float
    robot: str = ""
    speaks: bool = True


UNSEEN = "unseen"  # a robot that sends just what a browser would
_DESKTOP = ((1920, 1080, 1), (1440, 900, 2), (1536, 864, 1), (2560, 1440, 1), (1366, 768, 1))
_PHONE = ((390, 844, 3), (412, 915, 2), (360, 800, 3), (430, 932, 3))
_TABLET = ((820, 1180, 2), (1024, 1366, 2))
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{version}.1"
_WINDOWS_CHROME = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/{{version}}.0.0.0 Safari/537.36"
)
_LINUX_CHROME = f"Mozilla/5.0 (X11; Linux x86_64) {_WEBKIT} Chrome/{{version}}.0.0.0 Safari/537.36"
_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
_SAFARI = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_APPLE} Safari/605.1.15"
_PIXEL = f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {_WEBKIT} Chrome/{{version}}.0.0.0 Mobile Safari/537.36"
_IPHONE = (
    f"Mozilla/5.0 (iPhone; CPU iPhone OS {{version}}_1 like Mac OS X) {_APPLE} Mobile/15E148 Safari/604.1"
)
_IPAD = f"Mozilla/5.0 (iPad; CPU OS {{version}}_1 like Mac OS X) {_APPLE} Mobile/15E148 Safari/604.1"
_GOOGLEBOT = (
    f"Mozilla/5.0 {_WEBKIT}; compatible; Googlebot/2.1; +http://www.google.com/bot.html) "
    "Chrome/{version}.0.0.0 Safari/537.36"
)
_CHROME, _FOX, _APPLES = range(118, 134), range(115, 136), range(16, 19)
BROWSERS = (
    Browser("Chrome", "Personal computer", _WINDOWS_CHROME, _CHROME, _DESKTOP, 34),
    Browser("Chrome", "Personal computer", _LINUX_CHROME, _CHROME, _DESKTOP, 8),
    Browser("Firefox", "Personal computer", _FIREFOX, _FOX, _DESKTOP, 10),
    Browser("Safari", "Personal computer", _SAFARI, _APPLES, _DESKTOP, 12),
    Browser("Chrome Mobile", "Smartphone", _PIXEL, _CHROME, _PHONE, 20),
    Browser("Mobile Safari", "Smartphone", _IPHONE, _APPLES, _PHONE, 13),
    Browser("Mobile Safari", "Tablet", _IPAD, _APPLES, _TABLET, 3),
)
ROBOTS = (
    Browser("Googlebot", "Other", _GOOGLEBOT, _CHROME, ((412, 732, 2),), 6, "user agent"),
    Browser(
        "Chrome", "Personal computer", _WINDOWS_CHROME, _CHROME, _DESKTOP, 3, "no Accept-Language", False
    ),
    Browser("Chrome", "Personal computer", _WINDOWS_CHROME, _CHROME, _DESKTOP, 1, UNSEEN),
)


@dataclass(slots=True, eq=False)
class Visitor:
    """One visitor. `party` is as the tag makes it; `tastes` are weights by technology, added up.

    `skew_ms` is how much the visitor's clock goes ahead; every time that the visitor tells is by it.
    """

    number: int
    party: str
    browser: Browser
    user_agent: str
    screen: tuple[int, int, int]
    language: str
    tastes: list[float]
    variant: str
    skew_ms: int

    @property
    def is_robot(self) -> bool:
        """Whether it is no human."""
        return bool(self.browser.robot)


def visitor(number: int, now_ms: int, run: str, chance: random.Random, names: random.Random) -> Visitor:
    """A visitor who is seen at `now_ms` for the first time in a run; the party's identifier begins with the run's name.

    `chance` decides on everything but identifiers, which come from `names`.
    """
    kinds = ROBOTS if chance.random() < ROBOT_SHARE else BROWSERS
    browser = chance.choices(kinds, [kind.weight for kind in kinds])[0]
    since = now_ms
    if chance.random() >= NEW_SHARE:
        since -= int(chance.expovariate(1 / RETURN_DAYS) * _DAY_MS) + _DAY_MS // 2
    skew = 0
    if chance.random() < SKEWED_SHARE:
        skew = chance.randrange(*_SKEW_MS) * chance.choice((1, -1))
    # Everybody likes what is popular, and some things more than others do.
    tastes = [share.weight * chance.lognormvariate(0, 0.6) for share in site.TECHNOLOGIES]
    return Visitor(
        number=number,
        party=f"0:{base36.render(since + skew)}:{run}{identifier(names)[len(run) :]}",
        browser=browser,
        user_agent=browser.header.format(version=chance.choice(browser.versions)),
        screen=chance.choice(browser.screens),
        language=chance.choice(LANGUAGES) if browser.speaks else "",
        tastes=list(accumulate(tastes)),
        variant=chance.choice(site.VARIANTS),
        skew_ms=skew,
    )


def identifier(names: random.Random) -> str:
    """Thirty-two characters of the tag's alphabet."""
    return b64encode(names.getrandbits(192).to_bytes(24, "big"), b"~_").decode()
