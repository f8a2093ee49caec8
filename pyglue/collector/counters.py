"""What happened to requests, counted by kind; never who sent them."""

from __future__ import annotations

from collections import Counter


class Counters:
    """Counts by name, such as `received` or `dropped: missing p`; names come from a fixed set of reasons."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._reported: Counter[str] = Counter()

    def add(self, name: str) -> None:
        """Count one."""
        self._counts[name] += 1

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def report(self) -> str | None:
        """One line with all counts since the start; None if nothing changed since the last such line."""
        if self._counts == self._reported:
            return None
        self._reported = self._counts.copy()
        return str(self)

    def __str__(self) -> str:
        return (
            ", ".join(f"{name} {count}" for name, count in sorted(self._counts.items())) or "nothing happened"
        )
