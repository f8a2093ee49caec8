"""`pyglue traffic`: visitors whose every step is known; `pyglue traffic verify`: whether Druid and charts know them."""

from __future__ import annotations

import json
import math
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

import click
import uvloop

from pyglue.checks import RETENTION, collector_program
from pyglue.cli.groups import Group
from pyglue.cli.options import SPAN, App, common
from pyglue.cli.stopping import stoppable
from pyglue.collector.events import base36
from pyglue.counted import counted
from pyglue.engine import Engine
from pyglue.errors import PyglueError, UsageError
from pyglue.pipeline import spec as specs
from pyglue.screen import Screen
from pyglue.settings import Settings
from pyglue.stack.model import Stack
from pyglue.traffic import crowd, faults, history, schedule, truth
from pyglue.traffic.live import Live, Tally
from pyglue.traffic.sender import NO_ANSWER
from pyglue.traffic.verify import await_rows, of_run

FOLDER = Path(".pyglue") / "traffic"
EVENT_PATH = "/csc-event"
CONNECTIONS = 128
DAY_SECONDS = 86_400
MOST_DAYS = 3650
FOREVER_MS = MOST_DAYS * DAY_SECONDS * 1000
FEWEST_VISITORS = 2000
VISITS_OF_ONE = 2  # how often a visitor comes in a history, about, if nobody says how many there are
RATE = 5.0
STALLED_SECONDS = 120.0  # without a new row: longer than Druid needs to begin again after a restart


@dataclass(frozen=True)
class Running:
    """The stack that the traffic goes to."""

    app: App
    settings: Settings
    stack: Stack
    engine: Engine

    @classmethod
    def of(cls, app: App) -> Running:
        """The one of this checkout. Raises PyglueError if nothing runs."""
        settings, stack, engine = app.running()
        app.needs_running(settings, engine)
        return cls(app, settings, stack, engine)

    @property
    def folder(self) -> Path:
        """Where truth files are."""
        return self.settings.project / FOLDER


@click.group(cls=Group, invoke_without_command=True)
@click.option(
    "--rate",
    default=RATE,
    show_default=True,
    type=click.FloatRange(0.01, 20_000),
    help="Events per second, on the average of a week.",
)
@click.option("--visitors", type=click.IntRange(1), help="How many people there are (default: enough).")
@click.option("--duration", type=SPAN, help="End after this time, such as 10m (default: with Ctrl-C).")
@click.option("--seed", default=1, show_default=True, help="Another number makes other people.")
@click.option(
    "--backfill", type=SPAN, help="Write the history of this time, such as 14d, to Kafka in place of sending."
)
@click.option("--even", is_flag=True, help="As busy at night as in the evening.")
@click.option(
    "--truth",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write what was sent (default: .pyglue/traffic/TIME.tsv).",
    metavar="FILE",
)
@common
@click.pass_context
def traffic(
    context: click.Context,
    app: App,
    rate: float,
    visitors: int | None,
    duration: float | None,
    seed: int,
    backfill: float | None,
    even: bool,
    file: Path | None,
) -> int:
    """Send what visitors of a site would, and write down what was sent.

    They come with their browsers, read, click, sign up, and come again; some are robots, and some of what they send is
    damaged, late or sent twice. Ctrl-C ends it cleanly. With --backfill the history of the days before is written to
    Kafka with its own times, as the collector would have written it, and waited for until Druid has read it.

    Exits with 1 if a request was refused or had no answer.

    \b
    pyglue traffic
    pyglue traffic --rate 200 --even --duration 10m
    pyglue traffic --backfill 14d --rate 1
    """
    if context.invoked_subcommand is not None:
        return 0
    if backfill is not None and (duration is not None or even):
        raise UsageError("--backfill writes what was before now: it goes with neither --duration nor --even")
    people = enough(rate, visitors)
    running = Running.of(app)
    if backfill is not None:
        write_history(running, rate, visitors, seed, backfill, file)
        return 0
    if not even:
        now = rate * schedule.busyness(_now_ms())
        app.screen.say(
            f"About {now:.2g} events per second at this time of the day; with --even {rate:g} always"
        )
    tally = send_live(running, rate, people, seed, duration, file, even=even)
    tell_outcome(app.screen, tally)
    return 0


def truth_files(settings: Settings) -> list[Path]:
    """The truth files of this checkout, the oldest first; an empty one is a history that is being written."""
    return sorted(file for file in (settings.project / FOLDER).glob("*.tsv") if file.stat().st_size)


def has_history(settings: Settings) -> bool:
    """Whether a history was written here."""
    return any(truth.read(file).made.history for file in truth_files(settings))


def tell_outcome(screen: Screen, tally: Tally) -> None:
    """Tell what came of live traffic; raises PyglueError if not every request was answered with success."""
    screen.table([(name, f"{count:,}") for name, count in _rows(tally)])
    lost = {status: count for status, count in tally.statuses.items() if status != 200}
    if lost:
        raise PyglueError(
            "not every request was recorded",
            details=[
                f"{count:,} {f'answered with {status}' if status != NO_ANSWER else 'without an answer'}"
                for status, count in sorted(lost.items())
            ],
            try_="pyglue status",
            code="requests-lost",
        )


def enough(rate: float, visitors: int | None) -> int:
    """How many visitors there are; raises UsageError if `visitors` are too few for the rate."""
    if not math.isfinite(rate):
        raise UsageError(f"--rate must be a number, not {rate}")
    least = crowd.least_visitors(rate)
    if visitors is not None and visitors < least:
        raise UsageError(
            f"{rate:g} events per second need at least {counted(least, 'visitor')}",
            try_=f"pyglue traffic --rate {rate:g} --visitors {least}",
        )
    return visitors or max(least, FEWEST_VISITORS)


def write_history(
    running: Running, rate: float, visitors: int | None, seed: int, seconds: float, file: Path | None
) -> bool:
    """Write the last `seconds` to Kafka and wait until Druid has read them; False if it was ended early.

    Raises PyglueError if Kafka or Druid do not take them, UsageError if they are more than Druid keeps.
    """
    kept = _kept_days(running.settings.project)
    if seconds > kept * DAY_SECONDS:
        raise UsageError(f"--backfill can be at most {kept}d: Druid keeps no more, by {RETENTION}")
    screen = running.app.screen
    people = enough(rate, visitors or max(int(seconds * rate / 5 / VISITS_OF_ONE), FEWEST_VISITORS))
    addresses = running.app.addresses(running.settings, running.stack, running.engine)
    spec = specs.read(running.settings.project / specs.FILE)
    now = _now_ms()
    file = _prepared(running, file, now)
    conf, environment = collector_program(running.stack)
    plan = history.Plan(
        run=_run(now),
        seed=seed,
        rate=rate,
        visitors=people,
        from_ms=now - int(seconds * 1000),
        to_ms=now,
        servers=addresses.kafka,
        topic=specs.topic(spec),
        conf=conf,
        environment=environment,
    )
    began, whole = time.monotonic(), False
    clients = running.app.clients(running.settings, running.stack, running.engine, time.sleep)
    try:
        clients.kafka.ends(plan.topic)  # refuses at once what would be refused after a minute
        with stoppable() as stopped:
            written = history.write(
                plan,
                file,
                lambda count: screen.move(f"Write {count:,} of about {counted(plan.expected, 'event')}"),
                stopped,
            )
            whole = True
            screen.finished(
                f"Write {counted(written.requests, 'event')} to Kafka", "ok", time.monotonic() - began
            )
            rows = await_rows(
                clients.druid,
                specs.datasource(spec),
                of_run(plan.run),
                written.records,
                STALLED_SECONDS,
                time.sleep,
                lambda found: screen.move(f"{found:,} of {counted(written.records, 'row')} in Druid"),
                stopped,
            )
            early = stopped()
    finally:
        screen.still()
        clients.close()
        if not whole and not file.stat().st_size:
            file.unlink()  # it was only made to see whether it can be written
    dropped = written.requests - written.records
    left = (
        f" ({counted(dropped, 'unreadable event makes', 'unreadable events make')} none)"
        if dropped and not early
        else ""
    )
    screen.finished(f"{counted(rows, 'row')} in Druid{left}", "ok", time.monotonic() - began)
    screen.say(f"The truth is in {_shown(file)}")
    return not early


def _kept_days(project: Path) -> int:
    """How many days back Druid keeps rows, by the first of its rules; ten years if it says nothing of days."""
    rules = json.loads((project / RETENTION).read_text(encoding="utf-8"))
    period = re.fullmatch(r"P(\d+)D", str(rules[0].get("period"))) if rules else None
    return int(period[1]) if period else MOST_DAYS


def send_live(
    running: Running,
    rate: float,
    people: int,
    seed: int,
    seconds: float | None,
    file: Path | None,
    *,
    even: bool,
) -> Tally:
    """Send traffic as it happens, for so many seconds or until Ctrl-C, with its truth in a file."""
    screen = running.app.screen
    url = urlsplit(running.app.addresses(running.settings, running.stack, running.engine).collector)
    file = _prepared(running, file, _now_ms())
    crowd.least_visitors(rate)  # computes what is computed once, before the clock counts
    now = _now_ms()
    end_ms = now + (int(seconds * 1000) if seconds is not None else FOREVER_MS)
    with _written(file) as out:
        run = _run(now)
        truth.begin(out, truth.Made(run, seed, rate, people, now, history=False))
        live = Live(
            url.hostname or "",
            url.port or 80,
            url.path + EVENT_PATH,
            out,
            _now_ms,
            lambda tally: screen.move(_line(tally)),
        )
        deliveries = faults.deliveries(
            crowd.actions(seed, people, now, end_ms, rate, run=run, curved=not even), seed
        )
        with stoppable(live.stop):
            tally: Tally = uvloop.run(live.run(deliveries, CONNECTIONS))
        truth.end(out, _now_ms())
    screen.still()
    screen.say(f"The truth is in {_shown(file)}")
    return tally


def _prepared(running: Running, file: Path | None, now_ms: int) -> Path:
    """The truth file's path, its folder made; raises PyglueError if it can't be written."""
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S", time.localtime(now_ms / 1000))
    chosen = file or running.folder / f"{stamp}.tsv"
    if chosen.exists() and not chosen.is_file():
        raise UsageError(f"{chosen} is no regular file")
    try:
        chosen.parent.mkdir(parents=True, exist_ok=True)
        number = 1
        while file is None and chosen.exists():  # another one began in the same second
            number += 1
            chosen = running.folder / f"{stamp}-{number}.tsv"
        chosen.open("a" if file else "x").close()
    except OSError as error:
        raise truth.unwritten(chosen, error) from error
    return chosen


@contextmanager
def _written(file: Path) -> Iterator[TextIO]:
    """The file, open for writing; raises PyglueError if it can't be written to its end."""
    try:
        with file.open("w", encoding="utf-8") as out:
            yield out
    except OSError as error:
        raise truth.unwritten(file, error) from error


def _run(now_ms: int) -> str:
    """A name for a run, so that its rows can be told from all others'."""
    return base36.render(now_ms)[-6:] + secrets.token_hex(1)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _shown(file: Path) -> str:
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)


def _line(tally: Tally) -> str:
    refused = sum(count for status, count in tally.statuses.items() if status not in (200, NO_ANSWER))
    text = f"{counted(tally.sent, 'event')} sent, {tally.statuses[200]:,} answered"
    if refused or tally.statuses[NO_ANSWER]:
        text += f", {refused:,} refused, {tally.statuses[NO_ANSWER]:,} without an answer"
    return text + (f", {tally.behind_ms / 1000:.1f} s behind" if tally.behind_ms > 1000 else "")


def _rows(tally: Tally) -> list[tuple[str, int]]:
    return [
        ("sent", tally.sent),
        ("answered with success", tally.statuses[200]),
        *sorted((name, count) for name, count in tally.faults.items() if name),
    ]
