"""The one door to `yaml`: documents whose values remember their lines.

Only what compose files use: maps with string keys, lists, scalars, anchors, merge keys (`<<`). Tags that make
Python objects are refused by construction: scalars come from YAML's safe resolver.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from pyglue.errors import InputError, Problem

MAP = "tag:yaml.org,2002:map"
SEQ = "tag:yaml.org,2002:seq"
MERGE = "tag:yaml.org,2002:merge"
# A date stays the text that was written, and so does a lone `=`: Compose hands both on as they are.
AS_WRITTEN = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")


class Map(dict[str, Any]):
    """A YAML map; `lines[key]` is the line (from 1) on which the key stands, `line` where the map begins."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class Seq(list[Any]):
    """A YAML list; `lines[index]` is the line of that item."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


def load(text: str, name: str) -> Any:
    """Parse one YAML document into Map, Seq and scalars.

    `name` is the file's name in errors. Raises InputError with line and column where the text is no YAML,
    a key is no plain word or stands twice, or a value has a tag of its own or holds itself.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise InputError([Problem(name, line, column, error.problem or "this is no YAML")]) from error
    except yaml.YAMLError as error:
        raise InputError([Problem(name, None, None, str(error))]) from error
    return _Builder(name).value(node) if node is not None else Map(1)


class _Builder:
    """Turns yaml's node graph into our values. The constructor is only used for scalars."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._scalars = yaml.SafeLoader("")
        self._open: list[yaml.Node] = []  # from the top down to where we are

    def value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node.tag not in (MAP, SEQ):
            raise InputError([self._problem(node, f"the tag {node.tag} means nothing in a compose file")])
        with self._inside(node):
            return self._map(node) if isinstance(node, yaml.MappingNode) else self._seq(node)

    @contextmanager
    def _inside(self, node: yaml.Node) -> Iterator[None]:
        """An alias can make a value hold itself; going down into it would never end."""
        if any(other is node for other in self._open):
            raise InputError([self._problem(node, "this value holds itself, by an alias")])
        self._open.append(node)
        yield
        self._open.pop()

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag in AS_WRITTEN:
            return node.value
        try:
            return self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            message = f"the tag {node.tag} can't be read: {getattr(error, 'problem', None) or error}"
            raise InputError([self._problem(node, message)]) from error

    def _seq(self, node: yaml.Node) -> Seq:
        seq = Seq(node.start_mark.line + 1)
        for item in node.value:
            seq.append(self.value(item))
            seq.lines.append(item.start_mark.line + 1)
        return seq

    def _map(self, node: yaml.MappingNode) -> Map:
        result = Map(node.start_mark.line + 1)
        for key_node, value_node in self._merged(node):
            result[key_node.value] = self.value(value_node)
            result.lines[key_node.value] = key_node.start_mark.line + 1
        return result

    def _merged(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """The merged keys first, so that the map's own ones win."""
        seen: set[str] = set()
        own: list[tuple[yaml.Node, yaml.Node]] = []
        for key, value in node.value:
            if key.tag == MERGE:
                yield from self._sources(value)
                continue
            if not isinstance(key, yaml.ScalarNode) or not isinstance(key.value, str):
                raise InputError([self._problem(key, "a key must be a plain word")])
            if key.value in seen:
                raise InputError([self._problem(key, f"the key {key.value!r} stands here twice")])
            seen.add(key.value)
            own.append((key, value))
        yield from own

    def _sources(self, value: yaml.Node) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
        for source in reversed(sources):
            if not isinstance(source, yaml.MappingNode):
                raise InputError([self._problem(value, "`<<` merges maps only")])
            with self._inside(source):
                yield from self._merged(source)

    def _problem(self, node: yaml.Node, message: str) -> Problem:
        return Problem(self._name, node.start_mark.line + 1, node.start_mark.column + 1, message)
