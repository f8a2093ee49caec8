"""Whether Druid and the charts show what happened: each question is asked of them and of the truth, and compared.

What can't be known is left out on both sides: requests without an answer or refused (Kafka may have the record all the
same), and of traffic that still goes on everything from shortly before the last line on. What the collector took at the
turn of a minute is left out where minutes are told apart. All are left out by their event ids.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyglue.counted import counted
from pyglue.errors import BadAnswer, PyglueError, Unreachable
from pyglue.pipeline.druid import Druid
from pyglue.superset import chart_data
from pyglue.superset.chart_data import Chart
from pyglue.superset.client import Superset
from pyglue.traffic import truth
from pyglue.traffic.ledger import HLL_ERROR, SIGMAS, THETA_ERROR, CantTell, Ledger, differences, slack
from pyglue.traffic.live import PATIENCE_SECONDS
from pyglue.traffic.people import UNSEEN
from pyglue.traffic.truth import Sent, Truth

UNSETTLED_MS = int((PATIENCE_SECONDS + 5) * 1000)  # an older request has its line
MINUTE_MS = 60_000
MISSED_DUPLICATES = 0.03  # the collector's memory has slots; what shares one with another event is forgotten
SHOWN = 5  # differences of one question
SQL_SECONDS = 120.0
PAUSE = 0.5
TELL_EVERY = 10_000  # requests


@dataclass(frozen=True)
class Question:
    """What is asked of both sides: `keys` tell rows apart, the other columns are compared."""

    title: str
    select: str
    keys: tuple[str, ...] = ()
    slack: float = 0.0

    def sql(self, table: str, where: str) -> str:
        """The query."""
        groups = (
            f" GROUP BY {', '.join(str(number + 1) for number in range(len(self.keys)))}" if self.keys else ""
        )
        return f'SELECT {self.select} FROM "druid"."{table}" WHERE {where}{groups}'  # noqa: S608 - our own words


def _by(title: str, *columns: str) -> Question:
    named = ", ".join(f'"{column}"' for column in columns)
    return Question(title, f"{named}, COUNT(*) AS events", columns)


QUESTIONS = (
    Question("events", "COUNT(*) AS events"),
    _by("events by type", "eventType"),
    _by("technologies", "technology"),
    _by("variants of the test", "variant"),
    _by("pages", "path"),
    _by("referrers", "referrerHost"),
    _by("campaigns", "campaignSource", "campaignMedium", "campaignName"),
    _by("browsers", "userAgentFamily"),
    _by("devices", "userAgentDeviceCategory"),
    _by("window classes", "viewportClass"),
    _by("new and returning", "newVisitor"),
    _by("robots by reason", "bot", "botReason"),
    Question("sessions begun", 'SUM("firstInSession") AS sessions'),
    Question("corrupt events", 'SUM("detectedCorruption") AS corrupt'),
    Question("duplicate events", 'SUM("detectedDuplicate") AS duplicates', slack=MISSED_DUPLICATES),
    Question("events by hour", '"clientTimestamp" / 3600000 AS "hour", COUNT(*) AS events', ("hour",)),
    Question(
        "late, and ahead of our clock",
        'COUNT(*) FILTER (WHERE "transitMillis" > 30000) AS late,'
        ' COUNT(*) FILTER (WHERE "transitMillis" < -30000) AS ahead',
    ),
    Question(
        "identifiers as numbers, the last digit",
        'SUM(MOD("partyKey", 10)) AS visitors, SUM(MOD("sessionKey", 10)) AS sessions',
    ),
    _by("events by how long the session lasts", "sessionPhase"),
    Question(
        "visitors, by a sketch of their numbers",
        'APPROX_COUNT_DISTINCT_DS_HLL("partyKey") AS visitors',
        slack=SIGMAS * HLL_ERROR,
    ),
    Question(
        "sessions, by a sketch of their numbers",
        'APPROX_COUNT_DISTINCT_DS_HLL("sessionKey") AS sessions',
        slack=SIGMAS * HLL_ERROR,
    ),
    Question(
        "visitors, by a sketch",
        'APPROX_COUNT_DISTINCT_DS_HLL("partyId") AS visitors',
        slack=SIGMAS * HLL_ERROR,
    ),
    Question(
        "sessions, by a sketch",
        'APPROX_COUNT_DISTINCT_DS_THETA("sessionId") AS sessions',
        slack=SIGMAS * THETA_ERROR,
    ),
)


@dataclass
class Robots:
    """Parties that are robots: all of them, and those that the pipeline can know."""

    all: set[str] = field(default_factory=set)
    visible: set[str] = field(default_factory=set)


def of_run(run: str) -> str:
    """The condition in SQL that an event's visitor belongs to this run."""
    return f"\"partyId\" LIKE '0:%:{run}%'"


class Evidence:
    """A truth file, ready to be asked: its `ledger`, and the condition `where` that names the same rows in Druid.

    `of_charts` is that condition where minutes are told apart; the ledger then has to be asked with it, too. `blur_ms` is
    the longest that an answer took: so exactly it is known when the collector took an event. Use it as a context manager.
    """

    def __init__(self, file: Path, table: str, tell: Callable[[str], None] = lambda _: None) -> None:
        """Raises InputError if the file is none. `tell` hears how far reading it has come."""
        self._tell = tell
        self.table = table
        self.file = file
        first = truth.read(file)
        self.made = first.made
        self.robots = Robots()
        unknown, bordering = self._look(first)
        if self.made.history and not first.whole:
            reason = "a history without its end: the file was cut off, so it can't be compared"
            raise truth.damaged(file, None, reason)
        self.compared = 0
        self.left_out = len(unknown)
        self.ledger = Ledger(table, self._comparable(unknown), self.made)
        run = of_run(self.made.run)
        until = "" if self.cut_ms is None else f' AND "__time" <= MILLIS_TO_TIMESTAMP({self.cut_ms})'
        self.where = f"{run}{until}{_without(unknown)}"
        self.of_charts = f"{run}{until}{_without(unknown | bordering)}"

    def __enter__(self) -> Evidence:
        return self

    def __exit__(self, *error: object) -> None:
        self.ledger.__exit__(*error)

    def _look(self, file: Truth) -> tuple[set[str], set[str]]:
        """The ids of events that can't be compared, and of those that can't be told one minute from the next."""
        unknown, bordering = set(), set()
        newest = self.blur_ms = 0
        for sent in self._told(file.requests(), "looked at"):
            newest = max(newest, sent.answered_ms)
            if sent.known:
                self.blur_ms = max(self.blur_ms, sent.answered_ms - sent.sent_ms)
            if not sent.known:
                unknown.add(sent.event)
            if sent.sent_ms // MINUTE_MS != sent.answered_ms // MINUTE_MS:
                bordering.add(sent.event)
        self.newest_ms = newest
        self.cut_ms = None if file.whole else newest - UNSETTLED_MS
        if self.cut_ms is not None:
            again = truth.read(self.file).requests()
            unknown |= {sent.event for sent in again if sent.sent_ms <= self.cut_ms < sent.answered_ms}
        return unknown, bordering

    def _told(self, requests: Iterable[Sent], done: str) -> Iterator[Sent]:
        for number, sent in enumerate(requests):
            if number % TELL_EVERY == 0:
                self._tell(f"{self.file.name}: {counted(number, 'request')} {done}")
            yield sent

    def _comparable(self, unknown: set[str]) -> Iterator[Sent]:
        for sent in self._told(truth.read(self.file).requests(), "read"):
            if (
                sent.recorded
                and sent.event not in unknown
                and (self.cut_ms is None or sent.sent_ms <= self.cut_ms)
            ):
                self.compared += 1
                if sent.robot:
                    self.robots.all.add(sent.party)
                    if sent.robot != UNSEEN:
                        self.robots.visible.add(sent.party)
                yield sent


def _without(events: set[str]) -> str:
    if not events:
        return ""
    quoted = ", ".join("'" + event.replace("'", "''") + "'" for event in sorted(events))
    return f' AND "eventId" NOT IN ({quoted})'


@dataclass(frozen=True)
class Finding:
    """One comparison: what was compared, how it came out in a few words, and the differences."""

    title: str
    shown: str
    differences: tuple[str, ...] = ()


def await_rows(
    druid: Druid,
    table: str,
    where: str,
    wanted: int,
    seconds: float,
    wait: Callable[[float], None],
    told: Callable[[int], None],
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Wait until Druid has at least so many rows, or until `stop` says so; returns their number.

    Raises PyglueError if no new one came for so many seconds. A Druid that can't answer has no new rows.
    """
    query = f'SELECT COUNT(*) AS n FROM "{table}" WHERE {where}'  # noqa: S608 - our own words
    most, since = 0, time.monotonic()
    details: list[str] = []
    while True:
        try:
            found = int(druid.sql_row(query, {"n!": int}, timeout=SQL_SECONDS)["n"])
            if found >= wanted:
                return found
            details = []
        except (BadAnswer, Unreachable) as error:
            found, details = 0, [error.message, *error.details]
        if stop():
            return max(most, found)
        now = time.monotonic()
        if found > most:
            most, since = found, now
        told(most)
        if now - since > seconds:
            raise PyglueError(
                f"Druid has {most:,} of {counted(wanted, 'row')}, and for {seconds:g} s no new one",
                details=details,
                try_="pyglue status",
                code="rows-missing",
            )
        wait(PAUSE)


def against_druid(
    druid: Druid, evidence: Evidence, questions: Sequence[Question] = QUESTIONS
) -> Iterator[Finding]:
    """Each question's answers compared, and the robots one by one."""
    for question in questions:
        sql = question.sql(evidence.table, evidence.where)
        expected = evidence.ledger.ask(sql)
        found = druid.sql(sql, timeout=SQL_SECONDS)
        names = expected[0] if expected else ()
        differing = tuple(differences(expected, found, question.keys, dict.fromkeys(names, question.slack)))
        yield Finding(question.title, _summary(expected, question.keys), differing)
    yield _robots(druid, evidence)


def _robots(druid: Druid, evidence: Evidence) -> Finding:
    """Precision (how many that were flagged are robots) and recall (how many robots were flagged), by visitors."""
    query = f'SELECT DISTINCT "partyId" FROM "{evidence.table}" WHERE "bot" = 1 AND {evidence.where}'  # noqa: S608 - ours
    flagged = {
        str(row["partyId"]) for row in druid.sql(query, columns={"partyId!": str}, timeout=SQL_SECONDS)
    }
    robots = evidence.robots
    wrong = [f"{party}: a human, taken for a robot" for party in sorted(flagged - robots.all)]
    missed = [f"{party}: a robot that says so, not flagged" for party in sorted(robots.visible - flagged)]
    precision = len(flagged & robots.all) / len(flagged) if flagged else 1.0
    recall = len(flagged & robots.all) / len(robots.all) if robots.all else 1.0
    return Finding(
        "robots, one by one", f"precision {precision:.3f}, recall {recall:.3f}", tuple(wrong + missed)
    )


def against_chart(superset: Superset, chart: Chart, evidence: Evidence) -> Finding | None:
    """A chart's own query, for the rows of the truth, compared with the truth's answer to the same SQL.

    None if the truth can't tell: the chart lists rows, or asks for what is not in the file.
    """
    if not chart.measures:
        return None
    try:
        answer = chart_data.ask(superset, chart, evidence.of_charts)
    except (BadAnswer, Unreachable) as error:
        return Finding(f"chart {chart.name}", "no answer", (error.message, *error.details))
    try:
        expected = evidence.ledger.ask(answer.sql)
    except CantTell:
        return None
    keys = tuple(name for name in (expected or [{}])[0] if name not in chart.measures)
    allowed = {label: slack(sql) for label, sql in chart.measures.items()}
    differing = tuple(differences(expected, answer.rows, keys, allowed, evidence.blur_ms))
    return Finding(f"chart {chart.name}", _summary(expected, keys), differing)


def _summary(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> str:
    if keys:
        return counted(len(rows), "row")
    return ", ".join(map(_shown, (rows[0] if rows else {}).values()))


def _shown(value: Any) -> str:
    return (
        f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else f"{value}"
    )
