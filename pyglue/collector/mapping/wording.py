"""What errors of the mapping language say: the names of types, and what can follow a word or a value."""

from __future__ import annotations

from collections.abc import Mapping

from pyglue.collector.mapping.functions import FUNCTIONS, PARSERS
from pyglue.collector.mapping.nodes import Node

METHODS: Mapping[str, tuple[str, ...]] = {
    "map": ("onto",),
    "when": ("apply", "exit", "stop"),
    "parse": ("to",),
    "match": ("against",),
}
REST = {
    "map": "needs onto and a field's name",
    "when": "needs apply and a block, exit() or stop()",
    "parse": f"needs to and one of {', '.join(PARSERS)}",
    "match": "needs against and a text",
}
ANY = ("equalTo", "isPresent", "isAbsent")
LOGIC = ("negate", "and", "or")
_ARTICLES = {
    "int": "an int",
    "ints": "a list of ints",
    "strings": "a list of texts",
    "string": "a text",
    "boolean": "a condition",
    "header": "a header",
    "agent": "a user agent",
    "geo": "a place",
    "uri": "a URI",
    "query": "a query",
    "matcher": "a match",
    "json": "JSON",
    "parameters": "event parameters (JSON)",
    "bytes": "bytes",
}


def article(type_: str) -> str:
    """A type in words, with its article."""
    return _ARTICLES.get(type_, f"a {type_}")


def names(functions: Mapping[str, object]) -> str:
    """Functions as they are called."""
    return ", ".join(f"{name}()" for name in functions)


def has(node: Node) -> str:
    """The functions of a value."""
    special = {"boolean": LOGIC, "matcher": ("matches", "group"), "parameters": ("path",)}
    return names(dict.fromkeys((*FUNCTIONS.get(node.type, {}), *special.get(node.type, ()), *ANY)))
