"""What a mapping means, once it is understood: values that an event gives, and actions in their order.

A `Node` is a value: how to compute it from others, its type, and whether it can be empty. Equal nodes are computed
once per event. Types are Avro's names for what may go onto a field of that type, and names of our own for values that
have further functions.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeAlias

from pyglue.collector.avro.schema import Field
from pyglue.collector.mapping.parser import Literal
from pyglue.collector.mapping.tokens import Place

JSON_TYPES = ("json", "parameters")
_TEXTUAL = ("boolean", "int", "long", "float", "double")  # beside string, what a digest takes


@dataclass(frozen=True, eq=False)  # see Alike
class Node:
    """A value of `type`, as the Python text `python` computes it.

    `python` may use `e` (the event), `{0}`, `{1}`.. (the variables that hold `arguments`) and `{k0}`, `{k1}`.. (those
    that hold `constants`). If an argument is empty, so is the value, unless `total` says that `python` sees to that.
    `certain` says that the value is never empty; an empty one is None, of JSON types ABSENT. A text is `utf8` if it
    comes as bytes, else str. `objects` are what `constants` stand for.
    """

    type: str
    python: str
    arguments: tuple[Node, ...] = ()
    constants: tuple[Hashable, ...] = ()
    objects: tuple[object, ...] = ()
    certain: bool = False
    total: bool = False
    utf8: bool = False
    fails: str = ""  # why an event that reaches this is dropped, if Divolte's worker would end there


class Alike:
    """Numbers for values: those that are equal in all but `objects` share one.

    A value of many values is looked at once, however many others it is part of; compared by itself it would be gone
    through again for each of them.
    """

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._seen: dict[int, tuple[Node, int]] = {}

    def number(self, node: Node) -> int:
        """The value's number."""
        seen = self._seen.get(id(node))
        if seen is not None:
            return seen[1]
        arguments = tuple(map(self.number, node.arguments))
        marks = (node.certain, node.total, node.utf8, node.fails)
        identity = (node.type, node.python, arguments, node.constants, marks)
        number = self._numbers.setdefault(identity, len(self._numbers))
        self._seen[id(node)] = node, number
        return number


@dataclass(frozen=True)
class MapOnto:
    """Put `value` into the field, if there is one."""

    value: Node
    onto: Field


@dataclass(frozen=True)
class When:
    """Do `actions` if `condition` is there and true."""

    condition: Node
    actions: tuple[Action, ...]


@dataclass(frozen=True)
class Section:
    """Do `actions`; `Exit` among them leaves it."""

    actions: tuple[Action, ...]


@dataclass(frozen=True)
class Exit:
    """Leave the section, or the mapping where there is none."""


@dataclass(frozen=True)
class Stop:
    """Leave the mapping. The record is made of what it set."""


Action: TypeAlias = MapOnto | When | Section | Exit | Stop


@dataclass(frozen=True)
class Mapped:
    """What `--check` tells of one `map`: the field and its type."""

    field: str
    field_type: str
    place: Place


def constant(literal: Literal) -> Node:
    """A constant as a value that is always there."""
    value = literal.value
    held = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return Node(literal.type, "{k0}", (), (repr(value),), (held,), certain=True, utf8=isinstance(value, str))


def negated(node: Node) -> Node:
    return Node("boolean", "not {0}", (node,), certain=node.certain)


def as_str(node: Node) -> Node:
    return Node("string", "{0}.decode()", (node,), certain=node.certain) if node.utf8 else node


def as_utf8(node: Node) -> Node:
    if node.utf8:
        return node
    return Node("string", "{0}.encode('utf-8', 'replace')", (node,), certain=node.certain, utf8=True)


def piece(node: Node) -> Node | None:
    """A digest's piece as UTF-8, None if values of this type can't be one."""
    if node.type == "string":
        return as_utf8(node)
    if node.type in (*JSON_TYPES, *_TEXTUAL):
        return Node("piece", "piece({0})", (node,), total=node.type in JSON_TYPES)
    return None
