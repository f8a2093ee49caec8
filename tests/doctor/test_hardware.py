"""The machine itself: memory, processors, disks, limits, its own address, its clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pyglue.doctor.hardware import needed
from pyglue.doctor.machine import Disk, Memory
from tests.doctor.machines import ARTEFACTS, DATA, FINE, GIB, MIB, found, only, verdict

NEEDED = (
    256 + 110 + 192 + 200 + 110 + 768
) * MIB  # heap, direct memory and what comes on top; else the limit


def test_a_good_machine_has_no_findings() -> None:
    """Nothing is told of what is fine."""
    assert found() == []


def test_what_is_needed_is_added_up() -> None:
    """Heaps, direct memory, what a JVM needs beside them, and the limit of what is no JVM."""
    assert needed(FINE) == NEEDED


@pytest.mark.parametrize(
    ("available", "held", "severity"),
    [
        (NEEDED, 0, None),
        (NEEDED - 1, 0, "warning"),
        (NEEDED // 2, 0, "warning"),
        (NEEDED // 2 - 1, 0, "error"),
        (GIB, NEEDED - GIB, None),
    ],
)
def test_memory_is_short(available: int, held: int, severity: str | None) -> None:
    """Below half of what is needed it is an error; what the stack itself holds counts as there."""
    findings = found(memory=Memory(available, held, "this machine"))
    assert [finding.severity for finding in findings] == ([severity] if severity else [])


def test_whose_memory_is_short_and_what_to_make_smaller() -> None:
    """A control group's limit is named as such, with the largest JVM."""
    finding = only(memory=Memory(GIB, 0, "the control group"))
    assert finding.code == "memory-short"
    assert "the control group has 1.0 GiB" in finding.message
    assert "druid-broker is the largest" in finding.try_


def test_without_services_memory_is_not_judged() -> None:
    """A broken docker-compose.yml is told once, as itself."""
    assert found(needs=()) == []
    assert verdict("memory", needs=()) == "skipped"


@pytest.mark.parametrize(
    ("cores", "quota", "said"),
    [(2, None, ""), (1, None, "1 of a processor"), (8, 1.5, "1.5 of a processor"), (8, 2.0, "")],
)
def test_few_processors_are_a_warning(cores: int, quota: float | None, said: str) -> None:
    """Cores, or the quota if that is less."""
    findings = found(cores=cores, quota=quota)
    assert [finding.severity for finding in findings] == (["warning"] if said else [])
    assert all(finding.code == "cpu-short" and finding.message.startswith(said) for finding in findings)


@pytest.mark.parametrize(
    ("system", "architecture", "known"),
    [
        ("Linux", "aarch64", True),
        ("Linux", "armv7l", False),
        ("Linux", "i686", False),
        ("Darwin", "arm64", False),
    ],
)
def test_machines_that_nobody_tried(system: str, architecture: str, known: bool) -> None:
    """32-bit ARM is one; it may work, so it is a warning."""
    findings = found(system=system, architecture=architecture)
    assert [(finding.severity, finding.code) for finding in findings] == (
        [] if known else [("warning", "machine-unknown")]
    )


@pytest.mark.parametrize(
    ("free", "severity"),
    [(2 * GIB + 32 * MIB - 1, "error"), (2 * GIB + 32 * MIB, "warning"), (3 * GIB + 32 * MIB, None)],
)
def test_folders_on_one_disk_share_what_is_free(free: int, severity: str | None) -> None:
    """Their needs are added up; a GiB beside them is for events."""
    findings = found(disks=(replace(DATA, free=free), replace(ARTEFACTS, free=free)))
    assert [finding.severity for finding in findings] == ([severity] if severity else [])
    assert all(finding.code == "disk-short" for finding in findings)


def test_a_full_disk_of_two() -> None:
    """Just the full one is told, and artefacts can go elsewhere."""
    finding = only(disks=(DATA, replace(ARTEFACTS, device=2, free=MIB)))
    assert finding.message.startswith("1 MiB of disk are free for artefacts (/home/me/.cache/pyglue)")
    assert "PYGLUE_CACHE=DIR" in finding.try_
    assert "PYGLUE_CACHE" not in only(disks=(replace(DATA, free=MIB),)).try_


def test_inodes_run_out_before_bytes() -> None:
    """Artefacts are many small files; a file system that does not count them has enough."""
    finding = only(disks=(DATA, replace(ARTEFACTS, device=2, inodes=500)))
    assert (finding.severity, finding.code) == ("error", "disk-short")
    assert finding.message.startswith("500 files can still be made")
    assert found(disks=(DATA, replace(ARTEFACTS, device=2, inodes=None))) == []


@pytest.mark.parametrize(
    ("disk", "said"),
    [
        (replace(DATA, writable=False), "can't be written to"),
        (replace(DATA, executable=False), "noexec"),
    ],
)
def test_a_folder_that_is_of_no_use(disk: Disk, said: str) -> None:
    """Read-only, another user's, or mounted so that no program runs from there."""
    finding = only(disks=(disk,))
    assert (finding.severity, finding.code) == ("error", "folder-unusable")
    assert said in finding.message


def test_a_daemon_elsewhere_has_disks_that_nobody_sees() -> None:
    """Nothing is made up about them."""
    assert verdict("disk", disks=()) == "skipped"


@pytest.mark.parametrize(
    ("files", "processes", "severities"),
    [
        (4096, 200, []),
        (4095, 200, ["warning"]),
        (1023, 200, ["error"]),
        (4096, 199, ["error"]),
    ],
)
def test_limits(files: int, processes: int, severities: list[str]) -> None:
    """supervisord's own are errors; containers have others."""
    findings = found(open_files=files, processes=processes)
    assert [finding.severity for finding in findings] == severities
    assert all(finding.code == "limits-low" for finding in findings)
    assert verdict("limits", engine="docker", open_files=10) == "skipped"


def test_no_loopback_is_an_error_and_another_localhost_a_warning() -> None:
    """Services listen on 127.0.0.1, and the addresses that are shown say localhost."""
    assert only(local="Cannot assign requested address").severity == "error"
    finding = only(names=("::1",))
    assert (finding.severity, finding.code) == ("warning", "no-loopback")
    assert finding.message.startswith("`localhost` means ::1 here")


def test_a_clock_that_was_never_set() -> None:
    """It is behind the checkout's own files."""
    finding = only(now=0.0)
    assert (finding.severity, finding.code) == ("warning", "clock-behind")
    assert found(now=FINE.newest - 60) == []
