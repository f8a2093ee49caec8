"""What a check says: its verdict and, for each thing that is wrong, a finding with its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyglue.catalogue import CATALOGUE
from pyglue.errors import PyglueError

OK, SKIPPED, WARNING, ERROR = "ok", "skipped", "warning", "error"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. An `error` keeps the stack from starting, a `warning` may spoil it later.

    `try_` is the remedy, a command to type or an act in words; `code` is that of the catalogue.
    """

    code: str
    severity: str
    message: str
    try_: str
    details: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        assert self.code in CATALOGUE, self.code  # noqa: S101 - a code that no page explains is a bug of ours

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "details": list(self.details),
            "try": self.try_,
        }

    @classmethod
    def of(cls, error: PyglueError, severity: str = ERROR) -> Finding:
        """An error that a command would raise, found beforehand."""
        return cls(error.code, severity, error.message, error.try_ or "pyglue up", tuple(error.details))


@dataclass(frozen=True)
class Check:
    """One check: its name, what was seen in a few words, and what is wrong. `skipped`: it could not be looked at."""

    name: str
    seen: str
    findings: tuple[Finding, ...] = ()
    skipped: bool = False

    @property
    def verdict(self) -> str:
        """The worst of its findings."""
        severities = {finding.severity for finding in self.findings}
        return ERROR if ERROR in severities else WARNING if severities else SKIPPED if self.skipped else OK


def check(name: str, seen: str, findings: Iterable[Finding | None] = ()) -> Check:
    """A check of what was found wrong; None is nothing."""
    return Check(name, seen, tuple(finding for finding in findings if finding is not None))
