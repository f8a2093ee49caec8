"""What several tests of bad events need: some of them, and an engine whose collector has kept them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyglue.collector.bad.entries import BadEvent, Came, Lost
from pyglue.collector.events.probe import probe_query

TIME = 1_700_000_000_000
DAY = "2023-11-14.jsonl"


def bad_event(number: int = 1, reason: str = "no value for field eventType", **changes: Any) -> BadEvent:
    """A browser's event of the shipped configuration, `number` seconds after TIME; `changes` are of Came or `lost`."""
    query = probe_query(
        party_id="0:lq1a7c3k:party",
        session_id="0:lq1a9zzz:session",
        page_view_id="0:view",
        event_id=f"event-{number}",
        event_type="click",
        client_time_ms=TIME,
    )
    lost = changes.pop("lost", (Lost(reason, "clickstream"),))
    fields: dict[str, Any] = {
        "time_ms": TIME + number * 1000,
        "method": "GET",
        "target": f"/csc-event?{query}".encode(),
        "body": b"",
        "headers": (("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Firefox/120.0"),),
        "address": "192.0.2.7",
        "duplicate": False,
        **changes,
    }
    return BadEvent(f"test-{number}", Came(**fields), lost)


def unreadable(number: int = 1) -> BadEvent:
    """An event without a visitor."""
    return bad_event(number, target=b"/csc-event?t=click&s=1", lost=(Lost("missing p"),), duplicate=None)


class Files:
    """An engine whose collector has kept these events on one day."""

    def __init__(self, *events: BadEvent) -> None:
        self.events = list(events)
        self.error: OSError | None = None
        self.rest = b""
        self.read = 0

    def read_folder(self, service: str, name: str) -> Iterator[tuple[str, bytes]]:
        """See Engine."""
        assert (service, name) == ("divolte", "bad")
        yield DAY, self.read_data(service, f"bad/{DAY}") or b""
        yield "other", b"{}"

    def read_data(self, service: str, name: str, start: int = 0) -> bytes | None:
        """See Engine; `read` is how much was read."""
        if self.error is not None:
            raise self.error
        if (service, name) != ("divolte", f"bad/{DAY}"):
            return None
        content = "".join(event.line() + "\n" for event in self.events).encode() + self.rest
        self.read += len(content[start:])
        return content[start:]
