"""Calls beside the loop: in order, with their results, and none keeps a process from its end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pyglue.collector.sinks.aside import Aside
from tests.collector.processes import ROOT


def test_calls_are_made_in_order_by_one_thread() -> None:
    """Each has its result or its error; what was called before the end is done."""
    done: list[tuple[int, int]] = []

    def note(number: int) -> int:
        done.append((number, threading.get_ident()))
        return number

    async def life() -> list[int]:
        aside = Aside("test")
        calls = [aside.call(note, number) for number in range(5)]
        with pytest.raises(ValueError, match="invalid literal"):
            await aside.call(int, "x")
        last = aside.call(note, 5)
        aside.end()
        return [await call for call in (*calls, last)]

    assert asyncio.run(life()) == [0, 1, 2, 3, 4, 5]
    assert [number for number, _ in done] == [0, 1, 2, 3, 4, 5]
    assert len({thread for _, thread in done} - {threading.get_ident()}) == 1


def test_a_call_of_which_nobody_waits_for_the_end_is_made() -> None:
    """A chore that is ended in the middle has handed over what is nowhere else."""
    goes = threading.Event()
    done: list[int] = []

    async def life() -> None:
        aside = Aside("test")
        first = aside.call(goes.wait, 10)
        aside.call(done.append, 1).cancel()
        last = aside.call(done.append, 2)
        await asyncio.sleep(0)
        goes.set()
        await asyncio.gather(first, last)
        aside.end()

    asyncio.run(life())
    assert done == [1, 2]


@pytest.mark.parametrize("what", ["call", "bad events", "counts", "spool"])
def test_a_disk_that_hangs_does_not_hold_the_process(what: str, tmp_path: Path) -> None:
    """Neither while bad events are written, nor while counts are, nor while the spool is read."""
    program = {
        "call": "Aside('x').call(forever)",
        "bad events": (
            "bad = BadEvents(Hangs(Path('x'), 1000, 7), HeadersKept((), ()), lambda: 0); "
            "bad.keep(Came(1, 'GET', b'/', b'', (), '::1'), [Lost('x')]); await bad.end()"
        ),
        "counts": (
            "keeper = Keeper(Counters(), Timings(), None, 0, Share()); keeper._files = Files(); await keeper.end()"
        ),
        "spool": (
            "os.mkfifo('000000000001.spool'); store = Store(Path.cwd(), 1000); "
            "spooled = Spooled(Producer(), store, None, None, refuse_ms=1000); "
            "await asyncio.sleep(0.05); spooled.close(0)"
        ),
    }[what]
    source = f"""
import asyncio, os, threading
from pathlib import Path
from pyglue.collector.sinks.aside import Aside
from pyglue.collector.bad.entries import Came, Lost
from pyglue.collector.bad.folder import Folder
from pyglue.collector.bad.keeping import BadEvents, HeadersKept
from pyglue.collector.counting.counters import Counters
from pyglue.collector.counting.keeper import Keeper
from pyglue.collector.workers.share import Share
from pyglue.collector.counting.timings import Timings
from pyglue.collector.spool.sink import Spooled
from pyglue.collector.spool.store import Store

def forever(*_):
    threading.Event().wait()

class Hangs(Folder):
    append = forever

class Files:
    end = forever

class Producer:
    max_bytes = 1000
    def close(self, seconds):
        return 0

async def life():
    {program}
    await asyncio.sleep(0)

asyncio.run(life())
"""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", source],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
