"""Traffic against a server of ours: sent when due, written when answered, ended when told."""

from __future__ import annotations

import asyncio
import io
import time
from collections import Counter
from pathlib import Path

import pytest

from pyglue.collector.events.event import of_tag
from pyglue.traffic import crowd, faults, truth
from pyglue.traffic.live import Live, Tally
from pyglue.traffic.sender import NO_ANSWER

RUN = "run01x"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Site:
    """Answers every `refuse_every`th event with 503, hangs up instead of every `hang_every`th answer."""

    def __init__(self, refuse_every: int = 0, hang_every: int = 0) -> None:
        self.queries: list[bytes] = []
        self.heads: list[bytes] = []
        self._refuse, self._hang = refuse_every, hang_every

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heads.append(head)
                self.queries.append(head.split(b" ")[1].partition(b"?")[2])
                number = len(self.queries)
                if self._hang and not number % self._hang:
                    break
                status = b"503 No" if self._refuse and not number % self._refuse else b"200 OK"
                writer.write(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status)
        except asyncio.IncompleteReadError:
            pass
        writer.close()


async def run(site: Site, seconds: float, *, stop_after: float | None = None) -> tuple[Tally, str, float]:
    """Traffic of 60 events a second; what came of it, the truth file's lines, and how long it took."""
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    out = io.StringIO()
    live = Live("127.0.0.1", port, "/csc-event", out, now_ms, lambda _: None)
    crowd.least_visitors(60)
    began = now_ms()
    actions = crowd.actions(1, 5000, began, began + int(seconds * 1000), 60.0, run=RUN, curved=False)
    if stop_after is not None:
        asyncio.get_running_loop().call_later(stop_after, live.stop)
    tally = await live.run(faults.deliveries(actions, 1, {"duplicate": 0.05}), 16)
    server.close()
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
    return tally, out.getvalue(), (now_ms() - began) / 1000


def test_what_is_sent_is_written() -> None:
    """Every request is the tag's, and has one line with its answer and the time around it."""
    site = Site()
    tally, lines, _ = asyncio.run(run(site, 2.0))
    sent = [truth._sent(Path("x"), 3, line) for line in lines.splitlines(keepends=True)]
    assert 60 < tally.sent == len(sent) == len(site.queries) < 240
    assert tally.statuses == {200: len(sent)}
    events = [of_tag(query) for query in site.queries]
    assert Counter(event.event_id.decode() for event in events if event) == Counter(one.event for one in sent)
    assert all(one.sent_ms <= one.answered_ms for one in sent)
    assert all(one.happened_ms <= one.sent_ms + 1 for one in sent)
    assert all(b"\r\nUser-Agent: Mozilla/5.0" in head for head in site.heads)
    assert tally.faults["duplicate"] == sum(one.fault == "duplicate" for one in sent)


@pytest.mark.parametrize(("site", "status"), [(Site(refuse_every=3), 503), (Site(hang_every=5), NO_ANSWER)])
def test_what_is_not_recorded_is_told(site: Site, status: int) -> None:
    """A refusal and a missing answer are counted and written; nothing is sent again."""
    tally, lines, _ = asyncio.run(run(site, 1.5))
    assert tally.statuses[status] > 3
    assert tally.statuses[200] + tally.statuses[status] == tally.sent == len(lines.splitlines())
    assert lines.count(f"\t{status}\t") >= tally.statuses[status]


def test_it_ends_when_it_is_told() -> None:
    """At once, with a line for everything that was sent."""
    tally, lines, took = asyncio.run(run(Site(), 60.0, stop_after=1.0))
    assert took < 10
    assert 20 < tally.sent == len(lines.splitlines())
