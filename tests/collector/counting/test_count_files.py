"""Counts on disk: whole after a graceful end, a second short after a kill, and never in the collector's way."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pyglue.collector.counting import count_files
from pyglue.collector.counting.count_files import CountFiles
from pyglue.collector.counting.counts import OPEN, Counts, added, read_lines, read_open
from pyglue.collector.workers.share import Share

MINUTE = 29_000_480  # 2025-02-20T05:20Z
NOW = MINUTE * 60_000
DAY = "2025-02-20.jsonl"


def counted(minute: int = MINUTE, received: int = 1, **more: Any) -> Counts:
    return Counts(minute, received, **{"run": 7, "part": 1, **more})


def lines(folder: Path, name: str = DAY) -> list[Counts]:
    found, torn = read_lines((folder / name).read_text())
    assert torn == []
    return found


def test_a_line_reads_back_as_it_was(tmp_path: Path) -> None:
    """Every count, by names that the documentation has."""
    whole = Counts(
        MINUTE, 5, 2, 1, {"missing p": 2}, {"malformed request": 1}, {"divolte": 2}, True, 7, 3, 4, 6
    )
    whole = replace(whole, discarded={"missing p": 2}, refusals={"sink away": 1})
    CountFiles(tmp_path, 30, Share(run=7)).keep([whole], [], NOW)
    assert lines(tmp_path) == [whole]
    assert json.loads((tmp_path / DAY).read_text()) == {
        "minute": "2025-02-20T05:20Z",
        "received": 5,
        "acknowledged": 2,
        "refused": 1,
        "dropped": {"missing p": 2},
        "requests": {"malformed request": 1},
        "records": {"divolte": 2},
        "complete": True,
        "run": 7,
        "part": 3,
        "spooled": 4,
        "landed": 6,
        "discarded": {"missing p": 2},
        "refusals": {"sink away": 1},
    }


def test_a_day_has_its_own_file(tmp_path: Path) -> None:
    """Days are UTC's."""
    CountFiles(tmp_path, 30, Share(run=7)).keep([counted(), counted(MINUTE + 1440)], [], NOW)
    assert [line.minute for line in lines(tmp_path)] == [MINUTE]
    assert [line.minute for line in lines(tmp_path, "2025-02-21.jsonl")] == [MINUTE + 1440]


def test_a_graceful_end_leaves_nothing_open(tmp_path: Path) -> None:
    """What was open is in the day's file, complete."""
    files = CountFiles(tmp_path, 30, Share(run=7))
    files.keep([], [counted(received=1)], NOW)
    assert read_open((tmp_path / OPEN).read_text()) == (7, NOW, [counted(received=1)])
    files.end([counted(received=2)], NOW)
    assert lines(tmp_path) == [counted(received=2)]
    assert not (tmp_path / OPEN).exists()


def test_a_kill_leaves_a_lower_bound(tmp_path: Path) -> None:
    """The next life marks what it finds open as incomplete, and the minutes that may have begun since it was written."""
    CountFiles(tmp_path, 30, Share(run=7)).keep([], [counted(received=3)], NOW + 55_000)
    CountFiles(tmp_path, 30, Share(run=8)).keep([], [], NOW + 90_000)
    assert lines(tmp_path) == [
        counted(received=3, complete=False),
        counted(MINUTE + 1, 0, complete=False, part=0),
    ]
    assert read_open((tmp_path / OPEN).read_text())[2] == []


def test_a_kill_between_the_two_files_counts_nothing_twice(tmp_path: Path) -> None:
    """A minute that is in the day's file and still in open.json counts once, as the day's file has it."""
    CountFiles(tmp_path, 30, Share(run=7)).keep([], [counted(received=3)], NOW)
    count_files.append(tmp_path / DAY, [counted(received=4)])
    CountFiles(tmp_path, 30, Share(run=8)).keep([counted(received=10, run=8)], [], NOW + 1000)
    both = added(lines(tmp_path))
    assert both[MINUTE].received == 14
    assert both[MINUTE].complete


def worker(number: int, run: int, workers: int = 2) -> Share:
    """One of some workers."""
    return Share(number, workers, run)


def test_workers_share_the_files_of_days(tmp_path: Path) -> None:
    """Each has its own open minutes; all are added up, whole."""
    both = [CountFiles(tmp_path, 30, worker(number, 7 + number)) for number in (0, 1)]
    for number, files in enumerate(both):
        files.keep([counted(received=3, run=7 + number)], [counted(MINUTE + 1, run=7 + number)], NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == [DAY, "open-0.json", "open-1.json"]
    for number, files in enumerate(both):
        files.end([counted(MINUTE + 1, run=7 + number)], NOW + 1)
    assert {minute: one.received for minute, one in added(lines(tmp_path)).items()} == {
        MINUTE: 6,
        MINUTE + 1: 2,
    }
    assert [path.name for path in tmp_path.iterdir()] == [DAY]


def test_lines_of_two_workers_at_one_moment_are_both_there(tmp_path: Path) -> None:
    """Also if one of them has to take its own back."""

    def write(run: int) -> None:
        for part in range(100):
            count_files.append(tmp_path / DAY, [counted(run=run, part=part)])

    threads = [threading.Thread(target=write, args=[run]) for run in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines(tmp_path)) == 400


@pytest.mark.parametrize(("before", "now"), [(1, 2), (2, 1), (3, 2), (2, 2), (2, 3)])
def test_open_minutes_of_workers_that_are_no_more_are_taken_over(
    tmp_path: Path, before: int, now: int
) -> None:
    """From any number to any other, incomplete, once."""
    for number in range(before):
        CountFiles(tmp_path, 30, worker(number, 7 + number, before)).keep([], [counted(run=7 + number)], NOW)
    for number in range(now):
        CountFiles(tmp_path, 30, worker(number, 17 + number, now)).keep([], [], NOW)
    whole = added(lines(tmp_path))[MINUTE]
    assert (whole.received, whole.complete, len(lines(tmp_path))) == (before, False, before)
    left = ["open.json"] if now == 1 else [f"open-{number}.json" for number in range(now)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [DAY, *left]


def test_open_minutes_are_written_when_something_changed(tmp_path: Path) -> None:
    """And every ten seconds, so that one knows until when all was counted."""
    files = CountFiles(tmp_path, 30, Share(run=7))
    written = []
    for second, received in enumerate([1, 1, 2, *[2] * 12]):
        files.keep([], [counted(received=received)], NOW + second * 1000)
        written.append(read_open((tmp_path / OPEN).read_text())[1] - NOW)
    assert sorted(set(written)) == [0, 2000, 12_000]


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    """A line without an end is told as one that can't be read; the next one begins on a line of its own."""
    (tmp_path / DAY).write_text(counted().line() + counted(received=9).line()[:20])
    CountFiles(tmp_path, 30, Share(run=7)).keep([counted(MINUTE + 1)], [], NOW)
    found, torn = read_lines((tmp_path / DAY).read_text())
    assert ([line.minute for line in found], torn) == ([MINUTE, MINUTE + 1], [2])


@pytest.mark.parametrize(
    "line",
    ["[]", "7", '{"minute": "yesterday"}', '{"minute": "2025-02-20T05:20Z", "received": "1"}', "{",
     '{"minute": "2025-02-20T05:20Z", "dropped": [1]}', '{"minute": "2025-02-20T05:20Z", "records": {"a": null}}',
     '{"minute": "2025-02-20T05:20Z", "received": -1}', '{"minute": "2025-02-20T05:20Z", "records": {"a": -5}}',
     '{"minute": "2025-02-20T05:20Z", "received": 1000000001}', '{"minute": "2025-02-20T05:20Z", "run": 1%s}' % ("0" * 20),
     "[" * 100_000],
)  # fmt: skip
def test_damaged_lines_are_left_out(line: str) -> None:
    """What is no line of ours counts for nothing, nor what no minute can hold; its place in the file is told."""
    assert read_lines("\n" + line + "\n\n") == ([], [2])


def test_a_full_disk_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once; half a line is taken back; what could not be written is written when there is room again."""
    real, room = os.write, [10, 0, 0]

    def write(descriptor: int, data: bytes) -> int:
        if room and not room[0]:
            room.pop(0)
            raise OSError(28, "No space left on device")
        return real(descriptor, data[: room.pop(0)] if room else data)

    monkeypatch.setattr(os, "write", write)
    files = CountFiles(tmp_path, 30, Share(run=7))
    with caplog.at_level("INFO"):
        for number in range(3):
            files.keep([counted(MINUTE + number)], [], NOW)
            if number < 2:
                assert (tmp_path / DAY).read_text() == ""
    assert [line.minute for line in lines(tmp_path)] == [MINUTE, MINUTE + 1, MINUTE + 2]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "No space left" in caplog.text


def test_a_folder_that_cannot_be_made_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its place may be a file; at the end there is nothing to tidy up."""
    (tmp_path / "file").touch()
    files = CountFiles(tmp_path / "file" / "counts", 30, Share(run=7))
    files.keep([counted()], [], NOW)
    files.end([counted()], NOW)
    assert len(caplog.records) == 1


def test_a_worker_without_a_parent_leaves_the_next_one_its_file(tmp_path: Path) -> None:
    """What it still counts goes to the day's file; the open minutes there are those of the one that has its number now."""
    orphan, after = (CountFiles(tmp_path, 30, worker(0, run)) for run in (7, 9))
    orphan.keep([], [counted()], NOW)
    after.keep([], [counted(run=9)], NOW + 1000)
    orphan.keep([], [counted(received=2)], NOW + 2000)
    orphan.end([counted(received=2)], NOW + 3000)
    assert read_open((tmp_path / "open-0.json").read_text()) == (9, NOW + 1000, [counted(run=9)])
    assert lines(tmp_path)[-1] == counted(received=2)
    after.end([counted(run=9)], NOW + 4000)
    assert [path.name for path in tmp_path.iterdir()] == [DAY]


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe",
        b'{"run": 1, "minutes"',
        b"[" * 100_000,
        b'{"run": 1, "written": 1%s, "minutes": []}' % (b"0" * 20),
    ],
)
def test_an_open_file_that_cannot_be_read_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: bytes
) -> None:
    """Its counts are lost; the new ones are written."""
    (tmp_path / OPEN).write_bytes(text)
    CountFiles(tmp_path, 30, Share(run=7)).keep([counted()], [], NOW)
    assert "its counts are lost" in caplog.text
    assert len(lines(tmp_path)) == 1


def test_old_days_are_removed(tmp_path: Path) -> None:
    """Those of more days ago than are to be kept; other files stay."""
    for name in ("2025-02-18.jsonl", "2025-02-17.jsonl", "notes.jsonl"):
        (tmp_path / name).touch()
    CountFiles(tmp_path, 2, Share(run=7)).keep([], [], NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2025-02-18.jsonl", "notes.jsonl", OPEN]
