"""`pyglue reset`: wipe the data, or make one hop anew, after asking."""

from __future__ import annotations

import shutil
import time
from functools import partial

import click

from pyglue.checks import Checked, check
from pyglue.cli.options import App, common
from pyglue.engines import choose
from pyglue.errors import PyglueError
from pyglue.pipeline import anew, replays, resets, supervisors
from pyglue.pipeline import spec as specs
from pyglue.pipeline.clients import Clients
from pyglue.superset.register import sqlalchemy_uri


@click.command()
@click.option("--hop", type=click.Choice(anew.HOPS), help="Only this hop, while the stack runs.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def reset(app: App, hop: str | None, yes: bool) -> None:
    """Stop the stack and wipe its data: events, segments, dashboards made by hand, truth files.

    Keeps .env and the cache. With --hop one hop is made anew while everything runs, with what belongs to it: the topic and
    the offsets that Druid has read it to; the datasource's rows, which are read anew from the topic; or what pyglue made in
    Superset.

    \b
    pyglue reset
    pyglue reset --hop druid
    """
    if hop is None:
        _all(app, yes)
    else:
        _one(app, hop, yes)


def _all(app: App, yes: bool) -> None:
    engine = app.stopping_engine()
    if not yes and not click.confirm(f"Wipe {engine.data}?", err=True):
        raise PyglueError("nothing was wiped", try_="pyglue reset --yes", code="not-confirmed")
    began = time.monotonic()
    with engine.locked("reset"):
        engine.down()
        engine.wipe()
        for folder in (
            "supervisors",
            "traffic",
        ):  # what was posted, and what was sent: both of data that is gone
            shutil.rmtree(engine.layout.state / folder, ignore_errors=True)
        for file in (resets.FILE, replays.FILE):
            (engine.layout.project / file).unlink(missing_ok=True)
    app.screen.finished("Wipe the data", "ok", time.monotonic() - began)


def _one(app: App, hop: str, yes: bool) -> None:
    settings = app.settings()
    checked = check(settings)
    stack = checked.stack
    engine = choose(settings, stack).engine
    app.needs_running(settings, engine)
    clients = app.clients(settings, stack, engine, time.sleep)
    try:
        if hop in (
            "kafka",
            "druid",
        ):  # Druid keeps offsets of one that was terminated, and only with it are they forgotten
            supervisors.known(clients.druid, specs.datasource(checked.spec))
        for line in anew.means(hop, checked.spec, *_held(hop, clients, checked)):
            app.screen.say(line)
        if not yes and not click.confirm(f"Make {hop} anew?", err=True):
            raise PyglueError(
                "nothing was changed", try_=f"pyglue reset --hop {hop} --yes", code="not-confirmed"
            )
        uri = sqlalchemy_uri(app.addresses(settings, stack, engine).broker_for_superset)
        with engine.locked("reset"):
            note = partial(resets.note, settings.project / resets.FILE, hop, checked.spec)
            note(time.time())
            _run(app, hop, _steps(hop, clients, checked, uri))
            note(time.time())
    finally:
        clients.close()
    app.screen.say("Next: pyglue trace")


def _run(app: App, hop: str, steps: list[anew.Step]) -> None:
    """One step after the other; whoever is broken off says how to go on."""
    try:
        for step in steps:
            began = time.monotonic()
            step.act()
            app.screen.finished(step.label, "ok", time.monotonic() - began)
    except BaseException:
        app.screen.say(f"Half done. What mends it: pyglue reset --hop {hop} --yes")
        raise


def _steps(hop: str, clients: Clients, checked: Checked, uri: str) -> list[anew.Step]:
    if hop == "kafka":
        return anew.kafka(clients.kafka, clients.druid, checked.spec, time.sleep)
    if hop == "druid":
        return anew.druid(clients.druid, checked.spec, time.sleep)
    return anew.superset(clients.superset, checked, uri)


def _held(hop: str, clients: Clients, checked: Checked) -> tuple[int | None, int | None]:
    """Rows in Druid and records in Kafka, where that is of interest and can be asked."""
    rows = records = None
    name = specs.datasource(checked.spec)
    try:
        if hop in ("kafka", "druid"):
            records = clients.kafka.state(specs.topic(checked.spec)).records
        if hop == "druid" and clients.druid.columns(name):
            rows = int(clients.druid.sql(f'SELECT COUNT(*) AS n FROM "{name}"')[0]["n"])  # noqa: S608 - our own name
    except PyglueError:
        return rows, records  # what is broken is to be made anew
    return rows, records
