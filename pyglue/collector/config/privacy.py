"""The block `pyglue.collector.privacy`: what is recorded of visitors, and what the tag keeps in their browsers.

Everything is off where Divolte had none of it. `same_site`'s words are HTTP's, in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pyglue.collector.config.configured import AS_DIVOLTE, BrowserSource, JsonSource, Privacy
from pyglue.collector.config.settings import Section

_SAME_SITE = ("lax", "strict", "none")
_COOKIE_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z")
_SECOND_MS = 1000


def read_privacy(section: Section, sources: Iterable[BrowserSource | JsonSource]) -> Privacy:
    """The settings in the block; `sources` have cookies of their own."""
    consent, cookies = section.section("consent"), section.section("cookies")
    privacy = Privacy(
        truncate_addresses=section.truth("truncate_addresses", AS_DIVOLTE.truncate_addresses),
        ipv4_bits=section.number("ipv4_bits", AS_DIVOLTE.ipv4_bits, most=32),
        ipv6_bits=section.number("ipv6_bits", AS_DIVOLTE.ipv6_bits, most=128),
        honour_do_not_track=section.truth("honour_do_not_track", AS_DIVOLTE.honour_do_not_track),
        honour_global_privacy_control=section.truth(
            "honour_global_privacy_control", AS_DIVOLTE.honour_global_privacy_control
        ),
        consent=consent.truth("required", AS_DIVOLTE.consent),
        consent_cookie=consent.text("cookie", AS_DIVOLTE.consent_cookie),
        consent_timeout_ms=_lifetime(consent, "timeout", AS_DIVOLTE.consent_timeout_ms),
        cookies=cookies.truth("enabled", AS_DIVOLTE.cookies),
        same_site=cookies.choice("same_site", "", _SAME_SITE, any_case=True).capitalize(),
        secure=cookies.truth("secure", AS_DIVOLTE.secure),
        party_lifetime_ms=_lifetime(cookies, "party_lifetime", 0) or None,
    )
    if privacy.same_site == "None" and not privacy.secure:
        cookies.problem("same_site", "none needs secure = true: browsers refuse such cookies otherwise")
    _check_name(consent, privacy.consent_cookie, sources)
    for part in (consent, cookies, section):
        part.done()
    return privacy


def _lifetime(section: Section, name: str, default: int) -> int:
    """A duration that a cookie can have: browsers know whole seconds."""
    found = section.milliseconds(name, default)
    if name in section and found < _SECOND_MS:
        section.problem(name, "expected a second at least")
    return found


def _check_name(consent: Section, name: str, sources: Iterable[BrowserSource | JsonSource]) -> None:
    """The visitor's word needs a cookie of its own."""
    if not _COOKIE_NAME.match(name):
        consent.problem("cookie", f"expected a cookie's name, such as _dvc, found {name!r}")
    for source in sources:
        if isinstance(source, BrowserSource) and name in (source.party_cookie, source.session_cookie):
            consent.problem(
                "cookie", f"source {source.name!r} has a cookie {name!r}, too; choose another name"
            )
