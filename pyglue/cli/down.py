"""`pyglue down`: stop everything, keep the data, leave no process behind."""

from __future__ import annotations

import time

import click

from pyglue.cli.options import App, common
from pyglue.counted import counted


@click.command()
@common
def down(app: App) -> None:
    """Stop all services within 30 seconds and keep their data.

    \b
    pyglue down
    """
    began = time.monotonic()
    engine = app.stopping_engine()
    with engine.locked("down"):
        count = len(engine.running())
        killed = engine.down()
    verdict = "stopped" if count or killed else "kept"
    label = f"Stop {counted(count, 'service')}" if count else "Nothing was running"
    app.screen.finished(label, verdict, time.monotonic() - began)
    for name in killed:
        app.screen.say(f"  {name} did not stop in time and was killed")
