"""User-Agents under Divolte's names."""

from __future__ import annotations

import pytest

from pyglue.collector.useragent import MAX_LOOKED_AT, UNKNOWN, AgentCache, parse

CHROME_MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_5) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/38.0.2125.111 Safari/537.36"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        (
            CHROME_MAC,
            (
                "Chrome",
                "Chrome",
                "Google Inc.",
                "Browser",
                "38.0.2125.111",
                "Personal computer",
                "OS X",
                "10.9.5",
            ),
        ),
        (
            IPHONE,
            (
                "Mobile Safari",
                "Mobile Safari",
                "Apple Inc.",
                "Mobile Browser",
                "17.0",
                "Smartphone",
                "iOS",
                "17.0",
            ),
        ),
        ("curl/7.88.1", ("cURL", "cURL", "team Haxx", "Library", "7.88.1", "Other", "", "")),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://x)",
            ("Googlebot/2.1", "Googlebot", "Google Inc.", "Robot", "2.1", "Other", "", ""),
        ),
    ],
)
def test_known_agents(header: str, parts: tuple[str, ...]) -> None:
    """Browsers, phones, libraries and robots have the parts that Divolte gives them."""
    assert parse(header)[:8] == parts


@pytest.mark.parametrize("header", ["", "unheard of", "\xff\x00 ((((", "a" * 100_000])
def test_unknown_agents(header: str) -> None:
    """A header that nobody knows is named unknown, and all its other parts are empty."""
    assert AgentCache(5)(header) == UNKNOWN


def test_the_cache_is_bounded() -> None:
    """No more agents are kept than configured, and of a long header only its beginning; no header is no agent."""
    agents = AgentCache(2)
    for header in ("curl/1.0", "curl/2.0", "curl/1.0", "curl/3.0"):
        agent = agents(header)
        assert agent is not None
        assert agent.version == header[5:]
    assert list(agents._agents) == ["curl/1.0", "curl/3.0"]
    agents("x" * 10_000)
    assert max(map(len, agents._agents)) == MAX_LOOKED_AT
    assert agents(None) is None
