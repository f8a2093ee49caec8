"""The Avro schema of a mapping's records, read with places for its errors.

The file is JSON and may hold `//` and `/* */` comments, as Divolte allows. Only what the encoder needs is made typed:
the record's fields, each with its plain type or its union with null.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException

from pyglue.errors import InputError, Problem

PRIMITIVES = frozenset(("null", "boolean", "int", "long", "float", "double", "bytes", "string"))

_COMMENT_OR_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


@dataclass(frozen=True)
class Field:
    """A field of the record. `type` is Avro's name of its type (without null), e.g. `long`, or the JSON of another.

    `null_branch` is the index of null in the field's union of two, None if the field is no such union. `unset` is
    the encoded default, written where no mapping sets the field; None if there is no default.
    """

    name: str
    type: str
    null_branch: int | None
    unset: bytes | None


@dataclass(frozen=True)
class RecordSchema:
    """A record's schema: its fields in order, and the schema as fastavro parsed it."""

    file: str
    name: str
    fields: tuple[Field, ...]
    parsed: Any

    def field(self, name: str) -> Field | None:
        """The field called `name`, or None."""
        return next((field for field in self.fields if field.name == name), None)


def read(path: Path) -> RecordSchema:
    """The schema in the file; raises InputError with the place where it is no JSON, no Avro or no record."""
    file = str(path)
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Problem(file, None, None, f"can't be read: {reason(error)}")]) from error
    return parse(source, file)


def parse(source: str, file: str) -> RecordSchema:
    """The schema in `source`; `file` names it in errors (InputError)."""
    try:
        raw = json.loads(without_comments(source))
    except json.JSONDecodeError as error:
        raise InputError([Problem(file, error.lineno, error.colno, f"no JSON: {error.msg}")]) from error
    try:
        parsed: Any = fastavro.parse_schema(raw)
    except (SchemaParseException, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError([Problem(file, None, None, f"no Avro schema: {error}")]) from error
    if not isinstance(raw, dict) or raw.get("type") != "record":
        raise InputError([Problem(file, None, None, "expected a schema of type record")])
    named: dict[str, Any] = {}
    fastavro.parse_schema(raw, named_schemas=named)
    fields, problems = [], []
    for field in parsed["fields"]:
        try:
            fields.append(_field(field, named))
        except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
            message = f"field '{field['name']}': its default does not fit its type ({error})"
            problems.append(Problem(file, *_place(source, field["name"]), message))
    if problems:
        raise InputError(problems)
    return RecordSchema(file, parsed["name"], tuple(fields), parsed)


def without_comments(source: str) -> str:
    """`source` with blanks in the place of comments, so that lines and columns stay."""

    def blank(found: re.Match[str]) -> str:
        return found[0] if found[0].startswith('"') else re.sub(r"[^\n]", " ", found[0])

    return _COMMENT_OR_STRING.sub(blank, source)


def _field(field: dict[str, Any], named: dict[str, Any]) -> Field:
    type_ = field["type"]
    null_branch: int | None = None
    if isinstance(type_, list) and len(type_) == 2 and "null" in type_:
        null_branch = type_.index("null")
        type_ = type_[1 - null_branch]
    if isinstance(type_, dict) and type_["type"] in PRIMITIVES:
        type_ = type_["type"]  # a logical type or an annotation on a plain one
    name = type_ if isinstance(type_, str) else json.dumps(type_)
    return Field(field["name"], name, null_branch, _unset(field, named))


def _unset(field: dict[str, Any], named: dict[str, Any]) -> bytes | None:
    if "default" not in field:
        return None
    default, type_ = field["default"], field["type"]
    first = type_[0] if isinstance(type_, list) else type_
    kind = first["type"] if isinstance(first, dict) else first
    if isinstance(default, str) and kind in ("bytes", "fixed"):
        default = default.encode("latin-1")
    encoded = io.BytesIO()
    fastavro.schemaless_writer(encoded, fastavro.parse_schema(_inlined(type_, named, set())), default)
    return encoded.getvalue()


def _inlined(type_: Any, named: dict[str, Any], seen: set[str]) -> Any:
    """`type_` with each named type defined where it is first mentioned, so that it stands alone."""
    if isinstance(type_, list):
        return [_inlined(branch, named, seen) for branch in type_]
    if isinstance(type_, str):
        return type_ if type_ in PRIMITIVES or type_ in seen else _inlined(named[type_], named, seen)
    if "name" in type_:
        seen.add(type_["name"])
    inlined = {key: value for key, value in type_.items() if not key.startswith("__")}
    for key in ("items", "values"):
        if key in inlined:
            inlined[key] = _inlined(inlined[key], named, seen)
    if "fields" in inlined:
        inlined["fields"] = [
            {**field, "type": _inlined(field["type"], named, seen)} for field in inlined["fields"]
        ]
    return inlined


def _place(source: str, name: str) -> tuple[int | None, int | None]:
    found = re.search(rf'"name"\s*:\s*"{re.escape(name)}"', source)
    if not found:
        return None, None
    return source.count("\n", 0, found.start()) + 1, found.start() - source.rfind("\n", 0, found.start())


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Why a file could not be read as text."""
    return (
        "it is no UTF-8" if isinstance(error, UnicodeDecodeError) else (error.strerror or str(error)).lower()
    )
