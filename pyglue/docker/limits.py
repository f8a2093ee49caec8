"""Whether the memory limit of a container holds what its JVM is told that it may use.

A heap that was raised without its limit would be found out only under load, by the system, with SIGKILL.
"""

from __future__ import annotations

from pyglue.errors import Problem
from pyglue.stack.model import Service, Stack
from pyglue.stack.reading import FILE
from pyglue.stack.sizes import BESIDE, in_bytes, of_jvm


def problems(stack: Stack) -> list[Problem]:
    """One for each service whose limit is below its `..._HEAP` and `..._DIRECT` and what comes on top."""
    found = (_problem(service) for service in stack.services.values())
    return [problem for problem in found if problem is not None]


def _problem(service: Service) -> Problem | None:
    wanted = of_jvm(service)
    limit = in_bytes(service.memory_limit)
    needed = sum(wanted.values()) + BESIDE
    if not wanted or limit is None or limit >= needed:
        return None
    parts = " and ".join(f"{name} {service.environment[name]}" for name in wanted)
    variable = f"{service.name.upper().replace('-', '_')}_MEMORY"
    advice = f"{variable}={-(-needed // 2**20)}m"
    reason = f"{service.name}: {parts} do not fit into its mem_limit of {service.memory_limit}; set {advice}"
    return Problem(FILE, service.line, None, reason)
