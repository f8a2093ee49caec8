"""`pyglue status`: every service and every hop, asked now."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

import click

from pyglue.cli.options import App, common
from pyglue.engine import State
from pyglue.engines import choose
from pyglue.pipeline.status import Part, pipeline_parts
from pyglue.screen import amount, span


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@common
def status(app: App, as_json: bool) -> int:
    """Show every service and every part of the pipeline. Exits with 1 if something is not as it should be."""
    settings = app.settings()
    stack = settings.stack()
    choice = choose(settings, stack)
    states = choice.engine.states()
    clients = app.clients(settings, stack, choice.engine, time.sleep)
    try:
        parts = pipeline_parts(clients, settings.project) if any(state.healthy for state in states) else ()
    finally:
        clients.close()
    up = "pyglue up" if app.engine is None else f"pyglue --engine {app.engine} up"
    problems = _problems(states, parts, up)
    if as_json:
        app.screen.data(json.dumps(_json(choice.engine.name, states, parts, problems)))
        return 1 if problems else 0
    app.screen.say(str(choice))
    app.screen.table(_rows(states))
    if parts:
        app.screen.data("")
        app.screen.table(
            [("PIPELINE", "NAME", "STATE"), *((part.kind, part.name, part.text) for part in parts)]
        )
    app.screen.data("")
    for problem in problems:
        app.screen.data(problem)
    if not problems:
        app.screen.data("Healthy.")
    return 1 if problems else 0


def _rows(states: list[State]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("SERVICE", "STATE", "HEALTH", "UP", "MEMORY", "WHERE")]
    for state in states:
        health = "healthy" if state.healthy else ("unhealthy" if state.state == "running" else "-")
        where = f"localhost:{state.ports[0]}" if state.ports else "-"
        rows.append((state.name, state.state, health, span(state.up), amount(state.memory), where))
    return rows


def _problems(states: list[State], parts: tuple[Part, ...], up: str) -> list[str]:
    """A counted list, each with the next command; `up` is how it is typed for the engine in use."""
    texts = [
        f"{state.name} is {state.state}; try: {up}"
        if state.state != "running"
        else f"{state.name} is not healthy ({state.reason}); try: pyglue logs {state.name}"
        for state in states
        if not state.healthy
    ]
    texts += [f"{part.kind} {part.name}: {part.problem}" for part in parts if part.problem]
    if texts and all(state.state == "stopped" for state in states):
        texts = [f"nothing runs; try: {up}"]
    return [f"{number}. {text}" for number, text in enumerate(texts, 1)]


def _json(engine: str, states: list[State], parts: tuple[Part, ...], problems: list[str]) -> dict[str, Any]:
    return {
        "healthy": not problems,
        "engine": engine,
        "services": [asdict(state) for state in states],
        "pipeline": [asdict(part) for part in parts],
        "problems": problems,
    }
