"""The tables, the counted list, and the object for programs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pyglue.doctor.machine import Memory
from pyglue.doctor.report import Report
from pyglue.errors import Problem
from tests.doctor.machines import GIB, lacks, machine

ILL = Report.of(
    machine(
        mode=0o644, maven=lacks("Maven is not installed", "no-maven"), memory=Memory(8 * GIB, GIB, "here")
    )
)


def test_the_last_line_says_whether_to_go_on() -> None:
    """Warnings don't keep anybody from it."""
    assert Report.of(machine()).last_line() == "Ready for pyglue up."
    assert Report.of(machine(mode=0o644)).last_line() == "Ready for pyglue up, with 1 warning."
    assert Report.of(machine(mode=0o644)).ready
    assert ILL.last_line() == "1 error and 1 warning: not ready for pyglue up."
    several = Report.of(machine(problems=(Problem("a", 1, 1, "b"), Problem("c", 1, 1, "d"))))
    assert several.last_line() == "2 errors: not ready for pyglue up."


def test_errors_come_first_each_with_its_remedy_and_page() -> None:
    """A counted list."""
    assert ILL.problems() == [
        "1. error, maven: Maven is not installed",
        "   try: install no-maven",
        "   see: docs/errors.md#no-maven",
        "2. warning, secrets: .env holds secrets and has the mode 0644: others of this machine may read it",
        "   try: chmod 600 .env",
        "   see: docs/errors.md#env-open",
    ]


def test_the_table_has_a_verdict_for_each_check() -> None:
    """Label first, verdict after."""
    rows = {name: said for name, said, _ in ILL.rows()}
    assert (rows["maven"], rows["secrets"], rows["memory"]) == ("error", "warning", "ok")


def test_the_table_of_memory_adds_up() -> None:
    """Service by service, and together; without services there is none."""
    rows = ILL.memory_rows()
    assert rows[1] == ("kafka", "256 MiB", "-", "110 MiB", "366 MiB", "768 MiB")
    assert rows[3] == ("superset", "-", "-", "-", "768 MiB", "768 MiB")
    assert rows[4] == ("together", "448 MiB", "200 MiB", "220 MiB", "1.6 GiB", "2.2 GiB")
    assert rows[5:] == [
        ("held already", "", "", "", "1.0 GiB", ""),
        ("available", "", "", "", "8.0 GiB", "(here)"),
    ]
    assert Report.of(machine(needs=())).memory_rows() == []


def test_json_has_the_same() -> None:
    """It can be written, and holds each finding with its remedy; no secret is in it."""
    told = json.loads(json.dumps(ILL.to_json()))
    assert (told["ready"], told["engine"]) == (False, "native")
    checks = {check["name"]: check for check in told["checks"]}
    assert checks["maven"]["verdict"] == "error"
    assert checks["maven"]["findings"] == [
        {
            "severity": "error",
            "code": "no-maven",
            "message": "Maven is not installed",
            "details": [],
            "try": "install no-maven",
        }
    ]
    assert told["memory"]["needed"] == sum(service["total"] for service in told["memory"]["services"])
    assert (told["memory"]["available"], told["memory"]["held"]) == (8 * GIB, GIB)


def test_the_page_describes_each_check_and_each_field(checkout: Path) -> None:
    """docs/commands.md names whatever can be read in the object."""
    page = (checkout / "docs/commands.md").read_text()
    section = page.partition("\n## pyglue doctor\n")[2].partition("\n## ")[0]
    described = set(re.findall(r"`([^`\n]+)`", section))
    assert sorted(keys(ILL.to_json()) - described) == []
    assert sorted({name for name, _, _ in ILL.rows()[1:]} - described) == []


def keys(value: Any) -> set[str]:
    """The keys of an object, of all that is in it."""
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()
