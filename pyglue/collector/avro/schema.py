"""The Avro schema of a mapping's records, read with places for its errors.

The file is JSON and may hold `//` and `/* */` comments, as Divolte allows. What the encoders need is made plain: named
types stand where they are mentioned (a record that mentions itself is a dict that holds itself), namespaces are part
of the names, annotations and logical types are gone (Divolte ignores them), defaults are encoded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as attribute
from pathlib import Path
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException

from pyglue.collector.avro import avro_bytes
from pyglue.errors import InputError, Problem

PRIMITIVES = frozenset(("null", "boolean", "int", "long", "float", "double", "bytes", "string"))

_COMMENT_OR_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_BITS = {"int": 32, "long": 64}


@dataclass(frozen=True)
class Field:
    """A field of the record.

    `schema` is its type: a plain type's name, a list (a union), or a dict with `type` and `items` (array), `values`
    (map), or `name` and `symbols` (enum), `size` (fixed), `fields` (record: dicts with `name`, `type` and `unset`).
    `kind` is the name of that type without null, e.g. `long`, or `union` where there are several.
    `null_branch` is the index of null in a union of two, None if there is no such union. `unset` is the encoded
    default, written where no mapping sets the field; None if there is no default.
    """

    name: str
    schema: Any = attribute(compare=False, repr=False)
    kind: str
    null_branch: int | None
    unset: bytes | None


@dataclass(frozen=True)
class RecordSchema:
    """A record's schema.

    `name` is its full name, `fields` are in order, `parsed` is for fastavro, and `text` is the file's JSON on one line.
    """

    file: str
    name: str
    fields: tuple[Field, ...]
    parsed: Any = attribute(compare=False, repr=False)
    text: str = attribute(repr=False)

    def field(self, name: str) -> Field | None:
        """The field called `name`, or None."""
        return next((field for field in self.fields if field.name == name), None)


def read(path: Path) -> RecordSchema:
    """The schema in the file; raises InputError with the place where it is no JSON, no Avro or no record."""
    file = str(path)
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError([Problem(file, None, None, f"can't be read: {reason(error)}")]) from error
    return parse(source, file)


def parse(source: str, file: str) -> RecordSchema:
    """The schema in `source`; `file` names it in errors (InputError)."""
    try:
        raw = json.loads(without_comments(source))
    except json.JSONDecodeError as error:
        raise InputError([Problem(file, error.lineno, error.colno, f"no JSON: {error.msg}")]) from error
    except (ValueError, RecursionError) as error:
        raise InputError([Problem(file, None, None, f"no JSON that can be read: {error}")]) from error
    named: dict[str, Any] = {}
    try:
        # Defaults are judged below, where the place of the field is known.
        parsed: Any = fastavro.parse_schema(
            _without_logical_types(raw), named_schemas=named, _ignore_default_error=True
        )
        if not isinstance(raw, dict) or raw.get("type") != "record" or "fields" not in raw:
            raise InputError([Problem(file, None, None, "expected a schema of type record, with fields")])
        plain = _Plain(named)
        record = plain.type(parsed)
    except (SchemaParseException, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError([Problem(file, None, None, f"no Avro schema: {error}")]) from error
    problems = [
        Problem(file, *_place(source, name), f"field '{name}': its default does not fit its type ({message})")
        for name, message in plain.encode_defaults()
    ]
    if problems:
        raise InputError(problems)
    fields = tuple(_field(entry) for entry in record["fields"])
    text = json.dumps(raw, ensure_ascii=False, separators=(",", ":"))
    return RecordSchema(file, record["name"], fields, parsed, text)


def without_comments(source: str) -> str:
    """`source` with blanks in the place of comments, so that lines and columns stay."""

    def blank(found: re.Match[str]) -> str:
        return found[0] if found[0].startswith('"') else re.sub(r"[^\n]", " ", found[0])

    return _COMMENT_OR_STRING.sub(blank, source)


def _without_logical_types(raw: Any) -> Any:
    if isinstance(raw, list):
        return [_without_logical_types(part) for part in raw]
    if isinstance(raw, dict):
        return {key: _without_logical_types(part) for key, part in raw.items() if key != "logicalType"}
    return raw


def kind(type_: Any) -> str:
    """The name of the type: a plain one's, `array`, `map`, `record`, `enum`, `fixed` or `union`."""
    if isinstance(type_, str):
        return type_
    return "union" if isinstance(type_, list) else str(type_["type"])


def _field(entry: dict[str, Any]) -> Field:
    type_ = entry["type"]
    null_branch, single = None, type_
    if isinstance(type_, list):
        if len(type_) == 2 and "null" in type_:
            null_branch = type_.index("null")
            single = type_[1 - null_branch]
        elif len(type_) == 1:
            single = type_[0]
    return Field(entry["name"], type_, kind(single), null_branch, entry["unset"])


class _Plain:
    """Types as `Field.schema` has them, made from what fastavro parsed; each named type once."""

    def __init__(self, named: dict[str, Any]) -> None:
        self._named = named
        self._made: dict[str, dict[str, Any]] = {}

    def type(self, type_: Any) -> Any:
        """`type_` as a plain type."""
        if isinstance(type_, list):
            if any(isinstance(branch, list) for branch in type_):
                raise ValueError("a union stands in a union")
            return [self.type(branch) for branch in type_]
        if isinstance(type_, str):
            return type_ if type_ in PRIMITIVES else self._made.get(type_) or self.type(self._named[type_])
        name = type_["type"]
        if name == "array":
            return {"type": name, "items": self.type(type_["items"])}
        if name == "map":
            return {"type": name, "values": self.type(type_["values"])}
        if name not in ("record", "error", "enum", "fixed"):
            return self.type(name)  # an annotation around a type
        return self._made.get(type_["name"]) or self._named_type(type_)

    def _named_type(self, type_: dict[str, Any]) -> dict[str, Any]:
        made = self._made[type_["name"]] = {"type": type_["type"], "name": type_["name"]}
        if type_["type"] == "enum":
            made["symbols"] = type_["symbols"]
        elif type_["type"] == "fixed":
            if not isinstance(type_["size"], int) or isinstance(type_["size"], bool) or type_["size"] < 0:
                raise ValueError(
                    f"the size of {type_['name']} is {json.dumps(type_['size'])}, no number of bytes"
                )
            made["size"] = type_["size"]
        else:
            made["type"] = "record"
            made["fields"] = [
                {key: self.type(value) if key == "type" else value for key, value in entry.items()}
                for entry in type_["fields"]
            ]
            names = [entry["name"] for entry in type_["fields"]]
            if len(set(names)) != len(names):
                raise ValueError(f"a field of {type_['name']} is there twice")
        return made

    def encode_defaults(self) -> Iterator[tuple[str, str]]:
        """Set `unset` in every record's fields; yields the name of each with a wrong default, and what is wrong."""
        for made in self._made.values():
            for entry in made.get("fields", ()):
                entry["unset"] = None
                if "default" not in entry:
                    continue
                try:
                    entry["unset"] = _encoded(entry["type"], entry["default"])
                except ValueError as error:
                    # Null for a union that has it elsewhere is common, and Divolte takes it for no default.
                    if entry["default"] is not None or not _has_null(entry["type"]):
                        yield entry["name"], str(error)
                except RecursionError:
                    yield entry["name"], "it holds itself without end"


def _has_null(type_: Any) -> bool:
    return isinstance(type_, list) and "null" in map(kind, type_)


def _encoded(type_: Any, default: Any) -> bytes:
    """The default as Avro; ValueError if it is none for the type. Of a union it belongs to the first branch."""
    name = kind(type_)
    if name == "union":
        return avro_bytes.integer(0) + _encoded(type_[0], default)
    if name == "null" and default is None:
        return b""
    if name == "boolean" and isinstance(default, bool):
        return avro_bytes.boolean(default)
    if name in _BITS and _is_whole(default, _BITS[name]):
        return avro_bytes.integer(default)
    if name in ("float", "double") and isinstance(default, int | float) and not isinstance(default, bool):
        return avro_bytes.single(default) if name == "float" else avro_bytes.double(default)
    if isinstance(default, str):
        return _encoded_text(type_, default)
    if name == "array" and isinstance(default, list):
        return avro_bytes.block([_encoded(type_["items"], item) for item in default])
    if name == "map" and isinstance(default, dict):
        return avro_bytes.block(
            [avro_bytes.string(key) + _encoded(type_["values"], value) for key, value in default.items()]
        )
    if name == "record" and isinstance(default, dict):
        return b"".join(_encoded_entry(entry, default) for entry in type_["fields"])
    raise ValueError(f"{json.dumps(default)} is no {name}")


def _encoded_text(type_: Any, default: str) -> bytes:
    name = kind(type_)
    if name == "string":
        return avro_bytes.string(default)
    if name == "enum" and default in type_["symbols"]:
        return avro_bytes.integer(type_["symbols"].index(default))
    if name in ("bytes", "fixed"):
        try:
            value = default.encode("latin-1")
        except UnicodeEncodeError:
            raise ValueError(f"{json.dumps(default)} has characters beyond U+00FF") from None
        if name == "bytes":
            return avro_bytes.sized(value)
        if len(value) == type_["size"]:
            return value
    raise ValueError(f"{json.dumps(default)} is no {name}")


def _encoded_entry(entry: dict[str, Any], default: dict[str, Any]) -> bytes:
    if entry["name"] in default:
        return _encoded(entry["type"], default[entry["name"]])
    if "default" in entry:
        return _encoded(entry["type"], entry["default"])
    raise ValueError(f"it lacks '{entry['name']}'")


def _is_whole(value: Any, bits: int) -> bool:
    return type(value) is int and -(1 << bits - 1) <= value < 1 << bits - 1


def _place(source: str, name: str) -> tuple[int | None, int | None]:
    found = re.search(rf'"name"\s*:\s*"{re.escape(name)}"', source)
    if not found:
        return None, None
    return source.count("\n", 0, found.start()) + 1, found.start() - source.rfind("\n", 0, found.start())


def reason(error: OSError | ValueError) -> str:
    """Why a file could not be read as text."""
    if isinstance(error, UnicodeDecodeError):
        return "it is no UTF-8"
    return ((error.strerror if isinstance(error, OSError) else None) or str(error)).lower()
