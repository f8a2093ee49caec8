"""Changing a supervisor and waiting until it is as wanted; what was posted when, in words.

Each change looks first, so that twice is harmless, and answers whether anything had to be done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyglue.errors import PyglueError
from pyglue.pipeline import spec_diff
from pyglue.pipeline.druid import SUPERVISOR, Druid, Listed
from pyglue.pipeline.spec_diff import Change
from pyglue.pipeline.supervisor_status import SupervisorStatus

RUNNING_SECONDS = 60.0  # Druid ends the tasks of before first, and they publish what they have
PAUSE = 0.1
Wait = Callable[[float], None]


@dataclass(frozen=True)
class Version:
    """One post in a supervisor's history: `time` in ISO's form, `kind` posted, suspended, resumed or terminated."""

    time: str
    kind: str
    changes: tuple[Change, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As `pyglue supervisor history --json` has it."""
        return {
            "time": self.time,
            "kind": self.kind,
            "changes": [change.to_json() for change in self.changes],
        }


def known(druid: Druid, name: str) -> Listed:
    """The supervisor as listed; raises PyglueError with those that there are."""
    there = druid.supervisors()
    for listed in there:
        if listed.name == name:
            return listed
    raise unknown(druid, name, there)


def unknown(druid: Druid, name: str, there: list[Listed]) -> PyglueError:
    """The error for a supervisor that is not there, or no longer."""
    ended = bool(druid.history(name))
    return PyglueError(
        f"the supervisor {name} was terminated" if ended else f"Druid has no supervisor {name}",
        details=[
            f"asked      {druid.coordinator.base}{SUPERVISOR}",
            f"there are  {', '.join(listed.name for listed in there) or 'none'}",
        ],
        try_="pyglue submit-spec" if ended or not there else f"pyglue supervisor status {there[0].name}",
        code="supervisor-missing",
    )


def status(druid: Druid, name: str) -> SupervisorStatus:
    """Everything that Druid says of it; raises PyglueError if there is none."""
    found = druid.status(name)
    if found is None:
        raise unknown(druid, name, druid.supervisors())
    return found


def suspend(druid: Druid, name: str, wait: Wait) -> bool:
    """End its tasks, and begin none until it is resumed; False if it is suspended already."""
    if known(druid, name).suspended:
        return False
    druid.suspend(name)
    _await(
        druid, name, "is not suspended", lambda found: found is not None and found.state == "SUSPENDED", wait
    )
    return True


def resume(druid: Druid, name: str, wait: Wait) -> bool:
    """Go on where it stopped; False if it is not suspended."""
    if not known(druid, name).suspended:
        return False
    druid.resume(name)
    await_running(druid, name, wait)
    return True


def reset(druid: Druid, name: str, wait: Wait) -> None:
    """Forget the offsets, and wait until tasks of after the reset read; a suspended one just forgets."""
    before = {task.id for task in status(druid, name).tasks}
    suspended = known(druid, name).suspended
    druid.reset(name)
    if not suspended:
        _await(druid, name, "does not read anew", lambda found: _reads_anew(found, before), wait)


def begin_anew(druid: Druid, name: str, wait: Wait) -> None:
    """Read the topic from its start, keeping all rows: for a topic that was made anew.

    A reset ends the tasks at once, and with them rows that are not in segments yet; so they publish those first. One that
    was suspended stays so; one that ran goes on even if this is broken off, and may be told again. Raises PyglueError if
    the tasks don't come to publish.
    """
    ran = not known(druid, name).suspended
    try:
        publish(druid, name, wait)
        druid.reset(name)
    finally:
        if ran:
            druid.resume(name)
    if ran:
        await_running(druid, name, wait)


def publish(druid: Druid, name: str, wait: Wait) -> None:
    """Suspend it, and wait until its tasks have published their rows.

    Raises PyglueError if there is none, or if the tasks don't come to publish.
    """
    suspend(druid, name, wait)
    _await(
        druid, name, "does not publish its rows", lambda found: found is not None and not found.tasks, wait
    )


def _reads_anew(found: SupervisorStatus | None, before: set[str]) -> bool:
    reading = {task.id for task in found.tasks if task.state == "reading"} if found is not None else set()
    return bool(reading) and not reading & before


def terminate(druid: Druid, name: str, wait: Wait) -> bool:
    """End it for good; False if it was terminated before."""
    if all(listed.name != name for listed in druid.supervisors()):
        if druid.history(name):
            return False
        raise unknown(druid, name, druid.supervisors())
    druid.terminate(name)
    _await(druid, name, "does not end", lambda found: found is None, wait)
    return True


def await_running(druid: Druid, name: str, wait: Wait, *, reading: bool = False) -> None:
    """Wait until a posted supervisor runs; raises PyglueError with its errors if it becomes unhealthy.

    `reading`: until a task of it reads and the lag is known, too. Without, one that still connects to Kafka counts as
    running, as for Druid.
    """

    def runs(found: SupervisorStatus | None) -> bool:
        return found is not None and found.state == "RUNNING" and (not reading or _reads(found))

    _await(
        druid, name, "does not read" if reading else "does not run", runs, wait, ("UNHEALTHY", "SUSPENDED")
    )


def _reads(found: SupervisorStatus) -> bool:
    return found.lag is not None and any(partition.read is not None for partition in found.partitions)


def _await(
    druid: Druid,
    name: str,
    problem: str,
    reached: Callable[[SupervisorStatus | None], bool],
    wait: Wait,
    stuck: tuple[str, ...] = (),
) -> None:
    """Wait until it is `reached`; raises PyglueError in a state that begins with one of `stuck`, or after the time."""
    waited = 0.0
    while not reached(found := druid.status(name)):
        if waited >= RUNNING_SECONDS or (found is not None and found.state.startswith(stuck)):
            raise PyglueError(
                f"the supervisor {name} {problem}: {found.detail if found else 'gone'}",
                details=found.timed_errors() if found else [],
                try_=f"pyglue supervisor status {name}" if found else "pyglue logs druid-coordinator",
                code="supervisor-not-running",
            )
        wait(PAUSE)
        waited += PAUSE


def versions(history: list[dict[str, Any]]) -> list[Version]:
    """Druid's history of a supervisor in words, newest first; each with what it changed in the one before."""
    specs = [entry.get("spec") or {} for entry in history]
    return [
        _version(str(entry.get("version")), spec, before)
        for entry, spec, before in zip(history, specs, [*specs[1:], None], strict=False)
    ]


def _version(time: str, spec: dict[str, Any], before: dict[str, Any] | None) -> Version:
    if "spec" not in spec:  # what Druid writes down when one is terminated
        return Version(time, "terminated")
    if before is None or "spec" not in before:
        return Version(time, "posted")
    found = spec_diff.changes(before, spec)
    if [change.path for change in found] == ["suspended"]:
        return Version(time, "suspended" if spec.get("suspended") else "resumed")
    return Version(time, "posted", tuple(found))


def reset_means(spec: dict[str, Any]) -> str:
    """What a reset leads to, by what the running spec says of where to begin."""
    io = spec.get("spec", {}).get("ioConfig", {})
    topic = io.get("topic") or io.get("stream")
    if io.get("useEarliestOffset"):
        return f"It reads the topic {topic} anew from its earliest event: rows that are there may come twice."
    return f"It goes on with the events that come to the topic {topic} from now on: those not yet read are left out."


def unread(druid: Druid, name: str) -> list[dict[str, Any]]:
    """What the tasks could not read lately, oldest first: `time`, `reason`, `input` as Druid keeps it."""
    return [
        {
            "time": str(entry.get("timeOfException") or "-"),
            "reason": "; ".join(map(str, entry.get("details") or ())) or str(entry.get("errorType")),
            "input": entry.get("input"),
        }
        for entry in druid.parse_errors(name)
    ]
