"""Services of the pipeline that answer as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs

from pyglue.errors import BadAnswer, PyglueError, Unreachable
from pyglue.pipeline.kafka import Found
from pyglue.pipeline.smoke import Pipeline
from pyglue.pipeline.supervisor_status import SupervisorStatus

STATUS = SupervisorStatus("RUNNING", "RUNNING", True, 0, 3, 1, 0, ("bad row",))


class Time:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        """Pass the time."""
        self.now += seconds


@dataclass
class World:
    """An event's way; each hop sees what the one before let through."""

    schema: Path
    time: Time = field(default_factory=Time)
    collector_answers: list[int] = field(default_factory=lambda: [200])
    kafka_is_there: bool = True
    kafka_gets_it: bool = True
    kafka_value: Callable[[str], bytes] = field(
        default=lambda event: bytes([2 * len(event)]) + event.encode()
    )
    druid_sees_it_after: float = 0.05
    druid_breaks: int = 0
    druid_status: SupervisorStatus | None = STATUS
    superset_sees_it_after: float = 0.1
    superset_dataset: int | None = 7
    event: str = ""
    sent: float = 0.0
    arrived: threading.Event = field(default_factory=threading.Event)

    def pipeline(self) -> Pipeline:
        """The hops, all of them played by this object."""
        me = cast(Any, self)
        return Pipeline(me, me, me, cast(Any, FakeSuperset(self)), "divolte", "clicks", self.schema)

    # -- the collector

    def request(self, _method: str, path: str) -> Any:
        """GET /csc-event."""
        status = (
            self.collector_answers.pop(0) if len(self.collector_answers) > 1 else self.collector_answers[0]
        )
        self.sent = self.time.now
        if status == 0:
            raise Unreachable("divolte does not answer", details=["asked"], try_="pyglue logs divolte")
        if status != 200:
            raise BadAnswer(f"divolte answered {status}", status=status)
        self.event = parse_qs(path.partition("?")[2])["e"][0]
        self.arrived.set()
        return type("Answer", (), {"status_code": 200, "headers": {"Content-Type": "image/gif"}})

    # -- Kafka

    servers = "fake:9092"

    def ends(self, topic: str) -> dict[int, int]:
        """Offsets before the event is sent."""
        assert topic == "divolte"
        if not self.kafka_is_there:
            raise Unreachable("Kafka does not answer", try_="pyglue logs kafka")
        return {0: 5, 1: 0}

    def find(
        self,
        _topic: str,
        starts: dict[int, int],
        matches: Callable[[bytes], bool],
        _seconds: float,
        given_up: Callable[[], bool],
    ) -> Found | None:
        """Reads until the event is there or nobody wants it any more."""
        assert starts == {0: 5, 1: 0}
        while not self.arrived.wait(0.01):
            if given_up():
                return None
        value = self.kafka_value(self.event)
        return Found(1, 0, value) if self.kafka_gets_it and matches(value) else None

    # -- Druid

    def has_event(self, datasource: str, event_id: str) -> bool:
        """The row, some time after it was sent."""
        assert (datasource, event_id) == ("clicks", self.event)
        if self.druid_breaks:
            self.druid_breaks -= 1
            raise Unreachable("druid-broker does not answer")
        return self.time.now - self.sent >= self.druid_sees_it_after

    def status(self, _name: str) -> SupervisorStatus | None:
        """The supervisor's."""
        return self.druid_status


class FakeSuperset:
    """The last hop."""

    base = "http://fake"

    def __init__(self, world: World) -> None:
        self.world = world
        self.http = self

    def find(self, kind: str, table_name: str) -> dict[str, Any] | None:
        """The dataset's record."""
        assert (kind, table_name) == ("dataset", "clicks")
        return None if self.world.superset_dataset is None else {"id": self.world.superset_dataset}

    def post(self, path: str, body: Any) -> Any:
        """A chart's data."""
        world = self.world
        assert path == "chart/data"
        assert body["datasource"]["id"] == world.superset_dataset
        assert body["force"] is True
        assert world.event in str(body["queries"])
        rows = (
            [{"eventId": world.event}] if world.time.now - world.sent >= world.superset_sees_it_after else []
        )
        return {"result": [{"data": rows}]}


def error_of(problem: PyglueError | None) -> PyglueError:
    """A report's problem, which must be there."""
    assert problem is not None
    return problem
