"""The bad events that the collector has kept: read where they lie, and the line that each makes.

What `pyglue replay` has sent or dismissed is no bad event any more, though its line stays in the collector's file.
"""

from __future__ import annotations

import heapq
import json
import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyglue.collector.bad.entries import BadEvent, Came, read_lines
from pyglue.collector.events import mincode
from pyglue.collector.http import query
from pyglue.counted import counted
from pyglue.engine import Engine
from pyglue.errors import PyglueError
from pyglue.pipeline.clients import COLLECTOR
from pyglue.pipeline.field_statistics import short
from pyglue.pipeline.filters import as_json
from pyglue.pipeline.places import place
from pyglue.pipeline.tail import FIRST_BYTES, WIDTH, Begin, clock

FOLDER = "bad"  # below the collector's DATA_DIR
LOOK_SECONDS = 1.0
MOST_ASIDE = 20_000  # events; what two workers have waiting while the disk fails (`keeping.MOST_WAITING`)
# What tells most of an event, by the names that its request has for it.
TELLING = ("t", "l", "u", "event_type", "parameters")


class Kept:
    """All that the collector has kept but those that are `settled`, by their ids; in the order in which they were written.

    Read while it is gone through, as they may be many: raises PyglueError then. `unreadable` are the lines that can't be
    read, by file; `passed` counts those that are settled.
    """

    def __init__(self, engine: Engine, settled: Collection[str]) -> None:
        self.unreadable: dict[str, set[int]] = {}
        self.passed = 0
        self._engine = engine
        self._settled = settled

    def __iter__(self) -> Iterator[BadEvent]:
        try:
            for name, content in self._engine.read_folder(COLLECTOR, FOLDER):
                if name.endswith(".jsonl"):
                    for event in self.readable(name, read_lines(content)):
                        if event.id in self._settled:
                            self.passed += 1
                        else:
                            yield event
        except OSError as error:
            raise _unreadable(error) from error

    def readable(self, name: str, lines: Iterable[BadEvent | int]) -> Iterator[BadEvent]:
        """The events among the lines of a file; the others are noted."""
        for line in lines:
            if isinstance(line, int):
                self.unreadable.setdefault(name, set()).add(line)
            else:
                yield line

    @property
    def torn(self) -> int:
        """How many lines can't be read."""
        return sum(map(len, self.unreadable.values()))

    @property
    def told(self) -> str:
        """That lines can't be read, and where; an empty text if all can be."""
        places = [place(f"{FOLDER}/{name}", sorted(lines)) for name, lines in sorted(self.unreadable.items())]
        return f"can't be read, so left out, of the collector's files: {'; '.join(places)}" if places else ""


def in_order(events: Iterable[BadEvent], most: int = MOST_ASIDE) -> Iterator[BadEvent]:
    """The events by receive time; `most` of them wait in memory, so that none may stand further from its place."""
    waiting: list[tuple[int, int, BadEvent]] = []
    for number, event in enumerate(events):
        entry = (event.came.time_ms, number, event)
        if len(waiting) < most:
            heapq.heappush(waiting, entry)
        else:
            yield heapq.heappushpop(waiting, entry)[2]
    yield from (event for _, _, event in sorted(waiting))


@dataclass
class _Place:
    """How far a file has been read: `end`, which is behind so many `lines`, and the last `line` of them.

    By that it is known that the file is the same.
    """

    end: int = 0
    lines: int = 0
    line: bytes = b""


class Following:
    """Bad events from a beginning on, as `pyglue tail` follows them; `kept` tells what can't be read."""

    def __init__(
        self, engine: Engine, settled: Collection[str], now: Callable[[], float] = time.time
    ) -> None:
        """`now` gives Unix seconds."""
        self.kept = Kept(engine, settled)
        self._engine = engine
        self._now = now
        self._known = set(settled)
        self._looked = now()
        self._places: dict[str, _Place] = {}

    def first(self, begin: Begin) -> Iterator[BadEvent]:
        """Those that there are, from where to begin."""
        events = in_order(self._all())
        if begin.last is not None:
            yield from deque(events, begin.last)
            return
        first = begin.since_ms if begin.since_ms is not None else math.inf if begin.follow else 0
        yield from (event for event in events if event.came.time_ms >= first)

    def _all(self) -> Iterator[BadEvent]:
        for event in self.kept:
            self._known.add(event.id)
            yield event

    def fresh(self) -> list[BadEvent]:
        """Those that have come since; looks once a second at most."""
        now = self._now()
        if now - self._looked < LOOK_SECONDS:
            return []
        names = {f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}.jsonl" for at in (self._looked, now)}
        self._looked = now
        self._places = {name: self._places.get(name, _Place()) for name in names}
        found: list[BadEvent] = []
        for name, read in sorted(self._places.items()):
            try:
                lines = self._further(name, read)
            except OSError as error:
                raise _unreadable(error) from error
            found += [event for event in self.kept.readable(name, lines) if event.id not in self._known]
        self._known |= {event.id for event in found}
        return list(in_order(found))

    def _further(self, name: str, read: _Place) -> Iterator[BadEvent | int]:
        """The whole lines of a file behind `read`, all of one that shrank or was replaced; `read` is moved behind them."""
        path = f"{FOLDER}/{name}"
        content = self._engine.read_data(COLLECTOR, path, read.end - len(read.line)) or b""
        if not content.startswith(read.line):
            read.end, read.lines, read.line = 0, 0, b""
            content = self._engine.read_data(COLLECTOR, path) or b""
        lines, first = content[len(read.line) : content.rfind(b"\n") + 1], read.lines + 1
        if lines:
            read.end += len(lines)
            read.lines += lines.count(b"\n")
            read.line = lines[lines.rfind(b"\n", 0, -1) + 1 :]
        return read_lines(lines, first)


def find(kept: Iterable[BadEvent], event_id: str) -> BadEvent | None:
    """The last of them with this id, which its client has given it; None if there is none."""
    found = None
    for event in kept:
        said = parameters(event.came) or {}
        if event_id in (said.get("e"), said.get("event_id")):
            found = event
    return found


def explained(event_id: str, event: BadEvent, dismissed: str | None = None) -> PyglueError:
    """The error that says why there is no record of an event, and why there will be none if it was `dismissed`."""
    return PyglueError(
        f"the collector could make no record of the event {short(event_id, WIDTH)}, and has kept it",
        details=[
            f"received   {clock(event.came.time_ms)}",
            f"because    {event.reason} ({event.kind})",
            *([] if dismissed is None else [f"dismissed  {short(dismissed, WIDTH)}"]),
        ],
        try_="pyglue tail --bad --no-follow" if dismissed is None else None,
        code="event-kept",
    )


def _unreadable(error: OSError) -> PyglueError:
    return PyglueError(
        "the bad events that the collector has kept can't be read",
        details=[f"asked      {COLLECTOR}'s DATA_DIR/{FOLDER}", f"came back  {error}"],
        try_="pyglue status",
        code="bad-events-unreadable",
    )


def parameters(came: Came) -> dict[str, Any] | None:
    """What an event's request says, as far as it can be read: its first values by name, or the body's JSON."""
    _, _, raw = came.target.partition(b"?")
    values = {
        name.decode(errors="replace"): found[0].decode(errors="replace")
        for name, found in query.parameters(raw).items()
    }
    if came.method.upper() != "POST":
        return {name: _custom(value) if name == "u" else value for name, value in values.items()}
    try:
        body = json.loads(came.body)
    except (ValueError, RecursionError):
        return None
    return {**values, **body} if isinstance(body, dict) else None


def _custom(value: str) -> Any:
    try:
        return mincode.parse(value)
    except mincode.MincodeError:
        return value


def json_line(event: BadEvent) -> str:
    """A bad event as JSON; without what it says if that is nested too deeply."""
    came = event.came
    path, _, raw = came.target.partition(b"?")
    what = came.body or raw
    content = {
        "_kept": event.id,
        "_time": came.time_ms,
        "_why": event.reason,
        "_kind": event.kind,
        "_path": path.decode("latin-1"),
        "_lost": [vars(one) for one in event.lost],
        "_size": len(what),
        "_first": what[:FIRST_BYTES].hex(" "),
    }
    try:
        return as_json({**content, "_parameters": parameters(came)})
    except RecursionError:
        return as_json({**content, "_parameters": None})


def line(event: BadEvent) -> str:
    """A bad event as people read it: when, why, where it was sent to, and what tells something of it."""
    came = event.came
    path, _, raw = came.target.partition(b"?")
    what = came.body or raw
    try:
        telling = _telling(came)
    except RecursionError:
        telling = None
    if telling is None:
        telling = [what[:FIRST_BYTES].hex(" ")]
    where = f"{path.decode('latin-1')}, {counted(len(what), 'byte')}"
    return "  ".join(
        [clock(came.time_ms), f"kept: {event.reason} ({event.kind}), {where}", *telling]
    ).rstrip()


def _telling(came: Came) -> list[str] | None:
    """None if it can't be read; raises RecursionError if it is nested too deeply."""
    known = parameters(came)
    if known is None:
        return None
    return [f"{name}={short(known[name], WIDTH)}" for name in TELLING if known.get(name) is not None]
