"""What a control group allows, from its files: both versions, from within a container and from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue import control_groups

GIB = 2**30


def put(root: Path, files: dict[str, str]) -> Path:
    """A machine's files, as far as they matter here."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_no_control_groups_are_no_limit(tmp_path: Path) -> None:
    """Such as on another system."""
    assert control_groups.memory_left(tmp_path) is None
    assert control_groups.processors(tmp_path) is None


def test_version_two_and_the_groups_above(tmp_path: Path) -> None:
    """The tightest of all counts; files that the kernel may drop are free."""
    root = put(
        tmp_path,
        {
            "proc/self/cgroup": "0::/user/shell\n",
            "sys/fs/cgroup/user/shell/memory.max": f"{3 * GIB}\n",
            "sys/fs/cgroup/user/shell/memory.current": "5\n",
            "sys/fs/cgroup/user/shell/cpu.max": "max 100000\n",
            "sys/fs/cgroup/memory.max": f"{9 * GIB}\n",
            "sys/fs/cgroup/memory.current": "7\n",
            "sys/fs/cgroup/user/memory.max": f"{2 * GIB}\n",
            "sys/fs/cgroup/user/memory.current": f"{GIB}\n",
            "sys/fs/cgroup/user/memory.stat": "anon 7\ninactive_file 100\n",
            "sys/fs/cgroup/user/cpu.max": "150000 100000\n",
        },
    )
    assert control_groups.memory_left(root) == GIB + 100
    assert control_groups.processors(root) == 1.5


def test_version_one_inside_a_container(tmp_path: Path) -> None:
    """The group's path is that of the host, and only its own folder is there."""
    root = put(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "1000\n",
            "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 400\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    )
    assert control_groups.memory_left(root) == GIB - 600
    assert control_groups.processors(root) == 0.5


@pytest.mark.parametrize(("limit", "quota"), [("9223372036854771712", "-1"), ("nonsense", ""), ("", "x")])
def test_what_limits_nothing(tmp_path: Path, limit: str, quota: str) -> None:
    """Version 1 writes a very large number, and -1."""
    root = put(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/\n3:cpu:/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": limit,
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "1000",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": quota,
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        },
    )
    assert control_groups.memory_left(root) is None
    assert control_groups.processors(root) is None


def test_more_used_than_allowed_leaves_nothing(tmp_path: Path) -> None:
    """A limit that was lowered while the group had more."""
    root = put(
        tmp_path,
        {
            "proc/self/cgroup": "0::/../x\n",
            "sys/fs/cgroup/memory.max": "10",
            "sys/fs/cgroup/memory.current": "20",
        },
    )
    assert control_groups.memory_left(root) in (0, None)
