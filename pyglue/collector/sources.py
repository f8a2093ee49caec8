"""Where events come in, and by which mappings their records are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from pyglue.collector.events.event import Event
from pyglue.collector.sinks.sink import Outlet

BODY_STEP = (
    4096  # bytes; Divolte reads bodies in steps of this size, and their limit is a number of whole steps
)


@dataclass(frozen=True)
class Pipeline:
    """One mapping at work: how a record is written and where it goes; `name` is the mapping's."""

    encode: Callable[[Event], bytes]
    outlets: tuple[Outlet, ...]
    discard_corrupted: bool = False
    discard_duplicates: bool = False
    name: str = ""


class Source:
    """A path that takes events."""

    pipelines: tuple[Pipeline, ...]

    @cached_property
    def outlets(self) -> tuple[Outlet, ...]:
        """Where records of its events may go, each once."""
        return tuple(dict.fromkeys(outlet for pipeline in self.pipelines for outlet in pipeline.outlets))

    @cached_property
    def discards_duplicates(self) -> bool:
        """Whether an event that came before has no record at all: then it may share the fate of the first one."""
        return all(pipeline.discard_duplicates for pipeline in self.pipelines)


@dataclass(frozen=True)
class EventsAt(Source):
    """A path that takes browsers' events for these pipelines; answers are held back so long after the request."""

    pipelines: tuple[Pipeline, ...]
    response_delay_ms: int = 0


@dataclass(frozen=True)
class JsonEventsAt(Source):
    """A path that takes events as JSON.

    The query's `party_parameter` names the party; `maximum_body_size` is in bytes, as configured.
    """

    pipelines: tuple[Pipeline, ...]
    party_parameter: str
    maximum_body_size: int

    @property
    def body_limit(self) -> int:
        """The bytes that a body may have."""
        return max(-(-self.maximum_body_size // BODY_STEP), 1) * BODY_STEP
