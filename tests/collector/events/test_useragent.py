"""User-Agents under Divolte's names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.events.useragent import MAX_LOOKED_AT, UNKNOWN, AgentCache, parse

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
GOOGLE, APPLE, MOZILLA, MICROSOFT = (
    "Google Inc.",
    "Apple Inc.",
    "Mozilla Foundation",
    "Microsoft Corporation.",
)
MOBILE = "Mobile Browser"
PC, PHONE = "Personal computer", "Smartphone"
ANDROID = "Google, Inc."
OPERA = "Opera Software ASA."
SUN = "Sun Microsystems, Inc."
WINDOWS = ("Windows", "6.1", MICROSOFT)
LINUX = ("Linux", "", "")
NO_SYSTEM = ("", "", "")


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        (
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_5) {WEBKIT} Chrome/38.0.2125.111 Safari/537.36",
            ("Chrome", "Chrome", GOOGLE, "Browser", "38.0.2125.111", PC, "OS X", "10.9.5", "Apple Computer, Inc."),
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/17.0 Mobile/15E148 Safari/604.1",
            ("Mobile Safari", "Mobile Safari", APPLE, MOBILE, "17.0", PHONE, "iOS", "17.0", APPLE),
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 8_1 like Mac OS X) AppleWebKit/600.1.4 (KHTML, like Gecko) "
            "Version/8.0 Mobile/12B410 Safari/600.1.4",
            ("Mobile Safari", "Mobile Safari", APPLE, MOBILE, "8.0", "Tablet", "iOS", "8.1", APPLE),
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "CriOS/119.0.6045.109 Mobile/15E148 Safari/604.1",
            ("Chrome Mobile", "Chrome Mobile", GOOGLE, MOBILE, "119.0.6045.109", PHONE, "iOS", "17.1", APPLE),
        ),
        (
            "Mozilla/5.0 (Windows NT 6.3; rv:31.0) Gecko/20100101 Firefox/31.0",
            ("Firefox", "Firefox", MOZILLA, "Browser", "31.0", PC, "Windows", "6.3", MICROSOFT),
        ),
        (
            "Mozilla/5.0 (Windows NT 5.2; rv:33.0) Gecko/20100101 Firefox/33.0",
            ("Firefox", "Firefox", MOZILLA, "Browser", "33.0", PC, "Windows", "5.2", MICROSOFT),
        ),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:33.0) Gecko/20100101 Firefox/33.0",
            ("Firefox", "Firefox", MOZILLA, "Browser", "33.0", PC, "Linux", "", "Canonical Ltd."),
        ),
        (
            "Mozilla/5.0 (X11; FreeBSD amd64; rv:33.0) Gecko/20100101 Firefox/33.0",
            ("Firefox", "Firefox", MOZILLA, "Browser", "33.0", PC, "BSD", "", "FreeBSD Foundation"),
        ),
        (
            "Mozilla/5.0 (Android 13; Mobile; rv:120.0) Gecko/120.0 Firefox/120.0",
            ("Mobile Firefox", "Mobile Firefox", MOZILLA, MOBILE, "120.0", PHONE, "Android", "13", ANDROID),
        ),
        (
            f"Mozilla/5.0 (Linux; Android 4.4.2; Nexus 7 Build/KOT49H) {WEBKIT} Chrome/38.0.2125.102 Safari/537.36",
            ("Chrome", "Chrome", GOOGLE, "Browser", "38.0.2125.102", "Tablet", "Android", "4.4.2", ANDROID),
        ),
        (
            "Mozilla/5.0 (Linux; U; Android 4.0.3; de-de; GT-I9100 Build/IML74K) AppleWebKit/534.30 (KHTML, like Gecko) "
            "Version/4.0 Mobile Safari/534.30",
            ("Android browser", "Android Browser", GOOGLE, MOBILE, "4.0", PHONE, "Android", "4.0.3", ANDROID),
        ),
        (
            f"Mozilla/5.0 (Windows NT 6.1; WOW64) {WEBKIT} Chrome/38.0.2125.101 Safari/537.36 OPR/25.0.1614.50",
            ("Opera", "Opera", OPERA, "Browser", "25.0.1614.50", PC, *WINDOWS),
        ),
        (
            "Opera/9.80 (Android; Opera Mini/7.6.35766/35.5706; U; en) Presto/2.8.119 Version/11.10",
            ("Opera Mini", "Opera Mini", OPERA, MOBILE, "7.6.35766", PHONE, "Android", "", ANDROID),
        ),
        (
            "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko",
            ("IE", "IE", MICROSOFT, "Browser", "11.0", PC, *WINDOWS),
        ),
        (
            "Mozilla/5.0 (Windows NT 6.1; rv:31.0) Gecko/20100101 Thunderbird/31.2.0",
            ("Thunderbird", "Thunderbird", MOZILLA, "Email client", "31.2.0", PC, *WINDOWS),
        ),
        (
            f"Mozilla/5.0 (SMART-TV; X11; Linux armv7l) {WEBKIT} Chromium/25.0.1349.2 Chrome/25.0.1349.2 Safari/537.36",
            ("Chromium", "Chromium", "Google Inc. and contributors", "Browser", "25.0.1349.2", "Smart TV", *LINUX),
        ),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            ("Googlebot/2.1", "Googlebot", GOOGLE, "Robot", "2.1", "Other", *NO_SYSTEM),
        ),
        ("Googlebot-Image/1.0", ("Googlebot-Image/1.0", "Googlebot", GOOGLE, "Robot", "1.0", "Other", *NO_SYSTEM)),
        (
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            ("bingbot/2.0", "bingbot", "Microsoft Corporation", "Robot", "2.0", "Other", *NO_SYSTEM),
        ),
        (
            "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)",
            ("Yahoo! Slurp", "Yahoo!", "Yahoo! Inc.", "Robot", "", "Other", *NO_SYSTEM),
        ),
        ("curl/7.88.1", ("cURL", "cURL", "team Haxx", "Library", "7.88.1", "Other", *NO_SYSTEM)),
        (
            "Wget/1.13.4 (linux-gnu)",
            ("Wget", "Wget", "Free Software Foundation, Inc.", "Offline Browser", "1.13.4", PC, *LINUX),
        ),
        (
            "python-requests/2.4.3 CPython/2.7.6 Linux/3.13.0-36-generic",
            ("Python-requests", "Python-requests", "Kenneth Reitz", "Library", "2.4.3", "Other", *LINUX),
        ),
        (
            "Java/1.7.0_67",
            ("Java", "Java", SUN, "Library", "1.7.0_67", "Other", "JVM", "1.7.0_67", SUN),
        ),
    ],
)  # fmt: skip
def test_known_agents(header: str, parts: tuple[str, ...]) -> None:
    """Browsers, phones, libraries and robots have the parts that Divolte gives them."""
    assert parse(header) == parts


@pytest.mark.parametrize(
    ("header", "name", "type_", "category", "system"),
    [
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/120.0.0.0 Safari/537.36 Edg/120.0.2210.91",
            "Edge", "Browser", PC, ("Windows", "10.0"),
        ),
        (
            f"Mozilla/5.0 (Linux; Android 9; SAMSUNG SM-G960F) {WEBKIT} SamsungBrowser/9.2 Chrome/67.0.3396.87 "
            "Mobile Safari/537.36",
            "Samsung Internet", MOBILE, PHONE, ("Android", "9"),
        ),
        (
            f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {WEBKIT} Chrome/120.0.6099.109 Mobile "
            "Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Googlebot/2.1", "Robot", "Other", ("", ""),
        ),
        ("okhttp/4.9.0", "okhttp", "Library", "Other", ("", "")),
        ("Twitterbot/1.0", "Twitterbot/1.0", "Robot", "Other", ("", "")),
    ],
)  # fmt: skip
def test_newer_agents(header: str, name: str, type_: str, category: str, system: tuple[str, str]) -> None:
    """What came after Divolte's database has its own name, and types and categories in Divolte's words."""
    agent = parse(header)
    assert (agent.name, agent.type, agent.device_category) == (name, type_, category)
    assert (agent.os_family, agent.os_version) == system


@pytest.mark.parametrize("header", ["", " ", "unheard of", "Mozilla/5.0", "\xff\x00 ((((", "a" * 100_000])
def test_unknown_agents(header: str) -> None:
    """A header that nobody knows is named unknown, and all its other parts are empty."""
    assert parse(header) == UNKNOWN
    assert UNKNOWN[:2] == ("unknown", "unknown")
    assert set(UNKNOWN[2:]) == {""}


@given(
    st.text(alphabet=st.characters(max_codepoint=255), max_size=60).map(
        "Mozilla/5.0 (Linux; Android 4) Chrome/".__add__
    )
)
def test_any_agent(header: str) -> None:
    """Any header has all parts, each of them a text."""
    assert all(isinstance(part, str) for part in parse(header))


def test_the_cache_is_bounded() -> None:
    """No more agents are kept than configured, and of a long header only its beginning; no header is no agent."""
    agents = AgentCache(2)
    for header in (b"curl/1.0", b"curl/2.0", b"curl/1.0", b"curl/3.0"):
        agent = agents(header)
        assert agent is not None
        assert agent.version == header[5:]
    assert list(agents._agents) == [b"curl/1.0", b"curl/3.0"]
    agents(b"x" * 10_000)
    assert max(map(len, agents._agents)) == MAX_LOOKED_AT
