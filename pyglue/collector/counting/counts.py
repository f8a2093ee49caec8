"""Counts of a minute as they lie on disk: the one description of the form, for who writes it and for who reads it.

A folder holds a file `YYYY-MM-DD.jsonl` for each UTC day, with a line for each minute of that day, and `open.json`
with the minutes that are not over yet; of several workers each has its own, `open-0.json` and so on. A minute may have
several lines, which are added up: of several workers and lives of the collector (`run`), and of late acknowledgements
(`part`). Of lines with the same minute, run and part the first counts: a worker that is killed between the two files
leaves one in both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeGuard

MINUTE_MS = 60_000
OPEN = "open.json"
MOST = 10**9  # of anything in a minute: sixteen million a second, which no collector does
MOST_NUMBER = 2**47  # of `run` and `written`: in ms since 1970 the year 6429
_NUMBERS = ("received", "acknowledged", "refused", "run", "part", "spooled", "landed")
_MARKS = ("run", "part")  # of _NUMBERS those that count nothing
_NAMED = ("dropped", "requests", "records", "discarded", "refusals")


@dataclass(frozen=True)
class Counts:
    """What happened to the events that were received in a minute (counted in minutes since 1970).

    `received` events; of them `acknowledged` ones were answered with success after their records were safe, `refused`
    ones with 503 (by reason: `refusals`), and of `discarded` ones (by reason) no record was to be made. `dropped` are
    events and records that were not made, by reason: where several mappings feed from a source, other ones may have been.
    `requests` that were no events, by kind. `records` that are safe, by where they are: a topic, or the folder of a file
    sink; `spooled` of them were on the collector's own disk when that was said, and `landed` ones of these reached Kafka
    since. `complete` is False if there may have been more.
    """

    minute: int
    received: int = 0
    acknowledged: int = 0
    refused: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    requests: Mapping[str, int] = field(default_factory=dict)
    records: Mapping[str, int] = field(default_factory=dict)
    complete: bool = True
    run: int = 0
    part: int = 0
    spooled: int = 0
    landed: int = 0
    discarded: Mapping[str, int] = field(default_factory=dict)
    refusals: Mapping[str, int] = field(default_factory=dict)

    @property
    def in_spool(self) -> int:
        """Records that are answered and not in Kafka yet."""
        return max(0, self.spooled - self.landed)

    @property
    def file(self) -> str:
        """The name of the file that it belongs into."""
        return file_of(self.minute)

    def line(self) -> str:
        """As a line of a file."""
        return json.dumps({**vars(self), "minute": _text(self.minute)}) + "\n"


def file_of(minute: int) -> str:
    """The name of the file of a minute's day."""
    return f"{datetime.fromtimestamp(minute * 60, UTC):%Y-%m-%d}.jsonl"


def open_of(worker: int) -> str:
    """The name of the file that one of several workers has in place of `open.json`."""
    return f"open-{worker}.json"


def open_text(run: int, written_ms: int, minutes: Iterable[Counts]) -> str:
    """The content of `open.json`, written by this run at this time."""
    lines = ",\n".join(minute.line().rstrip() for minute in minutes)
    return f'{{"run": {run}, "written": {written_ms}, "minutes": [\n{lines}]}}\n'


def read_open(text: str) -> tuple[int, int, list[Counts]]:
    """Run, time of writing (ms since 1970) and minutes of an `open.json`; raises ValueError if it is none."""
    content = _json(text)
    fields = content if isinstance(content, dict) else {}
    run, written, minutes = fields.get("run"), fields.get("written"), fields.get("minutes")
    if not (_is_number(run, MOST_NUMBER) and _is_number(written, MOST_NUMBER) and isinstance(minutes, list)):
        raise ValueError("expected an object with run, written and minutes")
    return run, written, [_of(minute) for minute in minutes]


def read_lines(text: str) -> tuple[list[Counts], list[int]]:
    """The lines of a file, and the numbers of those that can't be read or say what can't be."""
    found, torn = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                found.append(_of(_json(line)))
            except ValueError:
                torn.append(number)
    return found, torn


def added(lines: Iterable[Counts]) -> dict[int, Counts]:
    """One value for each minute."""
    known: set[tuple[int, int, int]] = set()
    minutes: dict[int, Counts] = {}
    for line in lines:
        key = (line.minute, line.run, line.part)
        if key not in known:
            known.add(key)
            minutes[line.minute] = plus(minutes[line.minute], line) if line.minute in minutes else line
    return minutes


def plus(one: Counts, other: Counts) -> Counts:
    """Both together, as of the first one's minute."""
    return replace(
        one,
        received=one.received + other.received,
        acknowledged=one.acknowledged + other.acknowledged,
        refused=one.refused + other.refused,
        spooled=one.spooled + other.spooled,
        landed=one.landed + other.landed,
        dropped=_sum(one.dropped, other.dropped),
        requests=_sum(one.requests, other.requests),
        records=_sum(one.records, other.records),
        discarded=_sum(one.discarded, other.discarded),
        refusals=_sum(one.refusals, other.refusals),
        complete=one.complete and other.complete,
    )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _text(minute: int) -> str:
    return f"{datetime.fromtimestamp(minute * 60, UTC):%Y-%m-%dT%H:%MZ}"


def _json(text: str) -> Any:
    """Raises ValueError for what is none, or is nested too deeply to be read."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _is_number(value: object, most: int) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= most


def _of(content: Any) -> Counts:
    """From the JSON of a line; raises ValueError if it is none."""
    fields = content if isinstance(content, dict) else {}
    numbers = {name: fields.get(name, 0) for name in _NUMBERS}
    named = {name: fields.get(name, {}) for name in _NAMED}
    if not all(isinstance(one, dict) for one in named.values()):
        raise ValueError("expected objects of counts")
    inner = [number for one in named.values() for number in one.values()]
    counts = [*inner, *(number for name, number in numbers.items() if name not in _MARKS)]
    marks = [numbers[name] for name in _MARKS]
    if not all(_is_number(one, MOST) for one in counts) or not all(
        _is_number(one, MOST_NUMBER) for one in marks
    ):
        raise ValueError("expected whole numbers, none negative, none larger than a minute can have")
    moment = datetime.strptime(str(fields.get("minute")), "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    return Counts(
        int(moment.timestamp()) // 60, **numbers, **named, complete=fields.get("complete") is not False
    )
