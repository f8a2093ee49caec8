"""Everything that can be wrong with the user's files, found before anything is started, all together.

Each file is looked at by itself first; then whether they fit each other, hop by hop: mapping, schema, topic, dimensions,
the columns of charts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from pyglue.collector.check import checked as checked_collector
from pyglue.collector.loading import Setup
from pyglue.errors import InputError, Problem, relative
from pyglue.layout import Layout
from pyglue.native.contract import program
from pyglue.pipeline import columns
from pyglue.pipeline import spec as specs
from pyglue.settings import Settings
from pyglue.stack import dotenv
from pyglue.stack.model import Stack
from pyglue.stack.reading import FILE
from pyglue.superset import columns as chart_columns
from pyglue.superset import dashboards
from pyglue.superset.dashboards import Dashboard

T = TypeVar("T", list[Any], dict[str, Any])
DASHBOARDS = dashboards.FOLDER
RETENTION = Path("druid/retention.json")
COMPACTION = Path("druid/compaction.json")


@dataclass(frozen=True)
class Checked:
    """The inputs of `up`, known to be good: the stack, the supervisor spec, the schema's file, the dashboards.

    `setup` is the collector's, None if the stack has no collector. `retention` are Druid's rules on which segments are
    kept, `compaction` is Druid's configuration of it without the datasource's name.
    """

    stack: Stack
    spec: dict[str, Any]
    schema: Path
    dashboards: tuple[Dashboard, ...]
    setup: Setup | None
    retention: list[Any]
    compaction: dict[str, Any]


def check(settings: Settings) -> Checked:
    """Read and check docker-compose.yml, the collector's files, supervisor-spec.json and the dashboards.

    Raises InputError with the problems of all of them. A broken docker-compose.yml comes alone, for what the
    others are is said in it.
    """
    stack = settings.stack()
    problems: list[Problem] = []
    setup: Setup | None = None
    try:
        setup = collector(stack)
    except InputError as error:
        problems += [_of_collector(problem, settings, stack) for problem in error.problems]
    spec: dict[str, Any] = {}
    try:
        spec = specs.read(settings.project / specs.FILE)
    except InputError as error:
        problems += error.problems
    if spec.get("suspended"):
        problems.append(Problem(specs.FILE, None, None, "it is suspended, so nothing would arrive"))
    boards: tuple[Dashboard, ...] = ()
    try:
        boards = read_dashboards(settings.project)
    except InputError as error:
        problems += error.problems
    retention = _json(settings.project, RETENTION, list, problems)
    compaction = _json(settings.project, COMPACTION, dict, problems)
    schema = settings.project / specs.SCHEMA
    if not problems:
        problems += same_schema(spec, schema) + same_topic(spec, stack)
        found = fitting(settings.project, spec, setup, boards)
        problems += [_shown(problem, settings.project) for problem in found]
    if problems:
        raise InputError(problems)
    return Checked(stack, spec, schema, boards, setup, retention, compaction)


def supervisor_spec(settings: Settings, stack: Stack, file: Path | None) -> tuple[dict[str, Any], str | None]:
    """The spec in `file` (None: the checkout's), checked without asking anything, and what was left out of that.

    A spec of another datasource or topic than the checkout's can't be compared with the checkout's mapping: then the
    second value is a sentence that says so. Raises InputError with all problems.
    """
    path, shown = file or settings.project / specs.FILE, str(file or specs.FILE)
    spec = specs.read(path, shown)
    problems: list[Problem] = []
    if spec.get("suspended"):
        problems.append(Problem(shown, None, None, "it is suspended, so nothing would arrive"))
    problems += columns.types(spec, path.read_text(encoding="utf-8"), shown)
    left_out = None if file is None else _elsewhere(settings, spec, shown)
    if left_out is None:
        problems += _against_the_mapping(settings, stack, spec, path, shown)
    if problems:
        raise InputError(problems)
    return spec, left_out


def _elsewhere(settings: Settings, spec: dict[str, Any], shown: str) -> str | None:
    """Why this spec is none of the checkout's pipeline; None if it is."""
    try:
        own = specs.read(settings.project / specs.FILE)
    except InputError:
        return f"{specs.FILE} can't be read, so {shown} was not compared with this checkout's mapping."
    for what, name in (("datasource", specs.datasource), ("topic", specs.topic)):
        if name(spec) != name(own):
            return (
                f"{shown} is for the {what} {name(spec)}, this checkout for {name(own)}:"
                " it was not compared with this checkout's mapping."
            )
    return None


def _against_the_mapping(
    settings: Settings, stack: Stack, spec: dict[str, Any], path: Path, shown: str
) -> list[Problem]:
    """Whether Druid reads what the collector writes, and keeps every field that the mapping fills."""
    try:
        setup = collector(stack)
    except InputError as error:
        return [_of_collector(problem, settings, stack) for problem in error.problems]
    found = same_schema(spec, settings.project / specs.SCHEMA, shown) + same_topic(spec, stack, shown)
    if found or setup is None:
        return found
    text = path.read_text(encoding="utf-8")
    fitting_not = columns.problems(spec, text, setup.feeding(specs.topic(spec)), shown)
    return [_shown(problem, settings.project) for problem in fitting_not]


def _json(project: Path, name: Path, kind: type[T], problems: list[Problem]) -> T:
    """A JSON file's value of this kind; what is wrong with it goes to `problems`."""
    try:
        found = json.loads((project / name).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        problems.append(Problem(str(name), error.lineno, error.colno, error.msg))
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(str(name), None, None, f"can't be read: {error}"))
    else:
        if isinstance(found, kind):
            return found
        wanted = "a list of rules" if kind is list else "an object"
        problems.append(Problem(str(name), 1, 1, f"expected {wanted}"))
    return kind()


def read_dashboards(project: Path) -> tuple[Dashboard, ...]:
    """The dashboards of a checkout; raises InputError with every problem of their files."""
    try:
        return dashboards.read_all(project / DASHBOARDS)
    except InputError as error:
        raise InputError([_shown(problem, project) for problem in error.problems]) from error


def fitting(
    project: Path, spec: dict[str, Any], setup: Setup | None, boards: Sequence[Dashboard]
) -> list[Problem]:
    """Fields that no dimension keeps, dimensions that no field feeds, columns that a chart would miss."""
    text = (project / specs.FILE).read_text(encoding="utf-8")  # for the lines
    found = list(columns.types(spec, text))
    found += columns.problems(spec, text, setup.feeding(specs.topic(spec)) if setup else ())
    known = columns.names(spec)
    if known is not None:
        for board in boards:
            found += chart_columns.problems(board, known)
    return found


def collector(stack: Stack) -> Setup | None:
    """What the collector would start with, None without one; raises InputError if it would refuse to."""
    service = stack.services.get("divolte")
    if service is None:
        return None
    if not service.arguments:
        reason = "the service divolte needs `command: [FILE]`, the collector's configuration"
        raise InputError([Problem(FILE, service.line, None, reason)])
    return checked_collector(*collector_program(stack))


def collector_program(stack: Stack) -> tuple[Path, Mapping[str, str]]:
    """The collector's configuration file, and the environment that its service has."""
    service = stack.services["divolte"]
    running = program(stack, service, Layout(stack.directory), Path("/nonexistent"), os.environ)
    return Path(running.argv[1]), running.environment


def _of_collector(problem: Problem, settings: Settings, stack: Stack) -> Problem:
    """The same as a user would mend it: at the line of `.env`, or in the shell, if a variable has the wrong value."""
    shown, name = _shown(problem, stack.directory), problem.variable
    service = stack.services.get("divolte")
    given = service.environment.get(name) if service is not None else None
    if not name or given is None or given != settings.variables.get(name):
        return shown
    file = settings.project / dotenv.FILE
    if dotenv.read(file, settings.variables).get(name) == given:
        remedy = "mend that line or take it out"
        expected = problem.message.partition(": ")[2]  # without the key of the collector's configuration
        return Problem(dotenv.FILE, dotenv.line_of(file, name), None, f"{name}: {expected}; {remedy}")
    message = f"{problem.message} in {name}; mend it in this shell, or: unset {name}"
    return Problem(shown.file, shown.line, shown.column, message)


def _shown(problem: Problem, base: Path) -> Problem:
    """The same with the file as a user would type it in the checkout."""
    return replace(problem, file=relative(Path(problem.file), base))


def same_topic(spec: dict[str, Any], stack: Stack, file: str = specs.FILE) -> list[Problem]:
    """Druid must read the topic that the collector writes."""
    written, read = stack.setting("divolte", "DIVOLTE_TOPIC"), specs.topic(spec)
    if written == read:
        return []
    return [Problem(file, None, None, f"it reads the topic {read}, but DIVOLTE_TOPIC is {written}")]


def same_schema(spec: dict[str, Any], schema: Path, file: str = specs.FILE) -> list[Problem]:
    """Druid must read with the schema with which the collector writes: bare Avro carries no version."""
    inline, written = specs.schema(spec), json.loads(schema.read_text(encoding="utf-8"))
    if inline is None or inline == written:
        return []
    what = specs.schema_difference(written, inline)
    return [Problem(file, None, None, f"its Avro schema is not that of {specs.SCHEMA} ({what})")]
