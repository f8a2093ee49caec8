"""The truth as a table that answers SQL: the same question can be asked of Druid and of what really happened.

The table has the datasource's name and those of its columns that the truth knows, in SQLite. Functions of Druid SQL that
SQLite lacks are given to it. Where Druid answers by a sketch, the truth's answer is exact, and `slack` says how far the
two may be apart; only for quantiles it is the range in which the answer must lie, as a JSON array of two numbers.

A moment is a number here: milliseconds since 1970. When the collector took an event is known for a history; for traffic
that was sent it lies between sending and answer, and the moment of sending stands for it.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pyglue.errors import PyglueError
from pyglue.traffic.truth import Made, Sent

# Relative standard errors that DataSketches states: HLL with the 2**12 buckets that Druid takes by default, theta with
# 2**14 entries; and the error of the rank in a quantiles sketch with k = 128. Answers are taken within three of them.
HLL_ERROR = 0.0163
THETA_ERROR = 1 / math.sqrt(2**14)
RANK_ERROR = 0.0174
SIGMAS = 3
NEW_MS = 60_000  # how much older than the visit a new visitor's identifier may be
VIEWPORTS = ((600, "small"), (1024, "medium"))
PHASES = (0, 10, 30, 60, 180, 600)  # seconds since the session began
_KEY_FACTOR = 1_000_003  # a prime
_TEXTS = (
    "eventId",
    "partyId",
    "sessionId",
    "eventType",
    "location",
    "path",
    "referer",
    "referrerHost",
    "campaignSource",
    "campaignMedium",
    "campaignName",
    "technology",
    "variant",
    "userAgentFamily",
    "userAgentDeviceCategory",
    "viewportClass",
    "botReason",
)
_NUMBERS = (
    "__time",
    "timestamp",
    "clientTimestamp",
    "viewportPixelWidth",
    "firstInSession",
    "newVisitor",
    "sessionSeconds",
    "partyKey",
    "sessionKey",
    "sessionPhase",
    "transitMillis",
    "bot",
    "detectedDuplicate",
    "detectedCorruption",
)
COLUMNS = (*_TEXTS, *_NUMBERS)
_HLL = re.compile(r"_DS_HLL\(|COUNT\(DISTINCT ")  # Druid counts different values by a sketch, too
_QUOTED = re.compile(r'(\bAS\s+)?"([^"]*)"', re.IGNORECASE)
_STRINGS = re.compile(r"'(?:[^']|'')*'")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_NO_NUMBERS = ("NaN", "Infinity", "-Infinity")  # as Druid writes them
_UNITS = {"S": 1000, "M": 60_000, "H": 3_600_000, "D": 86_400_000}
_FORMATS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
SCHEMA = "druid"


class Ledger:
    """The table. Use it as a context manager, for it holds a connection."""

    def __init__(self, table: str, requests: Iterable[Sent], made: Made) -> None:
        """`requests` are those of which it is known that there is a record of each. Raises PyglueError on a full disk."""
        self._table = table
        self._db = sqlite3.connect(":memory:")
        self._db.execute(f"ATTACH '' AS {SCHEMA}")  # a temporary file: millions of rows need not be in memory
        self._db.execute(f"PRAGMA {SCHEMA}.synchronous = OFF")
        self._db.execute(f"PRAGMA {SCHEMA}.journal_mode = OFF")
        self._db.execute("PRAGMA case_sensitive_like = ON")
        for name, arguments, function in _FUNCTIONS:
            self._db.create_function(name, arguments, function, deterministic=True)
        for name, arguments, aggregate in _AGGREGATES:
            self._db.create_aggregate(name, arguments, aggregate)
        columns = ", ".join(f'"{name}" {"TEXT" if name in _TEXTS else "INTEGER"}' for name in COLUMNS)
        self._db.execute(f'CREATE TABLE {SCHEMA}."{table}" ({columns})')
        marks = ", ".join("?" * len(COLUMNS))
        try:
            self._db.executemany(
                f'INSERT INTO {SCHEMA}."{table}" VALUES ({marks})',  # noqa: S608 - our own names
                map(row, requests),
            )
        except sqlite3.OperationalError as error:
            self._db.close()
            raise PyglueError(
                f"the truth can't be put into a temporary file: {error}",
                try_="df -h",
                code="disk-full" if "is full" in str(error) else "cannot-write",
            ) from error
        self.made = made

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query in Druid's SQL. Raises CantTell if it asks for what the truth does not know."""
        unknown = sorted(_unknown(sql, {*COLUMNS, self._table, SCHEMA}))
        if unknown:  # SQLite would take them for texts
            raise CantTell(f"no column {', '.join(unknown)}")
        try:
            with closing(self._db.execute(sql)) as cursor:
                names = [column[0] for column in cursor.description or ()]
                return [dict(zip(names, values, strict=True)) for values in cursor]
        except sqlite3.Error as error:
            raise CantTell(str(error)) from error


class CantTell(Exception):
    """A question that the truth has no answer to, such as one for a column it does not know."""


def _unknown(sql: str, known: Set[str]) -> set[str]:
    """Names in double quotes that are neither known nor defined before by AS."""
    unknown, defined = set(), set(known)
    for definition, name in _QUOTED.findall(_STRINGS.sub("", sql)):
        if definition:
            defined.add(name)
        elif name not in defined:
            unknown.add(name)
    return unknown


def row(sent: Sent) -> tuple[str | int | None, ...]:
    """The datasource's row of an event, by what was meant to be seen: in the order of COLUMNS."""
    seen = bool(sent.robot) and sent.robot != "unseen"
    path, campaign = _page(sent.location)
    made_ms, began_ms = (int(text.split(":")[1], 36) for text in (sent.party, sent.session))
    texts = (
        sent.event,
        sent.party,
        sent.session,
        sent.type,
        sent.location,
        path,
        sent.referrer,
        _host(sent.referrer),
        *campaign,
        sent.technology,
        sent.variant,
        sent.browser,
        sent.device,
        next((name for limit, name in VIEWPORTS if sent.width < limit), "large"),
        sent.robot if seen else "",
    )
    return (
        *(text or None for text in texts),
        sent.sent_ms,
        sent.sent_ms,
        sent.client_ms,
        sent.width,
        sent.first,
        int(made_ms >= began_ms - NEW_MS),
        int((sent.client_ms - began_ms) / 1000),
        key(sent.party),
        key(sent.session),
        max(phase for phase in PHASES if phase == 0 or phase * 1000 <= sent.client_ms - began_ms),
        sent.sent_ms - sent.client_ms,
        int(seen),
        int(sent.fault == "duplicate"),
        int(sent.fault == "corrupt"),
    )


@lru_cache(4096)
def _page(location: str) -> tuple[str, tuple[str, ...]]:
    """Path and campaign parameters."""
    place = urlsplit(location)
    query = parse_qs(place.query)
    return place.path, tuple(query.get(f"utm_{name}", [""])[0] for name in ("source", "medium", "campaign"))


@lru_cache(4096)
def _host(referrer: str) -> str:
    return urlsplit(referrer).hostname or ""


def key(identifier: str) -> int:
    """The number that stands for an identifier of the tag in distinct counts, of 64 bits with sign.

    The datasource's transforms make it likewise, from the time in it and its letters; see docs/events.md.
    """
    number = int(identifier[2:10], 36)
    for begin in (11, 19, 27, 35):
        letters = identifier[begin : begin + 8]
        number = number * _KEY_FACTOR + (int(letters, 36) if letters.isalnum() else 0)
    return (number + 2**63) % 2**64 - 2**63


def _time_parse(text: str, *_: str) -> int:
    moment = datetime.fromisoformat(text)  # also of the form that Druid answers with
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _time_floor(moment: int | None, period: str, *_: Any) -> int | None:
    if moment is None:
        return None
    number, unit = int(period.strip("PTSMHD")), period[-1]
    if "T" not in period and unit == "M":
        raise ValueError(period)  # months differ in length
    return moment - moment % (number * _UNITS[unit])


def _time_format(moment: int, pattern: str, *_: Any) -> str:
    for theirs, ours in _FORMATS.items():
        pattern = pattern.replace(theirs, ours)
    return datetime.fromtimestamp(moment / 1000, UTC).strftime(pattern)


def _mod(number: int, divisor: int) -> int:
    """The rest with the number's sign, as Java has it."""
    rest = abs(number) % abs(divisor)
    return rest if number >= 0 else -rest


class _Distinct:
    """How many different values there are."""

    def __init__(self) -> None:
        self._seen: set[Any] = set()

    def step(self, value: Any, *_: Any) -> None:
        """One more row."""
        if value is not None:
            self._seen.add(value)

    def finalize(self) -> int:
        """Their number."""
        return len(self._seen)


class _Quantile:
    """The value below which a part of the rows lies, as the range of a sketch's answers."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._part = 0.5

    def step(self, value: float | None, part: float, *_: Any) -> None:
        """One more row."""
        self._part = part
        if value is not None:
            self._values.append(value)

    def finalize(self) -> str | None:
        """The range; None without rows."""
        if not self._values:
            return None
        values = sorted(self._values)
        last = len(values) - 1
        # Of few values it is a matter of definition which one is meant: one more on either side.
        low = math.floor((self._part - SIGMAS * RANK_ERROR) * len(values)) - 1
        high = math.ceil((self._part + SIGMAS * RANK_ERROR) * len(values))
        low, high = min(max(low, 0), last), min(max(high, 0), last)
        return json.dumps([values[low], values[high]])


_FUNCTIONS = (
    ("TIME_PARSE", -1, _time_parse),
    ("TIME_FLOOR", -1, _time_floor),
    ("TIME_FORMAT", -1, _time_format),
    ("MILLIS_TO_TIMESTAMP", 1, int),
    ("MOD", 2, _mod),
    ("TIMESTAMP_TO_MILLIS", 1, int),
)
_AGGREGATES: Sequence[tuple[str, int, type]] = (
    ("APPROX_COUNT_DISTINCT_DS_HLL", -1, _Distinct),
    ("APPROX_COUNT_DISTINCT_DS_THETA", -1, _Distinct),
    ("APPROX_QUANTILE_DS", -1, _Quantile),
)


def slack(sql: str) -> float:
    """How far Druid's answer to this expression may be from the true one, as a part of it.

    A difference of two such numbers may be off by more than each of them: in arithmetic four times as much is allowed.
    """
    text = sql.upper()
    error = max(HLL_ERROR * bool(_HLL.search(text)), THETA_ERROR * ("_DS_THETA(" in text))
    alone = re.fullmatch(r"\w+\((?:[^()]|\([^()]*\))*\)(?: FILTER \(.*\))?", text.strip()) is not None
    return SIGMAS * error * (1 if alone else 4)


def differences(
    expected: Sequence[dict[str, Any]],
    found: Sequence[dict[str, Any]],
    keys: Sequence[str],
    slack: Mapping[str, float],
    blur_ms: int = 0,
) -> Iterator[str]:
    """How the rows found differ from those expected, which may hold ranges; rows are told apart by `keys`.

    `slack` tells for a column what a number in it may be off, as a part of it; `blur_ms` how exactly it is known when the
    collector took an event.
    """
    wanted = {tuple(one.get(key) for key in keys): one for one in expected}
    given = {tuple(one.get(key) for key in keys): one for one in found}
    for key in sorted(wanted.keys() | given.keys(), key=repr):
        name = ", ".join("none" if value is None else str(value) for value in key)
        label = f"{name}: " if name else ""
        if key not in given or key not in wanted:
            shown = wanted.get(key) or given[key]
            values = ", ".join(f"{text} {value}" for text, value in shown.items() if text not in keys)
            yield f"{label}{'expected' if key in wanted else 'nothing expected, found'} {values}" + (
                "" if key in given else ", found nothing"
            )
            continue
        for measure in wanted[key]:
            if measure not in keys and not _agrees(
                wanted[key][measure], given[key].get(measure), slack.get(measure, 0.0), blur_ms
            ):
                yield f"{label}{measure}: expected {_shown(wanted[key][measure])}, found {given[key].get(measure)}"


def _agrees(wanted: Any, found: Any, slack: float, blur_ms: int) -> bool:
    if wanted is None:  # of no rows Druid makes zero, or what comes of a division by it
        return found in (None, 0, *_NO_NUMBERS) or (isinstance(found, float) and not math.isfinite(found))
    if isinstance(found, str) and isinstance(wanted, int) and _MOMENT.fullmatch(found):
        return abs(_time_parse(found) - wanted) <= blur_ms
    if isinstance(wanted, str) and wanted.startswith("["):
        low, high = json.loads(wanted)
        return isinstance(found, int | float) and low - blur_ms <= found <= high + blur_ms
    if slack and isinstance(wanted, int | float) and isinstance(found, int | float):
        return math.isclose(wanted, found, rel_tol=slack)
    if isinstance(wanted, float) and isinstance(found, int | float):
        return math.isclose(wanted, found, rel_tol=1e-9)
    return bool(wanted == found)


def _shown(wanted: Any) -> str:
    if isinstance(wanted, str) and wanted.startswith("["):
        low, high = json.loads(wanted)
        return f"{low:g} to {high:g}"
    return str(wanted)
