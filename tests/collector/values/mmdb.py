"""A writer of small GeoIP databases, by the MaxMind DB file format specification, version 2.0."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Mapping
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"
_RECORD_BITS = 24

City = dict[str, Any]


class Uint16(int):
    """A whole number to be written in at most 16 bits."""


class Uint64(int):
    """A whole number to be written in at most 64 bits."""


_INTEGERS: dict[type[int], int] = {Uint16: 5, Uint64: 9}


class _Node:
    """A branching of the search tree: what follows a 0 and a 1."""

    def __init__(self) -> None:
        self.branches: list[_Node | bytes | None] = [None, None]


def database(networks: Mapping[str, City], *, kind: str = "GeoLite2-City", ip_version: int = 6) -> bytes:
    """The bytes of a database of `networks`, which must not overlap; IPv4 ones lie under ::/96 in one of IPv6."""
    root = _Node()
    for network, record in networks.items():
        _put(root, _bits(ipaddress.ip_network(network), ip_version), encoded(record))
    nodes = _numbered(root)
    data = bytearray()
    tree = bytearray()
    for node in nodes:
        for branch in node.branches:
            if isinstance(branch, _Node):
                value = nodes.index(branch)
            elif branch is None:
                value = len(nodes)
            else:
                value = len(nodes) + 16 + len(data)
                data += branch
            tree += value.to_bytes(_RECORD_BITS // 8, "big")
    metadata = {
        "binary_format_major_version": Uint16(2),
        "binary_format_minor_version": Uint16(0),
        "build_epoch": Uint64(1_700_000_000),
        "database_type": kind,
        "description": {"en": "invented"},
        "ip_version": Uint16(ip_version),
        "languages": ["en"],
        "node_count": len(nodes),
        "record_size": Uint16(_RECORD_BITS),
    }
    return bytes(tree) + bytes(16) + bytes(data) + _MARKER + encoded(metadata)


def encoded(value: Any) -> bytes:
    """`value` in the data section's encoding; whole numbers are unsigned, of 32 bits."""
    if isinstance(value, bool):
        return _control(14, int(value))
    if isinstance(value, str):
        text = value.encode()
        return _control(2, len(text)) + text
    if isinstance(value, float):
        return _control(3, 8) + struct.pack(">d", value)
    if isinstance(value, int):
        number = value.to_bytes((value.bit_length() + 7) // 8, "big")
        return _control(_INTEGERS.get(type(value), 6), len(number)) + number
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(encoded, value))
    return _control(7, len(value)) + b"".join(encoded(name) + encoded(item) for name, item in value.items())


def _control(kind: int, size: int) -> bytes:
    """The bytes before a value; sizes below 285 are enough here."""
    head, rest = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return (bytes([kind << 5 | head]) if kind < 8 else bytes([head, kind - 7])) + rest


def _bits(network: ipaddress.IPv4Network | ipaddress.IPv6Network, ip_version: int) -> str:
    width = network.max_prefixlen
    prefix = f"{int(network.network_address):0{width}b}"[: network.prefixlen]
    return "0" * 96 + prefix if network.version == 4 and ip_version == 6 else prefix


def _put(root: _Node, bits: str, record: bytes) -> None:
    node = root
    for bit in map(int, bits[:-1]):
        branch = node.branches[bit]
        if not isinstance(branch, _Node):
            branch = node.branches[bit] = _Node()
        node = branch
    node.branches[int(bits[-1])] = record


def _numbered(root: _Node) -> list[_Node]:
    nodes = [root]
    for node in nodes:
        nodes += [branch for branch in node.branches if isinstance(branch, _Node)]
    return nodes
