"""`pyglue demo`: everything that a demonstration needs."""

from __future__ import annotations

import webbrowser
from urllib.parse import urljoin

import click

from pyglue.checks import read_dashboards
from pyglue.cli.options import SPAN, App, common
from pyglue.cli.traffic import Running, enough, has_history, send_live, tell_outcome, write_history
from pyglue.cli.up import up

RATE = 1.0


@click.command()
@click.option(
    "--rate",
    default=RATE,
    show_default=True,
    type=click.FloatRange(0.01, 100),
    help="Events per second; those of the history come and go with the hours of the day.",
)
@click.option("--backfill", type=SPAN, default="14d", show_default=True, help="How much history there is.")
@click.option("--duration", type=SPAN, help="End the live traffic after this time (default: with Ctrl-C).")
@click.option("--browser/--no-browser", default=True, help="Whether to open a browser.")
@common
@click.pass_context
def demo(
    context: click.Context, app: App, rate: float, backfill: float, duration: float | None, browser: bool
) -> int:
    """Bring the stack up, fill it with a history, send live traffic, and open the dashboards.

    The history is written once; `pyglue reset` makes room for another. Ctrl-C ends the traffic; the stack goes on
    running.

    \b
    pyglue demo
    pyglue demo --backfill 2d --no-browser
    """
    context.invoke(up, project_dir=app.project_dir, engine=app.engine)
    running = Running.of(app)
    screen = app.screen
    screen.say()
    if has_history(running.settings):
        screen.say("The history is there already, and stays as it is; `pyglue reset` makes room for another.")
    elif not write_history(running, rate, None, 1, backfill, None):
        screen.say(
            "Ended with Ctrl-C; the history is as long as it got, and `pyglue reset` makes room for another."
        )
        return 130
    addresses = app.addresses(running.settings, running.stack, running.engine)
    opened = browser and webbrowser.open(addresses.dashboard)
    screen.say()
    screen.say(f"{'In your browser' if opened else 'Open'} (user admin, password in .env):")
    screen.say()
    for board in read_dashboards(running.settings.project):
        screen.say(f"  {board.title:<14}{urljoin(addresses.dashboard, f'../{board.slug}/')}")
    screen.say()
    screen.say("Visitors come and go until Ctrl-C; meanwhile, in another terminal: pyglue traffic verify")
    tally = send_live(running, rate, enough(rate, None), 2, duration, None, even=True)
    tell_outcome(screen, tally)
    return 0
