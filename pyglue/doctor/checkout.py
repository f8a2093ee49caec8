"""Checks of the checkout: its files, `.env` and its secrets, ports, and data that is there already. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import groupby

from pyglue.counted import counted
from pyglue.doctor.findings import ERROR, WARNING, Check, Finding, check
from pyglue.doctor.machine import Data, Machine
from pyglue.engine import Taken

# Secrets that everybody knows: Superset's start refuses the same (superset/start; a test compares the two).
DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "SUPERSET_SECRET_KEY": (
        "CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET",
        "CHANGE_ME_SECRET_KEY",
        "YOUR_OWN_RANDOM_GENERATED_SECRET_KEY",
        "TEST_NON_DEV_SECRET",
        "thisISaSECRET_1234",
        "thisisyoursecretkey*",
        "*thisismyscretkey*",
    ),
    "SUPERSET_ADMIN_PASSWORD": (
        "[Aa]dmin",
        "admin123",
        "password",
        "superset",
        "general",
        "changeme",
        "secret",
        "test",
        "123456",
    ),
}
KEY_LENGTH = 16  # of SUPERSET_SECRET_KEY at least, as superset/start has it


def files(machine: Machine) -> Check:
    """What `pyglue check` says."""
    found = [
        Finding("bad-input", ERROR, str(problem), "mend it there, then: pyglue check")
        for problem in machine.problems
    ]
    seen = counted(len(found), "problem") if found else "they fit each other"
    return check("files", seen, found)


def secrets(machine: Machine) -> Check:
    """`.env` is for its owner alone, and what is secret is not known to everybody. Values are never shown."""
    found = list(_known(machine.secrets))
    if machine.mode is not None and machine.mode & 0o077:
        message = (
            f".env holds secrets and has the mode {machine.mode:04o}: others of this machine may read it"
        )
        found.insert(0, Finding("env-open", WARNING, message, "chmod 600 .env"))
    seen = "no .env yet; `pyglue up` writes one" if machine.mode is None else f"mode {machine.mode:04o}"
    return check("secrets", seen, found)


def _known(values: Mapping[str, str]) -> Iterator[Finding]:
    for name, patterns in DEFAULTS.items():
        value = values.get(name, "")
        remedy = f"take {name} out of .env and the environment: `pyglue up` makes one"
        if any(fnmatchcase(value, pattern) for pattern in patterns):
            yield Finding(
                "known-secret", ERROR, f"{name} is a known default, and Superset refuses it", remedy
            )
        elif name == "SUPERSET_SECRET_KEY" and 0 < len(value) < KEY_LENGTH:
            message = f"{name} has fewer than {KEY_LENGTH} characters, and Superset refuses it"
            yield Finding("known-secret", ERROR, message, remedy)


def engine(machine: Machine) -> Check:
    """What the engine itself would refuse: the other engine at work, a folder, somebody else's project."""
    if machine.docker.error is not None and machine.engine == "docker":
        return Check("engine", "could not be asked", skipped=True)
    return check("engine", machine.why, [Finding.of(error) for error in machine.obstacles])


def ports(machine: Machine) -> Check:
    """Free, or held by what is to hold them."""
    if not machine.ports:
        return Check("ports", "not known", skipped=True)
    by_holder = sorted(machine.taken, key=lambda one: _holder(machine, one))
    found = [
        _taken(machine, words, list(group))
        for words, group in groupby(by_holder, key=lambda one: _holder(machine, one))
    ]
    found += _lent(machine)
    free = len(machine.ports) - len(machine.taken)
    running = counted(machine.running, "service runs", "services run")
    held = f", {running} here already" if machine.running else ""
    return check("ports", f"{free} of {len(machine.ports)} free or our own{held}", found)


def _lent(machine: Machine) -> Iterator[Finding]:
    """Ports that may be free now and taken by any program at the next start."""
    first, last = machine.outgoing
    lent = [port for port in machine.ports if first <= port <= last]
    if lent:
        numbers = ", ".join(map(str, lent))
        message = (
            f"the system gives ports from {first} to {last} to outgoing connections; ours would be {numbers}"
        )
        remedy = f"ports below {first} in .env: docs/configuration.md#ports"
        yield Finding("port-outgoing", WARNING, message, remedy)


def _holder(machine: Machine, one: Taken) -> str:
    """Who has a port, in words: the services of another stack are told as that stack."""
    checkout = machine.stacks.get(one.holder.pid or 0)
    return f"the stack of the checkout {checkout}" if checkout else one.holder.words


def _taken(machine: Machine, words: str, together: list[Taken]) -> Finding:
    """The finding for all ports that one holder has."""
    other = "other ports in .env: docs/configuration.md#ports"
    pid = together[0].holder.pid
    checkout = machine.stacks.get(pid or 0)
    act = f"pyglue --project-dir {checkout} down" if checkout else f"kill {pid}" if pid else ""
    numbers = ", ".join(f"{one.port} (for {one.service})" for one in together)
    verb = "is" if len(together) == 1 else "are"
    remedy = f"{act}  (or {other})" if act else other
    return Finding("port-taken", ERROR, f"{numbers} {verb} taken by {words}", remedy)


def data(machine: Machine) -> Check:
    """Data of another version, of another place, or of the other engine."""
    if not machine.needs:
        return Check("data", "not known", skipped=True)
    found = [finding for one in machine.data for finding in _aged(one)]
    moved = next((one for one in machine.data if one.mark.place != one.place), None)
    if moved is not None:
        message = f"the data was made at {moved.mark.place} and is now at {moved.place}"
        details = ("Druid looks for finished segments at the whole paths where they were made",)
        remedy = "move the checkout back, or begin without data: pyglue reset"
        found.append(Finding("other-data", WARNING, message, remedy, details))
    if machine.elsewhere:
        message = (
            f"the data of this checkout is the {machine.elsewhere} engine's; with the {machine.engine} engine it"
            " begins empty"
        )
        remedy = f"pyglue --engine {machine.elsewhere} up  (to go on with that data)"
        found.append(Finding("other-data", WARNING, message, remedy))
    have = "has" if len(machine.data) == 1 else "have"
    of = counted(len(machine.needs), "service")
    seen = f"{len(machine.data)} of {of} {have} some here" if machine.data else "none with a mark"
    return check("data", seen, found)


def _aged(one: Data) -> Iterator[Finding]:
    if not one.mark.version or one.mark.version == one.version:
        return
    older = _parts(one.version) < _parts(one.mark.version)
    risk = (
        "an older version may not read what a newer one has written"
        if older
        else "it takes the data over at its start; there is no way back"
    )
    message = f"the data of {one.service} was last used by version {one.mark.version}, and {one.version} would start on it"
    remedy = (
        "go back to that version, or begin without data: pyglue reset"
        if older
        else "a copy of .pyglue/data first: cp -a .pyglue/data DIR"
    )
    yield Finding("other-data", WARNING, message, remedy, (risk,))


def _parts(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]
