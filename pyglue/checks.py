"""Everything that can be wrong with the user's files, found before anything is started, all together."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyglue.collector.check import problems as collector_problems
from pyglue.errors import InputError, Problem, relative
from pyglue.layout import Layout
from pyglue.native.contract import program
from pyglue.pipeline import spec as specs
from pyglue.settings import Settings
from pyglue.stack.model import Stack
from pyglue.stack.reading import FILE
from pyglue.superset import dashboards
from pyglue.superset.dashboards import Dashboard

SCHEMA = Path("divolte/DefaultEventRecord.avsc")
DASHBOARDS = Path("superset/dashboards")


@dataclass(frozen=True)
class Checked:
    """The inputs of `up`, known to be good: the stack, the supervisor spec, the schema's file, the dashboards."""

    stack: Stack
    spec: dict[str, Any]
    schema: Path
    dashboards: tuple[Dashboard, ...]


def check(settings: Settings) -> Checked:
    """Read and check docker-compose.yml, the collector's files and supervisor-spec.json.

    Raises InputError with the problems of all of them. A broken docker-compose.yml comes alone, for what the
    others are is said in it.
    """
    stack = settings.stack()
    problems: list[Problem] = []
    problems += collector(stack)
    spec: dict[str, Any] = {}
    try:
        spec = specs.read(settings.project / specs.FILE)
    except InputError as error:
        problems += error.problems
    if spec.get("suspended"):
        problems.append(Problem(specs.FILE, None, None, "it is suspended, so nothing would arrive"))
    boards: list[Dashboard] = []
    for folder in sorted(path for path in (settings.project / DASHBOARDS).glob("*") if path.is_dir()):
        try:
            boards.append(dashboards.read(folder))
        except InputError as error:
            problems += [_shown(problem, settings.project) for problem in error.problems]
    schema = settings.project / SCHEMA
    if not problems:
        problems += same_schema(spec, schema) + same_topic(spec, stack)
    if problems:
        raise InputError(problems)
    return Checked(stack, spec, schema, tuple(boards))


def collector(stack: Stack) -> list[Problem]:
    """What the collector would refuse to start with: its configuration, the mapping, the schema."""
    service = stack.services.get("divolte")
    if service is None:
        return []
    if not service.arguments:
        reason = "the service divolte needs `command: [FILE]`, the collector's configuration"
        return [Problem(FILE, service.line, None, reason)]
    found = collector_problems(*collector_program(stack))
    return [_shown(problem, stack.directory) for problem in found]


def collector_program(stack: Stack) -> tuple[Path, Mapping[str, str]]:
    """The collector's configuration file, and the environment that its service has."""
    service = stack.services["divolte"]
    running = program(stack, service, Layout(stack.directory), Path("/nonexistent"), os.environ)
    return Path(running.argv[1]), running.environment


def _shown(problem: Problem, base: Path) -> Problem:
    """The same with the file as a user would type it in the checkout."""
    return Problem(relative(Path(problem.file), base), problem.line, problem.column, problem.message)


def same_topic(spec: dict[str, Any], stack: Stack) -> list[Problem]:
    """Druid must read the topic that the collector writes."""
    written, read = stack.setting("divolte", "DIVOLTE_TOPIC"), specs.topic(spec)
    if written == read:
        return []
    return [Problem(specs.FILE, None, None, f"it reads the topic {read}, but DIVOLTE_TOPIC is {written}")]


def same_schema(spec: dict[str, Any], schema: Path) -> list[Problem]:
    """Druid must read with the schema with which the collector writes: bare Avro carries no version."""
    inline = specs.schema(spec)
    if inline is None or inline == json.loads(schema.read_text(encoding="utf-8")):
        return []
    theirs = {field["name"]: field for field in inline.get("fields", ())}
    ours = {field["name"]: field for field in json.loads(schema.read_text(encoding="utf-8"))["fields"]}
    differing = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    what = (
        f"fields that differ: {', '.join(differing)}"
        if differing
        else "the order of fields or the record's name differs"
    )
    return [Problem(specs.FILE, None, None, f"its Avro schema is not that of {SCHEMA} ({what})")]


def main() -> None:
    """`python -m pyglue.checks` in the checkout: the files as they would be started with."""
    checked = check(Settings.read(Path.cwd(), None, {}))
    fields = len(json.loads(checked.schema.read_text(encoding="utf-8"))["fields"])
    sys.stdout.write(
        f"{len(checked.stack.services)} services, {fields} fields, {len(checked.dashboards)} dashboard: fine\n"
    )


if __name__ == "__main__":
    main()
