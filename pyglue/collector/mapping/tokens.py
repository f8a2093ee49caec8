"""The words of the mapping language: one table of patterns, tried in order at each place.

The language is the part of Groovy that mappings use. A token's text is what stands in the file; its value is what it
means. Newlines are tokens, because they end a statement; blanks and comments are not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyglue.errors import Problem

_PATTERNS = (
    ("blank", r"[ \t\r\f]+|\\\r?\n"),
    ("comment", r"//[^\n]*|\A\#![^\n]*"),
    ("newline", r"\n|;"),
    ("string", r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\""),
    (
        "number",
        r"(?:0[xX][0-9A-Fa-f][0-9A-Fa-f_]*+[lLiIgG]?"
        r"|[0-9][0-9_]*+(?:\.[0-9][0-9_]*+)?(?:[eE][+-]?[0-9]++)?[lLfFdDiIgG]?)(?![A-Za-z0-9_$])",
    ),
    ("name", r"[^\W\d]\w*|[$][\w$]*"),
    ("mark", r"[(){}.,=-]"),
)
_TOKEN = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _PATTERNS))
# What may go on over lines, by how it begins.
_LONG = {
    "/*": re.compile(r"(?P<comment>/\*[\s\S]*?\*/)"),
    "'''": re.compile(r"(?P<string>'''(?:[^\\]|\\[\s\S])*?''')"),
    '"""': re.compile(r'(?P<string>"""(?:[^\\]|\\[\s\S])*?""")'),
}
_MANY_DIGITS = re.compile(r"[0-9_]++[.]?")
_SHOWN = 160  # characters of a line
# A string between slashes begins where a value is expected; elsewhere Groovy divides.
_SLASHY = re.compile(r"/(?:\\/|[^/])+/")
_BEFORE_VALUE = ("(", ",", "=", "{", "")
_ESCAPE = re.compile(r"\\(u+[0-9A-Fa-f]{4}|[\s\S])")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\n": ""}
_SIMPLE_ESCAPES = "\\'\"$"
_INSTEAD = {
    "!": "; write not",
    "|": "; write .or(...)",
    "&": "; write .and(...)",
    "\ufeff": " (a byte order mark)",
}


@dataclass(frozen=True)
class Place:
    """Where something stands; lines and columns count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Token:
    """A word of the mapping. `kind` is a name of the table, `unreadable`, or `end`."""

    kind: str
    text: str
    place: Place

    def __str__(self) -> str:
        if self.kind == "end":
            return "the end of the file"
        return "the end of the line" if self.text == "\n" else self.text


class Source:
    """A mapping's text with its file name; makes Problems that show the line and a caret."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self._lines = text.split("\n")

    def problem(self, place: Place, message: str) -> Problem:
        """The problem `message` at `place`, with the line and a caret below it."""
        line, before = self._lines[place.line - 1], place.column - 1
        if len(line) > _SHOWN:  # made by a program; with many problems it would be shown as many times
            begin = max(before - _SHOWN // 2, 0)
            line, before = line[begin : begin + _SHOWN], before - begin
        lead = re.sub(r"[^\t]", " ", line[:before])
        return Problem(self.file, place.line, place.column, f"{message}\n    {line.rstrip()}\n    {lead}^")


def tokenize(source: Source) -> list[Token]:
    """All tokens of `source`, the last of kind `end`."""
    text, at, line, line_start = source.text, 0, 1, 0
    tokens: list[Token] = []
    endless: set[str] = set()
    while at < len(text):
        place = Place(line, at - line_start + 1)
        found = _match(text, at, tokens[-1].text if tokens else "", endless)
        if not found:
            end = _unreadable_end(text, at)
            tokens.append(Token("unreadable", text[at:end], place))
            at = end
            continue
        kind, word = str(found.lastgroup or "string"), found[0]
        if kind not in ("blank", "comment"):
            tokens.append(Token(kind, word, place))
        at = found.end()
        if "\n" in word:
            line += word.count("\n")
            line_start = found.start() + word.rindex("\n") + 1
    tokens.append(Token("end", "", Place(line, at - line_start + 1)))
    return tokens


def _unreadable_end(text: str, at: int) -> int:
    """Where what can't be read ends."""
    if (
        text[at] in "'\"/"
    ):  # a string or comment that does not end would swallow the rest: go on with the next line
        end = text.find("\n", at)
        return len(text) if end < 0 else end
    digits = _MANY_DIGITS.match(text, at)
    return digits.end() if digits else at + 1


def _match(text: str, at: int, before: str, endless: set[str]) -> re.Match[str] | None:
    """The word at a place; `endless` are the beginnings in `_LONG` that nothing ends from here on."""
    for begin, pattern in _LONG.items():
        if text.startswith(begin, at) and begin not in endless:
            found = pattern.match(text, at)
            if found:
                return found
            endless.add(begin)
    found = _TOKEN.match(text, at)
    if found is None and text[at] == "/" and before in _BEFORE_VALUE:
        return _SLASHY.match(text, at)
    return found


def string_value(token: Token) -> str:
    """The text that a string token means; raises ValueError with the reason."""
    if token.text[0] == "/":
        inner = token.text[1:-1].replace("\\/", "/")
        if re.search(r"\$[{A-Za-z_]", inner):
            raise ValueError("a '$' before a name in a string is not supported; write it in single quotes")
        return inner
    quotes = 3 if token.text[:3] in ("'''", '"""') else 1
    inner = token.text[quotes:-quotes]
    if token.text[0] == '"' and re.search(r"(?<!\\)(?:\\\\)*\$", inner):
        raise ValueError("a '$' in a string with double quotes is not supported; write it in single quotes")
    return _ESCAPE.sub(_escaped, inner)


def _escaped(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] == "u" and len(code) > 1:
        return chr(int(code.lstrip("u"), 16))
    if code in _SIMPLE_ESCAPES:
        return code
    try:
        return _ESCAPES[code]
    except KeyError:
        raise ValueError(f"unknown escape '\\{code}' in a string") from None


def unreadable(token: Token) -> str:
    """Why an unreadable token is none."""
    if token.text[0] in "'\"":
        return "this string does not end on its line"
    if token.text.startswith("/*"):
        return "this comment does not end"
    instead = _INSTEAD.get(token.text[0], "")
    return f"'{token.text[0]}' is Groovy that mappings can't use here{instead}"
