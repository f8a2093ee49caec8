"""Browser, device and system from a `User-Agent` header, under the names that Divolte gives them.

ua-parser's own rules find the parts; the tables here turn them into Divolte's vocabulary. Divolte's database is of
2014, so newer browsers are named rightly here and wrongly there.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import ua_parser

# Longer headers are recorded whole, but only their beginning is looked at: the rules are regular expressions, and
# their time grows faster than a hostile client's effort.
MAX_LOOKED_AT = 512


class Agent(NamedTuple):
    """The parts of a User-Agent; unknown parts are the empty text, an unknown agent is named `unknown`."""

    name: str
    family: str
    vendor: str
    type: str
    version: str
    device_category: str
    os_family: str
    os_version: str
    os_vendor: str


UNKNOWN = Agent("unknown", "unknown", "", "", "", "", "", "", "")

_MOBILE = ("Mobile", "iOS", "iPad", "iPhone", "Android", "IEMobile", "Mini")
_LIBRARIES = (
    "curl",
    "wget",
    "python-requests",
    "okhttp",
    "apache-httpclient",
    "java",
    "go-http-client",
    "libwww-perl",
)
_NAMES = {"curl": "cURL", "wget": "Wget", "IE": "IE", "Mobile Safari UI/WKWebView": "Mobile Safari"}
_OS_NAMES = {"Mac OS X": "OS X", "Ubuntu": "Linux", "Fedora": "Linux", "Debian": "Linux"}
_WINDOWS_VERSIONS = {
    "XP": "5.1",
    "Vista": "6.0",
    "7": "6.1",
    "8": "6.2",
    "8.1": "6.3",
    "10": "10.0",
    "11": "10.0",
}
_VENDORS = (
    ("Chrome", "Google Inc."),
    ("Chromium", "Google Inc."),
    ("Android", "Google Inc."),
    ("Google", "Google Inc."),
    ("Firefox", "Mozilla Foundation"),
    ("Safari", "Apple Inc."),
    ("IE", "Microsoft Corporation."),
    ("Edge", "Microsoft Corporation."),
    ("bing", "Microsoft Corporation."),
    ("Opera", "Opera Software ASA."),
    ("Samsung", "Samsung Electronics"),
    ("curl", "team Haxx"),
)
_OS_VENDORS = {
    "OS X": "Apple Computer, Inc.",
    "iOS": "Apple Inc.",
    "Windows": "Microsoft Corporation.",
    "Android": "Google, Inc.",
    "Chrome OS": "Google Inc.",
}
_DESKTOPS = ("OS X", "Windows", "Linux", "Chrome OS")


class AgentCache:
    """Parsed agents by header, the least recently asked thrown out. Not for several threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._agents: OrderedDict[str, Agent] = OrderedDict()

    def __call__(self, header: str | None) -> Agent | None:
        """The parts of `header`; None if there is no header."""
        if header is None:
            return None
        looked_at = header[:MAX_LOOKED_AT]
        agent = self._agents.get(looked_at)
        if agent is not None:
            self._agents.move_to_end(looked_at)
            return agent
        agent = self._agents[looked_at] = parse(looked_at)
        if len(self._agents) > self._size:
            self._agents.popitem(last=False)
        return agent


def parse(header: str) -> Agent:
    """The parts of a User-Agent header."""
    found = ua_parser.parse(header)
    browser, system, device = found.user_agent, found.os, found.device
    if browser is None:
        return UNKNOWN
    family = _NAMES.get(browser.family, browser.family)
    version = _version(browser.major, browser.minor, browser.patch, browser.patch_minor)
    robot = device is not None and device.family == "Spider"
    os_family = _os_family(system.family) if system and not robot else ""
    kind = _kind(browser.family, os_family, robot)
    return Agent(
        name=f"{family}/{version}" if robot and version else family,
        family=family,
        vendor=next((vendor for part, vendor in _VENDORS if part in browser.family), ""),
        type=kind,
        version=version,
        device_category=_category(kind, os_family, device.family if device else "", header),
        os_family=os_family,
        os_version=_os_version(os_family, system) if system and not robot else "",
        os_vendor=_OS_VENDORS.get(os_family, ""),
    )


def _version(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)


def _os_family(family: str) -> str:
    return "Windows" if family.startswith("Windows") else _OS_NAMES.get(family, family)


def _os_version(os_family: str, system: ua_parser.OS) -> str:
    version = _version(system.major, system.minor, system.patch, system.patch_minor)
    return _WINDOWS_VERSIONS.get(version, version) if os_family == "Windows" else version


def _kind(family: str, os_family: str, robot: bool) -> str:
    if robot:
        return "Robot"
    if family.lower() in _LIBRARIES:
        return "Library"
    mobile = os_family in ("iOS", "Android", "Windows Phone") or any(part in family for part in _MOBILE)
    return "Mobile Browser" if mobile else "Browser"


def _category(kind: str, os_family: str, device: str, header: str) -> str:
    if kind in ("Robot", "Library"):
        return "Other"
    if "iPad" in device or "Tablet" in header or (os_family == "Android" and "Mobile" not in header):
        return "Tablet"
    if kind == "Mobile Browser":
        return "Smartphone"
    return "Personal computer" if os_family in _DESKTOPS else ""
