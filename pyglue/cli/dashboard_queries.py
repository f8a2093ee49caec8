"""`pyglue dashboards test`: what the charts answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click

from pyglue.checks import check
from pyglue.cli.dashboards import SLUGS, dashboards
from pyglue.cli.options import App, common
from pyglue.cli.traffic import truth_files
from pyglue.engines import choose
from pyglue.errors import BadAnswer, PyglueError, Unreachable
from pyglue.pipeline import spec as specs
from pyglue.superset import chart_data
from pyglue.superset.chart_data import Answer, Chart
from pyglue.superset.client import Superset
from pyglue.traffic import verify as verifying
from pyglue.traffic.verify import Evidence

SLOW_SECONDS = 4.0


@dashboards.command()
@SLUGS
@click.option(
    "--slow",
    default=SLOW_SECONDS,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Seconds that a chart's query may take at most.",
)
@click.option(
    "--truth",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Compare with this file of `pyglue traffic` (default: all in .pyglue/traffic).",
    metavar="FILE",
)
@common
def test(app: App, slugs: tuple[str, ...], slow: float, files: tuple[Path, ...]) -> int:
    """Run the query of each chart on the dashboards SLUG (default: all in superset/dashboards).

    Fails on an error, an answer without rows, a slow one, and on a number that a truth file contradicts. Exits with 1
    and what is wrong.

    \b
    pyglue dashboards test
    pyglue dashboards test audience --slow 1
    """
    settings = app.settings()
    checked = check(settings)
    known = [board.slug for board in checked.dashboards]
    unknown = [slug for slug in slugs if slug not in known]
    if unknown:
        raise click.UsageError(f"no dashboard {', '.join(unknown)}; there are {', '.join(known)}")
    engine = choose(settings, checked.stack).engine
    app.needs_running(settings, engine)
    clients = app.clients(settings, checked.stack, engine, time.sleep)
    bad = 0
    try:
        with ExitStack() as opened:
            table = specs.datasource(checked.spec)
            truth = [
                opened.enter_context(Evidence(file, table, app.screen.move))
                for file in files or truth_files(settings)
            ]
            for slug in slugs or known:
                for chart in chart_data.charts(clients.superset, slug):
                    bad += _tested(app, clients.superset, f"{slug}: {chart.name}", chart, slow, truth)
    finally:
        app.screen.still()
        clients.close()
    if bad:
        raise PyglueError(
            f"{bad} of the charts are not as they should be", try_="pyglue status", code="charts-differ"
        )
    return 0


def _tested(
    app: App, superset: Superset, label: str, chart: Chart, slow: float, truth: list[Evidence]
) -> bool:
    """Test one chart and tell the outcome; whether something is wrong with it."""
    began = time.monotonic()
    try:
        answer = chart_data.ask(superset, chart)
    except (BadAnswer, Unreachable) as error:
        seconds, problems = time.monotonic() - began, [error.message, *error.details]
    else:
        seconds, problems = answer.seconds, list(_problems(superset, chart, answer, slow, truth))
    app.screen.finished(label, "failed" if problems else "ok", seconds)
    for problem in problems[: verifying.SHOWN]:
        app.screen.say(f"    {problem}")
    return bool(problems)


def _problems(
    superset: Superset, chart: Chart, answer: Answer, slow: float, truth: list[Evidence]
) -> Iterator[str]:
    if answer.is_empty:
        yield "the answer is empty: there is nothing to show"
    if answer.seconds > slow:
        yield f"it took {answer.seconds:.1f} s, more than {slow:g} s"
    for evidence in truth:
        finding = verifying.against_chart(superset, chart, evidence)
        for difference in finding.differences if finding else ():
            yield f"{evidence.file.name}: {difference}"
