"""What `pyglue replay` has sent, in a file of the checkout: so that nothing is sent twice, and `reconcile` knows of it.

The collector's files are the collector's: nobody else writes there. A line for each batch, once Kafka has it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pyglue.errors import PyglueError

FILE = Path(".pyglue") / "replays.jsonl"


class Part(NamedTuple):
    """What Kafka has of an event that is not there as a whole: the records of this mapping in this topic."""

    event: str
    mapping: str
    topic: str


@dataclass
class Replays:
    """The `ids` of events that were sent, and `parts` of others; all their records by topic and minute of receive time.

    Minutes are since 1970.
    """

    ids: set[str] = field(default_factory=set)
    records: dict[str, Counter[int]] = field(default_factory=dict)
    parts: set[Part] = field(default_factory=set)


class Notes:
    """The file, opened to be written further; made if there is none."""

    def __init__(self, file: Path) -> None:
        """Raises OSError."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)

    def add(self, sent: Replays, now: float) -> None:
        """Write down `now` (Unix seconds) what Kafka has, so that it is on the disk. Raises OSError."""
        content = {
            "at": round(now * 1000),
            "ids": sorted(sent.ids),
            "parts": sorted(sent.parts),
            "records": {
                topic: {str(minute): count for minute, count in minutes.items()}
                for topic, minutes in sent.records.items()
            },
        }
        data = f"{json.dumps(content)}\n".encode()
        end = os.fstat(self._descriptor).st_size
        if end and os.pread(self._descriptor, 1, end - 1) != b"\n":  # a line that was torn
            data = b"\n" + data
        while data:
            data = data[os.write(self._descriptor, data) :]
        os.fsync(self._descriptor)

    def close(self) -> None:
        """There is no more to write."""
        os.close(self._descriptor)


def read(file: Path) -> Replays:
    """All that was noted; a line that can't be read is none. Raises PyglueError if the file can't be."""
    found = Replays()
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return found
    except OSError as error:
        raise PyglueError(
            f"what was sent again can't be read in {FILE}: {error.strerror or error}",
            try_=f"ls -ld {FILE.parent} {FILE}",
            code="replays-unreadable",
        ) from error
    for line in lines:
        try:
            _add(found, json.loads(line))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
            continue
    return found


def _add(found: Replays, content: Any) -> None:
    ids = [str(one) for one in content["ids"]]
    parts = [Part(str(event), str(mapping), str(topic)) for event, mapping, topic in content.get("parts", ())]
    counts = {
        topic: Counter({int(minute): int(count) for minute, count in minutes.items()})
        for topic, minutes in content["records"].items()
    }
    found.ids.update(ids)
    found.parts.update(parts)
    for topic, minutes in counts.items():
        found.records.setdefault(topic, Counter()).update(minutes)
