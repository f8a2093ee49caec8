"""Variables in values, as Compose writes them.

`$$` is a dollar; `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?message}`,
`${NAME?message}`, `${NAME:+other}`, `${NAME+other}`. With a colon an empty value counts as not set. Defaults may
hold variables themselves; they are asked for only where the default is used. Unlike Compose, a name that is
neither set nor has a default is an error: an empty value in silence is how ports and passwords go missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OPERATORS = (":-", ":?", ":+", "-", "?", "+")


class BadVariable(ValueError):
    """The text holds a variable that can't be replaced; the message says which and why."""


class _Anything(dict[str, str]):
    """Stands for the variables of a default that is not used: read for its end, whatever is set."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return name

    def get(self, name: str, _default: object = None) -> str:
        return name


ANYTHING = _Anything()


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Return `text` with its variables replaced; raises BadVariable."""
    value, end = _text(text, 0, variables, closing=False)
    assert end == len(text)  # noqa: S101 - the grammar has no other way to end
    return value


def _text(text: str, at: int, variables: Mapping[str, str], *, closing: bool) -> tuple[str, int]:
    """Read until the end, or until `}` where `closing` says that a default is being read."""
    parts: list[str] = []
    while at < len(text):
        char = text[at]
        if closing and char == "}":
            return "".join(parts), at
        if char != "$":
            parts.append(char)
            at += 1
            continue
        part, at = _variable(text, at + 1, variables)
        parts.append(part)
    if closing:
        raise BadVariable("a `${` is never closed by `}`")
    return "".join(parts), at


def _variable(text: str, at: int, variables: Mapping[str, str]) -> tuple[str, int]:
    """Read what follows a dollar."""
    if text.startswith("$", at):
        return "$", at + 1
    braced = text.startswith("{", at)
    match = NAME.match(text, at + 1 if braced else at)
    if match is None:
        raise BadVariable("after `$` comes a name or `{NAME}`; a dollar itself is written `$$`")
    name, at = match.group(), match.end()
    if not braced:
        return _plain(name, variables), at
    if text.startswith("}", at):
        return _plain(name, variables), at + 1
    operator = next((op for op in OPERATORS if text.startswith(op, at)), None)
    if operator is None:
        raise BadVariable(
            f"`${{{name}` is followed by something that is neither `}}` nor one of {' '.join(OPERATORS)}"
        )
    value = variables.get(name)
    is_set = bool(value) if operator.startswith(":") else value is not None
    is_used = is_set == operator.endswith("+")
    other, end = _text(text, at + len(operator), variables if is_used else ANYTHING, closing=True)
    if is_used and operator.endswith("?"):
        raise BadVariable(f"{name} is not set: {other or 'it is required'}")
    if is_used:
        return other, end + 1
    return ("" if operator.endswith("+") else value or ""), end + 1


def _plain(name: str, variables: Mapping[str, str]) -> str:
    if name not in variables:
        raise BadVariable(
            f"{name} is not set and has no default; write ${{{name}:-default}} or set it in .env"
        )
    return variables[name]
