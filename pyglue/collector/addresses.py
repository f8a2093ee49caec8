"""The client's address as Divolte records it: IPv4 dotted, IPv6 uncompressed without leading zeros.

Behind a proxy the last entry of `X-Forwarded-For` may take the place of the peer. Divolte resolves host names there;
the collector never asks DNS on behalf of a client: an entry that is no address leaves the peer.
"""

from __future__ import annotations

import ipaddress
import re

LOCALHOST = "localhost"
_DECIMAL_PARTS = re.compile(r"[0-9]+(\.[0-9]+){0,3}\Z", re.ASCII)


def canonical(address: str) -> str:
    """A socket's peer address as it is recorded."""
    return _parse(address) or address


def forwarded(header_lines: list[str], peer: str) -> str:
    """The recorded address: the last entry of the last `X-Forwarded-For` line if it is an address, else `peer`."""
    if not header_lines:
        return peer
    entry = header_lines[-1].rpartition(",")[2].strip()
    return LOCALHOST if entry in ("", LOCALHOST) else _parse(entry) or peer


def _parse(text: str) -> str | None:
    if _DECIMAL_PARTS.match(text):
        return _decimal(text)
    bracketed = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        address = ipaddress.IPv6Address(bracketed.partition("%")[0])
    except ValueError:
        return None
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return ":".join(f"{int(group, 16):x}" for group in address.exploded.split(":"))


def _decimal(text: str) -> str | None:
    """An IPv4 address of one to four decimal numbers, the last of which fills what is left (RFC 6943, 3.1.1)."""
    if len(text) > 64:
        return None
    *heads, last = map(int, text.split("."))
    free = 4 - len(heads)
    if any(head > 255 for head in heads) or last >= 256**free:
        return None
    return str(ipaddress.IPv4Address(bytes(heads) + last.to_bytes(free, "big")))
