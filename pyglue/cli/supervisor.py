"""`pyglue supervisor`: Druid's supervisors, and what may be done with them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click

from pyglue.cli.groups import Group
from pyglue.cli.options import App, common, supervisors_of
from pyglue.errors import PyglueError
from pyglue.pipeline import spec as specs
from pyglue.pipeline import supervisors
from pyglue.pipeline.druid import Druid
from pyglue.pipeline.supervisor_status import SupervisorStatus
from pyglue.screen import Screen, span

NAME = click.argument("name", required=False, metavar="[NAME]", shell_complete=supervisors_of)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
YES = click.option("--yes", is_flag=True, help="Do not ask.")
UNREAD_SHOWN = 3  # of what could not be read, the newest


@click.group(cls=Group)
def supervisor() -> None:
    """Druid's supervisors: each reads one topic into one datasource.

    NAME is a supervisor's name; without it the one of supervisor-spec.json is meant.
    """


@supervisor.command(name="list")
@JSON
@common
def list_(app: App, as_json: bool) -> None:
    """List all supervisors with their state.

    \b
    pyglue supervisor list
    """
    with _druid(app) as druid:
        found = druid.supervisors()
    if as_json:
        app.screen.data(json.dumps([asdict(listed) for listed in found]))
        return
    rows = [
        (listed.name, listed.detail, "yes" if listed.healthy else "no", listed.topic or "-")
        for listed in found
    ]
    app.screen.table([("SUPERVISOR", "STATE", "HEALTHY", "TOPIC"), *rows])


@supervisor.command()
@NAME
@JSON
@common
def status(app: App, name: str | None, as_json: bool) -> int:
    """Show what a supervisor does: state, lag, offsets, counts, errors, tasks. Exits with 1 if it is unhealthy.

    \b
    pyglue supervisor status
    pyglue supervisor status divolte-clickstream --json
    """
    name = _named(app, name)
    with _druid(app) as druid:
        found = supervisors.status(druid, name)
        unread = supervisors.unread(druid, name)[-UNREAD_SHOWN:] if found.unparseable else []
    if as_json:
        app.screen.data(json.dumps({"supervisor": name, **found.to_json(), "unread": unread}))
    else:
        show(app.screen, name, found, unread)
    return 0 if found.healthy else 1


def show(screen: Screen, name: str, found: SupervisorStatus, unread: list[dict[str, Any]]) -> None:
    """Everything about a supervisor, as data."""
    health = "healthy" if found.healthy else "unhealthy"
    lag = "unknown" if found.lag is None else f"{found.lag:,}"
    counts = (
        f"{found.processed:,} processed, {found.processed_with_error:,} of them with error,"
        f" {found.unparseable:,} unparseable, {found.thrown_away:,} thrown away"
    )
    screen.table(
        [
            ("supervisor", f"{name}, reads the topic {found.topic}"),
            ("state", f"{found.detail}, {health}"),
            ("lag", lag),
            ("rows", f"{counts} (by the tasks below)"),
        ]
    )
    if found.partitions:
        rows = [
            tuple(
                "-" if value is None else str(value) for value in (row.partition, row.read, row.end, row.lag)
            )
            for row in found.partitions
        ]
        _part(screen, ("PARTITION", "READ", "END", "LAG"), rows)
    if found.tasks:
        tasks = [
            (task.id, task.state, task.started or "-", span(task.remaining) if task.remaining else "-")
            for task in found.tasks
        ]
        _part(screen, ("TASK", "STATE", "STARTED", "PUBLISHES IN"), tasks)
    if found.errors:
        _part(screen, ("RECENT ERRORS",), [(line,) for line in found.timed_errors()])
    if unread:
        _part(screen, ("UNPARSEABLE", "REASON"), [(row["time"], row["reason"]) for row in unread])


def _part(screen: Screen, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    screen.data("")
    screen.table([head, *rows])


@supervisor.command()
@NAME
@common
def suspend(app: App, name: str | None) -> None:
    """End a supervisor's tasks, and begin none until `resume`. Nothing is lost: events stay in Kafka meanwhile.

    \b
    pyglue supervisor suspend
    """
    _changed(app, name, "suspend", "stopped", supervisors.suspend)


@supervisor.command()
@NAME
@common
def resume(app: App, name: str | None) -> None:
    """Go on reading where a suspended supervisor stopped.

    \b
    pyglue supervisor resume
    """
    _changed(app, name, "resume", "ok", supervisors.resume)


@supervisor.command()
@NAME
@YES
@common
def reset(app: App, name: str | None, yes: bool) -> None:
    """Forget how far Druid has read. Asks first: rows that are there may come twice, or events may be left out.

    \b
    pyglue supervisor reset
    """
    name = _named(app, name)
    with _druid(app) as druid:
        supervisors.known(druid, name)
        consequence = supervisors.reset_means(druid.supervisor(name) or {})
    _ask(app, f"Druid forgets how far {name} has read. {consequence}", "Reset it?", yes, f"reset {name}")

    def act(druid: Druid, name: str, wait: supervisors.Wait) -> bool:
        supervisors.reset(druid, name, wait)
        return True

    _changed(app, name, "reset", "ok", act)


@supervisor.command()
@NAME
@YES
@common
def terminate(app: App, name: str | None, yes: bool) -> None:
    """End a supervisor for good. Asks first: the tasks end, data stays, `pyglue submit-spec` brings it back.

    \b
    pyglue supervisor terminate divolte-clickstream
    """
    name = _named(app, name)
    told = f"The tasks of {name} end and nothing reads its topic. Data stays; `pyglue submit-spec` brings it back."
    _ask(app, told, "Terminate it?", yes, f"terminate {name}")
    _changed(app, name, "terminate", "stopped", supervisors.terminate)


@supervisor.command()
@NAME
@JSON
@common
def history(app: App, name: str | None, as_json: bool) -> None:
    """Show when what was posted under a name, newest first, and what each version changed.

    \b
    pyglue supervisor history
    """
    name = _named(app, name)
    with _druid(app) as druid:
        versions = supervisors.versions(druid.history(name))
        if not versions:
            raise supervisors.unknown(druid, name, druid.supervisors())
    if as_json:
        app.screen.data(json.dumps([version.to_json() for version in versions]))
        return
    for version in versions:
        app.screen.data(f"{version.time}  {version.kind}")
        for change in version.changes:
            app.screen.data(f"  {change}")


def _named(app: App, name: str | None) -> str:
    """The name that was given, else that of the checkout's spec."""
    return name or specs.datasource(specs.read(app.settings().project / specs.FILE))


@contextmanager
def _druid(app: App) -> Iterator[Druid]:
    settings, stack, engine = app.running()
    app.needs_running(settings, engine)
    clients = app.clients(settings, stack, engine, time.sleep)
    try:
        yield clients.druid
    finally:
        clients.close()


def _ask(app: App, told: str, question: str, yes: bool, command: str) -> None:
    """Raises PyglueError unless the user agrees."""
    if yes:
        return
    app.screen.say(told)
    if not click.confirm(question, err=True):
        raise PyglueError(
            "nothing was changed", try_=f"pyglue supervisor {command} --yes", code="not-confirmed"
        )


def _changed(
    app: App, name: str | None, verb: str, verdict: str, act: Callable[[Druid, str, supervisors.Wait], bool]
) -> None:
    """One change as a step's line: its verdict, or `kept` where nothing had to be done."""
    name = _named(app, name)
    began = time.monotonic()
    with app.running()[2].locked(f"supervisor {verb}"), _druid(app) as druid:
        done = act(druid, name, time.sleep)
    label = f"{verb.capitalize()} supervisor {name}"
    app.screen.finished(label, verdict if done else "kept", time.monotonic() - began)
