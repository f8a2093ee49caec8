"""HOCON, the language of collector configurations, read into a tree in which every value knows its place.

Understood: JSON, root braces left out, keys with dots, `=` `:` or nothing before `{`, `+=`, comments with `#` and
`//`, newlines for commas, unquoted and triple-quoted strings, repeated keys (objects merge, others replace), values
beside each other (texts, lists and objects are joined), and substitutions `${path}` and `${?path}`, answered by the
file and then by the environment. `include` is refused: a collector's configuration is one file.

Scalars keep their spelling; `conf_file` decides what type is wanted. What values mean together is the matter of
`hocon_values`. Source of the rules: the HOCON specification of the Typesafe Config library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from pyglue.collector.config.hocon_values import (
    MAX_DEPTH,
    Earlier,
    Items,
    Node,
    Parts,
    Path,
    Place,
    Raw,
    RawItems,
    RawTree,
    Reference,
    Scalar,
    Tree,
    as_items,
    over,
    refuse,
    resolve,
)

__all__ = ["Items", "Node", "Place", "Scalar", "Tree", "as_items", "read"]

_TOKENS = re.compile(
    r"(?P<blank>(?:[^\S\n]|\ufeff)+)"
    r"|(?P<comment>(?:\#|//)[^\n]*)"
    r"|(?P<newline>\n)"
    r'|(?P<triple>"""[\s\S]*?"""+)'
    r'|(?P<string>"(?:[^"\\\n]|\\.)*")'
    r'|(?P<substitution>\$\{\??(?:"(?:[^"\\\n]|\\.)*"|[^"}\n])*\})'
    r"|(?P<append>\+=)"
    r"|(?P<mark>[{}\[\]:=,])"
    r"|(?P<text>-?[0-9]+(?:\.[0-9]+)?[eE]\+[0-9]+|(?:(?!//)[^$\"{}\[\]:=,+\#`^?!@*&\\\s\ufeff])+)"
)
_BEGIN = Place(1, 1)
_SPELLED = ("text", "string", "triple", "blank")  # what keys and texts are made of


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: Place


def read(source: str, file: str, environment: Mapping[str, str]) -> Tree:
    """The tree that `source` describes; raises InputError (naming `file`) at the first thing not understood."""
    return resolve(_Parser(source, file).root(), file, environment)


def _cut(source: str, file: str, begin: Place = _BEGIN) -> Iterator[_Token]:
    """The tokens of `source`, which begins at `begin` of the file; comments left out."""
    at, line, start = 0, begin.line, 1 - begin.column
    while at < len(source):
        place = Place(line, at - start + 1)
        found = _TOKENS.match(source, at)
        if not found:
            refuse(file, place, f"'{source[at]}' is not expected here")
        if found.lastgroup != "comment":
            yield _Token(str(found.lastgroup), found[0], place)
        at = found.end()
        if "\n" in found[0]:
            line += found[0].count("\n")
            start = found.start() + found[0].rindex("\n") + 1
    yield _Token("end", "", Place(line, at - start + 1))


class _Parser:
    def __init__(self, source: str, file: str) -> None:
        self._file = file
        self._tokens = list(_cut(source, file))
        self._at = 0
        self._depth = 0

    def root(self) -> RawTree:
        self._skip_lines()
        braces = self._is_mark("{")
        if braces:
            self._at += 1
        tree = self._members(_BEGIN, "}" if braces else "")
        self._skip_lines()
        if self._token.kind != "end":
            self._expected("the end of the file")
        return tree

    def _members(self, place: Place, end: str) -> RawTree:
        given: dict[str, list[Raw]] = {}
        places: dict[str, Place] = {}
        while not self._ended(end):
            self._member(given, places)
            if not self._separated() and not self._ended(end):
                self._expected("a comma or a new line after the value")
        if end:
            self._at += 1
        return RawTree({name: over(values) for name, values in given.items()}, places, place)

    def _ended(self, end: str) -> bool:
        """Whether `end` comes next, or without one the end of the file."""
        self._skip_lines()
        if end and self._token.kind == "end":
            self._expected(f"'{end}'")
        return self._is_mark(end) if end else self._token.kind == "end"

    def _separated(self) -> bool:
        """Whether a comma or a new line stood here; passes it."""
        before = self._at
        self._skip_lines()
        if self._is_mark(","):
            self._at += 1
            return True
        return any(token.kind == "newline" for token in self._tokens[before : self._at])

    def _member(self, given: dict[str, list[Raw]], places: dict[str, Place]) -> None:
        """One more value of a key, and its place."""
        place = self._token.place
        path = self._key()
        self._skip_lines()
        append = self._token.kind == "append"
        if append or self._is_mark("=") or self._is_mark(":"):
            self._at += 1
        elif not self._is_mark("{"):
            self._expected(f"'=' or '{{' after {'.'.join(path)}")
        self._deeper(len(path) - 1, place)
        value = self._value()
        self._depth -= len(path) - 1
        if append:
            value = Parts((Earlier(place), RawItems((value,), place)), place)
        for name in reversed(path[1:]):
            value = RawTree({name: value}, {name: place}, place)
        given.setdefault(path[0], []).append(value)
        places[path[0]] = place

    def _key(self) -> Path:
        first = self._at
        while self._token.kind in _SPELLED:
            self._at += 1
        tokens = self._tokens[first : self._at]
        if tokens and (tokens[0].kind, tokens[0].text) == ("text", "include"):
            place = tokens[0].place
            refuse(
                self._file, place, "include is not supported: write what the other file holds into this one"
            )
        return self._path(tokens) or self._expected("a key")

    def _path(self, tokens: Sequence[_Token]) -> Path | None:
        """The names that `tokens` spell with dots between them; None if one is empty and not quoted."""
        names: list[list[str]] = [[]]
        quoted = [False]
        solid = [at for at, token in enumerate(tokens) if token.kind != "blank"]
        for token in tokens[solid[0] : solid[-1] + 1] if solid else ():
            if token.kind in ("string", "triple"):
                names[-1].append(self._literal(token))
                quoted[-1] = True
                continue
            head, *tail = token.text.split(".")
            names[-1].append(head)
            names += [[name] for name in tail]
            quoted += [False] * len(tail)
        path = tuple(map("".join, names))
        return path if all(name or known for name, known in zip(path, quoted, strict=True)) else None

    def _value(self) -> Raw:
        self._skip_lines()
        place = self._token.place
        parts: list[Raw] = []
        while (part := self._part()) is not None:
            parts.append(part)
        if parts and _is_blank(parts[-1]):
            parts.pop()
        if not parts:
            self._expected("a value")
        if len(parts) == 1:
            return parts[0]
        texts = [part.text for part in parts if isinstance(part, Scalar)]
        return Scalar("".join(texts), True, place) if len(texts) == len(parts) else Parts(tuple(parts), place)

    def _part(self) -> Raw | None:
        token = self._token
        if token.kind == "substitution":
            self._at += 1
            return self._reference(token)
        if token.kind in _SPELLED:
            self._at += 1
            return Scalar(self._literal(token), token.kind in ("string", "triple"), token.place)
        if not self._is_mark("{") and not self._is_mark("["):
            return None
        self._at += 1
        self._deeper(1, token.place)
        inner = self._members(token.place, "}") if token.text == "{" else self._items(token.place)
        self._depth -= 1
        return inner

    def _items(self, place: Place) -> RawItems:
        values: list[Raw] = []
        while not self._ended("]"):
            values.append(self._value())
            if not self._separated() and not self._ended("]"):
                self._expected("a comma, a new line or ']' after the value")
        self._at += 1
        return RawItems(tuple(values), place)

    def _reference(self, token: _Token) -> Reference:
        mark = "${?" if token.text.startswith("${?") else "${"
        begin = Place(token.place.line, token.place.column + len(mark))
        *tokens, _ = _cut(token.text[len(mark) : -1], self._file, begin)
        path = self._path(tokens) if all(part.kind in _SPELLED for part in tokens) else None
        if path is None:
            refuse(self._file, token.place, f"{token.text} names nothing")
        return Reference(path, mark == "${?", token.place)

    def _literal(self, token: _Token) -> str:
        if token.kind == "triple":
            return token.text[3:-3]
        if token.kind != "string":
            return token.text
        try:
            return str(json.loads(token.text))
        except ValueError:
            refuse(self._file, token.place, f"{token.text} is no string as in JSON")

    @property
    def _token(self) -> _Token:
        return self._tokens[self._at]

    def _is_mark(self, mark: str) -> bool:
        return self._token.kind == "mark" and self._token.text == mark

    def _deeper(self, levels: int, place: Place) -> None:
        self._depth += levels
        if self._depth > MAX_DEPTH:
            refuse(self._file, place, f"nested deeper than {MAX_DEPTH} levels")

    def _skip_lines(self) -> None:
        while self._token.kind in ("blank", "newline"):
            self._at += 1

    def _expected(self, what: str) -> NoReturn:
        token = self._token
        found = {"end": "the end of the file", "newline": "the end of the line"}.get(token.kind, token.text)
        refuse(self._file, token.place, f"expected {what}, found {found}")


def _is_blank(raw: Raw) -> bool:
    return isinstance(raw, Scalar) and not raw.quoted and not raw.text.strip()
