"""Typed access to a configuration tree: every key is asked for once, by type, and what nobody asked for is unknown.

Problems are collected, not raised, so that all are told together; a wrong value stands as its default meanwhile. The
spellings are Divolte's: true and false only, durations with a unit, sizes as plain numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from pyglue.collector.hocon import Items, Node, Place, Scalar, Tree
from pyglue.errors import Problem

T = TypeVar("T")

_DURATION = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-zµ]*)\s*\Z")
_INTEGER = re.compile(r"-?[0-9]+\Z")
_UNITS_MS = {
    **dict.fromkeys(("ns", "nano", "nanos", "nanosecond", "nanoseconds"), 1e-6),
    **dict.fromkeys(("us", "µs", "micro", "micros", "microsecond", "microseconds"), 1e-3),
    **dict.fromkeys(("", "ms", "milli", "millis", "millisecond", "milliseconds"), 1.0),
    **dict.fromkeys(("s", "second", "seconds"), 1000.0),
    **dict.fromkeys(("m", "minute", "minutes"), 60_000.0),
    **dict.fromkeys(("h", "hour", "hours"), 3_600_000.0),
    **dict.fromkeys(("d", "day", "days"), 86_400_000.0),
}


class Section:
    """One object of the configuration. `path` is its name from the root, for errors."""

    def __init__(self, tree: Tree, path: str, file: str, problems: list[Problem]) -> None:
        self._tree = tree
        self._path = path
        self._file = file
        self._problems = problems
        self._asked: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._tree.values

    def section(self, name: str) -> Section:
        """The object called `name`; an empty one if it is not there."""
        node = self._take(name)
        if node is not None and not isinstance(node, Tree):
            self.problem(name, "expected an object in braces")
        tree = node if isinstance(node, Tree) else Tree({}, {}, self._tree.place)
        return Section(tree, self._name(name), self._file, self._problems)

    def sections(self) -> Iterator[tuple[str, Section]]:
        """All members, each an object, with their names."""
        for name in self._tree.values:
            yield name, self.section(name)

    def text(self, name: str, default: str) -> str:
        """A text."""
        return self._scalar(name, default, lambda scalar: scalar.text, "a text")

    def optional_text(self, name: str) -> str | None:
        """A text, None if the key is not there."""
        text = self.text(name, "")
        return text if name in self else None

    def texts(self, name: str, default: list[str]) -> list[str]:
        """A list of texts; one text is split at commas, as an environment variable has to spell a list."""
        node = self._take(name)
        if node is None:
            return default
        if isinstance(node, Scalar):
            return [part.strip() for part in node.text.split(",") if part.strip()]
        if isinstance(node, Items) and all(isinstance(value, Scalar) for value in node.values):
            texts = [value.text for value in node.values if isinstance(value, Scalar)]
            return [part.strip() for text in texts for part in text.split(",") if part.strip()]
        self.problem(name, "expected a list of texts")
        return default

    def number(self, name: str, default: int, *, least: int = 0, most: int = 2**31 - 1) -> int:
        """A whole number between `least` and `most`."""

        def convert(scalar: Scalar) -> int:
            if not _INTEGER.match(scalar.text) or not least <= int(scalar.text[:20]) <= most:
                raise ValueError
            return int(scalar.text)

        return self._scalar(name, default, convert, f"a whole number from {least} to {most}")

    def truth(self, name: str, default: bool) -> bool:
        """`true` or `false`."""
        truths = {"true": True, "false": False}
        return self._scalar(name, default, lambda scalar: truths[scalar.text], "true or false")

    def milliseconds(self, name: str, default: int) -> int:
        """A duration such as `750 ms`, in whole milliseconds. A number needs its unit, unless it is quoted."""

        def convert(scalar: Scalar) -> int:
            found = _DURATION.match(scalar.text)
            if not found or not (found[2] or scalar.quoted):
                raise ValueError
            return int(float(found[1]) * _UNITS_MS[found[2]])

        return self._scalar(name, default, convert, "a duration with its unit, such as 750 ms")

    def known(self, *names: str) -> None:
        """Take the keys `names` as they are: Divolte reads them, here they mean nothing."""
        self._asked.update(names)

    def flat(self) -> dict[str, str]:
        """All texts of this object and those in it, by dotted name; takes every key."""
        found: dict[str, str] = {}
        for name, node in self._tree.values.items():
            self._asked.add(name)
            if isinstance(node, Tree):
                inner = Section(node, self._name(name), self._file, self._problems).flat()
                found |= {f"{name}.{key}": value for key, value in inner.items()}
            else:
                found[name] = ",".join(self.texts(name, []))
        return found

    def problem(self, name: str, message: str) -> None:
        """Note `message` about the key `name` (or about the object itself, if the key is not there)."""
        place = _place(self._tree.values.get(name)) or self._tree.places.get(name) or self._tree.place
        self._problems.append(Problem(self._file, place.line, place.column, f"{self._name(name)}: {message}"))

    def done(self) -> None:
        """Note every key that nobody asked for."""
        for name in self._tree.values:
            if name not in self._asked:
                place = self._tree.places[name]
                known = ", ".join(sorted(self._asked))
                message = f"unknown key {self._name(name)}; known here: {known}"
                self._problems.append(Problem(self._file, place.line, place.column, message))

    def _name(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _take(self, name: str) -> Node | None:
        self._asked.add(name)
        return self._tree.values.get(name)

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


def _place(node: Node | None) -> Place | None:
    return node.place if isinstance(node, Scalar | Items) else None
