"""`pyglue register-cluster` and `pyglue refresh-datasources`: Druid in Superset."""

from __future__ import annotations

import time

import click

from pyglue.cli.options import App, common
from pyglue.pipeline import spec as specs
from pyglue.pipeline.columns import names as columns_of
from pyglue.superset import register


@click.command(name="register-cluster")
@common
def register_cluster(app: App) -> None:
    """Register Druid in Superset as the database docker-druid, or bring its address up to date.

    \b
    pyglue register-cluster
    """
    settings, stack, engine = app.running()
    app.needs_running(settings, engine)
    addresses = app.addresses(settings, stack, engine)
    clients = app.clients(settings, stack, engine, time.sleep)
    began = time.monotonic()
    try:
        uri = register.sqlalchemy_uri(addresses.broker_for_superset)
        outcome = register.register_cluster(clients.superset, uri=uri)
    finally:
        clients.close()
    app.screen.finished("Register Druid in Superset", str(outcome), time.monotonic() - began)


@click.command(name="refresh-datasources")
@common
def refresh_datasources(app: App) -> None:
    """Make the dataset over Druid's datasource, or bring its columns up to date.

    A column that supervisor-spec.json still names stays, though Druid may not show it for a while after a reset.

    \b
    pyglue refresh-datasources      # after the first row with a new column
    """
    settings, stack, engine = app.running()
    app.needs_running(settings, engine)
    clients = app.clients(settings, stack, engine, time.sleep)
    spec = specs.read(settings.project / specs.FILE)
    table = specs.datasource(spec)
    began = time.monotonic()
    try:
        result = register.refresh_dataset(clients.superset, table=table, keep=columns_of(spec) or set())
    finally:
        clients.close()
    app.screen.finished(f"Refresh dataset {table}", str(result.outcome), time.monotonic() - began)
    for what, names in (
        ("added", result.added),
        ("removed", result.removed),
        ("changed", result.changed),
        ("kept, though Druid shows them only after their next row", result.waiting),
    ):
        if names:
            app.screen.say(f"  {what}: {', '.join(names)}")
