"""Numbers of things in what people read: one event, two events."""

from __future__ import annotations


def counted(number: int, one: str, several: str = "") -> str:
    """So many of `one`: `1 event`, `1,204 events`. `several` is for what is more than an `s` away from `one`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"
