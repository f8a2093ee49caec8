"""Clients' addresses, against what Java's `InetAddress` made of the same texts."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.http.addresses import NOWHERE, canonical, forwarded, shortened

PEER = "198.51.100.7"


@pytest.mark.parametrize(
    ("entry", "host"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("1", "0.0.0.1"),
        ("16909060", "1.2.3.4"),
        ("4294967295", "255.255.255.255"),
        ("1.256", "1.0.1.0"),
        ("1.16777215", "1.255.255.255"),
        ("1.2.3", "1.2.0.3"),
        ("1.2.65535", "1.2.255.255"),
        ("010.0.0.1", "10.0.0.1"),
        ("::1", "0:0:0:0:0:0:0:1"),
        ("::", "0:0:0:0:0:0:0:0"),
        ("2001:DB8::00A", "2001:db8:0:0:0:0:0:a"),
        ("000001::1", "1:0:0:0:0:0:0:1"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ("[::1]", "0:0:0:0:0:0:0:1"),
        ("::1.02.3.4", "0:0:0:0:0:0:102:304"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("[::ffff:010.0.0.1]", "10.0.0.1"),
        ("::ffff:0:1", "0.0.0.1"),
        ("fe80::1%01", "fe80:0:0:0:0:0:0:1%1"),
        ("localhost", "localhost"),
        ("LocalHost", "LocalHost"),
        ("", "localhost"),
    ],
)
def test_addresses(entry: str, host: str) -> None:
    """Few numbers fill four bytes; IPv6 is written in full, and as IPv4 if it only wraps such an address."""
    assert forwarded([entry], PEER) == host


@pytest.mark.parametrize(
    "entry",
    [
        "4294967296", "256.1.1.1", "1.2.65536", "1.16777216", "1.2.3.4.5", "1.2.3.4.", "1..2", "+1.2.3.4", "0x7f.1",
        "00000000000000000000001", "1.2.3.99999999999999999999", "192.0.2.1:80", "[192.0.2.1]", "[::1]:80", "[::1", "::1]",
        '"192.0.2.1"', "1:2:3:4:5:6:7", "1:2:3:4:5:6:7::8", "1::2::3", ":1", "1:", ":::", "::12345", "::g", "::ffff:1.2.3",
        "::ffff:1.2.3.256", "1.2.3.4::", "::1:2:3:4:5:6:1.2.3.4", "::ffff:1.2.3.4%1", "fe80::1%", "fe80::1%zz",
        "fe80::1%2147483648", "[]", "-1", "unknown", "example.org", "\u0661.2.3.4", "::\u0661", "0" * 200 + "::1",
    ],
)  # fmt: skip
def test_no_addresses(entry: str) -> None:
    """Everything else leaves the peer: ports, host names, numbers that do not fit."""
    assert forwarded([entry], PEER) == PEER


@pytest.mark.parametrize(
    ("lines", "host"),
    [
        ([], PEER),
        (["192.0.2.1, 192.0.2.2"], "192.0.2.2"),
        (["192.0.2.1,\t192.0.2.2 "], "192.0.2.2"),
        (["192.0.2.1,"], "localhost"),
        (["192.0.2.1, x"], PEER),
        (["192.0.2.1", "192.0.2.2"], "192.0.2.2"),
        (["192.0.2.1", ""], "localhost"),
    ],
)
def test_which_entry_counts(lines: list[str], host: str) -> None:
    """The text behind the last comma of the last line; an empty one is this machine."""
    assert forwarded(lines, PEER) == host


def test_peers() -> None:
    """A socket's own address is written the same way."""
    assert canonical("192.0.2.1") == "192.0.2.1"
    assert canonical("2001:db8::1") == "2001:db8:0:0:0:0:0:1"
    assert canonical("::ffff:192.0.2.1") == "192.0.2.1"
    assert canonical("somewhere") == "somewhere"


@given(st.ip_addresses())
def test_every_address_counts(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """However an address is spelt, it is recorded as the same one; what is recorded reads as itself."""
    recorded = {forwarded([spelling], PEER) for spelling in (str(address), address.exploded)}
    (host,) = recorded
    assert forwarded([host], PEER) == host
    mapped = getattr(address, "ipv4_mapped", None)
    assert ipaddress.ip_address(host) == (mapped or address)


@pytest.mark.parametrize(
    ("address", "ipv4_bits", "ipv6_bits", "kept"),
    [
        ("203.0.113.77", 24, 48, "203.0.113.0"),
        ("203.0.113.77", 16, 48, "203.0.0.0"),
        ("203.0.113.77", 26, 48, "203.0.113.64"),
        ("203.0.113.77", 32, 48, "203.0.113.77"),
        ("203.0.113.77", 0, 48, NOWHERE),
        ("2001:db8:1234:5678:9:a:b:c", 24, 48, "2001:db8:1234:0:0:0:0:0"),
        ("2001:db8:1234:5678:9:a:b:c", 24, 56, "2001:db8:1234:5600:0:0:0:0"),
        ("2001:db8:1234:5678:9:a:b:c", 24, 128, "2001:db8:1234:5678:9:a:b:c"),
        ("2001:db8:1234:5678:9:a:b:c", 24, 0, "0:0:0:0:0:0:0:0"),
        ("fe80:0:0:0:0:0:0:1%3", 24, 48, "fe80:0:0:0:0:0:0:0"),
        ("fe80::1%eth0", 24, 48, "fe80:0:0:0:0:0:0:0"),
        ("64:ff9b:0:0:0:0:cb00:714d", 24, 48, "64:ff9b:0:0:0:0:0:0"),
        ("2002:cb00:714d:1:0:0:0:1", 24, 48, "2002:cb00:7100:0:0:0:0:0"),
        ("2002:cb00:714d:1:0:0:0:1", 24, 32, "2002:cb00:0:0:0:0:0:0"),
        ("localhost", 24, 48, "localhost"),
        ("LocalHost", 24, 48, "LocalHost"),
        ("somewhere", 24, 48, NOWHERE),
        ("", 24, 48, NOWHERE),
    ],
)
def test_shortened(address: str, ipv4_bits: int, ipv6_bits: int, kept: str) -> None:
    """The first bits are kept; of an address of IPv4 in one of IPv6 no more than of one by itself."""
    assert shortened(address, ipv4_bits=ipv4_bits, ipv6_bits=ipv6_bits) == kept
    assert shortened(kept, ipv4_bits=ipv4_bits, ipv6_bits=ipv6_bits) == kept


@given(st.ip_addresses(), st.integers(0, 32), st.integers(0, 128))
def test_every_address_is_shortened(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, ipv4_bits: int, ipv6_bits: int
) -> None:
    """What is kept is the address of the network of that size, as it is recorded."""
    recorded = ipaddress.ip_address(forwarded([str(address)], PEER))
    bits = ipv4_bits if recorded.version == 4 else ipv6_bits
    if recorded.version == 6 and recorded in ipaddress.ip_network("2002::/16"):
        bits = min(bits, 16 + ipv4_bits)
    network = ipaddress.ip_network(f"{recorded}/{bits}", strict=False)
    kept = shortened(forwarded([str(address)], PEER), ipv4_bits=ipv4_bits, ipv6_bits=ipv6_bits)
    assert ipaddress.ip_address(kept) == network.network_address


@given(st.text(alphabet="0123456789abf:.%[] ,x"))
def test_any_entry(text: str) -> None:
    """Any text is an address, this machine, or leaves the peer."""
    assert forwarded([text], PEER)
