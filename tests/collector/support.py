"""What several of the collector's tests need: the shipped files, cases from data/, whole events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pyglue.collector.avro import schema
from pyglue.collector.events.event import Event, of_parameters, of_tag
from pyglue.collector.events.probe import probe_query
from pyglue.collector.events.useragent import AgentCache
from pyglue.collector.http import query
from pyglue.collector.http.headers import Headers
from pyglue.collector.mapping.compiler import Encoder, compile_mapping
from pyglue.collector.mapping.tokens import Source

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
    return compile_mapping(Source(mapping, "m.groovy"), record, AgentCache(10)).encode


def shipped_encoder() -> Encoder:
    """The shipped mapping on the shipped schema."""
    return encoder(MAPPING.read_text(encoding="utf-8"), schema.read(SCHEMA))


def browser_event(raw_query: bytes, headers: Headers = (), remote_host: bytes = b"127.0.0.1") -> Event:
    """The event of a checked query that came now; raises DroppedEvent."""
    found = of_tag(raw_query) or of_parameters(query.parameters(raw_query))
    found.arrived(headers, NOW, remote_host)
    return found


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
