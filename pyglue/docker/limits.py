"""Whether the memory limit of a container holds what its JVM is told that it may use.

A heap that was raised without its limit would be found out only under load, by the system, with SIGKILL.
"""

from __future__ import annotations

import re

from pyglue.errors import Problem
from pyglue.stack.model import Service, Stack
from pyglue.stack.reading import FILE

BESIDE = (
    110 * 2**20
)  # bytes that a JVM needs beside heap and direct memory: classes, code, threads; seen: 60 to 100 MiB
SIZE = re.compile(r"([1-9][0-9]*)\s*([kmgKMG]?)[bB]?")
UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}


def problems(stack: Stack) -> list[Problem]:
    """One for each service whose limit is below its `..._HEAP` and `..._DIRECT` and what comes on top."""
    found = (_problem(service) for service in stack.services.values())
    return [problem for problem in found if problem is not None]


def _problem(service: Service) -> Problem | None:
    wanted = {
        name: size
        for name, value in service.environment.items()
        if name.endswith(("_HEAP", "_DIRECT")) and (size := _bytes(value)) is not None
    }
    limit = _bytes(service.memory_limit)
    needed = sum(wanted.values()) + BESIDE
    if not wanted or limit is None or limit >= needed:
        return None
    parts = " and ".join(f"{name} {service.environment[name]}" for name in wanted)
    variable = f"{service.name.upper().replace('-', '_')}_MEMORY"
    advice = f"{variable}={-(-needed // 2**20)}m"
    reason = f"{service.name}: {parts} do not fit into its mem_limit of {service.memory_limit}; set {advice}"
    return Problem(FILE, service.line, None, reason)


def _bytes(text: str) -> int | None:
    """A size such as 256m or 1g, as JVMs and Compose write them; None for what is none."""
    match = SIZE.fullmatch(text.strip())
    return int(match[1]) * UNITS[match[2].lower()] if match else None
