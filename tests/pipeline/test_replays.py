"""What was sent again, in a file: read as it was noted, whatever happens to the file."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from pyglue.errors import PyglueError
from pyglue.pipeline import replays
from pyglue.pipeline.replays import Notes, Part, Replays


def note(file: Path, sent: Replays) -> None:
    """As a replay does."""
    with closing(Notes(file)) as notes:
        notes.add(sent, 1.0)


def test_what_was_noted_is_read(tmp_path: Path) -> None:
    """Batches are added up, by topic and minute; a line that can't be read is none, and costs no other."""
    file = tmp_path / ".pyglue" / "replays.jsonl"
    assert replays.read(file) == Replays()
    note(file, Replays({"a", "b"}, {"divolte": Counter({5: 2})}))
    with file.open("a") as notes:
        notes.write('{"ids": "x"}\n[]\n{"ids": [], "records": {"t": {"x": 1}}}\n')
        notes.write('{"ids": [], "parts": [["x"]], "records": {}}\n{"ids": ["old"], "records": {}}\n{"torn')
    part = Part("d", "clickstream", "other")
    note(file, Replays({"c"}, {"divolte": Counter({5: 1}), "other": Counter({6: 1})}, {part}))
    found = replays.read(file)
    assert found.ids == {"a", "b", "c", "old"}
    assert found.records == {"divolte": Counter({5: 3}), "other": Counter({6: 1})}
    assert found.parts == {part}


def test_notes_that_can_not_be_read_are_not_none(tmp_path: Path) -> None:
    """For all that they tell would be sent twice."""
    (tmp_path / "file").touch()
    for file in (tmp_path, tmp_path / "file" / "replays.jsonl"):
        with pytest.raises(PyglueError) as caught:
            replays.read(file)
        assert caught.value.code == "replays-unreadable"


def test_notes_that_can_not_be_written_are_told() -> None:
    """By an OSError: when they are opened, and when the disk is full by then."""
    with pytest.raises(OSError, match="Is a directory"):
        Notes(Path("/"))
    with closing(Notes(Path("/dev/full"))) as notes, pytest.raises(OSError, match="No space"):
        notes.add(Replays({"a"}), 1.0)
