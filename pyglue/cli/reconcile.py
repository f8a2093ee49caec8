"""`pyglue reconcile`: the counts at every hop over a span of time, and what is missing between two of them."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from pyglue.cli.options import SPAN, App, common
from pyglue.collector.counting.counts import Counts, plus
from pyglue.counted import counted
from pyglue.diagnosis import facts as looking
from pyglue.diagnosis.facts import Facts, Supervisor
from pyglue.diagnosis.findings import Finding
from pyglue.diagnosis.findings import findings as diagnosed
from pyglue.engine import Engine
from pyglue.errors import PyglueError, UsageError
from pyglue.pipeline import hop_counts, losses, replays, resets
from pyglue.pipeline import reconcile as comparing
from pyglue.pipeline import spec as specs
from pyglue.pipeline.clients import Clients
from pyglue.pipeline.field_statistics import short
from pyglue.pipeline.minutes import Span, shown, text
from pyglue.pipeline.reconcile import Gap, InKafka, Seen
from pyglue.pipeline.replays import Replays
from pyglue.pipeline.resets import Reset
from pyglue.screen import SLOW, Screen, listed
from pyglue.settings import Settings
from pyglue.stack.model import Stack

GRACE_SECONDS = 5  # what came later than that may be on its way
MOST_MINUTES = 31 * 1440  # Superset answers 50,000 rows at most
INGESTING = ("druid-indexer", "druid-coordinator", "zookeeper")
EARLIEST = 2000  # year; what lies before is a mistake, and beyond what some of those asked can count
FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d"]
NAME = 60  # characters of a reason; the collector's own are shorter
T = TypeVar("T")


@click.command()
@click.option(
    "--since",
    "seconds",
    type=SPAN,
    default="1h",
    show_default=True,
    help="The time up to now, such as 10m or 2d.",
)
@click.option(
    "--from", "begin", type=click.DateTime(FORMATS), help="The first minute, in UTC.", metavar="TIME"
)
@click.option(
    "--to", "until", type=click.DateTime(FORMATS), help="The minute to end before, in UTC.", metavar="TIME"
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common
def reconcile(app: App, seconds: float, begin: datetime | None, until: datetime | None, as_json: bool) -> int:
    """Compare the counts of every hop, minute by minute: collector, Kafka, Druid, and what the dashboards count.

    Minutes are those of the receive time; the last one is the last that ended at least 5 seconds ago. Any gap is named,
    with its minutes, its likely cause and the next command; what is still on its way is not missing. Exits with 1 if
    something is missing, a hop can't be asked, or something else is wrong.

    \b
    pyglue reconcile
    pyglue reconcile --since 1d
    pyglue reconcile --from 2026-11-26T08:00 --to 2026-11-26T09:00 --json
    """
    span = _span(seconds, begin, until, time.time())
    cut = until is None or _minute(until) > span.end
    settings, stack, engine = app.running()
    app.needs_running(settings, engine)
    facts, seen = _ask(app, settings, stack, engine, span)
    found = comparing.gaps(seen)
    problems = losses.findings(seen, found, diagnosed(facts))
    if as_json:
        app.screen.data(json.dumps(_json(seen, facts, found, problems)))
    else:
        app.screen.say(_headline(span, cut=cut))
        _tell(app.screen, seen, facts, found, problems)
    return 1 if problems else 0


def _span(seconds: float, begin: datetime | None, until: datetime | None, now: float) -> Span:
    """The minutes that are asked for, without those that are not over yet. Raises UsageError."""
    last = int(now - GRACE_SECONDS) // 60
    end = last if until is None else min(last, _minute(until))
    first = end - max(1, round(seconds / 60)) if begin is None else _minute(begin)
    if (begin is not None and begin.year < EARLIEST) or (until is not None and until.year < EARLIEST):
        raise UsageError(f"there are no events from before {EARLIEST}")
    if first >= end:
        raise UsageError(f"there is no whole minute that is over in that time: it would end at {text(end)}")
    if end - first > MOST_MINUTES:
        raise UsageError(f"at most {MOST_MINUTES // 1440} days can be compared at a time")
    return Span(first, end)


def _minute(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp()) // 60


# -- asking


def _ask(app: App, settings: Settings, stack: Stack, engine: Engine, span: Span) -> tuple[Facts, Seen]:
    """Everything at the same time: each hop's counts, and one look at what is wrong."""
    addresses = app.addresses(settings, stack, engine)
    wanted = specs.addressed(specs.read(settings.project / specs.FILE), addresses.kafka_for_druid)
    topic, table = specs.topic(wanted), specs.datasource(wanted)
    minutes = hop_counts.times_of(wanted, settings.project / specs.SCHEMA)
    clients = app.clients(settings, stack, engine, time.sleep, looking.PATIENCE)
    lookers = app.clients(settings, stack, engine, time.sleep, looking.PATIENCE)
    tell = _progress(app.screen)
    try:
        # Before the rows: what Druid reads in between is then on its way at worst, and not missing.
        read = _told(lambda: clients.druid.offsets(table))
        known = {} if isinstance(read, PyglueError) else read
        with ThreadPoolExecutor(3) as pool:
            look = pool.submit(lambda: looking.look(settings, engine, lookers, wanted))
            rows = pool.submit(lambda: _rows_and_chart(clients, table, span))
            kafka = pool.submit(
                lambda: _told(lambda: hop_counts.in_kafka(clients.kafka, topic, span, minutes, known, tell))
            )
            collector = _told(lambda: hop_counts.collector(engine, span))
            facts = look.result()
            removed = resets.read(settings.project / resets.FILE, wanted)
            again = replays.read(settings.project / replays.FILE)
            return facts, _seen(span, facts, collector, kafka.result(), *rows.result(), removed, again)
    finally:
        app.screen.still()
        clients.close()
        lookers.close()


def _rows_and_chart(
    clients: Clients, table: str, span: Span
) -> tuple[dict[int, int] | PyglueError, dict[int, int] | PyglueError]:
    """One after the other, so that a chart never has fewer because it was asked first."""
    rows = _told(lambda: hop_counts.in_druid(clients.druid, table, span))
    return rows, _told(lambda: hop_counts.in_superset(clients.superset, table, span))


def _seen(
    span: Span,
    facts: Facts,
    collector: tuple[dict[int, Counts], tuple[str, ...]] | PyglueError,
    kafka: InKafka | PyglueError,
    druid: dict[int, int] | PyglueError,
    superset: dict[int, int] | PyglueError,
    removed: tuple[Reset, ...] = (),
    again: Replays | None = None,
) -> Seen:
    counts, damaged = (collector, ()) if isinstance(collector, PyglueError) else collector
    status = facts.supervisor.status if isinstance(facts.supervisor, Supervisor) else None
    return Seen(
        span,
        facts.topic_name,
        counts,
        kafka,
        druid,
        superset,
        damaged=damaged,
        reads=_reads(facts),
        unparseable=status.unparseable if status else 0,
        thrown_away=status.thrown_away if status else 0,
        resets=removed,
        replayed=again.records.get(facts.topic_name, {}) if again else {},
        account=again or Replays(),
    )


def _reads(facts: Facts) -> bool:
    """Whether Druid is reading the topic now, so that what it has not read is on its way."""
    stopped = any(
        one.code.startswith("supervisor-") or one.code == "topic-recreated" or one.service in INGESTING
        for one in diagnosed(facts)
    )
    return isinstance(facts.supervisor, Supervisor) and not stopped


def _told(ask: Callable[[], T]) -> T | PyglueError:
    try:
        return ask()
    except PyglueError as error:
        return error


def _progress(screen: Screen) -> Callable[[int, int], None]:
    """Shows how far Kafka is read, once it takes long."""
    began = time.monotonic()

    def tell(done: int, total: int) -> None:
        if time.monotonic() - began > SLOW:
            screen.move(f"Kafka: {done:,} of {counted(total, 'record')} read")

    return tell


# -- telling


def _headline(span: Span, *, cut: bool) -> str:
    """Which minutes were compared; `cut` if it was asked for more than are over."""
    left = "; the minute that still runs is left out" if cut else ""
    return f"{text(span.first)} to {text(span.end)}, minutes: {span.minutes:,}{left}"


def _tell(
    screen: Screen, seen: Seen, facts: Facts, found: Sequence[Gap], problems: Sequence[Finding]
) -> None:
    screen.table([("HOP", "WHAT", "EVENTS"), *_rows(seen, facts)])
    screen.data("")
    for gap in found:
        if gap.kind != "missing":
            screen.data(f"note: {gap.message}" + (f" ({shown(gap.minutes)})" if gap.count else ""))
    for number, finding in enumerate(problems, 1):
        for line in listed(number, finding.message, finding.details, finding.try_, finding.code):
            screen.data(line)
    if not problems:
        screen.data("Nothing is missing.")


def _rows(seen: Seen, facts: Facts) -> list[tuple[str, str, str]]:
    hops = _figures(seen, facts)
    words = {
        "received": "received",
        "refused": "refused (503)",
        "acknowledged": "acknowledged",
        "acknowledged_records": f"records acknowledged by {seen.topic}",
        "in_spool": "of them in the collector's spool",
        "records": f"records in {seen.topic}",
        "unreadable": "of them unreadable",
        "not_yet_read": "of them not read by Druid yet",
        "rows": f"rows of {facts.datasource}",
        "processed": "processed since its tasks began",
        "unparseable": "unparseable since its tasks began",
        "thrown_away": "thrown away since its tasks began",
        "count": "counted by a chart",
    }
    rows = []
    for hop, figures in hops.items():
        if "error" in figures:
            rows.append((hop, figures["error"]["message"], "-"))
        rows += [
            (hop, words[name], "not known yet" if figures[name] is None else f"{figures[name]:,}")
            for name in words
            if name in figures and (figures[name] or name != "in_spool")  # a rare thing
        ]
        rows += [
            (hop, f"dropped: {short(why, NAME)}", f"{count:,}")
            for why, count in figures.get("dropped", {}).items()
        ]
    return rows


def _figures(seen: Seen, facts: Facts) -> dict[str, dict[str, Any]]:
    """The counts of every hop, by hop, for programs."""
    figures: dict[str, dict[str, Any]] = {}
    collector, kafka, supervisor = seen.collector, seen.kafka, facts.supervisor
    if isinstance(collector, PyglueError):
        figures["collector"] = _error(collector)
    else:
        whole = Counts(0)
        for counts in collector.values():
            whole = plus(whole, counts)
        figures["collector"] = {
            "received": whole.received,
            "acknowledged": whole.acknowledged,
            "refused": whole.refused,
            "dropped": dict(sorted(whole.dropped.items())),
            "acknowledged_records": whole.records.get(seen.topic, 0),
            "in_spool": whole.in_spool,
            "complete": whole.complete and not seen.damaged,
        }
    figures["kafka"] = (
        {
            "records": kafka.records.total(),
            "unreadable": kafka.unreadable.total(),
            "not_yet_read": kafka.unread.total() if kafka.told or not kafka.records else None,
        }
        if isinstance(kafka, InKafka)
        else _error(kafka)
    )
    figures["druid"] = _sum(seen.druid, "rows")
    if isinstance(supervisor, Supervisor):
        status = supervisor.status
        figures["druid"] |= {
            "processed": status.processed,
            "unparseable": status.unparseable,
            "thrown_away": status.thrown_away,
        }
    figures["superset"] = _sum(seen.superset, "count")
    return figures


def _sum(minutes: Mapping[int, int] | PyglueError, name: str) -> dict[str, Any]:
    return _error(minutes) if isinstance(minutes, PyglueError) else {name: Counter(minutes).total()}


def _error(error: PyglueError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": error.message}}


def _json(seen: Seen, facts: Facts, found: Sequence[Gap], problems: Sequence[Finding]) -> dict[str, Any]:
    return {
        "ok": not problems,
        "from": text(seen.span.first),
        "to": text(seen.span.end),
        "hops": _figures(seen, facts),
        "gaps": [gap.to_json() for gap in found],
        "problems": [finding.to_json() for finding in problems],
    }
