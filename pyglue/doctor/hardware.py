"""Checks of the machine itself: what it is, memory, processors, disks, limits, its own address, its clock. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import groupby

from pyglue.counted import counted
from pyglue.doctor.findings import ERROR, WARNING, Check, Finding, check
from pyglue.doctor.machine import Disk, Machine
from pyglue.screen import amount, span

KNOWN = {"x86_64", "amd64", "aarch64", "arm64"}
# Of what the services may come to use, the part without which they don't start: at rest they take 37 %
# (docs/numbers.md), while they start and answer the first query more.
LEAST = 0.5
PROCESSORS = 2  # with which all figures of docs/numbers.md were taken
ROOM = 2**30  # bytes that should be left beside what a start takes: events come in, logs grow
# supervisord refuses to run with fewer (its `minfds` and `minprocs`); Kafka and Druid open hundreds of segments each.
FILES_LEAST, FILES_GOOD, PROCESSES_LEAST = 1024, 4096, 200
CLOCK = 3600.0  # seconds that a clock may be behind the checkout's files


def system(machine: Machine) -> Check:
    """Linux on 64-bit processors of Intel's or ARM's kind."""
    seen = f"{machine.system} {machine.architecture}"
    if machine.system == "Linux" and machine.architecture.lower() in KNOWN:
        return check("system", seen)
    message = f"nobody has tried this stack on {seen}; it is made for Linux on x86_64 and arm64"
    remedy = "another machine, or containers elsewhere: DOCKER_HOST=ssh://HOST pyglue --engine docker up"
    return check("system", seen, [Finding("machine-unknown", WARNING, message, remedy)])


def needed(machine: Machine) -> int:
    """Bytes that all services may come to use."""
    return sum(need.total or 0 for need in machine.needs)


def memory(machine: Machine) -> Check:
    """What the services may come to use, against what is there; what they hold already is theirs."""
    have = machine.memory.available + machine.memory.held
    seen = f"{amount(have)} available, {amount(needed(machine))} needed at most"
    if not machine.needs:
        return Check("memory", f"{amount(have)} available; what is needed is not known", skipped=True)
    if have >= needed(machine):
        return check("memory", seen)
    severity = ERROR if have < LEAST * needed(machine) else WARNING
    worst = "the stack would not come up" if severity == ERROR else "it may run short under load"
    message = (
        f"the services may come to use {amount(needed(machine))} of memory, and {machine.memory.place} has"
        f" {amount(have)} for them: {worst}"
    )
    heaps = [need for need in machine.needs if need.heap]
    largest = max(heaps, key=lambda need: need.total or 0).service if heaps else ""
    smaller = f", or smaller heaps in .env ({largest} is the largest)" if largest else ""
    remedy = f"end other programs, give it more memory{smaller}: docs/configuration.md#sizes-and-behaviour"
    return check("memory", seen, [Finding("memory-short", severity, message, remedy)])


def processors(machine: Machine) -> Check:
    """Cores, and how much of them the control group lets us have."""
    have = min(float(machine.cores), machine.quota if machine.quota is not None else machine.cores)
    limit = "" if machine.quota is None else f", {machine.quota:g} of them by the control group's quota"
    seen = f"{counted(machine.cores, 'core')}{limit}"
    if have >= PROCESSORS:
        return check("cpu", seen)
    message = f"{have:g} of a processor, and {PROCESSORS} are wanted: a start may last too long for its health checks"
    remedy = (
        "give it more processors" if machine.quota is None else "raise the quota of the container or service"
    )
    return check("cpu", seen, [Finding("cpu-short", WARNING, message, remedy)])


def disks(machine: Machine) -> Check:
    """Bytes and inodes where things are written to. Folders on one file system share what is free."""
    if not machine.disks:
        return Check("disk", "not known", skipped=True)
    found: list[Finding] = []
    groups = groupby(sorted(machine.disks, key=lambda disk: disk.device), key=lambda disk: disk.device)
    seen = []
    for _, group in groups:
        together = list(group)
        seen.append(f"{amount(together[0].free)} free for {' and '.join(disk.purpose for disk in together)}")
        found += _usable(together)
        found += _roomy(together)
    return check("disk", "; ".join(seen), found)


def _usable(together: list[Disk]) -> Iterator[Finding]:
    for disk in together:
        if not disk.writable:
            message = f"{disk.path} can't be written to, and {disk.purpose} go there"
            yield Finding("folder-unusable", ERROR, message, f"ls -ld {disk.path}")
        elif not disk.executable:
            message = f"{disk.path} is mounted with `noexec`, and programs of {disk.purpose} run from there"
            yield Finding(
                "folder-unusable",
                ERROR,
                message,
                f"mount -o remount,exec $(df --output=target {disk.path} | tail -1)",
            )


def _roomy(together: list[Disk]) -> Iterator[Finding]:
    disk = together[0]
    where = " and ".join(f"{one.purpose} ({one.path})" for one in together)
    wanted = sum(one.needed for one in together)
    if disk.free < wanted + ROOM:
        severity = ERROR if disk.free < wanted else WARNING
        message = f"{amount(disk.free)} of disk are free for {where}; {amount(wanted)} are taken by a start"
        yield Finding("disk-short", severity, f"{message}, and events need room", _larger(together))
    files = sum(one.files for one in together)
    if disk.inodes is not None and disk.inodes < files:
        message = f"{counted(disk.inodes, 'file')} can still be made for {where}, and a start makes {files:,}"
        yield Finding("disk-short", ERROR, message, _larger(together))


def _larger(together: list[Disk]) -> str:
    """How to have room; where artefacts lie is a variable."""
    found = next((disk for disk in together if disk.purpose == "artefacts"), None)
    other = ", or artefacts elsewhere: PYGLUE_CACHE=DIR pyglue up" if found else ""
    return f"make room (du -xh {together[0].path} | sort -h | tail){other}"


def limits(machine: Machine) -> Check:
    """How many files and processes this user may have, hard limits; only programs of this machine are under them."""
    seen = (
        counted(machine.open_files, "open file") if machine.open_files < 2**31 else "no limit of open files"
    )
    if machine.engine != "native":
        return Check("limits", "those of the Docker daemon", skipped=True)
    found = []
    if machine.open_files < FILES_GOOD:
        severity = ERROR if machine.open_files < FILES_LEAST else WARNING
        message = (
            f"this user may open {counted(machine.open_files, 'file')} at most; {FILES_GOOD:,} are wanted"
        )
        remedy = f"echo '* hard nofile {FILES_GOOD}' | sudo tee /etc/security/limits.d/pyglue.conf  (and log in anew)"
        found.append(Finding("limits-low", severity, message, remedy))
    if machine.processes < PROCESSES_LEAST:
        may = counted(machine.processes, "process or thread", "processes and threads")
        message = f"this user may have {may} at most; 1,000 are wanted"
        remedy = "echo '* hard nproc 4096' | sudo tee /etc/security/limits.d/pyglue.conf  (and log in anew)"
        found.append(Finding("limits-low", ERROR, message, remedy))
    return check("limits", seen, found)


def loopback(machine: Machine) -> Check:
    """A server at 127.0.0.1 is reached there, and `localhost` is that address."""
    if machine.local:
        message = f"a server at 127.0.0.1 is not reached: {machine.local}"
        return check(
            "loopback", "127.0.0.1", [Finding("no-loopback", ERROR, message, "sudo ip link set lo up")]
        )
    if "127.0.0.1" in machine.names:
        return check("loopback", "127.0.0.1 answers, localhost is it")
    meant = " and ".join(machine.names) or "nothing"
    message = f"`localhost` means {meant} here, and everything listens on 127.0.0.1: the addresses that are shown don't open"
    remedy = "echo '127.0.0.1 localhost' | sudo tee -a /etc/hosts"
    return check("loopback", f"localhost is {meant}", [Finding("no-loopback", WARNING, message, remedy)])


def clock(machine: Machine) -> Check:
    """A clock that is behind the checkout's own files is wrong: events would be of the past."""
    behind = machine.newest - machine.now
    seen = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(machine.now))
    if behind <= CLOCK:
        return check("clock", seen)
    message = (
        f"the clock is {span(behind)} behind the checkout's files, so events would have times of the past"
    )
    return check("clock", seen, [Finding("clock-behind", WARNING, message, "sudo timedatectl set-ntp true")])
