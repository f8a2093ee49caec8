"""What a collector does with its counts once a second."""

from __future__ import annotations

import asyncio
import time

from pyglue.collector.config.configured import CountsKept
from pyglue.collector.counting.count_files import CountFiles
from pyglue.collector.counting.counters import Counters
from pyglue.collector.counting.timings import Timings
from pyglue.collector.sinks.aside import Aside
from pyglue.collector.workers.share import Share

KEEP_SECONDS = 1.0
END_SECONDS = 1.0


class Keeper:
    """Once a second: sorts times in, closes minutes that are over, and keeps these on disk if a folder is configured."""

    def __init__(
        self, counters: Counters, timings: Timings, kept: CountsKept | None, late_ms: int, share: Share
    ) -> None:
        """A minute is closed `late_ms` after its end: by then its events have their answers. The disk has a thread."""
        self._counters = counters
        self._timings = timings
        self._late_ms = late_ms
        self._files = CountFiles(kept.directory, kept.keep_days, share) if kept else None
        self._thread = Aside("counts")

    async def work(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._call(now_ms())
            await asyncio.sleep(KEEP_SECONDS)

    async def _call(self, now: int) -> None:
        self._timings.sort()
        finished = self._counters.close(now - self._late_ms)
        if self._files is not None:
            await self._thread.call(self._files.keep, finished, self._counters.open(), now)

    async def end(self) -> None:
        """Write what there is. A disk that hangs is not waited for."""
        finished = self._counters.close()
        if self._files is not None:
            last = self._thread.call(self._files.end, finished, now_ms())
            await asyncio.wait([last], timeout=END_SECONDS)
        self._thread.end()


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000
