"""The spool's files: written in groups, bounded, removed when nobody needs them; a disk that fails."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from pyglue.collector.spool.entries import Entry, read
from pyglue.collector.spool.store import File, Store
from pyglue.collector.workers.share import Share
from pyglue.errors import InputError
from tests.collector.spool.loops import lived, until

ENTRY = Entry("clicks", b"party", b"v" * 50, 1_700_000_000_000, queued=True)


async def append(store: Store, count: int = 1, entry: Entry = ENTRY) -> list[File | None]:
    """Add entries at once; where each is."""
    told: list[File | None] = []
    for _ in range(count):
        assert store.append(entry, told.append)
    await until(lambda: len(told) == count)
    return told


def on_disk(directory: Path) -> list[Entry]:
    """All entries, by the order of files."""
    found = []
    for path in sorted(directory.glob("*.spool")):
        with path.open("rb") as file:
            found += [entry for entry, _ in read(file, 0, path.stat().st_size)]
    return found


def test_entries_come_back_as_they_were(tmp_path: Path) -> None:
    """Whatever bytes they are of, in the order in which they came, and synced before anybody is told."""
    entries = [
        Entry("clicks", b"", b"", 0, queued=False),
        Entry("ünï", b"\x00\xff", bytes(range(256)) * 9, 2**62, queued=True),
        ENTRY,
    ]
    synced: list[int] = []

    async def play() -> None:
        store = Store(tmp_path, 2**20, sync=lambda number: synced.append(os.fstat(number).st_size))
        told: list[int] = []
        for entry in entries:
            assert store.append(entry, lambda _: told.append(len(synced)))
        await until(lambda: len(told) == len(entries))
        assert told == [1] * len(entries) or min(told) >= 1
        store.close()

    lived(play)
    assert on_disk(tmp_path) == entries


def test_what_comes_together_is_written_together(tmp_path: Path) -> None:
    """A thousand entries at once don't wait for a thousand syncs."""
    syncs: list[int] = []

    async def play() -> None:
        store = Store(tmp_path, 2**20, sync=syncs.append)
        await append(store, 1000)
        store.close()

    lived(play)
    assert len(on_disk(tmp_path)) == 1000
    assert len(syncs) < 20


def test_a_file_is_removed_once_all_that_is_in_it_is_in_kafka(tmp_path: Path) -> None:
    """Not before the last entry, and the space is free again; the next entries have a file of their own."""

    async def play() -> None:
        store = Store(tmp_path, 2**20)
        first, second = await append(store, 2)
        assert first is not None
        assert first is second
        store.settle(first)
        await asyncio.sleep(0.05)
        assert len(on_disk(tmp_path)) == 2
        store.settle(first)
        await until(lambda: not list(tmp_path.glob("*.spool")))
        assert store.used == 0
        (third,) = await append(store)
        assert third is not first
        assert store.files == [third]
        store.close()

    lived(play)
    assert on_disk(tmp_path) == [ENTRY]


def test_a_full_file_is_followed_by_another(tmp_path: Path) -> None:
    """Their names are in the order of what is in them, also over lives of the collector."""

    async def play() -> None:
        store = Store(tmp_path, 2**20, file_bytes=50)
        for number in range(3):
            await append(store, 1, ENTRY._replace(timestamp=number))
        store.close()

    lived(play)
    lived(play)
    assert len(list(tmp_path.glob("*.spool"))) == 6
    assert [entry.timestamp for entry in on_disk(tmp_path)] == [0, 1, 2, 0, 1, 2]


def test_workers_have_their_room_in_common(tmp_path: Path) -> None:
    """What one of them gives back, another one has at once."""
    size = len(ENTRY.encoded())

    async def play() -> None:
        numbers = [0, 0]
        shares = [Share(number, 2, spooled=numbers) for number in (0, 1)]
        one, other = [Store(share.spool(tmp_path), 5 * size + 40, share) for share in shares]
        await append(one, 3)
        await append(other, 2)
        assert not other.append(ENTRY, lambda _: None)
        assert not other.accepts
        for _ in range(3):
            one.settle(one.files[0])
        await until(lambda: other.accepts)
        await append(other, 3)
        assert numbers == [one.used, other.used]
        one.close()
        other.close()

    lived(play)


def test_the_spool_takes_no_more_than_it_may(tmp_path: Path) -> None:
    """What is on its way counts, and so does what an earlier life left."""
    size = len(ENTRY.encoded())

    async def play() -> None:
        store = Store(tmp_path, 3 * size + 20)
        await append(store, 3)
        assert store.accepts
        assert not store.append(ENTRY, lambda _: None)
        assert not store.accepts  # although some bytes are left
        store.settle(store.files[0])
        store.settle(store.files[0])
        store.settle(store.files[0])
        await until(lambda: store.accepts)
        await append(store, 3)
        store.close()

    async def again() -> None:
        store = Store(tmp_path, 3 * size + 20)
        assert not store.append(ENTRY, lambda _: None)
        assert not store.files[0].counted
        store.close()

    lived(play)
    lived(again)


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    """Not removed, though Kafka has all that can be read of it; nor is one of that number that was there before."""

    async def play() -> None:
        store = Store(tmp_path, 2**20, file_bytes=1)
        (file,) = await append(store)
        assert file is not None
        file.damaged = True
        store.settle(file)
        await until(lambda: not list(tmp_path.glob("*.spool")))
        store.close()

    for _ in range(3):
        lived(play)
    names = ["000000000001-2.damaged", "000000000001-3.damaged", "000000000001.damaged"]
    assert sorted(path.name for path in tmp_path.glob("*.damaged")) == names


def test_a_disk_that_fails_is_told_and_leaves_nothing_torn(tmp_path: Path) -> None:
    """What was written before stays; what comes after the disk works again has a file of its own."""
    broken = [False]

    def sync(_: int) -> None:
        if broken[0]:
            raise OSError(5, "Input/output error")

    async def play() -> None:
        store = Store(tmp_path, 2**20, sync=sync)
        (first,) = await append(store)
        used = store.used
        broken[0] = True
        assert await append(store, 2) == [None, None]
        assert not store.accepts
        assert store.used == used
        broken[0] = False
        await until(lambda: store.accepts)
        (last,) = await append(store, 1, ENTRY._replace(key=b"later"))
        assert last is not None
        assert last is not first
        store.close()

    lived(play)
    assert [entry.key for entry in on_disk(tmp_path)] == [b"party", b"later"]


@pytest.mark.parametrize("again", range(20))
def test_what_comes_at_the_very_end_stays(tmp_path: Path, again: int) -> None:
    """Though all that was in its file before is in Kafka, and nobody was told yet where it is."""

    async def play() -> None:
        store = Store(tmp_path, 2**20)
        (first,) = await append(store)
        assert first is not None
        store.append(ENTRY._replace(key=b"last"), lambda _: None)
        store.settle(first)
        store.close()

    lived(play)
    assert b"last" in [entry.key for entry in on_disk(tmp_path)]


def test_a_folder_has_one_collector(tmp_path: Path) -> None:
    """A second one is refused, and so is a folder that can't be made."""

    async def play() -> None:
        store = Store(tmp_path / "spool", 2**20)
        with pytest.raises(InputError) as caught:
            Store(tmp_path / "spool", 2**20)
        assert "another collector's spool" in str(caught.value.details)
        store.close()
        Store(tmp_path / "spool", 2**20).close()
        (tmp_path / "file").touch()
        with pytest.raises(InputError) as caught:
            Store(tmp_path / "file", 2**20)
        assert "can't hold the spool" in str(caught.value.details)

    lived(play)


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 60])
def test_a_torn_end_is_left_out(tmp_path: Path, cut: int) -> None:
    """Wherever the last entry is cut, those before it are read."""
    path = tmp_path / "000000000001.spool"

    async def play() -> None:
        store = Store(tmp_path, 2**20)
        await append(store, 3)
        store.close()

    lived(play)
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    assert on_disk(tmp_path) == [ENTRY, ENTRY]
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert on_disk(tmp_path) == [ENTRY, ENTRY]
    path.write_bytes(data + b"\xff" * cut)
    assert on_disk(tmp_path) == [ENTRY, ENTRY, ENTRY]
