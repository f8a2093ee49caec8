"""What is not wrong and worth a word: files that were edited since they were read. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyglue.diagnosis.facts import Facts, Supervisor
from pyglue.pipeline import spec as specs


@dataclass(frozen=True)
class Note:
    """One sentence, and what to type."""

    message: str
    try_: str

    def to_json(self) -> dict[str, str]:
        """As `--json` prints it."""
        return {"message": self.message, "try": self.try_}


def notes(facts: Facts) -> tuple[Note, ...]:
    """Of services and of the supervisor."""
    return (*_services(facts), *_spec(facts))


def _services(facts: Facts) -> Iterator[Note]:
    for name, files in facts.edited.items():
        what = ", ".join(files) if files else f"what {name} reads"
        yield Note(f"{what} was edited after {name} was started", "pyglue up")


def _spec(facts: Facts) -> Iterator[Note]:
    if facts.posted is None or not isinstance(facts.supervisor, Supervisor):
        return
    if facts.posted.wanted != specs.fingerprint(facts.wanted):
        yield Note(f"{specs.FILE} was edited after it was posted", "pyglue submit-spec --dry-run")
