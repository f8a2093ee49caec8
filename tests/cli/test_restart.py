"""`pyglue restart`: what it refuses while everything still runs. How it restarts: tests/native, tests/docker, tests/e2e."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from pyglue.cli.options import App
from pyglue.cli.restart import _look
from pyglue.engine import Engine
from pyglue.errors import InputError, PyglueError
from pyglue.pipeline import spec as specs
from pyglue.screen import Screen
from pyglue.settings import Settings
from pyglue.stack.model import Service, Stack
from tests.cli.ended import Run


@dataclass
class Runs:
    """An engine that runs all services but those that are named; `taken` have their ports at another program."""

    stack: Stack
    stopped: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    started: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def running(self) -> set[str]:
        """All others."""
        return {*self.stack.services} - self.stopped

    def started_with(self) -> Mapping[str, Sequence[int]]:
        """With which ports."""
        return self.started

    def listens(self, service: Service) -> Sequence[int]:
        """Those of docker-compose.yml."""
        return service.ports

    def check_ports(self, names: Sequence[str]) -> None:
        """As an engine does."""
        if self.taken & {*names}:
            raise PyglueError("a port is taken", code="port-taken")


def refused(project: Path, *names: str, **changes: Any) -> PyglueError | None:
    """Why these services are not restarted."""
    settings = Settings.read(project, "native", {})
    engine = cast(Engine, Runs(settings.stack(), **changes))
    try:
        _look(App(project, "native", Screen()), settings, engine, names)
    except PyglueError as error:
        return error
    return None


def code(error: PyglueError | None) -> str | None:
    """Its code."""
    return None if error is None else error.code


def test_where_nothing_runs(pyglue: Run) -> None:
    """Known trouble, with what starts the stack."""
    ended = pyglue("restart", "kafka")
    assert ended.code == 1
    assert "error: nothing runs here" in ended.err
    assert "try: pyglue up" in ended.err


def test_what_would_not_come_up_again_is_refused(project: Path) -> None:
    """Its port is another program's, or what it needs does not run, unless that is started, too."""
    assert refused(project, "kafka", "divolte") is None
    assert code(refused(project, "kafka", taken={"kafka"})) == "port-taken"
    assert refused(project, "kafka", taken={"divolte"}) is None
    missing = refused(project, "divolte", stopped={"kafka"})
    assert missing is not None
    assert (missing.message, missing.code) == ("kafka does not run, and divolte needs it", "service-stopped")
    assert refused(project, "kafka", "divolte", stopped={"kafka"}) is None


def test_a_shell_with_other_ports_restarts_nothing(project: Path) -> None:
    """It would start a service where the others don't look for it."""
    assert code(refused(project, "kafka", started={"divolte": (12592,)})) == "ports-differ"


def test_the_collector_is_not_restarted_with_broken_files(project: Path) -> None:
    """The one that runs goes on; other services don't read them."""
    (project / "mapping.groovy").write_text("mapping {\n  mapp x onto 'y'\n}\n")
    assert isinstance(refused(project, "divolte"), InputError)
    assert refused(project, "kafka") is None


@pytest.mark.parametrize("schema", ["the same", "another"])
def test_the_collector_is_not_restarted_with_another_schema(project: Path, schema: str) -> None:
    """Druid would go on reading with the one that was posted last: only `pyglue up` lets it read the rest first."""
    spec = json.loads((project / specs.FILE).read_text())
    file = project / specs.POSTED / f"{specs.datasource(spec)}.json"
    if schema == "another":
        specs.schema(spec)["fields"].pop()
    specs.Posted.of(spec, spec).save(file)
    assert code(refused(project, "divolte")) == ("other-schema" if schema == "another" else None)
    assert refused(project, "kafka") is None
