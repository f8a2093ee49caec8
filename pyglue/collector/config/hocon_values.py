"""What HOCON describes: values as they are written, and the tree that is left when substitutions are answered.

A key that is given twice keeps what came earlier (`Layers`) where the later value may yet turn out to be an object or
nothing: `a = ${?X}` leaves the earlier `a` alone if X is nowhere. Substitutions look forward, to the last value of
what they name; one that would lead back to its own field looks at the earlier value of that field instead, so that
`path = ${path} [x]` appends. Source of these rules: the HOCON specification of the Typesafe Config library.

Members of an object stand in the order in which that library's hash maps would have been filled: of two objects that
are merged, the later one's come first. `hash_order` needs that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from pyglue.errors import InputError, Problem

MAX_DEPTH = 64  # of braces, and of substitutions that lead to substitutions
_MAX_STEPS = 100  # of both together; a step takes up to seven of Python's thousand frames
_MAX_LINKS = 32  # of substitutions on the way to a member
# Values looked at and characters joined, a thousand times what an ordinary file needs. Of lines like `a = ${b}${b}`, each
# of which names the next one twice, every further one doubles it.
_MAX_WORK = 200_000
_INDEX = re.compile(r"[0-9]{1,9}\Z")

Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where a key or value stands; counts from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Scalar:
    """A text, number, boolean or null as it is spelt. `quoted` tells "8290" from 8290.

    `variable` is the one of the environment whose value it is, empty if it stands in the file.
    """

    text: str
    quoted: bool
    place: Place
    variable: str = ""


@dataclass(frozen=True)
class Items:
    """A list."""

    values: tuple[Node, ...]
    place: Place


@dataclass(frozen=True)
class Tree:
    """An object: its values and the places of its keys."""

    values: dict[str, Node]
    places: dict[str, Place]
    place: Place


Node: TypeAlias = Scalar | Items | Tree


@dataclass(frozen=True)
class RawTree:
    """An object as it is written."""

    values: dict[str, Raw]
    places: dict[str, Place]
    place: Place


@dataclass(frozen=True)
class RawItems:
    """A list as it is written."""

    values: tuple[Raw, ...]
    place: Place


@dataclass(frozen=True)
class Reference:
    """`${path}`, or `${?path}` if `optional`."""

    path: Path
    optional: bool
    place: Place


@dataclass(frozen=True)
class Earlier:
    """The earlier value of the same key, to which `+=` appends; nothing if there is none."""

    place: Place


@dataclass(frozen=True)
class Parts:
    """Several values beside each other: texts make one text, lists one list, objects one object."""

    parts: tuple[Raw, ...]
    place: Place


@dataclass(frozen=True)
class Layers:
    """A key given several times, the last one last, where what that one is decides whether the others count."""

    values: tuple[Raw, ...]


Raw: TypeAlias = Scalar | RawTree | RawItems | Reference | Earlier | Parts | Layers


def refuse(file: str, place: Place, message: str) -> NoReturn:
    """Raise the InputError with this one problem."""
    raise InputError([Problem(file, place.line, place.column, message)])


def over(given: Sequence[Raw]) -> Raw:
    """What a key holds that is given these values, at least one, the last one last.

    All are put together at once, for a key may be given a thousand times.
    """
    layers: list[Raw] = []
    trees: list[RawTree] = []  # those that make up the only layer
    for value in given:
        if isinstance(value, Scalar | RawItems):
            layers, trees = [value], []
        elif isinstance(value, RawTree) and (
            trees or all(isinstance(it, Scalar | RawItems) for it in layers)
        ):
            layers = []
            trees.append(value)
        elif isinstance(value, Layers) and not layers and not trees:
            layers = list(value.values)
        else:
            if trees:
                layers, trees = [_merged_raw(trees)], []
            layers.append(value)
    if trees:
        return _merged_raw(trees)
    return layers[0] if len(layers) == 1 else Layers(tuple(layers))


def _merged_raw(trees: Sequence[RawTree]) -> RawTree:
    """One object of several, the last one last; its members come first."""
    given: dict[str, list[Raw]] = {name: [] for tree in reversed(trees) for name in tree.values}
    places: dict[str, Place] = {}
    for tree in trees:
        places |= tree.places
        for name, value in tree.values.items():
            given[name].append(value)
    return RawTree({name: over(values) for name, values in given.items()}, places, trees[0].place)


def as_items(node: Node | None) -> Items | None:
    """The list that `node` is, or stands for by having numbers as keys (`x.0 = a, x.1 = b`); None if it is none."""
    if isinstance(node, Items):
        return node
    if isinstance(node, Tree) and node.values and all(map(_INDEX.match, node.values)):
        return Items(tuple(node.values[name] for name in sorted(node.values, key=int)), node.place)
    return None


def resolve(root: RawTree, file: str, environment: Mapping[str, str]) -> Tree:
    """The tree with every substitution answered, by the file and then by `environment`; raises InputError."""
    try:
        return _Resolver(root, file, environment).tree(root, (), {})
    except _CycleError as cycle:
        refuse(file, cycle.place, f"{cycle} refers to itself")


class _CycleError(Exception):
    def __init__(self, place: Place, path: Path) -> None:
        super().__init__(f"${{{'.'.join(path)}}}")
        self.place = place


# The fields whose values are being found out, each with its earlier value: what a substitution sees that leads back.
_UnderWay: TypeAlias = Mapping[Path, "Raw | None"]


class _Resolver:
    def __init__(self, root: RawTree, file: str, environment: Mapping[str, str]) -> None:
        self._root = root
        self._file = file
        self._environment = environment
        self._steps = 0
        self._work = 0

    def _spend(self, work: int, place: Place) -> None:
        """Note work that is about to be done, or was."""
        self._work += work
        if self._work > _MAX_WORK:
            refuse(
                self._file, place, "its substitutions make more of this file than anybody could have meant"
            )

    def tree(self, raw: RawTree, path: Path, under_way: _UnderWay) -> Tree:
        self._spend(1 + len(raw.values), raw.place)
        inside = _inside(path, under_way)
        values = {}
        for name, value in raw.values.items():
            node = self._node(value, (*path, name), inside)
            if node is not None:
                values[name] = node
        return Tree(values, {name: raw.places[name] for name in values}, raw.place)

    def _items(self, raw: RawItems, path: Path, under_way: _UnderWay) -> Items:
        self._spend(1 + len(raw.values), raw.place)
        inside = _inside(path, under_way)
        nodes = (self._node(value, (*path, f"[{at}]"), inside) for at, value in enumerate(raw.values))
        return Items(tuple(node for node in nodes if node is not None), raw.place)

    def _node(self, raw: Raw, path: Path, under_way: _UnderWay) -> Node | None:
        """The value of the field at `path`; None if it has none."""
        if isinstance(raw, Scalar):
            return raw
        self._steps += 1
        if self._steps > _MAX_STEPS or len(under_way) > MAX_DEPTH:
            refuse(self._file, _place(raw), f"nested or referred to deeper than {MAX_DEPTH} levels")
        try:
            if isinstance(raw, RawTree):
                return self.tree(raw, path, under_way)
            if isinstance(raw, RawItems):
                return self._items(raw, path, under_way)
            return self._layered(raw, path, under_way)
        finally:
            self._steps -= 1

    def _layered(
        self, raw: Reference | Earlier | Parts | Layers, path: Path, under_way: _UnderWay
    ) -> Node | None:
        later, earlier = _top(raw)
        if path in under_way:
            raise _CycleError(_place(later), later.path if isinstance(later, Reference) else path)
        node = self._value(later, path, {**under_way, path: earlier})
        if earlier is None or isinstance(node, Scalar | Items):
            return node
        below = self._node(earlier, path, under_way)
        if node is None:
            return below
        return _merged(node, below) if isinstance(below, Tree) else node

    def _value(self, raw: Raw, path: Path, under_way: _UnderWay) -> Node | None:
        if isinstance(raw, Reference):
            return self._looked_up(raw, path, under_way)
        if isinstance(raw, Parts):
            return self._joined(raw, [self._value(part, path, under_way) for part in raw.parts])
        if isinstance(raw, Earlier):
            earlier = under_way[path]
            return None if earlier is None else self._node(earlier, path, _without(path, under_way))
        return self._node(raw, path, under_way)

    def _joined(self, raw: Parts, nodes: list[Node | None]) -> Node | None:
        present = [node for node in nodes if node is not None]
        solid = [node for node in present if not _is_blank(node)]
        if not present:
            return None
        if all(isinstance(node, Scalar) for node in solid):
            texts = [node for node in present if isinstance(node, Scalar)]
            if len(texts) == 1:
                return texts[0]
            joined_text = "".join(text.text for text in texts)
            self._spend(len(joined_text), raw.place)
            return Scalar(joined_text, True, raw.place)
        if all(isinstance(node, Tree) for node in solid):
            joined = solid[0]
            for node in solid[1:]:
                joined = _merged(node, joined)
                self._spend(len(joined.values) if isinstance(joined, Tree) else 1, raw.place)
            return joined
        lists = [items for items in map(as_items, solid) if items is not None]
        if len(lists) < len(solid):
            refuse(
                self._file,
                raw.place,
                "texts can be joined with texts, lists with lists, objects with objects",
            )
        self._spend(sum(len(items.values) for items in lists), raw.place)
        return Items(tuple(value for items in lists for value in items.values), raw.place)

    def _looked_up(self, reference: Reference, path: Path, under_way: _UnderWay) -> Node | None:
        self._spend(1, reference.place)
        try:
            node = self._found(reference.path, path, under_way)
        except _CycleError:
            if not reference.optional:
                raise
            node = None
        if node is not None:
            return node
        name = ".".join(reference.path)
        if name in self._environment:
            return Scalar(self._environment[name], True, reference.place, name)
        if reference.optional:
            return None
        if reference.path in under_way:
            raise _CycleError(reference.place, reference.path)
        refuse(self._file, reference.place, f"${{{name}}} is neither in this file nor in the environment")

    def _found(self, target: Path, path: Path, under_way: _UnderWay) -> Node | None:
        field = path if target[: len(path)] == path else target
        if field in under_way:
            earlier = under_way[field]
            raw = None if earlier is None else self._member(earlier, target[len(field) :], ())
            return None if raw is None else self._node(raw, target, _without(field, under_way))
        raw = self._member(self._root, target, ())
        return None if raw is None else self._node(raw, target, under_way)

    def _member(self, raw: Raw, path: Path, through: tuple[Reference, ...]) -> Raw | None:
        """What lies at `path` below `raw`, without finding out what lies beside it."""
        self._spend(1, _place(raw))
        found: Raw | None = raw
        for name in path:
            if found is None:
                return None
            found = self._child(found, name, through)
        return found

    def _child(self, raw: Raw, name: str, through: tuple[Reference, ...]) -> Raw | None:
        if isinstance(raw, RawTree):
            return raw.values.get(name)
        if isinstance(raw, Layers):
            return self._topmost(raw.values, name, through)
        if isinstance(raw, Parts):
            return self._topmost(raw.parts, name, through)
        if isinstance(raw, Reference) and raw not in through and len(through) < _MAX_LINKS:
            return self._member(self._root, (*raw.path, name), (*through, raw))
        return None

    def _topmost(self, raws: tuple[Raw, ...], name: str, through: tuple[Reference, ...]) -> Raw | None:
        found = [child for raw in raws if (child := self._child(raw, name, through)) is not None]
        return over(found) if found else None


def _inside(path: Path, under_way: _UnderWay) -> _UnderWay:
    """For the members of the object or list at `path`, which may refer to each other and so look forward."""
    return {field: earlier for field, earlier in under_way.items() if field != path[: len(field)]}


def _without(path: Path, under_way: _UnderWay) -> _UnderWay:
    return {field: earlier for field, earlier in under_way.items() if field != path}


def _merged(later: Node, earlier: Node) -> Node:
    if not isinstance(later, Tree) or not isinstance(earlier, Tree):
        return later
    values = {
        name: _merged(node, earlier.values[name]) if name in earlier.values else node
        for name, node in later.values.items()
    }
    return Tree(
        {**values, **{name: node for name, node in earlier.values.items() if name not in values}},
        {**earlier.places, **later.places},
        earlier.place,
    )


def _top(raw: Raw) -> tuple[Raw, Raw | None]:
    if not isinstance(raw, Layers):
        return raw, None
    *earlier, later = raw.values
    return later, earlier[0] if len(earlier) == 1 else Layers(tuple(earlier))


def _is_blank(node: Node) -> bool:
    return isinstance(node, Scalar) and not node.quoted and not node.text.strip()


def _place(raw: Raw) -> Place:
    return _place(raw.values[-1]) if isinstance(raw, Layers) else raw.place
