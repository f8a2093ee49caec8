"""All checks of a machine, as rows for the screen and as an object for programs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pyglue.counted import counted
from pyglue.doctor import checkout, hardware, programs
from pyglue.doctor.findings import ERROR, Check, Finding
from pyglue.doctor.machine import Machine
from pyglue.screen import amount, listed
from pyglue.stack.sizes import Need

CHECKS = (
    hardware.system,
    programs.python,
    programs.java,
    programs.maven,
    programs.docker,
    hardware.memory,
    hardware.processors,
    hardware.disks,
    checkout.files,
    checkout.secrets,
    checkout.engine,
    checkout.ports,
    checkout.data,
    hardware.limits,
    hardware.loopback,
    hardware.clock,
)


@dataclass(frozen=True)
class Report:
    """What was found about a machine."""

    machine: Machine
    checks: tuple[Check, ...]

    @classmethod
    def of(cls, machine: Machine) -> Report:
        """Every check, each by itself."""
        return cls(machine, tuple(look(machine) for look in CHECKS))

    @property
    def findings(self) -> list[tuple[Check, Finding]]:
        """Errors first, then warnings."""
        found = [(check, finding) for check in self.checks for finding in check.findings]
        return sorted(found, key=lambda pair: pair[1].severity != ERROR)

    @property
    def ready(self) -> bool:
        """Whether nothing keeps the stack from starting."""
        return all(check.verdict != ERROR for check in self.checks)

    def rows(self) -> list[tuple[str, str, str]]:
        """The table of checks."""
        return [
            ("CHECK", "VERDICT", "WHAT"),
            *((check.name, check.verdict, check.seen) for check in self.checks),
        ]

    def memory_rows(self) -> list[tuple[str, ...]]:
        """The table of memory, service by service; empty if the services are not known."""
        needs, memory = self.machine.needs, self.machine.memory
        if not needs:
            return []
        rows = [_row(need) for need in needs]
        together = [_sum(column) for column in zip(*(_columns(need) for need in needs), strict=True)]
        return [
            ("MEMORY", "HEAP", "DIRECT", "BESIDE", "AT MOST", "LIMIT"),
            *rows,
            ("together", *map(amount, together)),
            *([("held already", "", "", "", amount(memory.held), "")] if memory.held else []),
            ("available", "", "", "", amount(memory.available), f"({memory.place})"),
        ]

    def problems(self) -> list[str]:
        """The counted list: each problem with what is known about it, its remedy, and where more is written."""
        lines = []
        for number, (check, finding) in enumerate(self.findings, 1):
            message = f"{finding.severity}, {check.name}: {finding.message}"
            lines += listed(number, message, finding.details, finding.try_, finding.code)
        return lines

    def last_line(self) -> str:
        """Whether `pyglue up` may be typed, and the count of what is wrong."""
        errors = sum(finding.severity == ERROR for _, finding in self.findings)
        warnings = len(self.findings) - errors
        found = [
            counted(number, what) for number, what in ((errors, "error"), (warnings, "warning")) if number
        ]
        told = " and ".join(found)
        if errors:
            return f"{told}: not ready for pyglue up."
        return f"Ready for pyglue up, with {told}." if warnings else "Ready for pyglue up."

    def to_json(self) -> dict[str, Any]:
        """The object of `--json` (docs/commands.md)."""
        memory = self.machine.memory
        return {
            "ready": self.ready,
            "engine": self.machine.engine,
            "checks": [
                {
                    "name": check.name,
                    "verdict": check.verdict,
                    "seen": check.seen,
                    "findings": [finding.to_json() for finding in check.findings],
                }
                for check in self.checks
            ],
            "memory": {
                "services": [{**asdict(need), "total": need.total} for need in self.machine.needs],
                "needed": hardware.needed(self.machine),
                "available": memory.available,
                "held": memory.held,
                "place": memory.place,
            },
        }


def _columns(need: Need) -> tuple[int | None, ...]:
    return (need.heap, need.direct, need.beside, need.total, need.limit)


def _row(need: Need) -> tuple[str, ...]:
    return (need.service, *map(amount, _columns(need)))


def _sum(column: Sequence[int | None]) -> int | None:
    known = [value for value in column if value is not None]
    return sum(known) if known else None
