"""Typed access to a configuration tree: every key is asked for once, by type, and what nobody asked for is unknown.

Problems are collected, not raised, so that all are told together; a wrong value stands as its default meanwhile. The
spellings are Divolte's: true and false only, durations with a unit, sizes as plain numbers. A key that is null is not
there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pyglue.collector.config.hash_order import hash_order
from pyglue.collector.config.hocon import Node, Place, Scalar, Tree, as_items
from pyglue.errors import Problem

T = TypeVar("T")

INT_MAX = 2**31 - 1

_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_DURATION = re.compile(rf"\s*({_NUMBER})\s*([^\W\d_]*)\s*\Z")
_DECIMAL = re.compile(rf"\s*-?{_NUMBER}\s*\Z")
_INTEGER = re.compile(r"\s*-?[0-9]{1,20}\s*\Z")
_UNITS_MS = {
    **dict.fromkeys(("ns", "nano", "nanos", "nanosecond", "nanoseconds"), 1e-6),
    **dict.fromkeys(("us", "micro", "micros", "microsecond", "microseconds"), 1e-3),
    **dict.fromkeys(("", "ms", "milli", "millis", "millisecond", "milliseconds"), 1.0),
    **dict.fromkeys(("s", "second", "seconds"), 1000.0),
    **dict.fromkeys(("m", "minute", "minutes"), 60_000.0),
    **dict.fromkeys(("h", "hour", "hours"), 3_600_000.0),
    **dict.fromkeys(("d", "day", "days"), 86_400_000.0),
}
_TRUTHS = {"true": True, "false": False}


class Section:
    """One object of the configuration. `path` is its name from the root, for errors.

    `divolte_path` is what Divolte calls it, who leaves out the names that users give and the root's own.
    """

    def __init__(
        self, tree: Tree, path: str, file: str, problems: list[Problem], divolte_path: str | None = None
    ) -> None:
        self._tree = tree
        self._path = path
        self._file = file
        self._problems = problems
        self._divolte_path = path if divolte_path is None else divolte_path
        self._asked: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return self._value(name) is not None

    def section(self, name: str) -> Section:
        """The object called `name`; an empty one if it is not there."""
        return self._section(name, _join(self._divolte_path, name))

    def members(self, name: str, default: Mapping[str, str]) -> list[tuple[str, Section]]:
        """The objects in the object `name`, with the names that the user gave them, in Divolte's order, a hash map's.

        If `name` is not there: objects as `default` has them, from a name to the text of its key `type`.
        """
        section = self.section(name)
        if name in self:
            return [(key, section._section(key, section._divolte_path)) for key in hash_order(section._tree)]
        place = section._tree.place
        return [
            (key, section._new(key, Tree({"type": Scalar(type_, True, place)}, {"type": place}, place)))
            for key, type_ in default.items()
        ]

    def kind(self, options: Sequence[str]) -> str | None:
        """The text of the key `type`, which must be there and one of `options`; None if not."""
        if "type" not in self:
            self.problem("type", f"expected {' or '.join(options)}")
        return self.choice("type", "", options) or None

    def text(self, name: str, default: str) -> str:
        """A text."""
        return self._scalar(name, default, lambda scalar: scalar.text, "a text")

    def optional_text(self, name: str) -> str | None:
        """A text, None if the key is not there."""
        text = self.text(name, "")
        return text if name in self else None

    def choice(self, name: str, default: str, options: Sequence[str], *, any_case: bool = False) -> str:
        """One of the texts `options`; these are of lower case."""

        def convert(scalar: Scalar) -> str:
            return options[options.index(scalar.text.lower() if any_case else scalar.text)]

        return self._scalar(name, default, convert, " or ".join(options))

    def names(self, name: str) -> tuple[str, ...]:
        """A list of names, each once; the key must be there."""
        node = self._take(name)
        items = as_items(node)
        texts = [value.text for value in items.values if isinstance(value, Scalar)] if items else []
        if items is None or len(texts) < len(items.values):
            self.problem(name, "expected a list of names, such as [a, b]")
        return tuple(dict.fromkeys(texts))

    def number(
        self, name: str, default: int, *, least: int = 0, most: int = INT_MAX, besides: str = ""
    ) -> int:
        """A whole number between `least` and `most`; `besides` is told in an error as what else it may be."""

        def convert(scalar: Scalar) -> int:
            if not _INTEGER.match(scalar.text) or not least <= int(scalar.text) <= most:
                raise ValueError
            return int(scalar.text)

        return self._scalar(name, default, convert, f"{besides}a whole number from {least} to {most}")

    def optional_number(self, name: str) -> int | None:
        """A whole number of 32 bits, None if the key is not there."""
        number = self.number(name, 0, least=-INT_MAX - 1)
        return number if name in self else None

    def decimal(self, name: str, default: float) -> float:
        """A number that may have a fraction."""

        def convert(scalar: Scalar) -> float:
            if not _DECIMAL.match(scalar.text):
                raise ValueError
            return float(scalar.text)

        return self._scalar(name, default, convert, "a number")

    def truth(self, name: str, default: bool) -> bool:
        """`true` or `false`."""
        return self._scalar(name, default, lambda scalar: _TRUTHS[scalar.text], "true or false")

    def milliseconds(self, name: str, default: int) -> int:
        """A duration such as `750 ms`, in whole milliseconds. A number needs its unit, unless it is quoted."""

        def convert(scalar: Scalar) -> int:
            found = _DURATION.match(scalar.text)
            if not found or not (found[2] or scalar.quoted):
                raise ValueError
            return int(float(found[1]) * _UNITS_MS[found[2]])

        return self._scalar(name, default, convert, "a duration with its unit, such as 750 ms")

    def flat(self) -> dict[str, Scalar]:
        """All values of this object and those in it, by dotted name; lists as texts joined by commas. Takes every key."""
        found: dict[str, Scalar] = {}
        for name in self._tree.values:
            node = self._take(name)
            items = as_items(node)
            if isinstance(node, Scalar):
                found[name] = node
            elif items is not None and all(isinstance(value, Scalar) for value in items.values):
                texts = [value.text for value in items.values if isinstance(value, Scalar)]
                found[name] = Scalar(",".join(texts), True, items.place)
            elif isinstance(node, Tree):
                inner = self.section(name).flat()
                found |= {f"{name}.{key}": value for key, value in inner.items()}
            elif node is not None:
                self.problem(name, "expected a text or a list of texts")
        return found

    def problem(self, name: str, message: str) -> None:
        """Note `message` about the key `name` (or about the object itself, if the key is not there)."""
        node = self._tree.values.get(name)
        place = node.place if node is not None and not isinstance(node, Tree) else self._tree.places.get(name)
        variable = node.variable if isinstance(node, Scalar) else ""
        self.problem_at(place or self._tree.place, name, message, variable)

    def problem_at(self, place: Place, name: str, message: str, variable: str = "") -> None:
        """Note `message` about what `name` tells below this object and what stands at `place`, or in `variable`."""
        self._problems.append(
            Problem(self._file, place.line, place.column, f"{_join(self._path, name)}: {message}", variable)
        )

    def done(self) -> None:
        """Note every key that nobody asked for."""
        for name in self._tree.values:
            if name not in self._asked:
                self._unknown(name)

    def _unknown(self, name: str) -> None:
        path, divolte_path = _join(self._path, name), _join(self._divolte_path, name)
        also = "" if divolte_path == path else f" (to Divolte: {divolte_path.removeprefix('divolte.')})"
        known = ", ".join(sorted(self._asked))
        place = self._tree.places[name]
        message = f"unknown key {path}{also}; known here: {known}"
        self._problems.append(Problem(self._file, place.line, place.column, message))

    def _section(self, name: str, divolte_path: str) -> Section:
        node = self._take(name)
        if node is not None and not isinstance(node, Tree):
            self.problem(name, "expected an object in braces")
        tree = node if isinstance(node, Tree) else Tree({}, {}, self._tree.places.get(name, self._tree.place))
        return self._new(name, tree, divolte_path)

    def _new(self, name: str, tree: Tree, divolte_path: str = "") -> Section:
        return Section(tree, _join(self._path, name), self._file, self._problems, divolte_path)

    def _value(self, name: str) -> Node | None:
        node = self._tree.values.get(name)
        return None if isinstance(node, Scalar) and node.text == "null" and not node.quoted else node

    def _take(self, name: str) -> Node | None:
        self._asked.add(name)
        return self._value(name)

    def _scalar(self, name: str, default: T, convert: Callable[[Scalar], T], expected: str) -> T:
        node = self._take(name)
        if node is None:
            return default
        if isinstance(node, Scalar):
            try:
                return convert(node)
            except (ValueError, KeyError, OverflowError):
                self.problem(name, f"expected {expected}, found {node.text!r}")
                return default
        self.problem(name, f"expected {expected}")
        return default


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
