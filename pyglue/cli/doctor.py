"""`pyglue doctor`: what would keep the stack from starting here, each with its remedy."""

from __future__ import annotations

import json
import os

import click

from pyglue.cli.options import App, common
from pyglue.doctor import facts
from pyglue.doctor.report import Report


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common
def doctor(app: App, as_json: bool) -> int:
    """Look whether this machine and this checkout can start the stack, and change nothing.

    Looked at are memory (heaps and direct memory of all services, added up), processors, disks, Python, JDK, Maven,
    Docker, the checkout's files, secrets, ports with their holders, data of other versions, limits, and the machine's
    own address. Every problem comes with its remedy. Exits with 1 if `pyglue up` would fail; warnings are none.

    \b
    pyglue doctor
    pyglue doctor --engine native
    pyglue doctor --json | jq -r '.checks[].findings[].try'
    """
    report = Report.of(facts.read(facts.surroundings(app.project_dir, app.engine, os.environ)))
    screen = app.screen
    if as_json:
        screen.data(json.dumps(report.to_json()))
        return 0 if report.ready else 1
    screen.table(report.rows())
    screen.data("")
    memory = report.memory_rows()
    screen.table(memory)
    if memory:
        screen.data("")
    up = "pyglue up" if app.engine is None else f"pyglue --engine {app.engine} up"
    for line in (*report.problems(), report.last_line()):
        screen.data(line.replace("pyglue up", up))
    return 0 if report.ready else 1
