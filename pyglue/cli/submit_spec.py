"""`pyglue submit-spec`: post the Druid supervisor spec."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from pyglue.cli.options import App, common
from pyglue.errors import PyglueError
from pyglue.pipeline import spec as specs
from pyglue.up import submit


@click.command(name="submit-spec")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--print", "show", is_flag=True, help="Print what would be posted, and post nothing.")
@common
def submit_spec(app: App, file: Path | None, show: bool) -> None:
    """Post the supervisor spec FILE (default: supervisor-spec.json of the checkout).

    Only the address of Kafka is replaced by the one in use. A spec that runs already is kept.
    """
    settings, stack, engine = app.running()
    addresses = app.addresses(settings, stack, engine)
    spec = specs.read(file or settings.project / specs.FILE, str(file) if file else None)
    wanted = specs.addressed(spec, addresses.kafka_for_druid)
    if show:
        app.screen.data(json.dumps(wanted, indent=2))
        return
    began = time.monotonic()
    name = specs.datasource(wanted)
    clients = app.clients(settings, stack, engine, time.sleep)
    try:
        with engine.locked("submit-spec"):
            posted = submit(wanted, clients, settings.project, time.sleep, before_schema_change=_refuse)
    finally:
        clients.close()
    app.screen.finished(f"Post supervisor {name}", "made" if posted else "kept", time.monotonic() - began)


def _refuse() -> None:
    raise PyglueError(
        "the schema in this spec is not the one that runs",
        details=[
            "`pyglue up` stops the collector and lets Druid read what is left before it posts a new schema"
        ],
        try_="pyglue up",
    )
