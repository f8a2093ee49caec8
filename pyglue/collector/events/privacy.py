"""What the privacy settings make of a request: which one leaves no event, and how much of an address is kept.

Decided when the collector starts, so that what is switched off costs an event nothing. An address is shortened before
anything sees it: the mapping, its look-ups of places, the records. What the tag does by itself is in `tag`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from pyglue.collector.config.configured import Privacy
from pyglue.collector.http import addresses, headers
from pyglue.collector.http.headers import Headers
from pyglue.collector.http.plain_head import Block, any_of

REMEMBERED = 4096  # addresses, shortened; some 200 bytes each

# Headers that proxies write the client's whole address into, by their names in lower case.
_ADDRESS_HEADERS = (
    *(
        "forwarded",
        "x-forwarded-for",
        "x-original-forwarded-for",
        "x-real-ip",
        "x-remote-addr",
        "x-remote-ip",
    ),
    *("x-client-ip", "x-cluster-client-ip", "client-ip", "true-client-ip", "fastly-client-ip"),
    *("cf-connecting-ip", "cf-connecting-ipv6", "cf-pseudo-ipv4", "x-azure-clientip", "fly-client-ip"),
)
_DO_NOT_TRACK = (b"dnt", "do not track")
_GLOBAL_PRIVACY_CONTROL = (b"sec-gpc", "global privacy control")


def shortening(privacy: Privacy) -> Callable[[bytes], bytes] | None:
    """What makes the address that is kept of a recorded one; None if all of it is kept."""
    if not privacy.truncate_addresses:
        return None

    @lru_cache(REMEMBERED)
    def shorten(address: bytes) -> bytes:
        return addresses.shortened(
            address.decode(), ipv4_bits=privacy.ipv4_bits, ipv6_bits=privacy.ipv6_bits
        ).encode()

    return shorten


def kept_address(privacy: Privacy, address: bytes) -> bytes:
    """What is kept of a recorded address."""
    shorten = shortening(privacy)
    return address if shorten is None else shorten(address)


def unread_headers(privacy: Privacy) -> Mapping[str, str]:
    """Headers, by their names in lower case, that no mapping may read, and why."""
    if not privacy.truncate_addresses:
        return {}
    why = "it holds whole addresses, and pyglue.collector.privacy.truncate_addresses is on; remoteHost() has what is kept"
    return dict.fromkeys(_ADDRESS_HEADERS, why)


def refusal(privacy: Privacy) -> Callable[[Headers], str | None] | None:
    """What tells of a request's headers why its event must not be recorded, if so; None if none is looked at."""
    signals = []
    if privacy.honour_do_not_track:
        signals.append(_DO_NOT_TRACK)
    if privacy.honour_global_privacy_control:
        signals.append(_GLOBAL_PRIVACY_CONTROL)
    if not signals:
        return None

    names = any_of([name for name, _ in signals])

    def refused(lines: Headers) -> str | None:
        if type(lines) is Block and not lines.mentions(names):
            return None
        for name, reason in signals:
            if "1" in headers.lines(lines, name):
                return reason
        return None

    return refused
