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
    """Stop the stack and wipe its data: events, segments, dashboards made by hand. Keeps .env and the cache."""
    engine = app.stopping_engine()
    layout = engine.layout
    if not yes and not click.confirm(f"Wipe all data below {layout.state}?", err=True):
        raise PyglueError("nothing was wiped", try_="pyglue reset --yes")
    began = time.monotonic()
    with layout.locked("reset"):
        engine.down()
        for folder in (layout.data, layout.logs, layout.programs, layout.state / "supervisors"):
            shutil.rmtree(folder, ignore_errors=True)
    app.screen.finished("Wipe the data", "ok", time.monotonic() - began)
