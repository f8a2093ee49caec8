"""The bad events that the collector has kept: read where they lie, and the line that each makes.

What `pyglue replay` has sent is no bad event any more, though its line stays in the collector's file.
"""

from __future__ import annotations

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
from pyglue.pipeline.tail import FIRST_BYTES, WIDTH, Begin, clock

FOLDER = "bad"  # below the collector's DATA_DIR
LOOK_SECONDS = 1.0
# What tells most of an event, by the names that its request has for it.
TELLING = ("t", "l", "u", "event_type", "parameters")


class Kept:
    """All that the collector has kept but those that were `replayed`, by their ids; in the order in which they were written.

    Read while it is gone through, as they may be many: raises PyglueError then. `torn` are lines that could not be read.
    """

    def __init__(self, engine: Engine, replayed: Collection[str]) -> None:
        self.torn = 0
        self._engine = engine
        self._replayed = replayed

    def __iter__(self) -> Iterator[BadEvent]:
        try:
            for name, content in self._engine.read_folder(COLLECTOR, FOLDER):
                if name.endswith(".jsonl"):
                    for event in read_lines(content):
                        if event is None:
                            self.torn += 1
                        elif event.id not in self._replayed:
                            yield event
        except OSError as error:
            raise _unreadable(error) from error


@dataclass
class _Place:
    """How far a file has been read: `end`, and the `line` before it, by which it is known that the file is the same."""

    end: int = 0
    line: bytes = b""


class Following:
    """Bad events from a beginning on, as `pyglue tail` follows them."""

    def __init__(
        self, engine: Engine, replayed: Collection[str], now: Callable[[], float] = time.time
    ) -> None:
        """`now` gives Unix seconds."""
        self._engine = engine
        self._now = now
        self._replayed = replayed
        self._known = set(replayed)
        self._looked = now()
        self._places: dict[str, _Place] = {}

    def first(self, begin: Begin) -> Iterator[BadEvent]:
        """Those that there are, from where to begin."""
        events = self._all()
        if begin.last is not None:
            yield from deque(events, begin.last)
            return
        first = begin.since_ms if begin.since_ms is not None else math.inf if begin.follow else 0
        yield from (event for event in events if event.came.time_ms >= first)

    def _all(self) -> Iterator[BadEvent]:
        for event in Kept(self._engine, self._replayed):
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
        for name, place in sorted(self._places.items()):
            try:
                content = self._further(name, place)
            except OSError as error:
                raise _unreadable(error) from error
            found += [event for event in read_lines(content) if event and event.id not in self._known]
        self._known |= {event.id for event in found}
        return found

    def _further(self, name: str, place: _Place) -> bytes:
        """The whole lines of a file behind `place`, all of one that shrank or was replaced; `place` is moved behind them."""
        path = f"{FOLDER}/{name}"
        content = self._engine.read_data(COLLECTOR, path, place.end - len(place.line)) or b""
        if not content.startswith(place.line):
            place.end, place.line = 0, b""
            content = self._engine.read_data(COLLECTOR, path) or b""
        lines = content[len(place.line) : content.rfind(b"\n") + 1]
        if lines:
            place.end += len(lines)
            place.line = lines[lines.rfind(b"\n", 0, -1) + 1 :]
        return lines


def find(kept: Iterable[BadEvent], event_id: str) -> BadEvent | None:
    """The last of them with this id, which its client has given it; None if there is none."""
    found = None
    for event in kept:
        said = parameters(event.came) or {}
        if event_id in (said.get("e"), said.get("event_id")):
            found = event
    return found


def explained(event_id: str, event: BadEvent) -> PyglueError:
    """The error that says why there is no record of an event."""
    return PyglueError(
        f"the collector could make no record of the event {short(event_id, WIDTH)}, and has kept it",
        details=[
            f"received   {clock(event.came.time_ms)}",
            f"because    {event.reason} ({event.kind})",
        ],
        try_="pyglue tail --bad --no-follow",
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
