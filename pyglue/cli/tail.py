"""`pyglue tail`: decoded events as they arrive in Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Protocol

import click

from pyglue.cli.options import SPAN, App, common
from pyglue.collector.avro import records, schema
from pyglue.collector.bad.entries import BadEvent
from pyglue.counted import counted
from pyglue.errors import UsageError
from pyglue.pipeline import filters, kept, replays
from pyglue.pipeline import spec as specs
from pyglue.pipeline.field_statistics import Statistics
from pyglue.pipeline.filters import Name
from pyglue.pipeline.kafka import BATCH, TIMEOUT, Kafka, Record
from pyglue.pipeline.tail import Begin, Event, Reader, bad_line, batches, json_line, line
from pyglue.screen import Screen


@click.command()
@click.option("-n", "--last", type=click.IntRange(min=0), help="Begin with the last so many records.")
@click.option("--since", type=SPAN, help="Begin with what came within this time, such as 10m.")
@click.option("--no-follow", is_flag=True, help="End with what is there now.")
@click.option("-c", "--count", type=click.IntRange(min=1), help="End after so many events.")
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="CONDITION",
    help="Only events with FIELD=VALUE, FIELD!=VALUE, FIELD~PATTERN or FIELD<NUMBER (>, <=, >=); repeated: all of them.",
)
@click.option("--fields", metavar="NAME,...", help="Only these fields.")
@click.option("--stats", is_flag=True, help="At the end, what values the fields had, in place of the events.")
@click.option(
    "--bad",
    is_flag=True,
    help="Only records that can't be decoded or arrived damaged, and events of which none could be made.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON object on each line; of --stats one in all."
)
@common
def tail(
    app: App,
    last: int | None,
    since: float | None,
    no_follow: bool,
    count: int | None,
    conditions: tuple[str, ...],
    fields: str | None,
    stats: bool,
    bad: bool,
    as_json: bool,
) -> None:
    """Show events as they arrive in Kafka, until Ctrl-C.

    They are decoded by the checkout's schema. No consumer group is joined, and nothing is changed. With --bad it shows what
    is wrong: in the topic, and among the events that the collector has kept because no record could be made of them.

    \b
    pyglue tail --where eventType=click --fields partyId,technology
    pyglue tail --since 1h --no-follow --stats
    pyglue tail --json | jq .eventType
    pyglue tail --bad --since 1d --no-follow
    """
    if last is not None and since is not None:
        raise UsageError("--last and --since both say where to begin: only one of them can be given")
    settings, stack, engine = app.running()
    topic = specs.topic(specs.read(settings.project / specs.FILE))
    layout = schema.read(settings.project / specs.SCHEMA)
    tests = [filters.condition(text, layout) for text in conditions]
    names = filters.names(fields, layout) if fields is not None else None
    app.needs_running(settings, engine)
    kafka = Kafka(app.addresses(settings, stack, engine).kafka, app.patience or TIMEOUT)
    reader = Reader(records.reader(layout), tests, bad=bad, count=count)
    begin = Begin(last, None if since is None else int((time.time() - since) * 1000), not no_follow)
    others = BadOnes(app.screen, None, kept.line, None)
    if bad and not stats and not tests:
        known = replays.read(settings.project / replays.FILE)
        if known.damaged:
            app.screen.say(
                f"{known.place} can't be read: events that it settled are shown as bad; try: pyglue replay"
            )
        others = BadOnes(
            app.screen, kept.Following(engine, known.settled), kept.json_line if as_json else kept.line, count
        )
    sink: Sink
    if stats:
        sink = Counted(
            app.screen, reader, Statistics(names or [Name(field.name) for field in layout.fields]), as_json
        )
    else:
        show = (
            partial(json_line, names=names, bad=bad)
            if as_json
            else partial(line, names=names, schema=layout, bad=bad, wide=app.screen.wide)
        )
        sink = Printed(app.screen, reader, show, others, told=not bad)
    try:
        others.begin(begin)
        with closing(batches(kafka, topic, begin, partial(_tell_away, app.screen))) as found:
            for events in others.beside(reader, found):
                sink.take(events)
    except KeyboardInterrupt:
        sink.finish()
        raise
    sink.finish()


class Sink(Protocol):
    """Where events go."""

    def take(self, events: list[Event]) -> None:
        """The next events; perhaps none."""

    def finish(self) -> None:
        """There are no more."""


@dataclass(frozen=True)
class Printed:
    """Each event is a line of data. Those that can't be decoded are talk, unless they are what was asked for.

    `others` print, too.
    """

    screen: Screen
    reader: Reader
    show: Callable[[Event], str]
    others: BadOnes
    told: bool

    def take(self, events: list[Event]) -> None:
        """Print them, all lines of data at once."""
        lines = []
        for event in events:
            if event.decoded or not self.told:
                lines.append(self.show(event))
            else:
                self.screen.say(f"can't be decoded: {bad_line(event)}")
        if lines:
            self.screen.data("\n".join(lines))

    def finish(self) -> None:
        """Say how many could not be decoded, and how many were looked at if none was shown."""
        nothing = not self.reader.matched and not self.others.shown
        if nothing and (self.reader.chooses or not self.reader.records):
            self.screen.say(
                f"0 of {counted(self.reader.records, 'record')} matched"
                if self.reader.records
                else "no records"
            )
        if self.reader.undecodable:
            self.screen.say(_undecodable(self.reader.undecodable))


@dataclass
class BadOnes:
    """The bad events that the collector has kept, a line of data each, beside what the topic has.

    `following` has them, None if nobody asked. They come first, before Kafka is asked: a Kafka that is away hides nothing
    of them. `count` ends both together. Where lines can't be read is said as they are found.
    """

    screen: Screen
    following: kept.Following | None
    show: Callable[[BadEvent], str]
    count: int | None
    shown: int = 0
    unreadable: int = 0

    def begin(self, begin: Begin) -> None:
        """Print those that there are."""
        if self.following is not None:
            self._print(self.following.first(begin))
            self._tell(self.following.kept)

    def beside(self, reader: Reader, found: Iterator[list[Record]]) -> Iterator[list[Event]]:
        """What the reader makes of records, as long as more is wanted; meanwhile print what comes here."""
        if self.count is not None:
            if self.shown >= self.count:
                return
            reader.count = self.count - self.shown
        for events in reader.events(found):
            yield events
            if self.following is not None:
                self._print(self.following.fresh())
                self._tell(self.following.kept)
                if self.count is not None and self.shown + reader.matched >= self.count:
                    return

    def _print(self, events: Iterable[BadEvent]) -> None:
        wanted = islice(events, None if self.count is None else self.count - self.shown)
        while lines := [self.show(event) for event in islice(wanted, BATCH)]:
            self.shown += len(lines)
            self.screen.data("\n".join(lines))

    def _tell(self, there: kept.Kept) -> None:
        if there.torn > self.unreadable:
            self.unreadable = there.torn
            self.screen.say(there.told)


@dataclass(frozen=True)
class Counted:
    """Only what values the fields had is shown, at the end."""

    screen: Screen
    reader: Reader
    statistics: Statistics
    as_json: bool

    def take(self, events: list[Event]) -> None:
        """Count them."""
        self.statistics.add([event.row for event in events if event.decoded])
        self.screen.move(
            f"{counted(self.statistics.records, 'event')} counted, {counted(self.reader.records, 'record')} read"
        )

    def finish(self) -> None:
        """Print the table, or the object."""
        self.screen.still()
        if self.as_json:
            self.screen.data(filters.as_json(self.statistics.to_json(self.reader.undecodable)))
            return
        self.screen.table(self.statistics.table())
        of = f" of {counted(self.reader.records, 'record')}" if self.reader.chooses else ""
        self.screen.say(f"{counted(self.statistics.records, 'event')}{of}")
        if self.reader.undecodable:
            self.screen.say(_undecodable(self.reader.undecodable))


def _undecodable(count: int) -> str:
    return f"{counted(count, 'record')} could not be decoded by {specs.SCHEMA}; try: pyglue tail --bad --no-follow"


def _tell_away(screen: Screen, away: bool) -> None:
    screen.say("Kafka does not answer; it goes on when Kafka is back" if away else "Kafka is back")
