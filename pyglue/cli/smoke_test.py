"""`pyglue smoke-test`: one event through every hop."""

from __future__ import annotations

import json
import time
from pathlib import Path

import click

from pyglue.checks import check
from pyglue.cli.options import SECONDS, App, common
from pyglue.engines import choose
from pyglue.errors import unwritable
from pyglue.pipeline.junit import junit
from pyglue.pipeline.smoke import Probe
from pyglue.up import with_log


@click.command(name="smoke-test")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--junit",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Write the report into FILE, too, as JUnit's XML.",
    metavar="FILE",
)
@click.option(
    "--timeout", type=SECONDS, default=30.0, show_default=True, help="Seconds that each hop may take."
)
@common
def smoke_test(app: App, as_json: bool, file: Path | None, timeout: float) -> int:
    """Send one event and find it at every hop: collector, Kafka, Druid SQL, a chart of Superset.

    Exits with 0 if it arrived everywhere, else with 1, naming the hop at which it stopped and what that
    service's log says.

    \b
    pyglue smoke-test
    pyglue smoke-test --junit report.xml
    """
    settings = app.settings()
    checked = check(settings)
    engine = choose(settings, checked.stack).engine
    app.needs_running(settings, engine)
    clients = app.clients(settings, checked.stack, engine, time.sleep)
    try:
        report = Probe(clients.pipeline(checked.spec, checked.schema), timeout).run()
    finally:
        clients.close()
    if file is not None:
        _write(file, junit(report))
    if as_json:
        app.screen.data(json.dumps(report.to_json()))
    else:
        for hop in report.hops:
            app.screen.hop(hop.hop, "ok" if hop.ok else "failed", hop.ms)
    if report.problem is None:
        return 0
    error = with_log(report, engine)
    app.screen.problem(error.message, error.details, error.try_, error.code)
    return 1


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(f"can't write the report into {file}", error) from error
