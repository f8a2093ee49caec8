"""supervisor-spec.json: reading it, putting in the addresses in use, and telling whether it already runs.
The spec is complete as it lies there; only the address of Kafka is replaced.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyglue import shapes
from pyglue.errors import InputError, Problem

FILE = "supervisor-spec.json"
POSTED = Path(".pyglue") / "supervisors"  # what was posted last, by datasource
SCHEMA = Path("divolte/DefaultEventRecord.avsc")  # with which the collector writes what it reads
POSTED = Path(".pyglue") / "supervisors"  # what was posted last, by datasource
# What is read of a spec here; Druid knows the rest better.
_SHAPES: shapes.Shapes = {
    "spec.dataSchema.timestampSpec": dict,
    "spec.dataSchema.dimensionsSpec": dict,
    "spec.dataSchema.dimensionsSpec.dimensions": list,
    "spec.dataSchema.dimensionsSpec.dimensions[]": (str, dict),
    "spec.dataSchema.dimensionsSpec.dimensions[].name!": str,
    "spec.dataSchema.dimensionsSpec.dimensionExclusions": list,
    "spec.dataSchema.metricsSpec": list,
    "spec.dataSchema.metricsSpec[]": dict,
    "spec.dataSchema.metricsSpec[].name!": str,
    "spec.dataSchema.transformSpec": dict,
    "spec.dataSchema.transformSpec.transforms": list,
    "spec.dataSchema.transformSpec.transforms[]": dict,
    "spec.ioConfig.inputFormat": dict,
    "spec.ioConfig.inputFormat.flattenSpec": dict,
    "spec.ioConfig.inputFormat.flattenSpec.fields": list,
    "spec.ioConfig.inputFormat.flattenSpec.fields[]": (str, dict),
    "spec.ioConfig.inputFormat.avroBytesDecoder": dict,
    "spec.ioConfig.inputFormat.avroBytesDecoder.schema": dict,
    "spec.ioConfig.inputFormat.avroBytesDecoder.schema.fields": list,
    "spec.ioConfig.inputFormat.avroBytesDecoder.schema.fields[]": dict,
    "spec.ioConfig.inputFormat.avroBytesDecoder.schema.fields[].name!": str,
}

# The same of a spec that Druid says it runs, with what must be there.
RUNNING: shapes.Shapes = {
    "": dict,
    "spec!": dict,
    "spec.dataSchema!": dict,
    "spec.ioConfig!": dict,
    "spec.ioConfig.topic!": str,
    "spec.ioConfig.consumerProperties": dict,
    **_SHAPES,
}


def read(path: Path, shown: str | None = None) -> dict[str, Any]:
    """The spec in a file; raises InputError with line and column where it is no JSON or no Kafka supervisor."""
    name = shown or path.name
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Problem(str(path), None, None, f"can't be read: {error}")]) from error
    try:
        spec = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError([Problem(name, error.lineno, error.colno, error.msg)]) from error
    except RecursionError as error:
        raise InputError([Problem(name, None, None, "it is nested too deeply")]) from error
    problems = [Problem(name, _line(text, key), None, message) for key, message in _faults(spec)]
    if problems:
        raise InputError(problems)
    assert isinstance(spec, dict)  # noqa: S101 - _faults refuses everything else
    return spec


def _faults(spec: Any) -> list[tuple[str, str]]:
    """What keeps this from being a Kafka supervisor with inline Avro: (key to point at, message)."""
    if not isinstance(spec, dict):
        return [("", "expected an object")]
    if spec.get("type") != "kafka":
        return [("type", f'expected "type": "kafka", found {spec.get("type")!r}')]
    faults = []
    for path in (
        ("spec", "dataSchema", "dataSource"),
        ("spec", "ioConfig", "topic"),
        ("spec", "ioConfig", "consumerProperties", "bootstrap.servers"),
    ):
        value: Any = spec
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if not isinstance(value, str) or not value:
            faults.append((path[-1], f"expected a text at {'.'.join(path)}"))
    for where, expected in shapes.faults(spec, _SHAPES):
        faults.append((where.rpartition(".")[2].removesuffix("[]"), f"{expected} at {where}"))
    return faults


def _line(text: str, key: str) -> int | None:
    """The line of the first `"key"` in the text."""
    at = text.find(f'"{key}"')
    return text.count("\n", 0, at) + 1 if key and at >= 0 else None


def datasource(spec: dict[str, Any]) -> str:
    """The datasource's name, which is the supervisor's id as well."""
    return str(spec["spec"]["dataSchema"]["dataSource"])


def topic(spec: dict[str, Any]) -> str:
    """The topic it reads."""
    return str(spec["spec"]["ioConfig"]["topic"])


def dimensions(spec: dict[str, Any]) -> dict[str, str]:
    """The type of each dimension that the spec lists, by its name."""
    listed = (spec["spec"]["dataSchema"].get("dimensionsSpec") or {}).get("dimensions") or []
    whole = [item if isinstance(item, dict) else {"name": item} for item in listed]
    return {item["name"]: str(item.get("type", "string")) for item in whole}


def schema(spec: dict[str, Any]) -> Any:
    """The Avro schema with which records are read, or None if the spec has none inline."""
    input_format = spec.get("spec", {}).get("ioConfig", {}).get("inputFormat") or {}
    decoder = input_format.get("avroBytesDecoder") or {}
    return decoder.get("schema")


def schema_difference(ours: Any, theirs: Any) -> str:
    """In which fields two Avro schemas of a record differ, in words."""
    one, other = ({field["name"]: field for field in schema.get("fields") or ()} for schema in (ours, theirs))
    differing = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    if differing:
        return f"fields that differ: {', '.join(differing)}"
    return "the order of fields or the record's name differs"


def servers(spec: Mapping[str, Any]) -> str:
    """The addresses of Kafka that Druid is told."""
    return str((spec["spec"]["ioConfig"].get("consumerProperties") or {}).get("bootstrap.servers"))


def reads_otherwise(running: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether what the running one has not yet read would be lost to the wanted one: another schema or topic."""
    return topic(running) != topic(wanted) or schema(running) != schema(wanted)


def addressed(spec: dict[str, Any], kafka: str) -> dict[str, Any]:
    """A copy that reads from this Kafka (HOST:PORT[,HOST:PORT...] as Druid reaches it)."""
    result = copy.deepcopy(spec)
    result["spec"]["ioConfig"]["consumerProperties"]["bootstrap.servers"] = kafka
    return result


def fingerprint(spec: Any) -> str:
    """A hash of a spec's content, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Posted:
    """What was posted and what Druid made of it (its defaults added, spans of time rewritten), as fingerprints.

    Druid's form can't be compared with ours: a key taken out of the file would not be missed. But while both
    fingerprints are the same as after the last post, neither the file nor what runs has changed. `spec` is what was
    posted, to show what changed; None in files of earlier versions.
    """

    wanted: str
    running: str
    spec: dict[str, Any] | None = field(default=None, compare=False)

    @classmethod
    def of(cls, wanted: dict[str, Any], running: dict[str, Any]) -> Posted:
        return cls(fingerprint(wanted), fingerprint(running), wanted)

    @classmethod
    def load(cls, file: Path) -> Posted | None:
        """From the file that `save` wrote; None if there is none or it is damaged, which only means a new post."""
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            spec = content.get("spec")
            return cls(content["wanted"], content["running"], spec if isinstance(spec, dict) else None)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def save(self, file: Path) -> None:
        """Keep it for the next time; for nobody else's eyes, for a spec may hold a password of Kafka."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        content = {"wanted": self.wanted, "running": self.running, "spec": self.spec}
        file.write_text(json.dumps(content), encoding="utf-8")
