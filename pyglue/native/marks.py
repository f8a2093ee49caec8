"""A mark for each service's data: which version had it last, and where it was made. `.pyglue/marks/NAME.json`

    {"version": "4.1.2", "place": "/home/me/pyglue/.pyglue/data/kafka-data"}

The mark tells what a start would not: a version that is older than its data, and a checkout that was moved, whose
finished segments Druid looks for at whole paths. It is a help for `pyglue doctor`; nothing depends on it.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mark:
    """`version` is that of the last start, empty for a service that has none; `place` the folder at its first start."""

    version: str
    place: str


def read(file: Path) -> Mark | None:
    """The mark in a file; None if there is none, or a damaged one."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return Mark(str(found["version"]), str(found["place"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(file: Path, data: Path, version: str) -> None:
    """Note a start of this version on the folder `data`, before it. Data that was there without a mark has its place now."""
    before = read(file) if data.exists() and any(data.iterdir()) else None
    mark = Mark(version, before.place if before else str(data))
    if mark != before:
        file.write_text(json.dumps(asdict(mark)), encoding="utf-8")


def version(folder: Path) -> str:
    """The pinned version of what a service folder is named after, such as Kafka's; empty if nothing says it.

    It is the property `NAME.version` of pom.xml, or the package `NAME` or `...-NAME` of requirements.txt.
    """
    name = re.escape(folder.name)
    for file, pattern in (
        ("pom.xml", rf"<{name}\.version>([^<]+)<"),
        ("requirements.txt", rf"(?m)^(?:[\w-]+-)?{name}==(\S+)"),
    ):
        path = folder / file
        found = re.search(pattern, path.read_text(encoding="utf-8")) if path.exists() else None
        if found:
            return found[1]
    return ""
