"""What `pyglue replay` is done with, in a file of the checkout: so that nothing is sent twice, and `reconcile` knows of it.

The collector's files are the collector's: nobody else writes there. A line for each batch that was sent, once Kafka has it,
and one for what was dismissed. A last line that has no end and can't be read was torn when its writer was killed, or is
being written: who writes next takes it away. Any other line that can't be read is damage, and told by whoever reads.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pyglue.collector.disk import append_lines
from pyglue.errors import PyglueError
from pyglue.pipeline.places import SHOWN, place

FILE = Path(".pyglue") / "replays.jsonl"
_NO_LINE = (ValueError, TypeError, AttributeError, KeyError, RecursionError)


class Part(NamedTuple):
    """What Kafka has of an event that is not there as a whole: the records of this mapping in this topic."""

    event: str
    mapping: str
    topic: str


@dataclass
class Replays:
    """The `ids` of events that were sent, and `parts` of others; all their records by topic and minute of receive time.

    Minutes are since 1970. `dismissed` has those that were settled without a record, and why. Lines that are `damaged` are
    counted from 1; `torn` tells that the last one is.
    """

    ids: set[str] = field(default_factory=set)
    records: dict[str, Counter[int]] = field(default_factory=dict)
    parts: set[Part] = field(default_factory=set)
    dismissed: dict[str, str] = field(default_factory=dict)
    damaged: tuple[int, ...] = ()
    torn: bool = False

    @property
    def settled(self) -> set[str]:
        """Events that are no bad ones any more."""
        return self.ids | self.dismissed.keys()

    @property
    def place(self) -> str:
        """Where it is damaged, in words; an empty text if it isn't."""
        return place(str(FILE), self.damaged) if self.damaged else ""

    @property
    def remedy(self) -> str:
        """What takes the damaged lines out, as far as they are told, and leaves the file as it was beside it."""
        return f"sed -i.damaged '{';'.join(f'{line}d' for line in self.damaged[:SHOWN])}' {FILE}"


class Notes:
    """The file, opened to be written further; made if there is none. Who has it open is the only one to write."""

    def __init__(self, file: Path) -> None:
        """Raises OSError."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        size = os.fstat(self._descriptor).st_size
        rest = os.pread(self._descriptor, size, 0).rpartition(b"\n")[2]
        if rest and not _add(Replays(), rest):
            os.ftruncate(self._descriptor, size - len(rest))

    def add(self, sent: Replays, now: float) -> None:
        """Write down `now` (Unix seconds) what Kafka has, so that it is on the disk. Raises OSError."""
        self._append(
            {
                "at": round(now * 1000),
                "ids": sorted(sent.ids),
                "parts": sorted(sent.parts),
                "records": {
                    topic: {str(minute): count for minute, count in minutes.items()}
                    for topic, minutes in sent.records.items()
                },
            }
        )

    def dismiss(self, ids: Collection[str], why: str, now: float) -> None:
        """Write down `now` (Unix seconds) that events are settled without a record, and why. Raises OSError."""
        self._append({"at": round(now * 1000), "dismissed": sorted(ids), "why": why})

    def _append(self, content: dict[str, Any]) -> None:
        append_lines(self._descriptor, f"{json.dumps(content)}\n".encode())
        os.fsync(self._descriptor)

    def close(self) -> None:
        """There is no more to write."""
        os.close(self._descriptor)


def read(file: Path) -> Replays:
    """All that was noted. Raises PyglueError if the file can't be read."""
    found = Replays()
    try:
        *lines, rest = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return found
    except OSError as error:
        raise PyglueError(
            f"what was sent again can't be read in {FILE}: {error.strerror or error}",
            try_=f"ls -ld {FILE.parent} {FILE}",
            code="replays-unreadable",
        ) from error
    found.damaged = tuple(
        number for number, line in enumerate(lines, 1) if line.strip() and not _add(found, line)
    )
    found.torn = bool(rest) and not _add(found, rest)
    return found


def _add(found: Replays, line: bytes) -> bool:
    """Add what a line says, all of it or nothing; whether it can be read."""
    try:
        content = json.loads(line)
        if "dismissed" in content:
            found.dismissed |= dict.fromkeys(_texts(content["dismissed"]), _text(content["why"]))
            return True
        ids = _texts(content["ids"])
        parts = [
            Part(*map(_text, (event, mapping, topic))) for event, mapping, topic in content.get("parts", ())
        ]
        counts = {
            topic: Counter({int(minute): _count(count) for minute, count in minutes.items()})
            for topic, minutes in content["records"].items()
        }
    except _NO_LINE:
        return False
    found.ids.update(ids)
    found.parts.update(parts)
    for topic, minutes in counts.items():
        found.records.setdefault(topic, Counter()).update(minutes)
    return True


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise TypeError("expected a list")
    return [_text(one) for one in value]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("expected a count")
    return value
