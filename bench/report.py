"""Results as JSON, as a table on the screen, and as the tables between two marks in a page.

    {"up": {"machine": {"cores": "2", ...}, "figures": {"up.fresh": [24.1, ...], ...}}, ...}

`figures` are the values of all runs, in the units of `targets`; medians are made when they are shown.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.machine import Machine
from bench.targets import BENCHES, COLLECTOR, MEMORY, STAGE, TARGETS, TRAFFIC, Target
from pyglue.errors import InputError, Problem

Results = dict[str, dict[str, Any]]
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
_TRAFFIC_COLUMNS = {  # of the table: title and unit of each figure
    "cpu": ("CPU per event", "µs"),
    "rate": ("most", "/s"),
    "busy_cpu": ("CPU at 70 % of that", "µs"),
    "p50": ("answer p50", "ms"),
    "p99": ("p99", "ms"),
    "pss": ("PSS", "MiB"),
    "rss": ("RSS", "MiB"),
}
HEAD = ("what", "median", "min to max", "runs", "must", "aim")


def load(file: Path) -> Results:
    """Results from a file; raises InputError if it is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError([Problem(str(file), None, None, f"can't be read: {error}")]) from error
    if not isinstance(content, dict) or not set(content) <= set(BENCHES):
        raise InputError([Problem(str(file), None, None, "expected results of `python -m bench --json`")])
    return content


def save(file: Path, results: Results) -> None:
    """Write results, benches in their order."""
    ordered = {name: results[name] for name in BENCHES if name in results}
    file.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def add(results: Results, bench: str, machine: Machine, figures: Mapping[str, float]) -> None:
    """Add one run's figures to a bench's."""
    found = results.setdefault(bench, {"machine": machine, "figures": {}})
    for key, value in figures.items():
        found["figures"].setdefault(key, []).append(round(value, 3))


def text(results: Results) -> str:
    """The table for a terminal, then those of details and the machine."""
    parts = [_columns(_rows(results, list(results)))]
    parts += [_columns(rows) for _, rows in _details(results)]
    machine: Machine = next((found["machine"] for found in results.values()), {})
    parts.append("\n".join(f"{name}: {value}" for name, value in machine.items()))
    return "\n\n".join(parts).replace("`", "")


def markdown(results: Results) -> str:
    """The tables for a page: every target, measured or not; the details; the machines."""
    parts = [_table(_rows(results, BENCHES))]
    for title, rows in _details(results):
        parts += [f"{title}:", _table(rows)]
    parts += ["Measured on:", _table(_machines(results))] if results else []
    return "\n\n".join(parts)


def into_page(page: str, results: Results) -> str:
    """The page's text with new tables between its marks; raises InputError if it has no such marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError([Problem("the page", None, None, f"expected a line {BEGIN} and below it {END}")])
    return f"{before}{BEGIN}\n\n{markdown(results)}\n\n{END}{after}"


def _rows(results: Results, benches: Sequence[str]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [HEAD]
    for target in TARGETS:
        if target.bench not in benches:
            continue
        values = results.get(target.bench, {}).get("figures", {}).get(target.key)
        rows.append((target.what, *_measured(target, values), *_limits(target)))
    return rows


def _measured(target: Target, values: list[float] | None) -> tuple[str, str, str]:
    if not values:
        return "not measured", "", ""
    middle = statistics.median(values)
    verdict = ""
    if target.aim is not None and target.reaches(middle, target.aim):
        verdict = " (aim reached)"
    elif target.must is not None and not target.reaches(middle, target.must):
        verdict = " (must missed)"
    spread = f"{_number(min(values), target.unit)} to {_shown(max(values), target.unit)}"
    return _shown(middle, target.unit) + verdict, spread, str(len(values))


def _limits(target: Target) -> tuple[str, str]:
    must, aim = (
        "-" if limit is None else _number(limit, target.unit, whole=True) + " " + target.unit
        for limit in (target.must, target.aim)
    )
    return must, aim


def _details(results: Results) -> list[tuple[str, list[tuple[str, ...]]]]:
    """The tables beside that of the targets, each with its title; none that has nothing to show."""
    tables = [
        ("Memory at rest by service", _memory(results)),
        ("The collector by traffic", _traffic(results)),
        ("Where the collector's time goes", _stages(results)),
    ]
    return [(title, rows) for title, rows in tables if rows]


def _memory(results: Results) -> list[tuple[str, ...]]:
    figures = results.get("memory", {}).get("figures", {})
    services = {key.removeprefix(MEMORY): figures[key] for key in figures if key.startswith(MEMORY)}
    if not services:
        return []
    rows: list[tuple[str, ...]] = [("service", "median", "min to max")]
    for name, values in sorted(services.items(), key=lambda item: -statistics.median(item[1])):
        spread = f"{_number(min(values), 'MiB')} to {_shown(max(values), 'MiB')}"
        rows.append((name, _shown(statistics.median(values), "MiB"), spread))
    return rows


def _traffic(results: Results) -> list[tuple[str, ...]]:
    figures = results.get("collector", {}).get("figures", {})
    rows: list[tuple[str, ...]] = []
    for name, what in (("nginx", "nginx, the same requests"), *((key, TRAFFIC[key][0]) for key in TRAFFIC)):
        cells = [
            _spread(figures.get(f"{COLLECTOR}{name}.{key}"), unit)
            for key, (_, unit) in _TRAFFIC_COLUMNS.items()
        ]
        if any(cells):
            rows.append((what, *(cell or "-" for cell in cells)))
    return [("traffic", *(title for title, _ in _TRAFFIC_COLUMNS.values())), *rows] if rows else []


def _stages(results: Results) -> list[tuple[str, ...]]:
    figures = results.get("collector", {}).get("figures", {})
    rows = [
        (key.removeprefix(STAGE), _spread(values, "µs"))
        for key, values in figures.items()
        if key.startswith(STAGE)
    ]
    return [("stage", "per event"), *rows] if rows else []


def _spread(values: list[float] | None, unit: str) -> str:
    """Median, and the smallest and the largest value; empty if nothing was measured."""
    if not values:
        return ""
    least, most = _number(min(values), unit), _number(max(values), unit)
    return f"{_shown(statistics.median(values), unit)} ({least} to {most})".replace(" /s", "/s")


def _machines(results: Results) -> list[tuple[str, ...]]:
    """Facts as rows, benches as columns; benches that were measured together share a column."""
    together: dict[str, tuple[list[str], Machine]] = {}
    for bench in BENCHES:
        if bench in results:
            machine = results[bench]["machine"]
            together.setdefault(json.dumps(machine), ([], machine))[0].append(bench)
    rows = [("", *(", ".join(names) for names, _ in together.values()))]
    for fact in dict.fromkeys(fact for _, machine in together.values() for fact in machine):
        rows.append((fact, *(machine.get(fact, "-") for _, machine in together.values())))
    return rows


def _shown(value: float, unit: str) -> str:
    return f"{_number(value, unit)} {unit}"


def _number(value: float, unit: str, *, whole: bool = False) -> str:
    if unit == "times":
        return f"{value:.2f}"
    digits = 0 if whole or unit not in ("s", "µs") else 2 if value < 10 else 1
    return f"{value:,.{digits}f}"


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    lines = [rows[0], tuple("---" for _ in rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _columns(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
