"""Differences that are wanted: which messages of a comparison an entry of deviations.json names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tests.parity.suites import Json


@dataclass
class Deviations:
    """The entries of the file, and which of them were needed so far."""

    entries: Sequence[Json] = ()
    _met: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        if any(not entry.get("why") or "suite" not in entry for entry in self.entries):
            raise ValueError("every deviation needs a suite and a why")

    def unnamed(self, suite: str, request: str, messages: list[str]) -> list[str]:
        """The messages about this request that no entry names."""
        for number, entry in enumerate(self.entries):
            if not (fnmatchcase(suite, entry["suite"]) and fnmatchcase(request, entry.get("id", "*"))):
                continue
            named = _named(entry, messages)
            if named:
                self._met.add(number)
                messages = [message for message in messages if message not in named]
        return messages

    def never_met(self) -> list[Json]:
        """The entries that named nothing."""
        return [entry for number, entry in enumerate(self.entries) if number not in self._met]


def _named(entry: Json, messages: list[str]) -> list[str]:
    fields = entry.get("fields")
    if fields is None:
        return messages
    about = tuple(f"field {name}: " for name in fields)
    if not any(message.startswith(about) for message in messages):
        return []  # the bytes alone differ: not because of these fields
    return [message for message in messages if message.startswith((*about, "bytes: "))]
