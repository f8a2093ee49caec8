"""What the tests of the HTTP side need: an outlet that a test rules, and an app on top of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyglue.collector.app import App, Ping, Place, Ready
from pyglue.collector.counting.counters import Counters
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.events.event import Event
from pyglue.collector.events.probe import probe_query
from pyglue.collector.http.answers import Tag
from pyglue.collector.http.page import TestPage
from pyglue.collector.sinks.sink import AWAY, LATE, Done, Word
from pyglue.collector.sources import EventsAt, JsonEventsAt, Pipeline

NOW = 1_700_000_000_000
PARTY = b"0:lq1a7c3k:party"
JSON_EVENT = (
    b'{"session_id": "0:lq1a9zzz:session", "event_id": "e1", "is_new_party": false, "is_new_session": false,'
    b' "client_timestamp_iso": "2024-02-29T12:34:56Z"}'
)


class FakeOutlet:
    """Keeps records; acknowledges at once, or when the test says so."""

    def __init__(self, *, ready: bool = True, verdict: bool | None = True) -> None:
        self.place = "divolte"
        self.away = AWAY
        self.max_bytes = 10_000
        self.ready = ready
        self.verdict = verdict
        self.records: list[tuple[bytes, bytes, int]] = []
        self.waiting: list[Callable[[bool | None], None]] = []
        self.late: list[Word] = []
        self.most_waiting = 0
        self.interrupt: Callable[[], None] = lambda: None

    @property
    def trouble(self) -> str | None:
        """See Outlet."""
        return None if self.ready else "the test is away"

    def send(self, key: bytes, value: bytes, timestamp: int, done: Done) -> None:
        """Keep the record; call `done` now unless the verdict is still open (None)."""
        self.interrupt()
        self.records.append((key, value, timestamp))

        def told(safe: bool | None) -> None:
            after_all = done(LATE if safe is None else None if safe else "test says no")
            if after_all is not None:
                self.late.append(after_all)

        if self.verdict is None:
            self.waiting.append(told)
            self.most_waiting = max(self.most_waiting, len(self.waiting))
        else:
            told(self.verdict)

    def be_late(self) -> None:
        """Say of what waits that it is late; `late` then takes its fate after all."""
        waiting, self.waiting = self.waiting, []
        for tell in waiting:
            tell(None)

    def acknowledge_all(self) -> None:
        """Say that everything that waits is safe."""
        waiting, self.waiting = self.waiting, []
        for done in waiting:
            done(True)


class Timer:
    """Calls what it is asked to call when the test says so."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Keep `call`."""
        self.calls.append((seconds, call))

    def ring(self) -> None:
        """Call everything."""
        calls, self.calls = self.calls, []
        for _, call in calls:
            call()


def encode(event: Event) -> bytes:
    """A record that a test can read."""
    return b"|".join(
        [event.event_id, event.remote_host, str(event.duplicate).encode(), event.page_view or b""]
    )


def app_with(*outlets: FakeOutlet, **settings: Any) -> App:
    """An app whose events go to all `outlets`.

    It has an event path, one that delays its answers by 700 ms, a JSON path, the script `tag();`, the ping, and pages
    unless `pages` is False; `json_at` moves the JSON path, other settings are the app's own.
    """
    pipelines = (Pipeline(encode, outlets),)
    pages = settings.pop("pages", True)
    table: dict[str, Place] = {
        "/csc-event": EventsAt(pipelines),
        "/slow-event": EventsAt(pipelines, 700),
        "/divolte.js": Tag(b"tag();"),
        "/ping": Ping(),
        "/ready": Ready(),
    }
    if pages:
        table["/"] = table["/index.html"] = TestPage()
    table[settings.pop("json_at", "/json")] = JsonEventsAt(pipelines, "p", 5000)
    clocks = {"clock": lambda: NOW, "later": Timer().later}
    wanted = {"retry_after_s": 3, "serve_static_resources": pages, **clocks, **settings}
    memory = wanted.pop("memory", None) or DuplicateMemory(1000)
    return App(table, memory, Counters(), **wanted)


def event_query(event_id: str = "e1", **changes: Any) -> str:
    """The query of a whole event."""
    values: dict[str, Any] = {
        "party_id": PARTY.decode(),
        "session_id": "0:lq1a9zzz:session",
        "page_view_id": "0:view",
        "event_id": event_id,
        "event_type": "click",
        "client_time_ms": 1_699_999_999_000,
        **changes,
    }
    return probe_query(**values)


def json_request(body: bytes = JSON_EVENT, *lines: bytes, chunk: int | None = None) -> bytes:
    """A request with a JSON event, in chunks of that size if one is given; `lines` are further headers."""
    head = b"POST /json?p=0%3Alq1a7c3k%3Aparty HTTP/1.1\r\nContent-Type: application/json\r\n"
    if chunk is None:
        framing, sent = b"Content-Length: %d" % len(body), body
    else:
        framing, sent = b"Transfer-Encoding: chunked", in_chunks(body, chunk)
    return head + b"\r\n".join([*lines, framing, b"", b""]) + sent


def in_chunks(body: bytes, size: int) -> bytes:
    """`body` in chunks of `size`, with what may stand beside them: an extension, and headers at the end."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    return chunks + b"0;name=value\r\nContent-Type: a/b\r\n\r\n"
