"""Header lines as lists of values: parted at commas, quoted texts kept together.

Blanks come from two places. The server folds every run of blanks and tabs into one blank as it reads a line, inside of
quotes, too. The list's own grammar then drops those around a value; within a value, from its first blank on, every
further piece stands apart (`a "b"c` is `a b c`), which is odd but Divolte's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_BLANKS = re.compile("[ \t]+")
_PIECES = re.compile(r'(,)|( )|"((?:[^"\\]++|\\.)*+)(?:"|\\?+\Z)|[^ ,"]++', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def folded(line: str) -> str:
    """A header line with every run of blanks and tabs as one blank, and none at its ends."""
    line = line.strip(" \t")
    return _BLANKS.sub(" ", line) if "  " in line or "\t" in line else line


def values(lines: Sequence[str]) -> list[str] | None:
    """The values of all lines of one header, empty ones left out; None if there is no such header."""
    return [value for line in lines for value in _values(folded(line))] if lines else None


def get(values: Sequence[str], index: int) -> str | None:
    """The value at `index`, from the end if it is negative; None if there are not so many."""
    return values[index] if -len(values) <= index < len(values) else None


def _values(line: str) -> list[str]:
    if '"' not in line:
        return [value for part in line.split(",") if (value := part.strip(" "))]
    found: list[str] = []
    pieces: list[str] = []  # of a value; a text that grows would be copied for each of them
    gap = ""
    for piece in _PIECES.finditer(line):
        comma, blank, quoted = piece.groups()
        if comma:
            found.append("".join(pieces))
            pieces, gap = [], ""
        elif blank:
            gap = " " if pieces else ""
        else:
            pieces.append(gap + (piece[0] if quoted is None else _ESCAPED.sub(r"\1", quoted)))
    found.append("".join(pieces))
    return [text for text in found if text]
