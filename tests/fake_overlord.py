"""An overlord of Druid for tests: supervisors that change their state as posts ask, each with its history.

As Druid 33 answered when it was asked for real; what a test wants otherwise it changes in the fields.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Any

from tests.local_server import Asked, Reply

BASE = "/druid/indexer/v1"


def reply(value: Any, status: int = 200) -> Reply:
    """JSON."""
    return Reply(status, json.dumps(value).encode())


@dataclass
class Overlord:
    """`specs` are what runs, by name; `states` Druid's word for each, RUNNING where there is none; `details` likewise.

    `reads`: whether tasks begin; `offsets` how far they are.
    `refusal` is the reason with which posts are refused; `sample` the sampler's answer, a text being a refusal.
    """

    specs: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)
    reads: bool = True
    offsets: dict[str, int] = field(default_factory=lambda: {"0": 5, "1": 9})
    histories: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)
    unread: list[dict[str, Any]] = field(default_factory=list)
    refusal: str | None = None
    sample: dict[str, Any] | str = field(default_factory=lambda: {"numRowsRead": 0, "data": []})
    after_post: str = "RUNNING"
    tasks: int = 1
    ending: int = 0  # for how many looks the task of before a reset is still there

    def __call__(self, asked: Asked) -> Reply:
        """The answer."""
        path = asked.path.removeprefix(BASE)
        if path == "/sampler":
            return reply({"error": self.sample}, 400) if isinstance(self.sample, str) else reply(self.sample)
        _, _, rest = path.partition("/supervisor")
        if rest == "?full":
            return reply([self._listed(name) for name in self.specs])
        if rest == "":
            return self._post(json.loads(asked.body))
        name, _, what = rest.removeprefix("/").partition("/")
        if what == "history":
            history = self.histories.get(name)
            return reply(history) if history else reply({"error": "No history"}, 404)
        if name not in self.specs:
            return reply({"error": f"Cannot find any supervisor with id: [{name}]"}, 404)
        return getattr(self, f"_{what or 'spec'}")(name)  # type: ignore[no-any-return]

    def post(self, spec: dict[str, Any]) -> None:
        """A spec as somebody posted it, in Druid's form."""
        name = spec["spec"]["dataSchema"]["dataSource"]
        self.tasks += 1
        self.specs[name] = copy.deepcopy({"suspended": False, **spec, **spec["spec"]})
        self._remember(name, self.specs[name])

    def _post(self, spec: dict[str, Any]) -> Reply:
        if self.refusal is not None:
            return reply({"error": self.refusal}, 400)
        self.post(spec)
        name = spec["spec"]["dataSchema"]["dataSource"]
        self.states[name] = self.after_post
        return reply({"id": name})

    def _remember(self, name: str, spec: dict[str, Any]) -> None:
        versions = self.histories.setdefault(name, [])
        time = f"2026-01-01T00:00:0{len(versions)}.000Z"
        versions.insert(0, {"version": time, "spec": copy.deepcopy(spec)})

    def _state(self, name: str) -> str:
        return "SUSPENDED" if self.specs[name]["suspended"] else self.states.get(name, "RUNNING")

    def _listed(self, name: str) -> dict[str, Any]:
        state = self._state(name)
        return {
            "id": name,
            "state": state,
            "detailedState": self.details.get(name, state),
            "healthy": not state.startswith("UNHEALTHY"),
            "spec": self.specs[name],
            "suspended": False,  # whatever is true: so Druid has it here
        }

    def _spec(self, name: str) -> Reply:
        return reply(self.specs[name])

    def _status(self, name: str) -> Reply:
        self.ending -= 1
        self.tasks += self.ending == 0
        task = {
            "id": f"index_kafka_{name}_{self.tasks}",
            "startTime": "2026-01-01T00:00:00.000Z",
            "remainingSeconds": 200,
            "currentOffsets": self.offsets,
        }
        payload = {
            **self._listed(name),
            "stream": self.specs[name]["spec"]["ioConfig"]["topic"],
            "activeTasks": [task] if self.reads and not self.specs[name]["suspended"] else [],
            "publishingTasks": [],
            "latestOffsets": {"0": 6, "1": 9},
            "minimumLag": {"0": 1, "1": 0},
            "aggregateLag": 1,
            "recentErrors": self.errors,
        }
        return reply({"id": name, "payload": payload})

    def _stats(self, _name: str) -> Reply:
        counts = {"processed": 12, "processedWithError": 1, "unparseable": len(self.unread), "thrownAway": 3}
        return reply({"0": {"task": {"totals": {"buildSegments": counts}}}})

    def _parseErrors(self, _name: str) -> Reply:  # noqa: N802 - Druid's name
        return reply(self.unread)

    def _suspend(self, name: str) -> Reply:
        return self._turn(name, suspended=True)

    def _resume(self, name: str) -> Reply:
        return self._turn(name, suspended=False)

    def _turn(self, name: str, *, suspended: bool) -> Reply:
        if self.specs[name]["suspended"] is suspended:
            return reply({"error": f"[{name}] is already {'suspended' if suspended else 'running'}"}, 400)
        self.specs[name]["suspended"] = suspended
        self._remember(name, self.specs[name])
        return reply(self.specs[name])

    def _reset(self, name: str) -> Reply:
        self.ending = 2
        return reply({"id": name})

    def _terminate(self, name: str) -> Reply:
        del self.specs[name]
        self._remember(name, {"type": "NoopSupervisorSpec", "dataSources": [name]})
        return reply({"id": name})
