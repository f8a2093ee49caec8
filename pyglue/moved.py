"""Ports at which the running stack listens, against those that this shell and `.env` say.

A shell without the variables with which the stack was started would find every service broken. So whoever asks a running
stack compares first, and names the variables.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyglue.engine import Engine
from pyglue.errors import PyglueError
from pyglue.stack.interpolate import interpolate
from pyglue.stack.reading import FILE
from pyglue.stack.yamlfile import Map, load

UP = "pyglue up"
VARIABLE = re.compile(r"\$\{?(\w+)")


@dataclass(frozen=True)
class Moved:
    """A service that runs at the port `runs`, where `said` was asked for; `variable` is empty for a plain number."""

    service: str
    variable: str
    runs: int
    said: int

    @property
    def as_started(self) -> str:
        """What it was started with, as it would be typed."""
        return f"{self.variable}={self.runs}" if self.variable else f"port {self.runs} of {self.service}"


def moved(engine: Engine, variables: Mapping[str, str]) -> tuple[Moved, ...]:
    """Every port that differs, of the services that run; `variables` are the environment over `.env`."""
    started, found = engine.started_with(), []
    for name, service in engine.stack.services.items():
        runs, said = started.get(name, ()), engine.listens(service)
        old = [port for port in runs if port not in said]
        fresh = [port for port in said if port not in runs]
        found += [(name, before, now) for before, now in zip(old, fresh, strict=False)]
    if not found:
        return ()
    names = _variables(engine, variables)
    return tuple(Moved(name, names.get((name, now), ""), before, now) for name, before, now in found)


def error(found: Sequence[Moved]) -> PyglueError:
    """What says so: the first of them in the sentence, and what to type for all. A plain number can't be exported."""
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    message = f"the running stack was started with {first.as_started}, this shell says {first.said}{more}"
    if not all(one.variable for one in found):
        details = [f"{one.as_started}, this shell says {one.said}" for one in found[1:]]
        return PyglueError(message, details=details, try_=UP, code="ports-differ")
    return PyglueError(
        message,
        details=[f"or move the stack to the ports that this shell and .env say: `{UP}`"],
        try_=f"export {' '.join(one.as_started for one in found)}",
        code="ports-differ",
    )


def _variables(engine: Engine, variables: Mapping[str, str]) -> dict[tuple[str, int], str]:
    """The variable from which docker-compose.yml takes a port, by service and port."""
    found: dict[tuple[str, int], str] = {}
    document = load((engine.stack.directory / FILE).read_text(encoding="utf-8"), FILE)
    for name, body in document["services"].items():
        texts = [*(body.get("ports") or ()), *(body.get("expose") or ())] if isinstance(body, Map) else []
        for text in map(str, texts):
            variable, port = VARIABLE.search(text), interpolate(text, variables).rpartition(":")[2]
            if variable is not None:
                found[name, int(port)] = variable[1]
    return found
