"""Which values may go onto which fields, and the Python that writes them as Avro.

A value goes onto a field of exactly its type, or of the union of that type with null. JSON goes onto any type
(`json_avro` has the rules). What is written begins with the index of the union's branch, if there is a union.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from pyglue.collector.avro import avro_bytes, json_avro
from pyglue.collector.avro.schema import Field
from pyglue.collector.mapping.nodes import JSON_TYPES, Node

_STRINGS = {"type": "array", "items": "string"}
_SHORT = 1024  # texts up to this many bytes have their length from a table
_SMALL = 4096  # as have whole numbers below this one
_LISTS: dict[str, Any] = {
    "header": _STRINGS,
    "strings": _STRINGS,
    "ints": {"type": "array", "items": "int"},
    "query": {"type": "map", "values": _STRINGS},
}
_PLAIN = ("boolean", "int", "long", "float", "double", "string", "bytes")


def mismatch(node: Node, field: Field) -> str:
    """Why values of `node` can't go onto `field`; the empty text if they can."""
    if node.type in JSON_TYPES:
        try:
            json_avro.converter(field.schema)
        except ValueError as error:
            return str(error)
        return ""
    if isinstance(field.schema, list) and field.null_branch is None:
        return f"is {described(field)}; nothing goes onto a union but one of a type with null"
    if node.type in _LISTS:
        if _bare(_branch(field)) == _LISTS[node.type]:
            return ""
        return f"is {described(field)}, but this is {json.dumps(_LISTS[node.type])}"
    if node.type not in _PLAIN:
        return f"is {described(field)}, and this is no value that can be written, but {node.type}"
    if node.type != field.kind:
        return f"is {described(field)}, but this is {node.type}"
    return ""


def described(field: Field) -> str:
    """The type of `field` as JSON, or its name where it is a plain one."""
    return field.schema if isinstance(field.schema, str) else json.dumps(_bare(field.schema))


def writer(node: Node, field: Field) -> tuple[str, dict[str, object]]:
    """The Python text that gives the bytes of value `{0}` for `field`, and what the names in it stand for.

    The value is there. For JSON the text gives None where the value can't be converted.
    """
    if node.type in JSON_TYPES:
        return "{convert}({0})", {"convert": json_avro.converter(field.schema)}
    prefix = b"" if field.null_branch is None else avro_bytes.integer(1 - field.null_branch)
    if node.type == "boolean":
        return "{yes} if {0} else {no}", {"yes": prefix + avro_bytes.TRUE, "no": prefix + avro_bytes.FALSE}
    if node.type in ("int", "long"):
        return _whole(prefix, is_time=node.python in ("e.received", "e.client_time"))
    if node.type in ("string", "bytes"):
        value = "{0}" if node.utf8 or node.type == "bytes" else "{0}.encode('utf-8', 'replace')"
        table = _integers_behind(prefix, _SHORT)
        text = f"{{table}}[len(v)] + v if len(v := {value}) < {_SHORT} else {{prefix}} + {{long}}(v)"
        return text, {"table": table, "prefix": prefix, "long": avro_bytes.sized}
    functions: dict[str, Callable[[Any], bytes]] = {
        "float": avro_bytes.single,
        "double": avro_bytes.double,
        "header": _strings,
        "strings": _strings,
        "ints": _integers,
        "query": _lists_by_name,
    }
    return "{prefix} + {write}({0})", {"prefix": prefix, "write": functions[node.type]}


def _whole(prefix: bytes, *, is_time: bool) -> tuple[str, dict[str, object]]:
    if is_time:
        return "{prefix} + {write}({0})", {"prefix": prefix, "write": avro_bytes.integer}
    table = _integers_behind(prefix, _SMALL)
    text = f"{{table}}[{{0}}] if 0 <= {{0}} < {_SMALL} else {{prefix}} + {{write}}({{0}})"
    return text, {"table": table, "prefix": prefix, "write": avro_bytes.integer}


@cache
def _integers_behind(prefix: bytes, count: int) -> list[bytes]:
    """The numbers below `count`, each behind `prefix`. All fields share a table: what is used often stays at hand."""
    return [prefix + avro_bytes.integer(number) for number in range(count)]


def _branch(field: Field) -> Any:
    return field.schema if field.null_branch is None else field.schema[1 - field.null_branch]


def _bare(type_: Any) -> Any:
    """`type_` without annotations on plain types and collections, to compare and to show."""
    if isinstance(type_, list):
        return [_bare(branch) for branch in type_]
    if not isinstance(type_, dict):
        return type_
    kind = type_.get("type")
    if kind in ("array", "map"):
        inner = "items" if kind == "array" else "values"
        return {"type": kind, inner: _bare(type_[inner])}
    return kind if kind in (*_PLAIN, "null") else type_.get("name", kind)


def _strings(texts: list[str]) -> bytes:
    """An array of strings, in one block."""
    return avro_bytes.block([avro_bytes.string(text) for text in texts])


def _integers(numbers: list[int]) -> bytes:
    """An array of ints, in one block."""
    return avro_bytes.block([avro_bytes.integer(number) for number in numbers])


def _lists_by_name(lists: dict[str, list[str]]) -> bytes:
    """A map of arrays of strings, in one block."""
    return avro_bytes.block([avro_bytes.string(name) + _strings(texts) for name, texts in lists.items()])
