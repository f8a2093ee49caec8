"""Browser, device and system from a `User-Agent` header, under the names that Divolte gives them.

ua-parser's own rules find the parts; the tables here turn them into Divolte's vocabulary. Divolte's database is of
2014, so newer browsers, devices and robots are named rightly here and wrongly there.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Generic, NamedTuple, TypeVar

import ua_parser

Text = TypeVar("Text", str, bytes)

# Longer headers are recorded whole, but only their beginning is looked at: no browser's is as long, and a thousand rules
# look at it. ua-parser-rs makes one automaton of them, without which each new header would take some milliseconds.
MAX_LOOKED_AT = 512  # bytes


class Agent(NamedTuple, Generic[Text]):
    """The parts of a User-Agent; unknown parts are the empty text, an unknown agent is named `unknown`."""

    name: Text
    family: Text
    vendor: Text
    type: Text
    version: Text
    device_category: Text
    os_family: Text
    os_version: Text
    os_vendor: Text


UNKNOWN = Agent("unknown", "unknown", "", "", "", "", "", "", "")

BROWSER = "Browser"
MOBILE = "Mobile Browser"
LIBRARY = "Library"
ROBOT = "Robot"
EMAIL = "Email client"
PLAYER = "Multimedia Player"
OFFLINE = "Offline Browser"

_APPLE = "Apple Inc."
_GOOGLE = "Google Inc."
_MICROSOFT = "Microsoft Corporation."
_MOZILLA = "Mozilla Foundation"
_OPERA = "Opera Software ASA."


class _Known(NamedTuple):
    """What Divolte calls a family of ua-parser's, and by what name if that is not the family's."""

    family: str
    vendor: str
    type: str
    name: str = ""


_FAMILIES = {
    "AhrefsBot": _Known("AhrefsBot", "Ahrefs.com", ROBOT),
    "Amazon Silk": _Known("Silk", "Amazon.com, Inc.", MOBILE),
    "Android": _Known("Android Browser", _GOOGLE, MOBILE, "Android browser"),
    "Apache-HttpClient": _Known(
        "Jakarta Commons-HttpClient", "Apache Software Foundation", LIBRARY, "Apache-HttpClient"
    ),
    "Baiduspider": _Known("Baiduspider", "Baidu", ROBOT),
    "BlackBerry WebKit": _Known("BlackBerry Browser", "Research In Motion Limited", MOBILE),
    "Chrome": _Known("Chrome", _GOOGLE, BROWSER),
    "Chrome Mobile": _Known("Chrome Mobile", _GOOGLE, MOBILE),
    "Chrome Mobile WebView": _Known("Chrome Mobile", _GOOGLE, MOBILE),
    "Chrome Mobile iOS": _Known("Chrome Mobile", _GOOGLE, MOBILE),
    "Chromium": _Known("Chromium", "Google Inc. and contributors", BROWSER),
    "DuckDuckBot": _Known("DuckDuckBot", "Duck Duck Go, Inc.", ROBOT),
    "ELinks": _Known("Elinks", "Mikulas Patocka", BROWSER),
    "FacebookBot": _Known("FacebookExternalHit", "Facebook", ROBOT),
    "Firefox Mobile": _Known("Mobile Firefox", _MOZILLA, MOBILE),
    "Firefox iOS": _Known("Mobile Firefox", _MOZILLA, MOBILE),
    "Go-http-client": _Known("Go-http-client", _GOOGLE, LIBRARY),
    "Googlebot-Image": _Known("Googlebot", _GOOGLE, ROBOT, "Googlebot-Image"),
    "Iceweasel": _Known("IceWeasel", "Software in the Public Interest, Inc.", BROWSER),
    "Java": _Known("Java", "Sun Microsystems, Inc.", LIBRARY),
    "Konqueror": _Known("Konqueror", "KDE e.V.", BROWSER),
    "LinkedInBot": _Known("LinkedInBot", "LinkedIn Inc.", ROBOT),
    "Links": _Known("Links", "Twibright Labs", BROWSER),
    "MJ12bot": _Known("MJ12bot", "Majestic-12 Ltd", ROBOT),
    "Mediapartners-Google": _Known("Googlebot", _GOOGLE, ROBOT, "Mediapartners-Google"),
    "Mobile Safari UI/WKWebView": _Known("Mobile Safari", _APPLE, MOBILE),
    "Nokia Browser": _Known("Nokia Web Browser", "Nokia", MOBILE),
    "PostmanRuntime": _Known("PostmanRuntime", "", LIBRARY),
    "PycURL": _Known("PycURL", "", LIBRARY),
    "Python Requests": _Known("Python-requests", "Kenneth Reitz", LIBRARY),
    "Python-urllib": _Known("Python-urllib", "Python Software Foundation", LIBRARY),
    "SeaMonkey": _Known("SeaMonkey", _MOZILLA, BROWSER),
    "Thunderbird": _Known("Thunderbird", _MOZILLA, EMAIL),
    "VLC": _Known("VLC", "VideoLAN", PLAYER),
    "Wget": _Known("Wget", "Free Software Foundation, Inc.", OFFLINE),
    "Yahoo! Slurp": _Known("Yahoo!", "Yahoo! Inc.", ROBOT, "Yahoo! Slurp"),
    "Yandex Browser": _Known("Yandex.Browser", "Yandex ", BROWSER),  # the blank is Divolte's
    "YandexBot": _Known("YandexBot", "Yandex LLC", ROBOT),
    "aiohttp": _Known("aiohttp", "", LIBRARY),
    "axios": _Known("axios", "", LIBRARY),
    "bingbot": _Known("bingbot", "Microsoft Corporation", ROBOT),
    "curl": _Known("cURL", "team Haxx", LIBRARY),
    "iTunes": _Known("iTunes", _APPLE, PLAYER),
    "ia_archiver": _Known("ia_archiver", "Alexa Internet, Inc.", ROBOT),
    "libwww-perl": _Known("libwww-perl", "Gisle Aas", LIBRARY),
    "msnbot": _Known("MSNBot", "Microsoft Corporation", ROBOT),
    "okhttp": _Known("okhttp", "", LIBRARY),
    "webOS Browser": _Known("wOSBrowser", "Hewlett-Packard", MOBILE),
}
# Vendors of the other families, by a part of the family's name.
_VENDORS = (
    ("Chrome", _GOOGLE),
    ("Google", _GOOGLE),
    ("Firefox", _MOZILLA),
    ("Safari", _APPLE),
    ("IE", _MICROSOFT),
    ("Edge", _MICROSOFT),
    ("Opera", _OPERA),
    ("Samsung", "Samsung Electronics"),
)
_MOBILE_PARTS = ("Mobile", "iOS", "iPad", "iPhone", "Mini")
_MOBILE_SYSTEMS = ("iOS", "Android", "Windows Phone", "Firefox OS")

_LINUXES = ("Arch Linux", "CentOS", "Debian", "Fedora", "Gentoo", "Linux Mint", "Red Hat", "SUSE", "Ubuntu")
_SYSTEMS = {
    "Mac OS X": "OS X",
    **dict.fromkeys(_LINUXES, "Linux"),
    **dict.fromkeys(("DragonFly BSD", "FreeBSD", "NetBSD", "OpenBSD"), "BSD"),
}
_SYSTEM_VENDORS = {
    "Android": "Google, Inc.",
    "BlackBerry OS": "BlackBerry Ltd",
    "Chrome OS": "Google Inc.",
    "Debian": "Software in the Public Interest, Inc.",
    "Firefox OS": "Mozilla Foundation",
    "FreeBSD": "FreeBSD Foundation",
    "Mac OS X": "Apple Computer, Inc.",
    "Symbian OS": "Symbian Foundation",
    "Ubuntu": "Canonical Ltd.",
    "iOS": "Apple Inc.",
    "webOS": "Hewlett-Packard",
}
_WINDOWS_NT = re.compile(r"Windows NT ([0-9.]+)")
_JAVA = re.compile(r"\bJava/([\w.]+)")
_FIRST_PRODUCT = re.compile(r"[^\s/]+/([\w.]+)")
_WORD = re.compile(r"([\w.]*)")
_VERSION = re.compile(r"Version/([\w.]+)")
_CONSOLES = re.compile("PlayStation|Xbox|Nintendo")
_TELEVISIONS = re.compile("SMART-TV|SmartTV|AppleTV|GoogleTV")


class AgentCache:
    """Parsed agents by header, the least recently asked thrown out; all in UTF-8. Not for several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._agents: OrderedDict[bytes, Agent[bytes]] = OrderedDict()

    def __call__(self, header: bytes) -> Agent[bytes]:
        """The parts of `header`."""
        looked_at = header[:MAX_LOOKED_AT]
        agent = self._agents.get(looked_at)
        if agent is not None:
            self._agents.move_to_end(looked_at)
            return agent
        parts = parse(looked_at.decode("utf-8", "ignore"))  # half a character at the end is left out
        agent = self._agents[looked_at] = Agent(*(part.encode() for part in parts))
        if len(self._agents) > self._size:
            self._agents.popitem(last=False)
        return agent


def parse(header: str) -> Agent[str]:
    """The parts of a User-Agent header."""
    found = ua_parser.parse(header)
    browser, system, device = found.user_agent, found.os, found.device
    if browser is None:
        return UNKNOWN
    robot = device is not None and device.family == "Spider"
    system_name = system.family if system else ""
    known = _FAMILIES.get(browser.family) or _newer(browser.family, system_name, header, robot)
    version = _browser_version(known.type, browser, header)
    name = known.name or known.family
    os_family, os_version, os_vendor = _system(system, header) if known.type != ROBOT else ("", "", "")
    return Agent(
        name=f"{name}/{version}" if known.type == ROBOT and version else name,
        family=known.family,
        vendor=known.vendor,
        type=known.type,
        version=version,
        device_category=_category(known.type, os_family, header),
        os_family=os_family,
        os_version=os_version,
        os_vendor=os_vendor,
    )


def _newer(family: str, system: str, header: str, robot: bool) -> _Known:
    """A family that has no name of Divolte's own."""
    vendor = next((vendor for part, vendor in _VENDORS if part in family), "")
    on_phone = system in _MOBILE_SYSTEMS and "Mobi" in header
    mobile = on_phone or any(part in family for part in _MOBILE_PARTS)
    return _Known(family, vendor, ROBOT if robot else MOBILE if mobile else BROWSER)


def _browser_version(type_: str, browser: ua_parser.UserAgent, header: str) -> str:
    if type_ in (LIBRARY, OFFLINE):
        return _group(_FIRST_PRODUCT.match(header))
    if browser.family == "Android":
        return _group(_VERSION.search(header))
    version = _joined(browser.major, browser.minor, browser.patch, browser.patch_minor)
    at = header.find(f"/{version}") if "." in version else -1
    # ua-parser leaves the fourth part of some versions out.
    return version if at < 0 else _group(_WORD.match(header, at + 1))


def _system(system: ua_parser.OS | None, header: str) -> tuple[str, str, str]:
    """Family, version and vendor."""
    if system is None:
        java = _JAVA.search(header)
        return ("JVM", java[1], "Sun Microsystems, Inc.") if java else ("", "", "")
    version = _joined(system.major, system.minor, system.patch, system.patch_minor)
    if system.family.startswith("Windows"):
        return "Windows", _group(_WINDOWS_NT.search(header)) or version, _MICROSOFT
    family = _SYSTEMS.get(system.family, system.family)
    return family, "" if family == "Linux" else version, _SYSTEM_VENDORS.get(system.family, "")


def _category(type_: str, os_family: str, header: str) -> str:
    if type_ in (ROBOT, LIBRARY):
        return "Other"
    if _CONSOLES.search(header):
        return "Game console"
    if _TELEVISIONS.search(header):
        return "Smart TV"
    if _is_tablet(os_family, header):
        return "Tablet"
    return "Smartphone" if type_ == MOBILE else "Personal computer"


def _is_tablet(os_family: str, header: str) -> bool:
    if any(word in header for word in ("iPad", "Tablet", "TouchPad")):
        return True
    return os_family == "Android" and "Mobi" not in header and "Opera Mini" not in header


def _joined(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)


def _group(found: re.Match[str] | None) -> str:
    return found[1] if found else ""
