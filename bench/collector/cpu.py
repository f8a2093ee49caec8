"""CPU time of other processes, from /proc (proc(5), `stat`)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes together, all threads included; raises OSError if one is gone."""
    return sum(ticks(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")) for pid in pids) / _TICKS


def ticks(stat: str) -> int:
    """utime + stime in the text of a `stat`; the command in it may hold anything, blanks and brackets too."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
