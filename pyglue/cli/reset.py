"""`pyglue reset`: wipe the data, after asking."""

from __future__ import annotations

import shutil
import time

import click

from pyglue.cli.options import App, common
from pyglue.errors import PyglueError


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@common
def reset(app: App, yes: bool) -> None:
    """Stop the stack and wipe its data: events, segments, dashboards made by hand, truth files. Keeps .env and the cache.

    \b
    pyglue reset
    pyglue reset --yes      # for scripts: it does not ask
    """
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
    app.screen.finished("Wipe the data", "ok", time.monotonic() - began)
