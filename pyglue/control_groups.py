"""What the control group of this process allows: memory and processors, of version 2 or 1.

Sources: the kernel's documentation, cgroup-v2 (memory.max, cpu.max), cgroup-v1/memory, sched-bwc (cpu.cfs_quota_us).
A limit holds for all groups below it, so the whole way up to the root is looked at, and the tightest counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

UNLIMITED = 2**60  # version 1 writes a number near 2**63 where there is no limit


def memory_left(root: Path = Path("/")) -> int | None:
    """Bytes that may still be taken, files that the kernel may drop not counted; None without a limit."""
    left = []
    for group in _groups(root, "memory"):
        limit = _number(group / "memory.max", group / "memory.limit_in_bytes")
        used = _number(group / "memory.current", group / "memory.usage_in_bytes")
        if limit is not None and used is not None and limit < UNLIMITED:
            left.append(max(0, limit - used + _droppable(group)))
    return min(left, default=None)


def processors(root: Path = Path("/")) -> float | None:
    """How many processors' time may be used; None without a limit."""
    shares = []
    for group in _groups(root, "cpu"):
        words = _text(group / "cpu.max").split()
        if not words:
            words = [_text(group / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
        if all(word.isdigit() for word in words) and int(words[1]):
            shares.append(int(words[0]) / int(words[1]))
    return min(shares, default=None)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's groups, from its own up to the root; inside a container just the root is there."""
    mounts = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        base = mounts / controller if names else mounts
        own = base / path.lstrip("/")
        while True:
            if own.is_dir():
                yield own
            if own == base or ".." in own.parts:
                break
            own = own.parent


def _droppable(group: Path) -> int:
    """Bytes of files that were read and not used lately."""
    fields = dict(re.findall(r"^(\w+) (\d+)$", _text(group / "memory.stat"), re.MULTILINE))
    return int(fields.get("total_inactive_file") or fields.get("inactive_file") or 0)


def _number(*files: Path) -> int | None:
    """The number in the first file that holds one."""
    return next((int(text) for file in files if (text := _text(file).strip()).isdigit()), None)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
