"""What `pyglue replay` has sent, in a file of the checkout: so that nothing is sent twice, and `reconcile` knows of it.

The collector's files are the collector's: nobody else writes there. A line for each batch, once Kafka has it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(".pyglue") / "replays.jsonl"


@dataclass
class Replays:
    """The `ids` of events that were sent, and their records by topic and minute (since 1970) of receive time."""

    ids: set[str] = field(default_factory=set)
    records: dict[str, Counter[int]] = field(default_factory=dict)


def note(file: Path, ids: Iterable[str], records: Mapping[str, Counter[int]], now: float) -> None:
    """Write down `now` (Unix seconds) what Kafka has, so that it is on the disk. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    by_topic = {
        topic: {str(minute): count for minute, count in minutes.items()} for topic, minutes in records.items()
    }
    line = json.dumps({"at": round(now * 1000), "ids": list(ids), "records": by_topic}) + "\n"
    with file.open("a+", encoding="utf-8") as notes:
        end = notes.seek(0, os.SEEK_END)
        if end:
            notes.seek(end - 1)
            if notes.read(1) != "\n":  # a line that was torn
                line = "\n" + line
        notes.write(line)
        notes.flush()
        os.fsync(notes.fileno())


def read(file: Path) -> Replays:
    """All that was noted; a line that can't be read is none."""
    found = Replays()
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            _add(found, json.loads(line))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            continue
    return found


def _add(found: Replays, content: Any) -> None:
    ids = [str(one) for one in content["ids"]]
    counts = {
        topic: Counter({int(minute): int(count) for minute, count in minutes.items()})
        for topic, minutes in content["records"].items()
    }
    found.ids.update(ids)
    for topic, minutes in counts.items():
        found.records.setdefault(topic, Counter()).update(minutes)
