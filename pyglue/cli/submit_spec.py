"""`pyglue submit-spec`: check the Druid supervisor spec, show what it changes, try it, post it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pyglue.checks import supervisor_spec
from pyglue.cli.options import App, common
from pyglue.cli.supervisor import show as show_status
from pyglue.counted import counted
from pyglue.errors import PyglueError
from pyglue.pipeline import reachable, sampler, spec_diff, supervisors
from pyglue.pipeline import spec as specs
from pyglue.pipeline.clients import Clients
from pyglue.pipeline.kafka import Kafka
from pyglue.pipeline.sampler import Sample
from pyglue.pipeline.spec_diff import Change
from pyglue.screen import Screen
from pyglue.up import reset_if_ahead, submit

ROWS_SHOWN = 3  # as many as fit side by side
REASONS_SHOWN = 5


@click.command(name="submit-spec")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--print",
    "show",
    is_flag=True,
    help="Print what would be posted, passwords masked with ***, and post nothing.",
)
@click.option(
    "--dry-run", is_flag=True, help="Post nothing: show what would change, and rows that Druid would make."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common
def submit_spec(app: App, file: Path | None, show: bool, dry_run: bool, as_json: bool) -> int:
    """Post the supervisor spec FILE (default: supervisor-spec.json of the checkout), and wait until it reads.

    Everything is checked before: the file, the mapping, the topic, Kafka's address. Only the address of Kafka is
    replaced by the one in use. A spec that runs already is kept. Exits with 0 if it was posted or kept.

    \b
    pyglue submit-spec --dry-run
    pyglue submit-spec my-spec.json
    """
    settings, stack, engine = app.running()
    addresses = app.addresses(settings, stack, engine)
    if show:
        spec = specs.read(file or settings.project / specs.FILE, str(file) if file else None)
        shown = spec_diff.masked(specs.addressed(spec, addresses.kafka_for_druid))
        app.screen.data(json.dumps(shown, indent=2))
        return 0
    spec, left_out = supervisor_spec(settings, stack, file)
    if left_out:
        app.screen.say(left_out)
    wanted = specs.addressed(spec, addresses.kafka_for_druid)
    with nullcontext() if dry_run else engine.locked("submit-spec"), _clients(app) as clients:
        app.needs_running(settings, engine)
        from_here = engine.name == "native" or addresses.kafka_for_druid == addresses.kafka
        work = Work(app.screen, clients, wanted, settings.project, file, as_json)
        look_at_kafka(work, addresses.kafka_for_druid if from_here else None)
        return _tried(work) if dry_run else _posted(work)


@dataclass(frozen=True)
class Work:
    """One run of the command."""

    screen: Screen
    clients: Clients
    wanted: dict[str, Any]
    project: Path
    file: Path | None
    as_json: bool

    @property
    def name(self) -> str:
        return specs.datasource(self.wanted)

    @property
    def again(self) -> str:
        """The command to type once what is wrong is mended."""
        return f"pyglue submit-spec {self.file}" if self.file else "pyglue submit-spec"

    def changes(self) -> list[Change] | None:
        """What a post would change in what runs; None if nothing runs under this name."""
        running = self.clients.druid.supervisor(self.name)
        if running is None:
            return None
        posted = specs.Posted.load(self.project / specs.POSTED / f"{self.name}.json")
        return spec_diff.pending(posted, running, self.wanted)


@contextmanager
def _clients(app: App) -> Iterator[Clients]:
    clients = app.clients(*app.running(), time.sleep)
    try:
        yield clients
    finally:
        clients.close()


def look_at_kafka(work: Work, servers: str | None) -> None:
    """Whether Druid can reach Kafka and the topic is there; raises PyglueError before anything is changed.

    `servers` is what Druid will be told, if that can be tried from here. If not, as with containers, Druid is asked.
    """
    try_ = "pyglue status"
    if servers is not None:
        reachable.check_servers(servers, try_)
        cluster = reachable.check_cluster(servers, Kafka(servers, work.clients.kafka.timeout).cluster, try_)
    else:
        cluster = work.clients.kafka.cluster()
    topic = specs.topic(work.wanted)
    mended = (
        "pyglue up" if work.file is None else f"{work.again}  (once the topic is there, or its name mended)"
    )
    reachable.check_topic(topic, cluster, servers or work.clients.kafka.servers, mended)
    if servers is None:
        _sample(work, 0)


def _sample(work: Work, available: int) -> Sample:
    return sampler.take(work.clients.druid, work.wanted, available, f"{work.again} --print")


def _tried(work: Work) -> int:
    """`--dry-run`: 0 if the spec would be posted or kept and Druid can read with it."""
    topic = specs.topic(work.wanted)
    changes = work.changes()
    sample = _sample(work, work.clients.kafka.state(topic).records)
    running = work.clients.druid.supervisor(work.name)
    refused = running is not None and specs.reads_otherwise(running, work.wanted)
    if work.as_json:
        told = {**_told(work, changes), "refused": refused, "sample": sample.to_json()}
        work.screen.data(json.dumps(told))
    else:
        _show_changes(work, changes, work.screen.data)
        work.screen.data("")
        _show_sample(work.screen, topic, sample)
        if refused:
            work.screen.say(
                "Schema or topic are others than those that run: only `pyglue up` can change them."
            )
    return 1 if refused or (sample.unread and not sample.rows) else 0


def _posted(work: Work) -> int:
    """Post it unless it runs, wait until it reads, and report."""
    began, label = time.monotonic(), f"Post supervisor {work.name}"

    def wait(seconds: float) -> None:
        work.screen.running([(label, time.monotonic() - began)])
        time.sleep(seconds)

    changes = work.changes()
    if not work.as_json:
        _show_changes(work, changes, work.screen.say)
    made = submit(work.wanted, work.clients, work.project, wait, before_schema_change=_refuse)
    druid = work.clients.druid
    supervisors.await_running(druid, work.name, wait, reading=True)
    # Druid keeps the offsets of a supervisor that was terminated, though the topic may be another one by now.
    if reset_if_ahead(work.clients, work.name, specs.topic(work.wanted), wait):
        supervisors.await_running(druid, work.name, wait, reading=True)
    work.screen.finished(f"Post supervisor {work.name}", "made" if made else "kept", time.monotonic() - began)
    status = supervisors.status(druid, work.name)
    unread = supervisors.unread(druid, work.name)[-REASONS_SHOWN:] if status.unparseable else []
    if work.as_json:
        told = {"outcome": "made" if made else "kept", **_told(work, changes)}
        work.screen.data(json.dumps({**told, "status": status.to_json(), "unread": unread}))
    else:
        show_status(work.screen, work.name, status, unread)
    return 0


def _told(work: Work, changes: list[Change] | None) -> dict[str, Any]:
    return {
        "supervisor": work.name,
        "new": changes is None,
        "changes": [change.to_json() for change in changes or ()],
    }


def _show_changes(work: Work, changes: list[Change] | None, tell: Callable[[str], None]) -> None:
    if changes is None:
        tell(f"No supervisor {work.name} runs: all of it is new.")
    elif not changes:
        tell("No difference to what runs.")
    for change in changes or ():
        tell(f"  {change}")


def _show_sample(screen: Screen, topic: str, sample: Sample) -> None:
    """A few of the rows side by side, and what could not be read."""
    if not sample.read:
        screen.data(f"The topic {topic} is empty: Druid can reach it, but there are no records to try.")
        return
    screen.data(
        f"Of the oldest records of {topic} Druid makes {counted(len(sample.rows), 'row')};"
        f" {len(sample.unread):,} {'is' if len(sample.unread) == 1 else 'are'} unparseable."
    )
    if sample.rows:
        screen.data("")
        screen.table(sampler.table(sample.rows[:ROWS_SHOWN]))
        if nothing := sampler.empty(sample.rows):
            every = "the row" if len(sample.rows) == 1 else f"all {counted(len(sample.rows), 'row')}"
            screen.data(f"Empty in {every}: {', '.join(nothing)}")
    for reason, count in Counter(unread["reason"] for unread in sample.unread).most_common(REASONS_SHOWN):
        screen.data(f"unparseable, {counted(count, 'time')}: {reason}")


def _refuse() -> None:
    raise PyglueError(
        "the schema or the topic in this spec is not the one that runs",
        details=[
            "`pyglue up` stops the collector and lets Druid read what is left before it posts a new one"
        ],
        try_="pyglue up",
        code="other-schema",
    )
