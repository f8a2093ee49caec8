"""Machines that exist on paper only: one that is fine, and what differs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyglue.doctor.findings import Finding
from pyglue.doctor.machine import Answer, Disk, Machine, Memory
from pyglue.doctor.report import Report
from pyglue.errors import PyglueError
from pyglue.stack.sizes import Need

MIB, GIB = 2**20, 2**30
KAFKA = Need("kafka", 256 * MIB, None, 110 * MIB, 768 * MIB)
BROKER = Need("druid-broker", 192 * MIB, 200 * MIB, 110 * MIB, 768 * MIB)
SUPERSET = Need("superset", None, None, None, 768 * MIB)
DATA = Disk("data", "/home/me/pyglue/.pyglue/data", 1, 50 * GIB, 1_000_000, 32 * MIB, 1_000)
ARTEFACTS = Disk("artefacts", "/home/me/.cache/pyglue", 1, 50 * GIB, 1_000_000, 2 * GIB, 60_000)
FINE = Machine(
    engine="native",
    why="asked for",
    system="Linux",
    architecture="x86_64",
    python=(3, 11, 7),
    cores=4,
    quota=None,
    memory=Memory(8 * GIB, 0, "this machine"),
    disks=(DATA, ARTEFACTS),
    uv=Answer("/usr/bin/uv"),
    java=Answer("17.0.15 Debian"),
    compiler=Answer("/usr/bin/javac"),
    maven=Answer("/usr/bin/mvn"),
    docker=Answer("no Docker daemon answers"),
    missing=("kafka",),
    needs=(KAFKA, BROKER, SUPERSET),
    ports=(8088, 9092),
    mode=0o600,
    now=1_700_000_000.0,
    newest=1_690_000_000.0,
)


def machine(**differs: Any) -> Machine:
    """The one that is fine, but for what differs."""
    return replace(FINE, **differs)


def found(**differs: Any) -> list[Finding]:
    """What all checks find wrong with it."""
    return [finding for _, finding in Report.of(machine(**differs)).findings]


def only(**differs: Any) -> Finding:
    """The one thing that is wrong with it."""
    (finding,) = found(**differs)
    return finding


def verdict(name: str, **differs: Any) -> str:
    """What one check says of it."""
    return next(check.verdict for check in Report.of(machine(**differs)).checks if check.name == name)


def lacks(message: str, code: str) -> Answer:
    """The answer where something is missing."""
    return Answer(error=PyglueError(message, try_=f"install {code}", code=code))
