"""`pyglue logs`: what the services printed."""

from __future__ import annotations

import click

from pyglue.cli.options import App, common, refuse_unknown, services_of


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE...]", shell_complete=services_of)
@click.option("-f", "--follow", "following", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="How many of the last lines.",
)
@common
def logs(app: App, services: tuple[str, ...], following: bool, lines: int) -> None:
    """Show the last lines of SERVICE..., or of all services.

    \b
    pyglue logs -n 200 druid-indexer
    pyglue logs -f divolte kafka
    """
    _, stack, engine = app.running()
    refuse_unknown(services, stack.services)
    names = services or tuple(stack.services)
    width = max(map(len, names))

    def show(name: str, line: str) -> None:
        app.screen.data(line if len(names) == 1 else f"{name:<{width}} | {line}")

    for name in names:
        for line in engine.log_lines(name, lines) if lines else ():
            show(name, line)
    if following:
        for name, line in engine.follow(names):
            show(name, line)
