"""`pyglue up`: install what is missing, start what does not run as it should, prove that an event arrives."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from pyglue import flow
from pyglue.checks import check
from pyglue.cli.install import install_folders
from pyglue.cli.options import App, common
from pyglue.engine import Engine
from pyglue.engines import choose, refuse_two
from pyglue.errors import PyglueError
from pyglue.pipeline.addresses import Addresses
from pyglue.pipeline.clients import Clients
from pyglue.screen import Screen, amount
from pyglue.up import Up


@click.command()
@common
def up(app: App) -> None:
    """Bring the whole stack up and prove that it works.

    Installs what is missing, starts the services side by side, creates the topic, posts the supervisor,
    registers Druid in Superset, imports the dashboard, and sends an event that must come back from Druid and
    from a chart. What runs already is kept; what changed is restarted.

    \b
    pyglue up
    KAFKA_HEAP=512m pyglue up      # a variable of docs/configuration.md; for good: a line in .env
    """
    began = time.monotonic()
    given, screen = app.settings(), app.screen
    choice = choose(given, given.stack())
    settings = given.with_secrets(choice.engine.generated)
    checked = check(settings)
    if settings is not given:
        choice = choose(settings, checked.stack)
    engine = choice.engine
    screen.say(str(choice))
    screen.say()
    refuse_two(engine, settings.variables)
    with engine.locked("up"):
        engine.check()  # before the long part
        install_folders(app, engine, checked.stack.folders())
        addresses = app.addresses(settings, checked.stack, engine)
        _make_ready(engine, screen)
        cancel = flow.Cancel()
        clients = Clients.of(addresses, settings.variables, cancel.wait)
        work = Up(checked, engine, clients, addresses, cancel)
        try:
            with ThreadPoolExecutor(4) as pool:
                flow.run(work.jobs(pool), screen, cancel, watch=engine.watch)
        except (PyglueError, KeyboardInterrupt):
            screen.say("What did start goes on running; `pyglue up` continues from here.")
            screen.say()
            raise
        finally:
            screen.still()
            clients.close()
    screen.say()
    screen.say(f"Everything is up after {time.monotonic() - began:.0f}s, using {amount(work.memory)}.")
    show_addresses(screen, addresses, settings.project)


def _make_ready(engine: Engine, screen: Screen) -> None:
    """Before the loop: what runs otherwise than it should is stopped."""
    began = time.monotonic()
    stale = engine.make_ready()
    if stale:
        screen.finished(f"Stop what changed: {', '.join(sorted(stale))}", "stopped", time.monotonic() - began)


def show_addresses(screen: Screen, addresses: Addresses, project: Path) -> None:
    """Where everything is, last, where the eye is."""
    env = os.path.relpath(project / ".env")
    rows: Iterable[tuple[str, str]] = (
        ("sample app", addresses.sample_app),
        ("dashboard", addresses.dashboard),
        ("", f"(user admin, password in {env})"),
        ("events to", addresses.collector.replace("127.0.0.1", "localhost")),
        ("druid", addresses.router),
    )
    screen.say()
    for label, text in rows:
        screen.say(f"  {label:<11}  {text}")
    screen.say()
    screen.say("Next: open the sample app and click, then look at the dashboard.")
