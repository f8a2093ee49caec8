"""Avro container files: what is answered is on the disk, whatever happens to the disk or the process."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fastavro
import pytest
from avro.datafile import DataFileReader
from avro.io import DatumReader
from hypothesis import given, settings
from hypothesis import strategies as st

from pyglue.collector.avro.avro_bytes import integer, sized
from pyglue.collector.config.configured import FileSink
from pyglue.collector.sinks.files import Files, Instances
from pyglue.collector.workers.share import Share
from pyglue.errors import InputError

SCHEMA = '{"type":"record","name":"R","doc":"größer","fields":[{"name":"a","type":"int"},{"name":"b","type":"bytes"}]}'
HOUR_MS = 3_600_000
NAME = re.compile(r"[0-9]{14}-divolte-tracking-[A-Za-z0-9._-]+-[0-9]+\.avro")

# Sends numbered records for ever and prints each number once its record is safe.
WRITER = """
import asyncio, sys
from pathlib import Path
from pyglue.collector.avro.avro_bytes import integer, sized
from pyglue.collector.config.configured import FileSink
from pyglue.collector.sinks.files import Files, Instances
from pyglue.collector.workers.share import Share

async def write(directory, schema):
    files = Files(FileSink("s", directory, directory, 3_600_000, 1, 1), schema, Instances())
    for number in range(10**9):
        def done(lost, number=number):
            print(number, flush=True)
        files.send(b"", integer(number) + sized(b"x" * (number % 500)), 0, done)
        if number % 7 == 0:
            await asyncio.sleep(0)

asyncio.run(write(Path(sys.argv[1]), sys.argv[2]))
"""


class Disk:
    """Syncs as it is told: waits until `release` is set, and fails once `broken` is; `begun` tells that it waits."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.begun = threading.Event()
        self.release.set()
        self.broken = False
        self.read_only = False

    def sync(self, descriptor: int) -> None:
        """Like os.fdatasync."""
        self.begun.set()
        assert self.release.wait(20)
        if self.read_only:  # so that nothing can be cut off any more
            other = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY)
            os.dup2(other, descriptor)
            os.close(other)
        if self.broken or self.read_only:
            raise OSError(5, "Input/output error")


def sink(directory: Path, published: Path | None = None, roll_every_ms: int = HOUR_MS) -> FileSink:
    """A sink of files in `directory`."""
    return FileSink("files", directory, published or directory, roll_every_ms, 1000, 30_000)


def value(number: int) -> bytes:
    """A record."""
    return integer(number) + sized(b"x" * (number % 50))


def send(files: Files, *numbers: int) -> Awaitable[list[bool]]:
    """Send records at once; whether each is safe."""
    sent = fates(files, *numbers)

    async def safe() -> list[bool]:
        return [reason is None for reason in await sent]

    return safe()


def fates(files: Files, *numbers: int) -> Awaitable[list[str | None]]:
    """Send records at once; what becomes of each."""
    loop = asyncio.get_running_loop()
    told: list[asyncio.Future[str | None]] = [loop.create_future() for _ in numbers]
    for number, fate in zip(numbers, told, strict=True):
        files.send(b"key", value(number), 0, fate.set_result)
    return asyncio.wait_for(asyncio.gather(*told), 20)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.002)


async def close(files: Files) -> None:
    """Close as the server does."""
    await asyncio.get_running_loop().run_in_executor(None, files.close)


def blocks(data: bytes) -> Iterator[Any]:
    """The blocks in a file."""
    return iter(fastavro.block_reader(io.BytesIO(data)))


def numbers(data: bytes) -> list[int]:
    """The numbers of the records in a file, up to where it can be read."""
    found: list[int] = []
    try:
        for block in blocks(data):
            found += [record["a"] for record in block]
    except (EOFError, ValueError):
        pass
    return found


def published(directory: Path) -> dict[str, list[int]]:
    """The numbers in each published file, all of which must be whole."""
    files = {}
    for path in sorted(directory.glob("*.avro")):
        found: list[Any] = [list(block) for block in blocks(path.read_bytes())]
        files[path.name] = [record["a"] for block in found for record in block]
    return files


def partial(directory: Path) -> Path:
    """The one file that is being written."""
    (path,) = directory.glob("*.partial")
    return path


def test_a_published_file_is_what_other_readers_expect(tmp_path: Path) -> None:
    """Name, schema, codec and records are right to Apache's own library, and nothing else is left."""

    async def go() -> None:
        files = Files(sink(tmp_path), SCHEMA, Instances())
        assert files.ready
        assert await send(files, 1, 2) == [True, True]
        assert await send(files, 3) == [True]
        await close(files)

    asyncio.run(go())
    (path,) = tmp_path.iterdir()
    assert NAME.fullmatch(path.name)
    with path.open("rb") as file, DataFileReader(file, DatumReader()) as reader:
        assert reader.meta["avro.schema"] == SCHEMA.encode()
        assert reader.meta["avro.codec"] == b"null"
        records: list[Any] = list(reader)
    assert [record["a"] for record in records] == [1, 2, 3]


@given(groups=st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=40), max_size=5))
@settings(deadline=None, max_examples=25)
def test_any_records_come_back(groups: list[list[int]]) -> None:
    """In their order; without any there is no file."""

    async def go(directory: Path) -> None:
        files = Files(sink(directory), SCHEMA, Instances())
        for group in groups:
            assert all(await send(files, *group))
        await close(files)

    with tempfile.TemporaryDirectory() as name:
        asyncio.run(go(Path(name)))
        records = [number for group in groups for number in group]
        assert list(published(Path(name)).values()) == ([records] if records else [])
        assert len(list(Path(name).iterdir())) == bool(records)


def test_a_record_is_safe_only_after_its_sync_and_the_next_group_waits(tmp_path: Path) -> None:
    """What arrives while a group is being synced becomes one block of its own."""

    async def go() -> None:
        disk = Disk()
        files = Files(sink(tmp_path), SCHEMA, Instances(), sync=disk.sync)
        disk.begun.clear()
        disk.release.clear()
        first = asyncio.ensure_future(send(files, 1))
        await until(disk.begun.is_set)
        rest = asyncio.ensure_future(send(files, 2, 3, 4))
        await asyncio.sleep(0.02)
        assert not first.done()
        disk.release.set()
        assert await first == [True]
        assert await rest == [True] * 3
        assert [block.num_records for block in blocks(partial(tmp_path).read_bytes())] == [1, 3]
        await close(files)

    asyncio.run(go())


def test_fates_are_told_in_the_loops_thread_and_one_that_fails_stops_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception of one `done` is logged."""

    async def go() -> None:
        files = Files(sink(tmp_path), SCHEMA, Instances())
        threads: list[int] = []

        def fail(_: str | None) -> None:
            threads.append(threading.get_ident())
            raise KeyError("on purpose")

        files.send(b"", value(1), 0, fail)
        assert await send(files, 2) == [True]
        await close(files)
        assert threads == [threading.get_ident()]

    asyncio.run(go())
    assert "could not be passed on" in caplog.text


def test_files_roll_and_nothing_is_lost(tmp_path: Path) -> None:
    """Also at a roll before the first sync that the configuration asks for; empty files do not pile up."""
    work, out = tmp_path / "work", tmp_path / "out"
    work.mkdir()
    out.mkdir()

    async def go() -> None:
        files = Files(sink(work, out, roll_every_ms=40), SCHEMA, Instances())
        for number in range(12):
            assert await send(files, number) == [True]
            await asyncio.sleep(0.015)
        empty = set(work.glob("*.partial"))
        await until(lambda: not empty & set(work.glob("*.partial")))  # its time is up, too
        await close(files)

    asyncio.run(go())
    files = published(out)
    assert len(files) > 1
    assert sorted(number for found in files.values() for number in found) == list(range(12))
    assert list(work.iterdir()) == []


def test_a_failing_disk_costs_only_the_group(tmp_path: Path) -> None:
    """Its records are not safe and not in the file; the others' file is published; later a new one is written."""

    async def go() -> None:
        disk = Disk()
        files = Files(sink(tmp_path), SCHEMA, Instances(), retry_seconds=0.2, sync=disk.sync)
        assert await send(files, 1) == [True]
        disk.broken = True
        assert await send(files, 2, 3) == [False, False]
        assert not files.ready
        assert await send(files, 4) == [False]
        await until(lambda: list(published(tmp_path).values()) == [[1]])
        disk.broken = False
        await until(lambda: files.ready)
        assert await send(files, 5) == [True]
        await close(files)

    asyncio.run(go())
    assert list(published(tmp_path).values()) == [[1], [5]]
    assert len(list(tmp_path.iterdir())) == 2


def test_what_waits_for_the_disk_is_known(tmp_path: Path) -> None:
    """Records and their bytes, until they are written or lost for a reason; without a file there is trouble."""

    async def go() -> None:
        disk = Disk()
        files = Files(sink(tmp_path), SCHEMA, Instances(), sync=disk.sync)
        disk.begun.clear()
        disk.release.clear()
        first = asyncio.ensure_future(fates(files, 1))
        await until(disk.begun.is_set)
        disk.broken = True
        second = asyncio.ensure_future(fates(files, 2, 3))
        await asyncio.sleep(0)
        waiting = sum(len(value(number)) for number in (1, 2, 3))
        assert (files.queue, files.trouble) == ((3, waiting), None)
        disk.release.set()
        assert (await first, await second) == (["disk failed"], ["disk failed"] * 2)
        assert (files.queue, files.trouble) == ((0, 0), "no file can be written")
        await close(files)
        assert await fates(files, 4) == ["ending"]

    asyncio.run(go())


def test_records_that_wait_for_a_failing_disk_are_not_safe_either(tmp_path: Path) -> None:
    """Nobody waits for ever."""

    async def go() -> None:
        disk = Disk()
        files = Files(sink(tmp_path), SCHEMA, Instances(), sync=disk.sync)
        disk.begun.clear()
        disk.release.clear()
        disk.broken = True
        first = asyncio.ensure_future(send(files, 1))
        await until(disk.begun.is_set)
        second = asyncio.ensure_future(send(files, 2))
        await asyncio.sleep(0)
        disk.release.set()
        assert await first == [False]
        assert await second == [False]
        await close(files)

    asyncio.run(go())
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_cannot_be_cut_off_is_not_published(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file stays, because it holds records that were answered; the log tells where."""

    async def go() -> None:
        disk = Disk()
        files = Files(sink(tmp_path), SCHEMA, Instances(), sync=disk.sync)
        assert await send(files, 1, 2) == [True, True]
        disk.read_only = True
        assert await send(files, 3) == [False]
        await close(files)

    asyncio.run(go())
    assert not published(tmp_path)
    assert numbers(partial(tmp_path).read_bytes())[:2] == [1, 2]
    assert str(partial(tmp_path)) in caplog.text


def test_a_disk_that_takes_no_new_file_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At the start, too: the sink is not ready until then, and refuses."""

    async def go() -> None:
        disk = Disk()
        disk.broken = True
        files = Files(sink(tmp_path), SCHEMA, Instances(), retry_seconds=0.05, sync=disk.sync)
        assert not files.ready
        assert await send(files, 1) == [False]
        assert list(tmp_path.iterdir()) == []
        disk.broken = False
        await until(lambda: files.ready)
        assert await send(files, 2) == [True]
        await close(files)

    asyncio.run(go())
    assert list(published(tmp_path).values()) == [[2]]
    assert "can't begin a file" in caplog.text


def test_a_roll_that_fails_leaves_the_old_file_in_use(tmp_path: Path) -> None:
    """As long as it can be written, the sink stays ready."""
    work = tmp_path / "work"
    work.mkdir()
    disk = Disk()

    async def go() -> None:
        files = Files(
            sink(work, tmp_path, roll_every_ms=100), SCHEMA, Instances(), retry_seconds=0.01, sync=disk.sync
        )
        assert await send(files, 1) == [True]
        moved = work.rename(tmp_path / "moved")  # no new file can be made where it was
        await asyncio.sleep(0.15)
        assert files.ready
        assert await send(files, 2) == [True]
        moved.rename(work)
        await until(lambda: bool(published(tmp_path)))
        await close(files)

    asyncio.run(go())
    assert list(published(tmp_path).values()) == [[1, 2]]


def test_a_file_that_cannot_be_published_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its records were answered; the log tells where they are."""
    out = tmp_path / "out"
    out.mkdir()

    async def go() -> None:
        files = Files(sink(tmp_path, out), SCHEMA, Instances())
        assert await send(files, 1) == [True]
        out.rmdir()
        await close(files)

    asyncio.run(go())
    assert numbers(partial(tmp_path).read_bytes()) == [1]
    assert f"can't publish {partial(tmp_path)}" in caplog.text


def test_publishing_on_another_file_system_leaves_nothing_behind(tmp_path: Path) -> None:
    """There a file can't be renamed, so it is copied."""
    memory = Path("/dev/shm")  # noqa: S108 - wanted as a file system of its own
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system at /dev/shm")

    async def go(out: Path) -> None:
        files = Files(sink(tmp_path, out), SCHEMA, Instances())
        assert await send(files, 1) == [True]
        await close(files)

    with tempfile.TemporaryDirectory(dir=memory) as name:
        asyncio.run(go(Path(name)))
        assert list(published(Path(name)).values()) == [[1]]
        assert len(list(Path(name).iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_collectors_that_share_directories_overwrite_nothing(tmp_path: Path) -> None:
    """Even if they begin, and so name their files, in the same second."""
    others = [tmp_path / name for name in ("out", "one", "two")]
    for directory in others:
        directory.mkdir()
    out, one, two = others

    async def go() -> None:
        files = [Files(sink(work, out), SCHEMA, Instances()) for work in (one, one, two)]
        for number, each in enumerate(files):
            assert await send(each, number) == [True]
        for each in files:
            await close(each)

    asyncio.run(go())
    assert sorted(published(out).values()) == [[0], [1], [2]]


def test_sinks_of_a_process_count_their_instances(tmp_path: Path) -> None:
    """From 1, over all of them, wherever they write."""
    directories = [tmp_path / name for name in ("one", "two", "three")]

    async def go() -> None:
        instances = Instances()
        for directory in directories:
            directory.mkdir()
            files = Files(sink(directory), SCHEMA, instances)
            assert await send(files, 1) == [True]
            await close(files)

    asyncio.run(go())
    found = [name for directory in directories for name in published(directory)]
    assert [name.removesuffix(".avro").rpartition("-")[2] for name in found] == ["1", "2", "3"]


def test_what_a_killed_collector_left_is_told_and_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """But not what one that runs is writing, nor files of another host."""

    async def go() -> None:
        files = Files(sink(tmp_path), SCHEMA, Instances())
        own = partial(tmp_path)
        left = own.with_name(own.name.replace(own.name[:14], "20200101000000"))
        other = tmp_path / "20200101000000-divolte-tracking-another.host-1.avro.partial"
        for path in (left, other):
            path.write_bytes(b"Obj\x01")
        caplog.clear()
        second = Files(sink(tmp_path), SCHEMA, Instances())
        warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert len(warnings) == 1
        assert str(left) in warnings[0]
        await close(files)
        await close(second)
        assert left.read_bytes() == other.read_bytes() == b"Obj\x01"

    asyncio.run(go())


def test_missing_directories_are_all_named(tmp_path: Path) -> None:
    """With the settings that name them."""

    async def go() -> None:
        missing = sink(tmp_path / "work", tmp_path / "out")
        with pytest.raises(InputError) as error:
            Files(missing, SCHEMA, Instances())
        assert [problem.file for problem in error.value.problems] == [
            str(tmp_path / "work"),
            str(tmp_path / "out"),
        ]
        assert "divolte.sinks.files.file_strategy.working_dir" in error.value.details[0]
        assert "divolte.sinks.files.file_strategy.publish_dir" in error.value.details[1]
        file = tmp_path / "file"
        file.touch(0o755)
        with pytest.raises(InputError):
            Files(replace(missing, working_dir=tmp_path, publish_dir=file), SCHEMA, Instances())

    asyncio.run(go())


def test_closing_in_the_loop_writes_what_was_sent_and_refuses_the_rest(tmp_path: Path) -> None:
    """It may be done twice."""

    async def go() -> None:
        files = Files(sink(tmp_path), SCHEMA, Instances())
        sent = send(files, 1, 2)
        files.close()
        files.close()
        assert await send(files, 3) == [False]
        assert await sent == [True, True]

    asyncio.run(go())
    assert list(published(tmp_path).values()) == [[1, 2]]


def test_more_than_may_wait_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that hangs must not fill the memory."""
    monkeypatch.setattr("pyglue.collector.sinks.files.MAX_WAITING_BYTES", 2 * len(value(30)))

    async def go() -> None:
        disk = Disk()
        files = Files(sink(tmp_path), SCHEMA, Instances(), sync=disk.sync)
        disk.begun.clear()
        disk.release.clear()
        first = asyncio.ensure_future(send(files, 1))
        await until(disk.begun.is_set)
        rest = asyncio.ensure_future(send(files, 30, 30, 30))
        await asyncio.sleep(0)
        disk.release.set()
        assert await first == [True]
        assert await rest == [True, True, False]
        assert await send(files, 30) == [True]
        await close(files)

    asyncio.run(go())


def test_a_file_is_readable_up_to_its_last_whole_block(tmp_path: Path) -> None:
    """Wherever a crash cuts it off."""

    async def go() -> None:
        files = Files(sink(tmp_path), SCHEMA, Instances())
        ends = []
        for number in range(1, 4):
            assert await send(files, number) == [True]
            ends.append(partial(tmp_path).stat().st_size)
        data = partial(tmp_path).read_bytes()
        await close(files)
        for cut in range(ends[0], len(data) + 1):
            whole = sum(cut >= end for end in ends)
            assert numbers(data[:cut])[:whole] == list(range(1, whole + 1)), cut

    asyncio.run(go())


def test_after_a_kill_every_answered_record_is_in_the_file(tmp_path: Path) -> None:
    """The process gets no chance to do anything about it."""
    command = [sys.executable, "-c", WRITER, str(tmp_path), SCHEMA]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=_environment()) as process:
        assert process.stdout is not None
        answered = [process.stdout.readline() for _ in range(2000)]
        process.send_signal(signal.SIGKILL)
        answered += process.stdout.readlines()
    last = int([line for line in answered if line.endswith(b"\n")][-1])
    assert numbers(partial(tmp_path).read_bytes())[: last + 1] == list(range(last + 1))


def _environment() -> dict[str, Any]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}


def test_workers_have_no_number_in_common() -> None:
    """So that two of them never write or publish a file of one name; each tells of what it left itself."""
    shares = [Share(number, 3) for number in range(3)]
    taken = [[instances.take() for _ in range(50)] for instances in map(Instances, shares)]
    assert sorted(number for one in taken for number in one) == list(range(1, 151))
    for share, numbers in zip(shares, taken, strict=True):
        assert [number for number in range(1, 151) if Instances(share).has(number)] == numbers
