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
    """Batches are added up, by topic and minute; lines that can't be read are told, and cost no other."""
    file = tmp_path / ".pyglue" / "replays.jsonl"
    assert replays.read(file) == Replays()
    note(file, Replays({"a", "b"}, {"divolte": Counter({5: 2})}))
    with file.open("a") as notes:
        notes.write('{"ids": "x", "records": {}}\n[]\n{"ids": [], "records": {"t": {"x": 1}}}\n\n')
        notes.write('{"ids": ["y"], "parts": [["x"]], "records": {}}\n{"ids": ["old"], "records": {}}\n')
        notes.write('{"ids": ["z"], "records": {"t": {"1": "5"}}}\n{"dismissed": ["d"]}\n3\n')
    part = Part("d", "clickstream", "other")
    note(file, Replays({"c"}, {"divolte": Counter({5: 1}), "other": Counter({6: 1})}, {part}))
    found = replays.read(file)
    assert found.ids == {"a", "b", "c", "old"}
    assert found.records == {"divolte": Counter({5: 3}), "other": Counter({6: 1})}
    assert found.parts == {part}
    assert (found.damaged, found.torn) == ((2, 3, 4, 6, 8, 9, 10), False)
    assert found.place == ".pyglue/replays.jsonl, line 2, 3, 4, 6, 8, 9, 10"
    assert found.remedy == "sed -i.damaged '2d;3d;4d;6d;8d;9d;10d' .pyglue/replays.jsonl"


def test_what_was_dismissed_has_its_reason(tmp_path: Path) -> None:
    """It is settled as what was sent is, and can be told from that."""
    file = tmp_path / "replays.jsonl"
    note(file, Replays({"a"}))
    with closing(Notes(file)) as notes:
        notes.dismiss(["b", "c"], "a probe\nwithout \u20ac", 1.0)
    found = replays.read(file)
    assert (found.ids, found.dismissed) == ({"a"}, dict.fromkeys("bc", "a probe\nwithout \u20ac"))
    assert found.settled == {"a", "b", "c"}
    assert found.place == ""


@pytest.mark.parametrize("torn", [b'{"at": 1, "ids": ["b', b"\0\0\0", b"{"])
def test_a_torn_end_is_taken_away(tmp_path: Path, torn: bytes) -> None:
    """By who writes next: it is no damage, before and after; a whole line that lacks its end stays."""
    file = tmp_path / "replays.jsonl"
    note(file, Replays({"a"}))
    whole = file.read_bytes()
    file.write_bytes(whole + torn)
    found = replays.read(file)
    assert (found.ids, found.damaged, found.torn) == ({"a"}, (), True)
    note(file, Replays({"c"}))
    assert (replays.read(file).ids, replays.read(file).damaged) == ({"a", "c"}, ())
    file.write_bytes(whole.rstrip())
    assert replays.read(file) == Replays({"a"})
    note(file, Replays({"c"}))
    assert replays.read(file) == Replays({"a", "c"})


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
