"""What several of the collector's tests need: the shipped files, cases from data/, an app with a fake sink."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pyglue.collector import schema
from pyglue.collector.answers import Tag
from pyglue.collector.app import App, EventsAt, Ping, Pipeline, Place
from pyglue.collector.counters import Counters
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.mapping.compiler import Encoder, compile_mapping
from pyglue.collector.mapping.tokens import Source
from pyglue.collector.probe import probe_query
from pyglue.collector.sinks import Message
from pyglue.collector.useragent import AgentCache

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "divolte" / "DefaultEventRecord.avsc"
MAPPING = ROOT / "mapping.groovy"
CONF = ROOT / "divolte" / "divolte-collector.conf"
NOW = 1_700_000_000_000


def cases(name: str) -> list[dict[str, Any]]:
    """The lines of data/`name`."""
    text = (Path(__file__).parent / "data" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def encoder(mapping: str, record: schema.RecordSchema) -> Encoder:
    """The compiled `mapping`, called m.groovy in its errors."""
    return compile_mapping(Source(mapping, "m.groovy"), record, AgentCache(10))


def shipped_encoder() -> Encoder:
    """The shipped mapping on the shipped schema."""
    return encoder(MAPPING.read_text(encoding="utf-8"), schema.read(SCHEMA))


class FakeSink:
    """Keeps messages; acknowledges at once, or when the test says so."""

    def __init__(self, *, ready: bool = True, verdict: bool | None = True) -> None:
        self.max_message_bytes = 10_000
        self.ready = ready
        self.verdict = verdict
        self.messages: list[Message] = []
        self.waiting: list[Callable[[bool], None]] = []
        self.most_waiting = 0
        self.interrupt: Callable[[], None] = lambda: None

    def send(self, messages: Sequence[Message], done: Callable[[bool], None]) -> None:
        """Keep `messages`; call `done` now unless the verdict is still open (None)."""
        self.interrupt()
        self.messages += messages
        if self.verdict is None:
            self.waiting.append(done)
            self.most_waiting = max(self.most_waiting, len(self.waiting))
        else:
            done(self.verdict)

    def acknowledge_all(self) -> None:
        """Say that everything that waits is safe."""
        waiting, self.waiting = self.waiting, []
        for done in waiting:
            done(True)


def app_with(sink: FakeSink, *, discard_duplicates: bool = False, forwarded: bool = False) -> App:
    """An app with one event path, the script `tag();` and the ping, that writes the shipped records to `sink`."""
    pipeline = Pipeline(shipped_encoder(), ("divolte",), discard_duplicates=discard_duplicates)
    table: dict[str, Place] = {
        "/csc-event": EventsAt((pipeline,)),
        "/divolte.js": Tag(b"tag();"),
        "/ping": Ping(),
    }
    return App(
        table,
        sink,
        DuplicateMemory(1000),
        Counters(),
        clock=lambda: NOW,
        retry_after_s=3,
        use_x_forwarded_for=forwarded,
    )


def event_query(event_id: str = "e1", **changes: Any) -> str:
    """The query of a whole event."""
    values: dict[str, Any] = {
        "party_id": "0:lq1a7c3k:party",
        "session_id": "0:lq1a9zzz:session",
        "page_view_id": "0:view",
        "event_id": event_id,
        "event_type": "click",
        "client_time_ms": 1_699_999_999_000,
        **changes,
    }
    return probe_query(**values)
