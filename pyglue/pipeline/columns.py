"""Which columns Druid makes of the records, and whether every field that the mapping fills reaches one.

A datasource is told apart from a schema by its supervisor spec: what is no dimension there is dropped in silence, and a
dimension that no field feeds stays empty in silence. Both are found here before anything is posted. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pyglue.collector.avro.schema import RecordSchema
from pyglue.collector.loading import DEFAULT_MAPPING, LoadedMapping
from pyglue.errors import Problem
from pyglue.pipeline.spec import FILE, dimensions

TIME = "__time"
# The kinds of Avro that a dimension of a type holds without loss; a type that is not here holds any.
_HOLDS = {
    "long": ("boolean", "int", "long"),
    "float": ("boolean", "float"),
    "double": ("boolean", "int", "long", "float", "double"),
}
# Druid takes a dimension of any other type for a string, without a word.
_TYPES = ("string", "long", "float", "double", "auto", "json", "spatial", "newSpatial")
_BEST = {"boolean": "long", "int": "long", "long": "long", "float": "float", "double": "double"}


def names(spec: dict[str, Any]) -> set[str] | None:
    """The datasource's columns by the spec's word; None if Druid finds them itself as records come."""
    listed = _dimensions(spec)
    if listed is None:
        return None
    metrics = spec["spec"]["dataSchema"].get("metricsSpec") or ()
    return {TIME, *listed, *(metric["name"] for metric in metrics)}


def types(spec: dict[str, Any], text: str, file: str = FILE) -> Iterator[Problem]:
    """Dimensions of a type that Druid doesn't have."""
    for name, type_ in dimensions(spec).items():
        if type_ not in _TYPES:
            message = f"the dimension '{name}' is {type_}, which Druid takes for string; types are {', '.join(_TYPES)}"
            yield Problem(file, _line(text, name), None, message)


def problems(
    spec: dict[str, Any], text: str, mappings: Sequence[LoadedMapping], file: str = FILE
) -> Iterator[Problem]:
    """Where the spec (`text` is its `file`'s) and the mappings that feed its topic, with their schema, don't fit."""
    listed = _dimensions(spec)
    if listed is None or not mappings:
        return
    used = _used(spec)
    told = set()
    for mapping in mappings:
        for mapped in mapping.compiled.mapped:
            name = mapped.field
            if name in listed or name in used or (mapping.files.name, name) in told:
                continue
            told.add((mapping.files.name, name))
            kind = next(field.kind for field in mapping.schema.fields if field.name == name)
            wanted = json.dumps({"type": _BEST.get(kind, "string"), "name": name})
            yield Problem(
                str(mapping.files.script_file or DEFAULT_MAPPING),
                mapped.place.line,
                mapped.place.column,
                f"'{name}' would never reach Druid: add the dimension {wanted} to {file},"
                " or its name to dimensionExclusions there",
            )
    for line, message in _unfed(listed, text, mappings[0].schema, _made(spec)):
        yield Problem(file, line, None, message)


def _made(spec: dict[str, Any]) -> set[str]:
    """The names of the fields that Druid makes of others as it reads."""
    transforms = (spec["spec"]["dataSchema"].get("transformSpec") or {}).get("transforms") or ()
    input_format = spec["spec"]["ioConfig"].get("inputFormat") or {}
    flattened = (input_format.get("flattenSpec") or {}).get("fields") or ()
    return {str(made.get("name")) for made in (*transforms, *flattened) if isinstance(made, dict)}


def _unfed(
    listed: Mapping[str, str], text: str, schema: RecordSchema, made: set[str]
) -> Iterator[tuple[int | None, str]]:
    """Dimensions that stay empty, or lose a part of what they get: (line, message)."""
    kinds = {field.name: field.kind for field in schema.fields}
    for name, type_ in listed.items():
        line = _line(text, name)
        if name in made:
            continue
        if name not in kinds:
            yield line, f"the dimension '{name}' would stay empty: the schema has no such field"
        elif kinds[name] not in _HOLDS.get(type_, (kinds[name],)):
            best = _BEST.get(kinds[name], "string")
            yield line, f"the dimension '{name}' is {type_}, but the field is {kinds[name]}; make it {best}"


def _dimensions(spec: dict[str, Any]) -> dict[str, str] | None:
    """Each dimension's type by its name; None where Druid finds them itself."""
    discovers = (spec["spec"]["dataSchema"].get("dimensionsSpec") or {}).get("useSchemaDiscovery")
    return None if discovers else dimensions(spec) or None


def _used(spec: dict[str, Any]) -> set[str]:
    """Fields that the spec reads, or leaves out by name, without a dimension of that name."""
    schema = spec["spec"]["dataSchema"]
    found = {str(name) for name in (schema.get("dimensionsSpec") or {}).get("dimensionExclusions") or ()}
    found.add(str((schema.get("timestampSpec") or {}).get("column")))
    rest = [
        schema.get("metricsSpec"),
        schema.get("transformSpec"),
        spec["spec"]["ioConfig"].get("inputFormat"),
    ]
    for value in rest:
        found.update(re.findall(r"[A-Za-z_]\w*", json.dumps(_without_schema(value))))
    return found


def _without_schema(value: Any) -> Any:
    """An input format without the decoder, which names every field of the schema."""
    if not isinstance(value, dict):
        return value
    return {key: inner for key, inner in value.items() if key != "avroBytesDecoder"}


def _line(text: str, name: str) -> int | None:
    """The line of the dimension in the spec's file."""
    begin = max(text.find('"dimensions"'), 0)
    found = re.compile(rf'"name"\s*:\s*{re.escape(json.dumps(name))}').search(text, begin)
    return text.count("\n", 0, found.start()) + 1 if found else None
