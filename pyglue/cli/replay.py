"""`pyglue replay`: bad events, made into records after all."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import click

from pyglue.checks import collector_program
from pyglue.cli.options import SPAN, App, common
from pyglue.cli.stopping import stoppable
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
    "--dismiss",
    "why",
    metavar="WHY",
    help="Send none of these events: they are settled, and WHY is noted. Needs --reason, --since or --until.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be sent or dismissed, and do neither.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common
def replay(
    app: App,
    reasons: tuple[str, ...],
    since: float | None,
    until: float | None,
    why: str | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Send bad events again, which the collector has kept: those of which no record could be made.

    By the checkout's files as they are now, each event becomes the record that it would have been then, with its receive
    time, and is written to Kafka. What is sent is noted in .pyglue/replays.jsonl, and is no bad event any more. What still
    can't be sent stays, and is told by reason; then the exit code is 1. What can never be mended is dismissed, with the
    reason why.

    \b
    pyglue replay --dry-run
    pyglue replay --reason schema --since 2h
    pyglue replay --reason 'missing p' --dismiss 'a probe without an id'
    """
    now_ms = time.time_ns() // 1_000_000
    if since is not None and until is not None and until >= since:
        raise UsageError("--until must be shorter ago than --since: there is no time between them")
    if why is not None:
        _check_dismissal(why, chosen=bool(reasons) or since is not None or until is not None)
    settings, stack, engine = app.running()
    file = settings.project / replays.FILE
    with nullcontext() if dry_run else engine.locked("replay"), ExitStack() as open_files:
        before = replays.read(file)
        _tell_account(app.screen, before, dry_run)
        found = kept.Kept(engine, before.settled)
        seen: Counter[str] = Counter()
        wanted = _wanted(_counted(found, seen), reasons, since, until, now_ms)
        interrupted, left = False, 0
        if why is not None:
            notes = None if dry_run else open_files.enter_context(closing(_opened(file)))
            result = _dismissed(wanted, notes, why)
        else:
            setup = load(*collector_program(stack))
            write: again.Write | None = None
            note: again.Note = _not_noted
            if not dry_run:
                app.needs_running(settings, engine)
                write = _writer(app.addresses(settings, stack, engine).kafka, setup, app.patience or TIMEOUT)
                note = partial(_note, open_files.enter_context(closing(_opened(file))))
            results = again.run(wanted, again.Remaker(setup).make, write, note, before.parts)
            with stoppable() as stopped:
                result = _run(app.screen, results, stopped)
                interrupted = stopped()
                left = sum(1 for _ in wanted)
    if seen and not result.events and not interrupted and not set(reasons) <= {*KINDS, *seen}:
        raise _no_such(reasons, seen)
    if as_json:
        app.screen.data(json.dumps(_json(result, dry_run, found, left)))
    else:
        _tell(app.screen, result, dry_run, found)
    if interrupted:
        _tell_interrupted(app.screen, result, dry_run, found.passed, left)
        raise KeyboardInterrupt
    if result.records and not dry_run and COLLECTOR in engine.outdated():
        app.screen.say("The collector still runs with the files of before; try: pyglue up")
    if result.still:
        raise _still_bad(result, dry_run)
    return 0


def _check_dismissal(why: str, *, chosen: bool) -> None:
    if not why.strip():
        raise UsageError("--dismiss needs the reason why: it is noted, for who asks later")
    if not chosen:
        raise UsageError("--dismiss needs --reason, --since or --until: which events are settled")


def _tell_account(screen: Screen, before: Replays, dry_run: bool) -> None:
    """Say what is wrong with the account of what was sent; raises PyglueError if events could be sent twice unseen."""
    if before.torn:
        screen.say(
            f"the last line of {replays.FILE} was torn when a replay was killed: its events, {again.BATCH} at most, count as"
            " not sent, though Kafka has them"
        )
    if before.damaged and dry_run:
        screen.say(f"{before.place} can't be read: what it settled is among these events")
    elif before.damaged:
        raise PyglueError(
            "the account of what was sent is damaged, so nothing is sent: it could be sent twice",
            details=[
                f"can't be read  {before.place}",
                "shows          `pyglue replay --dry-run`: what would be sent, that included",
                "takes it out   the command below, for who has seen that",
            ],
            try_=before.remedy,
            code="replays-damaged",
        )


def _dismissed(events: Iterable[BadEvent], notes: Notes | None, why: str) -> Result:
    """Settle events without a record; without `notes` they are only counted."""
    result, ids = Result(), []
    for event in events:
        result.events[event.reason] += 1
        ids.append(event.id)
    if ids and notes is not None:
        try:
            notes.dismiss(ids, why, time.time())
        except OSError as error:
            raise unwritable(
                f"nothing is dismissed, for it can't be noted in {replays.FILE}", error
            ) from error
    result.dismissed = result.events.copy()
    return result


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


def _run(screen: Screen, results: Iterable[Result], stopped: Callable[[], bool]) -> Result:
    """The last of the results, each of which is shown; once it is `stopped`, the one by then."""
    result = Result()
    try:
        for result in results:
            screen.move(f"{counted(result.events.total(), 'event')} looked at, {result.sent.total():,} sent")
            if stopped():
                break
    except KeyboardInterrupt:  # the second one
        screen.say(
            f"{counted(result.sent.total(), 'event')} sent and noted; what Kafka has of the {again.BATCH} after these"
            " may not be noted, and then the next replay sends it again"
        )
        raise
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


def _tell(screen: Screen, result: Result, dry_run: bool, found: kept.Kept) -> None:
    if found.told:
        screen.say(found.told)
    if not result.events:
        screen.say(
            "no bad events" + (f"; sent or dismissed before: {found.passed:,}" if found.passed else "")
        )
        return
    done, verb = (result.dismissed, "dismissed") if result.dismissed else (result.sent, "sent")
    rows = [("REASON", "EVENTS", (f"would be {verb}" if dry_run else verb).upper())]
    rows += [(reason, f"{count:,}", f"{done[reason]:,}") for reason, count in result.events.most_common()]
    screen.table(rows)
    if result.records and not dry_run:
        they = "it is" if result.records == 1 else "they are"
        screen.say(
            f"Kafka has {counted(result.records, 'record')} of them; `pyglue reconcile` tells where {they}"
        )
    if result.dismissed and not dry_run:
        screen.say(f"They are settled, and the reason why is noted in {replays.FILE}")


def _tell_interrupted(screen: Screen, result: Result, dry_run: bool, before: int, left: int) -> None:
    """How far it came. Every batch is noted before it ends here."""
    sent, still = result.sent.total(), result.still.total()
    screen.say(
        f"events {'that would be ' if dry_run else ''}sent: {sent:,}; still bad: {still:,};"
        f" sent or dismissed before: {before:,}; not looked at yet: {left:,}"
    )
    if not dry_run:
        screen.say("All that was sent is noted: the same command, typed again, goes on with what is left")


def _json(result: Result, dry_run: bool, found: kept.Kept, left: int) -> dict[str, Any]:
    return {
        "ok": not result.still and not left,
        "dry_run": dry_run,
        "events": result.events.total(),
        "sent": result.sent.total(),
        "dismissed": result.dismissed.total(),
        "records": result.records,
        "reasons": {
            reason: {"events": count, "sent": result.sent[reason]} for reason, count in result.events.items()
        },
        "still_bad": dict(result.still),
        "left": left,
        "settled_before": found.passed,
        "unreadable_lines": found.torn,
    }
