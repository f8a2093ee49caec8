"""How many workers there are, unless it is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyglue.collector.workers import processors


@pytest.mark.parametrize(
    ("quota", "memory", "most"),
    [
        ("max 100000", "max", 16),
        ("150000 100000", "max", 2),
        ("10000 100000", "max", 1),
        ("max 100000", "268435456", 2),
        ("100000 100000", "268435456", 1),
        ("max 100000", "100", 1),
    ],
)
def test_control_groups_count(tmp_path: Path, quota: str, memory: str, most: int) -> None:
    """One for each processor whose time may be used, as far as there is memory; and never none."""
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    (group / "cpu.max").write_text(quota)
    (group / "memory.max").write_text(memory)
    (group / "memory.current").write_text("100000000")
    assert processors.usable(tmp_path, 16) == most


def test_without_control_groups_the_scheduler_counts(tmp_path: Path) -> None:
    """It may allow fewer processors than there are."""
    assert processors.usable(tmp_path) == len(os.sched_getaffinity(0))
