"""Where in a file of lines something can't be read, in words: the same for every file that pyglue reads by lines."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 10  # lines of a file that are told


def place(name: str, lines: Sequence[int]) -> str:
    """Lines of a file, such as `counts/2026-11-26.jsonl, line 3, 9 and 4 more`."""
    more = f" and {len(lines) - SHOWN:,} more" if len(lines) > SHOWN else ""
    return f"{name}, line {', '.join(map(str, lines[:SHOWN]))}{more}"
