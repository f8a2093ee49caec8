"""Checks of the programs that a start needs: Python and uv, JDK, Maven, Docker. Pure.

What is needed for the other engine alone is told, and is no trouble.
"""

from __future__ import annotations

from pyglue.doctor.findings import ERROR, Check, Finding, check
from pyglue.doctor.machine import Answer, Machine

PYTHONS = ((3, 11), (3, 12))


def python(machine: Machine) -> Check:
    """The Python that runs pyglue; with uv beside it, natively."""
    version = ".".join(map(str, machine.python))
    found = []
    if machine.python[:2] not in PYTHONS:
        message = f"Python 3.11 or 3.12 is needed; this is {version}"
        found.append(Finding("no-python", ERROR, message, "make up  (finds one, or names the package)"))
    if machine.engine == "native" and machine.missing and machine.uv.error is not None:
        found.append(Finding.of(machine.uv.error))
    return check("python", version, found)


def java(machine: Machine) -> Check:
    """A JVM runs the services; its compiler is wanted only while something is to be compiled."""
    if machine.engine != "native":
        return check("java", _told(machine.java))
    wanted = [machine.java, *([machine.compiler] if machine.missing and machine.java.error is None else [])]
    found = [Finding.of(answer.error) for answer in wanted if answer.error is not None]
    return check("java", machine.java.found or "none that will do", found)


def maven(machine: Machine) -> Check:
    """Wanted only while something is to be installed."""
    if machine.engine != "native" or not machine.missing:
        return check("maven", _told(machine.maven))
    found = [Finding.of(machine.maven.error)] if machine.maven.error is not None else []
    return check("maven", machine.maven.found or "none", found)


def docker(machine: Machine) -> Check:
    """A daemon and Compose v2, if they are to run the services."""
    if machine.engine != "docker":
        return check("docker", _told(machine.docker))
    found = [Finding.of(machine.docker.error)] if machine.docker.error is not None else []
    return check("docker", machine.docker.found or "none that can be used", found)


def _told(answer: Answer) -> str:
    """What there is of something that is not needed."""
    said = answer.found or (answer.error.message if answer.error else "not looked for")
    return f"not needed now ({said})"
