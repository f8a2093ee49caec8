"""`pyglue traffic verify`: the truth against Druid and the dashboards."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from pyglue.checks import check
from pyglue.cli.options import SPAN, App, common
from pyglue.cli.traffic import traffic, truth_files
from pyglue.counted import counted
from pyglue.engines import choose
from pyglue.errors import PyglueError
from pyglue.pipeline import spec as specs
from pyglue.pipeline.clients import Clients
from pyglue.superset import chart_data
from pyglue.traffic import verify as verifying
from pyglue.traffic.verify import Evidence, Finding

WAIT_SECONDS = 60.0


@traffic.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False), metavar="[FILE...]")
@click.option(
    "--wait",
    "seconds",
    type=SPAN,
    default="60s",
    show_default=True,
    help="How long Druid may have no new row until it has all.",
)
@common
def verify(app: App, files: tuple[Path, ...], seconds: float) -> int:
    """Compare Druid and the dashboards with what `pyglue traffic` wrote down.

    FILE is a truth file (default: all in .pyglue/traffic). Counts must be the same, distinct visitors within the
    sketch's stated error; of robots precision and recall are told. Traffic may go on meanwhile. Exits with 1 and the
    differences if there are any.

    \b
    pyglue traffic verify
    pyglue traffic verify .pyglue/traffic/20261126-101500.tsv --wait 5m
    """
    settings = app.settings()
    checked = check(settings)
    files = files or tuple(truth_files(settings))
    if not files:
        raise PyglueError(
            "there is no truth to compare with", try_="pyglue traffic --duration 1m", code="no-truth"
        )
    engine = choose(settings, checked.stack).engine
    app.needs_running(settings, engine)
    clients = app.clients(settings, checked.stack, engine, time.sleep)
    table = specs.datasource(checked.spec)
    boards = [board.slug for board in checked.dashboards]
    differing = 0
    try:
        for file in files:
            with Evidence(file, table, app.screen.move) as evidence:
                differing += _one(app, clients, boards, evidence, seconds)
    finally:
        app.screen.still()
        clients.close()
    if differing:
        raise PyglueError(
            counted(differing, "comparison differs", "comparisons differ"),
            try_="pyglue status",
            code="traffic-differs",
        )
    return 0


def _one(app: App, clients: Clients, boards: Sequence[str], evidence: Evidence, seconds: float) -> int:
    """Compare one file; the number of comparisons that differ."""
    screen = app.screen
    verifying.await_rows(
        clients.druid,
        evidence.table,
        evidence.where,
        evidence.compared,
        seconds,
        time.sleep,
        lambda found: screen.move(f"{found:,} of {counted(evidence.compared, 'event')} in Druid"),
    )
    left_out = f", {evidence.left_out:,} left out" if evidence.left_out else ""
    screen.say(f"{evidence.file.name}: {counted(evidence.compared, 'event')} compared{left_out}")
    if evidence.cut_ms is not None:
        screen.say("  the file has no end yet: traffic goes on, or was ended by force")
    differing = 0
    began = time.monotonic()
    for finding in _findings(clients, boards, evidence):
        took, began = time.monotonic() - began, time.monotonic()
        screen.finished(
            f"  {finding.title} ({finding.shown})", "differs" if finding.differences else "same", took
        )
        for difference in finding.differences[: verifying.SHOWN]:
            screen.say(f"      {difference}")
        if len(finding.differences) > verifying.SHOWN:
            screen.say(f"      and {len(finding.differences) - verifying.SHOWN} more")
        differing += bool(finding.differences)
    return differing


def _findings(clients: Clients, boards: Sequence[str], evidence: Evidence) -> Iterator[Finding]:
    yield from verifying.against_druid(clients.druid, evidence)
    for slug in boards:
        for chart in chart_data.charts(clients.superset, slug):
            finding = verifying.against_chart(clients.superset, chart, evidence)
            if finding is not None:
                yield finding
