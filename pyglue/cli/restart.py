"""`pyglue restart`: stop services of the running stack and start them again."""

from __future__ import annotations

import click

from pyglue.checks import check
from pyglue.cli.install import install_folders
from pyglue.cli.options import App, common, refuse_unknown, services_of
from pyglue.engine import Engine
from pyglue.errors import PyglueError
from pyglue.pipeline import spec as specs
from pyglue.pipeline.clients import COLLECTOR
from pyglue.restart import restart as stop_and_start
from pyglue.settings import Settings


@click.command()
@click.argument("services", nargs=-1, required=True, metavar="SERVICE...", shell_complete=services_of)
@common
def restart(app: App, services: tuple[str, ...]) -> None:
    """Stop SERVICE... of the running stack, and start them again as docker-compose.yml now says.

    Waits until each is healthy. Data stays, and so does everything else that runs. What does not stop by itself, because
    it hangs, is killed.

    \b
    pyglue restart kafka
    pyglue restart druid-broker superset
    """
    settings, stack, engine = app.running()
    refuse_unknown(services, stack.services)
    names = tuple(name for name in stack.services if name in services)
    with engine.locked("restart"):
        _look(app, settings, engine, names)
        install_folders(app, engine, tuple(dict.fromkeys(stack.services[name].folder for name in names)))
        try:
            stop_and_start(engine, names, app.screen)
        except (PyglueError, KeyboardInterrupt):
            app.screen.still()
            app.screen.say("What was stopped and does not run again comes back with `pyglue up`.")
            app.screen.say()
            raise
    app.screen.still()
    app.screen.say("Next: pyglue trace")


def _look(app: App, settings: Settings, engine: Engine, names: tuple[str, ...]) -> None:
    """What would keep a service from coming up again; raises PyglueError while everything still runs."""
    running = engine.running()
    if not running:
        raise PyglueError("nothing runs here", try_="pyglue up", code="nothing-runs")
    app.refuse_moved(settings, engine)
    for name in names:
        missing = set(engine.stack.services[name].depends_on) - running - set(names)
        if missing:
            raise PyglueError(
                f"{', '.join(sorted(missing))} does not run, and {name} needs it",
                try_="pyglue up",
                code="service-stopped",
            )
    engine.check_ports(names)
    if COLLECTOR in names:
        _files(settings)


def _files(settings: Settings) -> None:
    """The collector would not start with broken files, and with another schema it would write what nobody reads."""
    checked = check(settings)
    posted = specs.Posted.load(settings.project / specs.POSTED / f"{specs.datasource(checked.spec)}.json")
    if posted is not None and posted.spec is not None and specs.reads_otherwise(posted.spec, checked.spec):
        raise PyglueError(
            "the schema or the topic of the collector is by now another one than that with which Druid reads",
            details=[
                "`pyglue up` stops the collector and lets Druid read what is left before it posts a new one"
            ],
            try_="pyglue up",
            code="other-schema",
        )
