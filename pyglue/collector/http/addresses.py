"""The client's address as Divolte records it: IPv4 dotted, IPv6 uncompressed without leading zeros.

Behind a proxy the last entry of `X-Forwarded-For` may take the place of the peer. It is read as Java's
`InetAddress.getByName` reads it, with one difference: Divolte looks host names up, the collector never asks DNS on
behalf of a client. An entry that is no address leaves the peer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

LOCALHOST = "localhost"
NOWHERE = "0.0.0.0"  # what is left of something that is no address  # noqa: S104 - nobody listens there
MAX_LENGTH = 100  # no address has more than 60 characters; the rest is for leading zeros

_IPV4 = re.compile(r"(?=.{1,15}\Z)[0-9]+(\.[0-9]+){0,3}", re.ASCII)
_IPV6 = re.compile(
    r"([0-9A-Fa-f:]*?:)(?:([0-9]+(?:\.[0-9]+){3})|([0-9A-Fa-f]*))(?:%([0-9]{1,10}))?", re.ASCII
)
_GROUP = re.compile("0*([0-9A-Fa-f]{1,4})")
_GROUPS = 8
_6TO4 = 0x2002  # the first group of an address that goes on with one of IPv4 (RFC 3056)
_MAX_ZONE = 2**31 - 1


def canonical(address: str) -> str:
    """A socket's peer address as it is recorded; one of IPv4 is so already."""
    return (_parse(address) or address) if ":" in address else address


def forwarded(header_lines: Sequence[str], peer: str) -> str:
    """The recorded address: the last entry of the last `X-Forwarded-For` line if it is an address, else `peer`.

    An empty entry is this machine, under the name that Divolte gives it.
    """
    if not header_lines:
        return peer
    entry = header_lines[-1].rpartition(",")[2].strip(" \t")
    if entry.lower() == LOCALHOST:
        return entry
    return (_parse(entry) or peer) if entry else LOCALHOST


def shortened(address: str, *, ipv4_bits: int, ipv6_bits: int) -> str:
    """A recorded address, of which only the first bits are kept, and no zone. This machine's name stays."""
    if address.lower() == LOCALHOST:
        return address
    whole = _parse(address.partition("%")[0])
    if whole is None:
        return NOWHERE
    if ":" not in whole:
        return _dotted(_kept(_ipv4(whole) or 0, ipv4_bits, 32))
    number = 0
    for group in whole.split(":"):
        number = number << 16 | int(group, 16)
    if number >> 112 == _6TO4:
        ipv6_bits = min(ipv6_bits, 16 + ipv4_bits)
    number = _kept(number, ipv6_bits, 128)
    return ":".join(f"{number >> shift & 0xFFFF:x}" for shift in range(112, -1, -16))


def _kept(number: int, bits: int, of: int) -> int:
    """The first `bits` of a number that has so many."""
    return number >> (of - bits) << (of - bits)


def _parse(text: str) -> str | None:
    return _address(text) if len(text) <= MAX_LENGTH else None


@lru_cache(maxsize=4096)
def _address(text: str) -> str | None:
    if ":" not in text:
        number = _ipv4(text)
        return None if number is None else _dotted(number)
    bracketed = text.startswith("[") and text.endswith("]")
    return _ipv6(text[1:-1] if bracketed else text)


def _ipv4(text: str) -> int | None:
    """An address of one to four decimal numbers, the last of which fills what is left (RFC 6943, 3.1.1)."""
    if not _IPV4.fullmatch(text):
        return None
    *heads, last = map(int, text.split("."))
    free = 4 - len(heads)
    if any(head > 255 for head in heads) or last >= 256**free:
        return None
    return int.from_bytes(bytes(heads) + last.to_bytes(free, "big"), "big")


def _ipv6(text: str) -> str | None:
    """An address of up to eight groups; the last two may be dotted, and one gap may stand for groups of zeros."""
    found = _IPV6.fullmatch(text)
    if not found:
        return None
    groups, dotted, last, zone = found.groups()
    groups += last or ""
    if dotted:
        number = _ipv4(dotted)
        if number is None:
            return None
        groups += f"{number >> 16:x}:{number & 0xFFFF:x}"
    values = _groups(groups)
    if values is None:
        return None
    if values[:6] == [0, 0, 0, 0, 0, 0xFFFF]:  # an IPv4 address in the clothes of IPv6
        return _dotted(values[6] << 16 | values[7]) if zone is None else None
    address = ":".join(f"{value:x}" for value in values)
    if zone is None:
        return address
    return f"{address}%{int(zone)}" if int(zone) <= _MAX_ZONE else None


def _groups(text: str) -> list[int] | None:
    """The values of all eight groups, None if `text` is no such address."""
    head, gap, tail = text.partition("::")
    before, after = (side.split(":") if side else [] for side in (head, tail))
    missing = _GROUPS - len(before) - len(after)
    if missing < 1 if gap else missing != 0:
        return None
    found = [_GROUP.fullmatch(group) for group in (*before, *["0"] * missing, *after)]
    return [int(group[1], 16) for group in found if group] if all(found) else None


def _dotted(number: int) -> str:
    return ".".join(str(octet) for octet in number.to_bytes(4, "big"))
