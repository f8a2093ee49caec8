"""The order in which Divolte meets the members of an object of its configuration: not the file's, but hash tables'.

It decides which of two sources has a path that both claim, and how files are numbered. The Typesafe Config library
keeps members in a HashMap by name and hands them out as a HashSet of entries. An entry's hash is its name's xor its
value's, so the order depends on what the members hold. Hashes are Java's `hashCode` as its documentation defines them,
and that of the library's objects; all are 32 bits. Checked against that library, version 1.3.3.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable

from pyglue.collector.config.hocon_values import Items, Node, Tree

_INT, _LONG = 2**32 - 1, 2**64 - 1
_LEAST, _MOST = -(2**63), 2**63 - 1
_WHOLE = re.compile(r"-?0{0,99}[0-9]{1,19}\Z")
_FRACTION = re.compile(r"(?=[-0-9])(?=.*[.eE])-?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]+)?\Z")
_WORD_HASHES = {"true": 1231, "false": 1237, "null": 0}  # Java's, of the values and not of the words


def hash_order(tree: Tree) -> list[str]:
    """The names of the object's members in the order in which Divolte meets them.

    That is a Java HashSet's of entries, which the Typesafe Config library makes of a HashMap: see `_in_buckets`. An
    entry's hash is its name's xor its value's.
    """
    names = _in_buckets([(name, _text_hash(name)) for name in tree.values])
    return _in_buckets([(name, _text_hash(name) ^ _hash(tree.values[name])) for name in names])


def _in_buckets(hashed: list[tuple[str, int]]) -> list[str]:
    """The names as a hash table hands them out that they were put into in this order, each with its hash.

    The table begins with 16 buckets and doubles when more than three quarters of that are taken; the upper half of a
    hash is folded into the lower one. (Documentation of java.util.HashMap.)
    """
    buckets = 16
    while len(hashed) > buckets * 3 // 4:
        buckets *= 2
    return [name for name, _ in sorted(hashed, key=lambda entry: _folded(entry[1], 16) & (buckets - 1))]


def _hash(node: Node) -> int:
    """The 32 bits of the value's hashCode in the Typesafe Config library: its Java value's, but an object has its own."""
    if isinstance(node, Items):
        return _list_hash(map(_hash, node.values))
    if isinstance(node, Tree):
        names = sorted(node.values, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        values = sum(map(_hash, node.values.values()))
        return (41 * (41 + _list_hash(map(_text_hash, names))) + values) & _INT
    if not node.quoted and node.text in _WORD_HASHES:
        return _WORD_HASHES[node.text]
    number = None if node.quoted else _number(node.text)
    if number is None:
        return _text_hash(node.text)
    whole = int(min(max(number, _LEAST), _MOST))
    bits = whole & _LONG if number in (whole, float(whole)) else int.from_bytes(struct.pack(">d", number))
    return _folded(bits, 32) & _INT


def _number(text: str) -> float | None:
    """The number that an unquoted text is, None if it is none: a whole one of 64 bits, or one with a fraction."""
    if _WHOLE.match(text) and _LEAST <= int(text) <= _MOST:
        return int(text)
    return float(text) if _FRACTION.match(text) else None


def _list_hash(hashes: Iterable[int]) -> int:
    value = 1
    for each in hashes:
        value = (31 * value + each) & _INT
    return value


def _text_hash(text: str) -> int:
    units = text.encode("utf-16-le", "surrogatepass")
    value = 0
    for at in range(0, len(units), 2):
        value = (31 * value + int.from_bytes(units[at : at + 2], "little")) & _INT
    return value


def _folded(value: int, bits: int) -> int:
    return value ^ (value >> bits)
