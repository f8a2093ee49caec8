"""`pyglue replay`: bad events, made into records after all."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import click

from pyglue.checks import collector_program
from pyglue.cli.options import SPAN, App, common
from pyglue.collector.bad.entries import KINDS, BadEvent
from pyglue.collector.loading import Setup, load
from pyglue.counted import counted
from pyglue.errors import PyglueError, UsageError, unwritable
from pyglue.pipeline import kept, replays
from pyglue.pipeline import replay as again
from pyglue.pipeline.clients import COLLECTOR
from pyglue.pipeline.kafka import TIMEOUT, Kafka
from pyglue.pipeline.kafka_writer import Writer
from pyglue.pipeline.replay import Result
from pyglue.pipeline.replays import Notes, Replays
from pyglue.screen import Screen


@click.command()
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    metavar="REASON",
    help="Only events with this reason or kind, such as 'bad p' or schema (repeatable).",
)
@click.option("--since", type=SPAN, help="Only what came within this time, such as 2h.")
@click.option("--until", type=SPAN, help="Only what came longer ago than this time, such as 10m.")
@click.option(
    "--dry-run", is_flag=True, help="Make the records and tell what would be sent, but send nothing."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common
def replay(
    app: App,
    reasons: tuple[str, ...],
    since: float | None,
    until: float | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Send bad events again, which the collector has kept: those of which no record could be made.

    By the checkout's files as they are now, each event becomes the record that it would have been then, with its receive
    time, and is written to Kafka. What is sent is noted in .pyglue/replays.jsonl, and is no bad event any more. What still
    can't be sent stays, and is told by reason; then the exit code is 1.

    \b
    pyglue replay --dry-run
    pyglue replay --reason schema --since 2h
    """
    now_ms = time.time_ns() // 1_000_000
    if since is not None and until is not None and until >= since:
        raise UsageError("--until must be shorter ago than --since: there is no time between them")
    settings, stack, engine = app.running()
    conf, environment = collector_program(stack)
    setup = load(conf, environment)
    file = settings.project / replays.FILE
    with nullcontext() if dry_run else engine.locked("replay"), ExitStack() as open_files:
        before = replays.read(file)
        found = kept.Kept(engine, before.ids)
        write: again.Write | None = None
        note: again.Note = _not_noted
        if not dry_run:
            app.needs_running(settings, engine)
            servers = app.addresses(settings, stack, engine).kafka
            write = _writer(servers, setup, app.patience or TIMEOUT)
            note = partial(_note, open_files.enter_context(closing(_opened(file))))
        seen: Counter[str] = Counter()
        wanted = _wanted(_counted(found, seen), reasons, since, until, now_ms)
        result = _run(app.screen, again.run(wanted, again.Remaker(setup).make, write, note, before.parts))
    if seen and not result.events and not set(reasons) <= {*KINDS, *seen}:
        raise _no_such(reasons, seen)
    if as_json:
        app.screen.data(json.dumps(_json(result, dry_run, found.torn)))
    else:
        _tell(app.screen, result, dry_run, found.torn)
    if write is not None and result.records and COLLECTOR in engine.outdated():
        app.screen.say("The collector still runs with the files of before; try: pyglue up")
    if result.still:
        raise _still_bad(result, dry_run)
    return 0


def _counted(events: Iterable[BadEvent], seen: Counter[str]) -> Iterator[BadEvent]:
    """The events, whose reasons are counted as they pass."""
    for event in events:
        seen[event.reason] += 1
        yield event


def _no_such(reasons: Sequence[str], seen: Counter[str]) -> UsageError:
    there = ", ".join(f"{reason} ({count:,})" for reason, count in seen.most_common(8))
    return UsageError(f"no bad event of that time has the reason {' or '.join(reasons)}; there are: {there}")


def _wanted(
    events: Iterable[BadEvent],
    reasons: Sequence[str],
    since: float | None,
    until: float | None,
    now_ms: int,
) -> Iterator[BadEvent]:
    first = 0 if since is None else now_ms - int(since * 1000)
    last = math.inf if until is None else now_ms - int(until * 1000)
    return (
        event
        for event in events
        if (not reasons or event.reason in reasons or event.kind in reasons)
        and first <= event.came.time_ms <= last
    )


def _writer(servers: str, setup: Setup, patience: float) -> again.Write:
    """What writes to Kafka. Raises PyglueError at once if it is away, or has not every topic."""
    kafka = Kafka(servers, patience)
    for topic in setup.topics:
        kafka.ends(topic)
    return Writer(servers, setup.config.producer).write


def _run(screen: Screen, results: Iterable[Result]) -> Result:
    """The last of the results, each of which is shown."""
    result = Result()
    try:
        for result in results:
            screen.move(f"{counted(result.events.total(), 'event')} looked at, {result.sent.total():,} sent")
    finally:
        screen.still()
    return result


def _opened(file: Path) -> Notes:
    """The notes, before anything is sent that could not be noted."""
    try:
        return Notes(file)
    except OSError as error:
        raise unwritable(
            f"what is sent can't be noted in {replays.FILE}, so nothing was sent", error
        ) from error


def _note(notes: Notes, sent: Replays) -> None:
    try:
        notes.add(sent, time.time())
    except OSError as error:
        count = sum(minutes.total() for minutes in sent.records.values())
        raise unwritable(
            f"Kafka has {counted(count, 'record')} that can't be noted in {replays.FILE}, so the next replay sends"
            f" {'it' if count == 1 else 'them'} again",
            error,
        ) from error


def _not_noted(_: Replays) -> None:
    """Where nothing is sent."""


def _still_bad(result: Result, dry_run: bool) -> PyglueError:
    count = result.still.total()
    would = "would still be" if dry_run else "is still" if count == 1 else "are still"
    return PyglueError(
        f"{counted(count, 'event')} {would} bad, and stay{'s' if count == 1 else ''} kept",
        details=[f"{found:,}  {reason}" for reason, found in result.still.most_common()],
        try_="pyglue tail --bad --no-follow",
        code="events-still-bad",
    )


def _tell(screen: Screen, result: Result, dry_run: bool, torn: int) -> None:
    if torn:
        screen.say(
            f"{counted(torn, 'line')} of the collector's files can't be read, and {'is' if torn == 1 else 'are'} left out"
        )
    if not result.events:
        screen.say("no bad events")
        return
    rows = [("REASON", "EVENTS", "WOULD BE SENT" if dry_run else "SENT")]
    rows += [
        (reason, f"{count:,}", f"{result.sent[reason]:,}") for reason, count in result.events.most_common()
    ]
    screen.table(rows)
    if result.records and not dry_run:
        they = "it is" if result.records == 1 else "they are"
        screen.say(
            f"Kafka has {counted(result.records, 'record')} of them; `pyglue reconcile` tells where {they}"
        )


def _json(result: Result, dry_run: bool, torn: int) -> dict[str, Any]:
    return {
        "ok": not result.still,
        "dry_run": dry_run,
        "events": result.events.total(),
        "sent": result.sent.total(),
        "records": result.records,
        "reasons": {
            reason: {"events": count, "sent": result.sent[reason]} for reason, count in result.events.items()
        },
        "still_bad": dict(result.still),
        "unreadable_lines": torn,
    }
