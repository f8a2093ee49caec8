"""Bad events on their way to the folder: none blocks anything, and what can't be kept is counted."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from pyglue.collector.bad import keeping
from pyglue.collector.bad.entries import BadEvent, Came, Lost, read_lines
from pyglue.collector.bad.folder import Folder, Written
from pyglue.collector.bad.keeping import BadEvents, HeadersKept
from pyglue.collector.values.cookies import cookie

NOW = 1_700_000_000_000
LOST = [Lost("bad p")]


def came(size: int = 10) -> Came:
    """A request of about that many bytes."""
    return Came(NOW, "GET", b"x" * size, b"", (), "::1")


class Slow(Folder):
    """A folder on a disk that hangs, or fails, as the test says."""

    def __init__(self) -> None:
        super().__init__(Path("/nonexistent"), 1000, 7)
        self.goes = threading.Event()
        self.error: OSError | None = None
        self.lines: list[str] = []

    def append(self, lines: Sequence[str], now_ms: int) -> Written:
        """Keep them in memory."""
        assert now_ms == NOW
        self.goes.wait(10)
        if self.error is not None:
            raise self.error
        self.lines += lines
        return Written(len(lines), 0)

    def tidy(self, now_ms: int) -> None:
        """There are no files."""


def bad_events(folder: Folder) -> BadEvents:
    """With a clock that stands."""
    return BadEvents(folder, HeadersKept((), ()), lambda: NOW)


def test_events_are_on_the_disk_within_a_second_and_at_the_end(tmp_path: Path) -> None:
    """Each with an id of its own, in the order of their coming."""

    async def life() -> BadEvents:
        bad = bad_events(Folder(tmp_path, 10_000, 7))
        chore = asyncio.ensure_future(bad.work())
        bad.keep(came(), LOST)
        await asyncio.sleep(4 * keeping.WRITE_SECONDS)
        assert bad.kept == 1
        bad.keep(came(), LOST)
        bad.keep(came(), LOST)
        chore.cancel()
        await bad.end()
        return bad

    bad = asyncio.run(life())
    (file,) = tmp_path.glob("*.jsonl")
    assert len({event.id for event in read_lines(file.read_bytes()) if isinstance(event, BadEvent)}) == 3
    assert (bad.kept, bad.not_kept) == (3, {})


def test_what_a_hanging_disk_leaves_waiting_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Further ones are counted; what waited is written once the disk goes on."""
    folder = Slow()
    monkeypatch.setattr(keeping, "MOST_WAITING", 2 * keeping.EVENT_BYTES + 25)

    async def life() -> BadEvents:
        bad = bad_events(folder)
        for _ in range(4):
            bad.keep(came(), LOST)
        folder.goes.set()
        await bad.end()
        return bad

    bad = asyncio.run(life())
    assert (len(folder.lines), bad.kept, bad.not_kept) == (2, 2, {keeping.WAITING_FULL: 2})


def test_a_disk_that_fails_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """What waits is kept in memory until then, as far as it fits."""
    folder = Slow()
    folder.goes.set()
    folder.error = OSError(28, "No space left on device")

    async def life() -> BadEvents:
        bad = bad_events(folder)
        chore = asyncio.ensure_future(bad.work())
        bad.keep(came(), LOST)
        await asyncio.sleep(3 * keeping.WRITE_SECONDS)
        folder.error = None
        await asyncio.sleep(2 * keeping.WRITE_SECONDS)
        chore.cancel()
        await bad.end()
        return bad

    with caplog.at_level(logging.INFO):
        bad = asyncio.run(life())
    assert (len(folder.lines), bad.kept) == (1, 1)
    told = [record.message for record in caplog.records if "bad events" in record.message]
    assert [text.partition(" (")[0] for text in told] == [
        "can't keep bad events",
        "bad events are written again",
    ]


def test_a_disk_that_fails_is_tried_more_and_more_seldom() -> None:
    """For each try costs what all that waits does; once it goes again, it is as before."""
    folder = Slow()
    folder.goes.set()
    folder.error = OSError(28, "No space left on device")

    async def life() -> list[float]:
        bad = bad_events(folder)
        bad.keep(came(), LOST)
        pauses = []
        for _ in range(7):
            await bad._write()
            pauses.append(bad._pause)
        folder.error = None
        await bad.end()
        return [*pauses, bad._pause]

    assert asyncio.run(life()) == [0.5, 1, 2, 4, 8, 10, 10, keeping.WRITE_SECONDS]


def test_a_full_folder_is_counted_and_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The events that came last have no place."""

    async def life() -> BadEvents:
        bad = bad_events(Folder(tmp_path, 400, 7))
        for _ in range(2):
            bad.keep(came(), LOST)
            bad.keep(came(), LOST)
            await bad._write()
        await bad.end()
        return bad

    bad = asyncio.run(life())
    assert (bad.kept, bad.not_kept) == (1, {keeping.FOLDER_FULL: 3})
    assert sum("is full" in record.message for record in caplog.records) == 1


def test_of_headers_only_those_are_kept_that_a_mapping_reads() -> None:
    """And of cookies no others, read back as they were read before."""
    lines = [
        (b"user-agent", b"Agent  X"),
        (b"cookie", b'login=secret; group=b; quoted="a;b"; odd=x"y'),
        (b"authorization", b"secret"),
        (b"cookie", b"other=secret; group=c"),
    ]
    kept = HeadersKept({b"user-agent"}, {"group", "quoted", "odd", "absent"}).of(lines)
    assert [name for name, _ in kept] == ["user-agent", "cookie"]
    assert kept[0] == ("user-agent", "Agent X")
    assert "secret" not in str(kept)
    values = {name: cookie([kept[1][1]], name) for name in ("group", "quoted", "odd", "absent")}
    assert values == {"group": "c", "quoted": "a;b", "odd": 'x"y', "absent": None}
    assert HeadersKept((), ("absent",)).of(lines) == ()
    assert len(HeadersKept((b"cookie",), ("group",)).of(lines)) == 2
