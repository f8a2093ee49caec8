"""Avro files: what was said to be safe is in them, whatever happens to the process or the disk."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import fastavro
import pytest

from pyglue.collector import avro_bytes
from pyglue.collector.configured import FileSink
from pyglue.collector.file_sink import Files, Instances
from pyglue.errors import InputError

SCHEMA = '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}]}'


def sink(tmp_path: Path, roll_every_ms: int = 3_600_000) -> FileSink:
    """A sink with its two directories."""
    for name in ("working", "published"):
        (tmp_path / name).mkdir(exist_ok=True)
    return FileSink("main", tmp_path / "working", tmp_path / "published", roll_every_ms, 1000, 30_000)


def read(*paths: Path) -> list[str]:
    """The records of files, in their order."""
    found = []
    for path in paths:
        with path.open("rb") as file:
            found += [record["a"] for record in fastavro.reader(file) if isinstance(record, dict)]
    return found


async def verdicts(files: Files, *texts: str) -> list[bool]:
    """What became of records with these texts, all sent at once."""
    loop = asyncio.get_running_loop()
    waiting = []
    for text in texts:
        verdict: asyncio.Future[bool] = loop.create_future()
        files.send(b"key", avro_bytes.string(text), 0, verdict.set_result)
        waiting.append(verdict)
    return await asyncio.wait_for(asyncio.gather(*waiting), 20)


def run(go: Callable[[], Awaitable[None]]) -> None:
    """Run `go` in a loop."""

    async def main() -> None:
        await go()

    asyncio.run(main())


def test_records_are_published_at_the_end(tmp_path: Path) -> None:
    """Safe records can be read at once; the file is published under its name when the sink is closed."""

    async def go() -> None:
        files = Files(sink(tmp_path), SCHEMA, Instances())
        assert await verdicts(files, "x", "y") == [True, True]
        (partial,) = (tmp_path / "working").iterdir()
        assert read(partial) == ["x", "y"]
        assert await verdicts(files, "z") == [True]
        files.close()
        assert await verdicts(files, "late") == [False]

    run(go)
    assert list((tmp_path / "working").iterdir()) == []
    (published,) = (tmp_path / "published").iterdir()
    assert published.name.endswith("-1.avro")
    assert "-divolte-tracking-" in published.name
    assert read(published) == ["x", "y", "z"]


def test_files_are_rolled_and_empty_ones_deleted(tmp_path: Path) -> None:
    """When its time is up a file is published, with records that no sync came for; without records it is deleted."""

    async def go() -> None:
        files = Files(sink(tmp_path, roll_every_ms=50), SCHEMA, Instances())
        await verdicts(files, "x")
        deadline = time.monotonic() + 10
        while not any((tmp_path / "published").iterdir()) and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        await verdicts(files, "y")
        files.close()

    run(go)
    assert list((tmp_path / "working").iterdir()) == []
    assert read(*sorted((tmp_path / "published").iterdir())) == ["x", "y"]
    assert len(list((tmp_path / "published").iterdir())) == 2


@pytest.mark.parametrize("name", ["working", "published"])
def test_missing_directories_are_refused(tmp_path: Path, name: str) -> None:
    """A directory that is not there keeps the collector from starting, by its name and its key."""

    async def go() -> None:
        whole = sink(tmp_path)
        (tmp_path / name).rmdir()
        with pytest.raises(InputError) as refused:
            Files(whole, SCHEMA, Instances())
        assert str(tmp_path / name) in str(refused.value.problems[0])
        assert "file_strategy" in str(refused.value.problems[0])

    run(go)


def test_a_disk_that_fails_loses_nothing_that_was_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its records are refused and the torn block is cut off; later the sink goes on with a new file."""
    real, broken = os.write, [False]

    def write(descriptor: int, data: bytes) -> int:
        if broken[0] and len(data) > 1:
            real(descriptor, data[: len(data) // 2])
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)

    async def go() -> None:
        files = Files(sink(tmp_path), SCHEMA, Instances(), retry_seconds=0.1)
        assert await verdicts(files, "x") == [True]
        broken[0] = True
        assert await verdicts(files, "lost", "lost") == [False, False]
        assert not files.ready
        assert await verdicts(files, "refused") == [False]
        await asyncio.sleep(0.3)
        assert not files.ready
        broken[0] = False
        deadline = time.monotonic() + 10
        while not files.ready and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        assert await verdicts(files, "y") == [True]
        files.close()

    run(go)
    assert list((tmp_path / "working").iterdir()) == []
    assert read(*sorted((tmp_path / "published").iterdir())) == ["x", "y"]


CRASHING = """
import asyncio, sys
from pathlib import Path
from pyglue.collector import avro_bytes
from pyglue.collector.configured import FileSink
from pyglue.collector.file_sink import Files, Instances
base = Path(sys.argv[1])
async def go():
    files = Files(FileSink("main", base / "working", base / "published", 3600000, 1000, 30000), sys.argv[2], Instances())
    loop, number = asyncio.get_running_loop(), 0
    while True:
        verdict = loop.create_future()
        files.send(b"k", avro_bytes.string(str(number)), 0, verdict.set_result)
        assert await verdict
        print(number, flush=True)
        number += 1
asyncio.run(go())
"""


def test_killed_in_the_middle(tmp_path: Path) -> None:
    """What was safe before a kill -9 is in the file that was left."""
    sink(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", CRASHING, str(tmp_path), SCHEMA], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    safe = [process.stdout.readline().strip() for _ in range(50)]
    process.send_signal(signal.SIGKILL)
    safe += [line.strip() for line in process.stdout.read().splitlines()]
    process.wait()
    process.stdout.close()
    (left,) = (tmp_path / "working").glob("*.avro.partial")
    with left.open("rb") as file:
        found = []
        try:
            for record in fastavro.reader(file):
                found.append(record["a"])  # type: ignore[index, call-overload]
        except (EOFError, ValueError):
            pass  # a torn tail
    assert found[: len(safe)] == safe
