"""`pyglue check`: the checkout's files against each other, with nothing running."""

from __future__ import annotations

import click

from pyglue.checks import check as check_files
from pyglue.cli.options import App, common
from pyglue.pipeline import spec as specs


@click.command()
@common
def check(app: App) -> None:
    """Check this checkout's files, each by itself and all against each other; nothing needs to run.

    Told are: mistakes in any of them; a field that the mapping fills and no dimension of the supervisor spec keeps; a
    dimension that no field feeds, or whose type loses a part; another schema or topic in the spec than the collector's;
    a chart or filter whose column does not exist. `pyglue up` looks at the same before it starts anything.

    \b
    pyglue check
    pyglue check --project-dir ../other
    """
    checked = check_files(app.settings())
    mappings = checked.setup.feeding(specs.topic(checked.spec)) if checked.setup else []
    mapped = {entry.field for mapping in mappings for entry in mapping.compiled.mapped}
    charts = sum(len(board.charts) for board in checked.dashboards)
    dimensions = len(specs.dimensions(checked.spec))
    rows = [
        (len(checked.stack.services), "service", "services", "in docker-compose.yml"),
        (len(mapped), "field", "fields", "mapped"),
        (dimensions, "dimension", "dimensions", f"of {specs.datasource(checked.spec)}"),
        (charts, "chart", "charts", "on dashboards"),
    ]
    app.screen.table(
        [
            (f"{number:,}", f"{one if number == 1 else several} {where}")
            for number, one, several, where in rows
        ]
    )
    app.screen.say("They fit each other.")
