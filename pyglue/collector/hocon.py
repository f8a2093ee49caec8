"""HOCON, as far as collector configurations use it, read into a tree in which every value knows its place.

Understood: JSON, root braces left out, keys with dots, `=` `:` or nothing before `{`, comments with `#` and `//`,
newlines for commas, unquoted and triple-quoted strings, repeated keys (objects merge, others replace),
concatenation of texts, and substitutions `${path}` and `${?path}`, answered by the file and then by the environment.
`include`, `+=` and the concatenation of objects or lists are refused.

Scalars keep their spelling; `config` decides what type is wanted. Source of the rules: the HOCON specification of
the Typesafe Config library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

from pyglue.errors import InputError, Problem

_TOKENS = re.compile(
    r"(?P<blank>[ \t\r\f\ufeff]+)"
    r"|(?P<comment>(?:\#|//)[^\n]*)"
    r"|(?P<newline>\n)"
    r'|(?P<triple>"""[\s\S]*?"""+)'
    r'|(?P<string>"(?:[^"\\\n]|\\.)*")'
    r"|(?P<substitution>\$\{\??[^}\n]*\})"
    r"|(?P<append>\+=)"
    r"|(?P<mark>[{}\[\]:=,])"
    r'|(?P<text>(?:(?!//)[^$"{}\[\]:=,+\#`^?!@*&\\\s])+)'
)
_MAX_DEPTH = 64


@dataclass(frozen=True)
class Place:
    """Where a key or value stands; counts from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Scalar:
    """A text, number, boolean or null as it is spelt. `quoted` tells "8290" from 8290."""

    text: str
    quoted: bool
    place: Place


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
class _Token:
    kind: str
    text: str
    place: Place


@dataclass(frozen=True)
class _Reference:
    path: tuple[str, ...]
    optional: bool
    place: Place


@dataclass(frozen=True)
class _Parts:
    """A value of several parts, or one that replaces `earlier` only if its reference is there."""

    parts: tuple[Scalar | _Reference, ...]
    earlier: _Raw | None
    place: Place


@dataclass
class _RawTree:
    values: dict[str, _Raw]
    places: dict[str, Place]
    place: Place


@dataclass
class _RawItems:
    values: list[_Raw] = field(default_factory=list)
    place: Place = Place(1, 1)


_Raw: TypeAlias = "Scalar | _Parts | _RawTree | _RawItems"


def read(source: str, file: str, environment: Mapping[str, str]) -> Tree:
    """The tree that `source` describes; raises InputError (naming `file`) at the first thing not understood."""
    root = _Parser(source, file).root()
    return _Resolver(root, file, environment).tree(root)


def _refuse(file: str, place: Place, message: str) -> NoReturn:
    raise InputError([Problem(file, place.line, place.column, message)])


class _Parser:
    def __init__(self, source: str, file: str) -> None:
        self._file = file
        self._tokens = list(self._cut(source))
        self._at = 0
        self._depth = 0

    def _cut(self, source: str) -> Iterator[_Token]:
        at, line, start = 0, 1, 0
        while at < len(source):
            place = Place(line, at - start + 1)
            found = _TOKENS.match(source, at)
            if not found:
                _refuse(self._file, place, f"'{source[at]}' is not expected here")
            if found.lastgroup != "comment":
                yield _Token(str(found.lastgroup), found[0], place)
            at = found.end()
            if "\n" in found[0]:
                line += found[0].count("\n")
                start = found.start() + found[0].rindex("\n") + 1
        yield _Token("end", "", Place(line, at - start + 1))

    def root(self) -> _RawTree:
        self._skip_lines()
        braces = self._token.text == "{"
        if braces:
            self._at += 1
        tree = self._members(Place(1, 1), "}" if braces else "")
        self._skip_lines()
        if self._token.kind != "end":
            self._expected("the end of the file")
        return tree

    def _members(self, place: Place, end: str) -> _RawTree:
        tree = _RawTree({}, {}, place)
        while True:
            self._skip_lines(commas=True)
            if self._token.kind == "end" and not end:
                return tree
            if end and self._token.text == end:
                self._at += 1
                return tree
            self._member(tree)

    def _member(self, tree: _RawTree) -> None:
        place = self._token.place
        path = self._key()
        self._skip_blanks()
        if self._token.text in ("=", ":"):
            self._at += 1
        elif self._token.text != "{":
            self._expected(f"'=' or '{{' after {'.'.join(path)}")
        value = self._value()
        if self._token.kind not in ("newline", "end") and self._token.text not in (",", "}"):
            self._expected("a comma or a new line after the value")
        _put(tree, path, value, place)

    def _key(self) -> list[str]:
        text, parts = "", []
        while self._token.kind in ("text", "string", "blank"):
            token = self._token
            if token.kind == "string":
                text += self._unquoted(token)
            elif token.kind == "text":
                *heads, text_end = token.text.split(".")
                for head in heads:
                    parts.append(text + head)
                    text = ""
                text += text_end
            elif self._tokens[self._at + 1].kind in ("text", "string"):
                text += token.text
            self._at += 1
        parts.append(text)
        if "" in parts or parts[0].startswith("include "):
            self._expected("a key" if "" in parts else "a key (include is not supported)")
        return parts

    def _value(self) -> _Raw:
        self._skip_blanks()
        while self._token.kind == "newline":
            self._at += 1
            self._skip_blanks()
        token = self._token
        if token.text in ("{", "[") and token.kind == "mark":
            self._at += 1
            self._depth += 1
            if self._depth > _MAX_DEPTH:
                _refuse(self._file, token.place, f"nested deeper than {_MAX_DEPTH} levels")
            value: _Raw = self._members(token.place, "}") if token.text == "{" else self._items(token.place)
            self._depth -= 1
            self._skip_blanks()
            return value
        return self._concatenation()

    def _items(self, place: Place) -> _RawItems:
        items = _RawItems([], place)
        while True:
            self._skip_lines(commas=True)
            if self._token.text == "]":
                self._at += 1
                return items
            if self._token.kind == "end":
                self._expected("']'")
            items.values.append(self._value())

    def _concatenation(self) -> _Raw:
        place = self._token.place
        parts: list[Scalar | _Reference] = []
        while self._token.kind in ("text", "string", "triple", "substitution", "blank"):
            token = self._token
            if token.kind == "substitution":
                parts.append(self._reference(token))
            else:
                quoted = token.kind in ("string", "triple")
                text = self._unquoted(token) if quoted else token.text
                parts.append(Scalar(text, quoted, token.place))
            self._at += 1
        while parts and isinstance(parts[-1], Scalar) and not parts[-1].quoted and not parts[-1].text.strip():
            parts.pop()
        if not parts:
            self._expected("a value")
        if len(parts) == 1 and isinstance(parts[0], Scalar):
            return parts[0]
        if all(isinstance(part, Scalar) for part in parts):
            return _joined(parts, place)
        return _Parts(tuple(parts), None, place)

    def _reference(self, token: _Token) -> _Reference:
        inner = token.text[2:-1]
        optional = inner.startswith("?")
        path = tuple(part.strip().strip('"') for part in inner.removeprefix("?").split("."))
        if "" in path:
            _refuse(self._file, token.place, f"{token.text} names nothing")
        return _Reference(path, optional, token.place)

    def _unquoted(self, token: _Token) -> str:
        if token.kind == "triple":
            return token.text[3:-3]
        try:
            return str(json.loads(token.text))
        except ValueError:
            _refuse(self._file, token.place, f"{token.text} is no string as in JSON")

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _skip_blanks(self) -> None:
        while self._token.kind == "blank":
            self._at += 1

    def _skip_lines(self, *, commas: bool = False) -> None:
        while self._token.kind in ("blank", "newline") or (commas and self._token.text == ","):
            self._at += 1

    def _expected(self, what: str) -> NoReturn:
        token = self._token
        found = {"end": "the end of the file", "newline": "the end of the line"}.get(token.kind, token.text)
        _refuse(self._file, token.place, f"expected {what}, found {found}")


def _put(tree: _RawTree, path: list[str], value: _Raw, place: Place) -> None:
    for name in path[:-1]:
        inner = tree.values.get(name)
        if not isinstance(inner, _RawTree):
            inner = tree.values[name] = _RawTree({}, {}, place)
            tree.places[name] = place
        tree = inner
    name = path[-1]
    earlier = tree.values.get(name)
    if isinstance(value, _RawTree) and isinstance(earlier, _RawTree):
        for key, inner_value in value.values.items():
            _put(earlier, [key], inner_value, value.places[key])
        return
    if isinstance(value, _Parts) and earlier is not None:
        value = _Parts(value.parts, earlier, value.place)
    tree.values[name] = value
    tree.places[name] = place


def _joined(parts: list[Scalar | _Reference] | list[Scalar], place: Place) -> Scalar:
    return Scalar("".join(part.text for part in parts if isinstance(part, Scalar)), True, place)


class _Resolver:
    def __init__(self, root: _RawTree, file: str, environment: Mapping[str, str]) -> None:
        self._root = root
        self._file = file
        self._environment = environment
        self._under_way: list[tuple[str, ...]] = []

    def tree(self, raw: _RawTree) -> Tree:
        values = {}
        for name, value in raw.values.items():
            resolved = self._node(value)
            if resolved is not None:
                values[name] = resolved
        return Tree(values, {name: raw.places[name] for name in values}, raw.place)

    def _node(self, raw: _Raw) -> Node | None:
        if isinstance(raw, _RawTree):
            return self.tree(raw)
        if isinstance(raw, _RawItems):
            found = (self._node(value) for value in raw.values)
            return Items(tuple(value for value in found if value is not None), raw.place)
        if isinstance(raw, Scalar):
            return raw
        return self._parts(raw)

    def _parts(self, raw: _Parts) -> Node | None:
        nodes = [part if isinstance(part, Scalar) else self._looked_up(part) for part in raw.parts]
        present = [node for node in nodes if node is not None]
        if all(isinstance(node, Scalar) and not node.quoted and not node.text.strip() for node in present):
            return self._node(raw.earlier) if raw.earlier is not None else None
        if len(present) == 1:
            return present[0]
        scalars = [node for node in present if isinstance(node, Scalar)]
        if len(scalars) < len(present):
            _refuse(self._file, raw.place, "only texts can be joined")
        return _joined(scalars, raw.place)

    def _looked_up(self, reference: _Reference) -> Node | None:
        raw: _Raw | None = self._root
        for name in reference.path:
            raw = raw.values.get(name) if isinstance(raw, _RawTree) else None
        if raw is not None and reference.path not in self._under_way:
            self._under_way.append(reference.path)
            node = self._node(raw)
            self._under_way.pop()
            return node
        name = ".".join(reference.path)
        if name in self._environment:
            return Scalar(self._environment[name], True, reference.place)
        if not reference.optional:
            reason = (
                "refers to itself" if raw is not None else "is neither in this file nor in the environment"
            )
            _refuse(self._file, reference.place, f"${{{name}}} {reason}")
        return None
