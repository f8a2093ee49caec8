"""The block `pyglue.collector.privacy`: its settings, and what is refused."""

from __future__ import annotations

import pytest

from pyglue.collector.config import conf_file
from pyglue.collector.config.configured import AS_DIVOLTE, Privacy
from pyglue.errors import InputError

DAY = 86_400_000


def parsed(block: str) -> Privacy:
    """The settings of a block."""
    return conf_file.parse(f"pyglue.collector.privacy {{ {block} }}", "c.conf", {}).privacy


def problems(block: str, more: str = "") -> list[str]:
    """What is said about a block."""
    with pytest.raises(InputError) as refused:
        conf_file.parse(f"pyglue.collector.privacy {{\n{block}\n}}\n{more}", "c.conf", {})
    return [str(problem) for problem in refused.value.problems]


def test_every_setting() -> None:
    """Each key sets what it says; what is not there is as with Divolte."""
    assert parsed("") == AS_DIVOLTE
    assert parsed(
        """truncate_addresses = true, ipv4_bits = 16, ipv6_bits = 32, honour_do_not_track = true
        honour_global_privacy_control = true, consent { required = true, cookie = c, timeout = 90 days }
        cookies { enabled = false, same_site = None, secure = true, party_lifetime = 7 days }"""
    ) == Privacy(True, 16, 32, True, True, True, "c", 90 * DAY, False, "None", True, 7 * DAY)
    assert parsed("cookies.same_site = STRICT") == Privacy(same_site="Strict")
    assert parsed("cookies { same_site = null, party_lifetime = null }") == AS_DIVOLTE


def test_all_problems_together() -> None:
    """Unknown keys, wrong values and contradictions are told together, each with its line."""
    found = problems(
        """truncate = true
        ipv4_bits = 33
        ipv6_bits = 129
        honour_do_not_track = 1
        consent.require = true
        consent.cookie = "a;b"
        consent.timeout = 900 ms
        cookies.same_site = none
        cookies.party_lifetime = 0 s
        cookies.secure = maybe"""
    )
    expected = [
        ("2", "unknown key pyglue.collector.privacy.truncate; known here: "),
        ("3", "ipv4_bits: expected a whole number from 0 to 32"),
        ("4", "ipv6_bits: expected a whole number from 0 to 128"),
        ("5", "honour_do_not_track: expected true or false"),
        ("6", "unknown key pyglue.collector.privacy.consent.require"),
        ("7", "cookie: expected a cookie's name, such as _dvc, found 'a;b'"),
        ("8", "timeout: expected a second at least"),
        ("9", "same_site: none needs secure = true"),
        ("10", "party_lifetime: expected a second at least"),
        ("11", "secure: expected true or false"),
    ]
    assert len(found) == len(expected)
    for problem, (line, words) in zip(found, expected, strict=True):
        assert problem.startswith(f"c.conf:{line}:"), problem
        assert words in problem


@pytest.mark.parametrize("key", ["party_cookie", "session_cookie"])
def test_the_word_has_a_cookie_of_its_own(key: str) -> None:
    """The visitor's word may not overwrite an identifier of any source."""
    more = f"divolte.sources {{ a.type = browser, b {{ type = browser, {key} = x }} }}"
    (problem,) = problems("consent.cookie = x", more)
    assert "source 'b' has a cookie 'x', too; choose another name" in problem
