"""What `pyglue reset --hop` has removed and when, in a file of the checkout, so that nobody takes it for lost later.

A line for each, when it begins and when it is done: one that was broken off has removed things, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyglue.pipeline import spec as specs
from pyglue.pipeline.minutes import MINUTE_MS

FILE = Path(".pyglue") / "resets.jsonl"


@dataclass(frozen=True)
class Reset:
    """A hop, `kafka` or `druid`, and the minute (since 1970) in which it was made anew."""

    hop: str
    minute: int


def note(file: Path, hop: str, spec: Mapping[str, Any], now: float) -> None:
    """Write down that the hop of this spec's topic and datasource is made anew `now` (Unix seconds). Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as notes:
        notes.write(json.dumps({"hop": hop, "of": _of(spec), "at": round(now * 1000)}) + "\n")


def read(file: Path, spec: Mapping[str, Any]) -> tuple[Reset, ...]:
    """Those of this spec's topic and datasource; a line that can't be read is none."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    return tuple(found for line in lines if (found := _read(line, _of(spec))) is not None)


def _of(spec: Mapping[str, Any]) -> list[str]:
    return [specs.topic(dict(spec)), specs.datasource(dict(spec))]


def _read(line: str, of: list[str]) -> Reset | None:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or content.get("of") != of:
        return None
    hop, at = content.get("hop"), content.get("at")
    return Reset(hop, at // MINUTE_MS) if isinstance(hop, str) and type(at) is int else None
