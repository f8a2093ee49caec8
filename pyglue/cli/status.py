"""`pyglue status`: every service and every hop, asked now."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from pyglue.cli.options import App, common
from pyglue.diagnosis import facts as looking
from pyglue.diagnosis.facts import Facts
from pyglue.diagnosis.findings import Finding, findings
from pyglue.diagnosis.notes import notes
from pyglue.diagnosis.parts import parts
from pyglue.engine import State
from pyglue.engines import choose
from pyglue.errors import InputError
from pyglue.pipeline import spec as specs
from pyglue.screen import amount, listed, span
from pyglue.settings import Settings

WATCH_SECONDS = 2.0  # between two looks


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object; with --watch one a line for each look."
)
@click.option("--watch", is_flag=True, help="Look again every two seconds, until Ctrl-C.")
@common
def status(app: App, as_json: bool, watch: bool) -> int:
    """Show every service and every part of the pipeline, how fresh each is, and what is wrong.

    Exits with 1 if something is not as it should be. Problems come last, the first cause first, each with the next
    command to type.

    \b
    pyglue status
    pyglue status --watch
    pyglue status --json | jq '.pipeline[] | {kind, figures}'
    """
    settings = app.settings()
    while True:
        began = time.monotonic()
        wrong = _once(app, settings, as_json, watch)
        if not watch:
            return 1 if wrong else 0
        time.sleep(max(0.1, WATCH_SECONDS - (time.monotonic() - began)))


def _once(app: App, settings: Settings, as_json: bool, watch: bool) -> bool:
    """One look; whether something is wrong."""
    stack = settings.stack()
    choice = choose(settings, stack)
    addresses = app.addresses(settings, stack, choice.engine)
    try:
        spec = specs.read(settings.project / specs.FILE)
    except InputError:
        if not as_json:  # what runs can be seen all the same
            app.screen.table(_rows(choice.engine.states()))
        raise
    wanted = specs.addressed(spec, addresses.kafka_for_druid)
    clients = app.clients(settings, stack, choice.engine, time.sleep, looking.PATIENCE)
    try:
        facts = looking.look(settings, choice.engine, clients, wanted)
    finally:
        clients.close()
    found = findings(facts)
    if as_json:
        app.screen.data(json.dumps(_json(choice.engine.name, facts, found)))
        return bool(found)
    if watch:
        app.screen.clear()
    up = "pyglue up" if app.engine is None else f"pyglue --engine {app.engine} up"
    lines = _problems(found, up)
    app.screen.say(str(choice) + (f", {time.strftime('%H:%M:%S')}" if watch else ""))
    _tables(app, facts)
    for note in notes(facts):
        app.screen.data(f"note: {note.message}; try: {note.try_}".replace("pyglue up", up))
    for line in lines:
        app.screen.data(line)
    if not lines:
        app.screen.data("Healthy.")
    return bool(found)


def _tables(app: App, facts: Facts) -> None:
    if facts.services:
        app.screen.table(_rows(facts.services))
    shown = parts(facts)
    if shown:
        app.screen.data("")
        app.screen.table(
            [("PIPELINE", "NAME", "STATE"), *((part.kind, part.name, part.text) for part in shown)]
        )
    app.screen.data("")


def _rows(states: Sequence[State]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("SERVICE", "STATE", "HEALTH", "UP", "MEMORY", "WHERE")]
    for state in states:
        health = "healthy" if state.healthy else ("unhealthy" if state.state == "running" else "-")
        where = f"localhost:{state.ports[0]}" if state.ports else "-"
        rows.append((state.name, state.state, health, span(state.up), amount(state.memory), where))
    return rows


def _problems(found: tuple[Finding, ...], up: str) -> list[str]:
    """A counted list, each with the next command and what was seen; `up` is how `pyglue up` is typed here."""
    lines = []
    for number, finding in enumerate(found, 1):
        message, try_ = (text.replace("pyglue up", up) for text in (finding.message, finding.try_))
        lines += listed(number, message, finding.details, try_, finding.code)
    return lines


def _json(engine: str, facts: Facts, found: tuple[Finding, ...]) -> dict[str, Any]:
    return {
        "healthy": not found,
        "engine": engine,
        "services": [asdict(state) for state in facts.services],
        "pipeline": [asdict(part) for part in parts(facts)],
        "problems": [finding.to_json() for finding in found],
        "notes": [note.to_json() for note in notes(facts)],
    }
