"""What was sent again, in a file: read as it was noted, whatever happens to the file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from pyglue.pipeline import replays
from pyglue.pipeline.replays import Replays


def test_what_was_noted_is_read(tmp_path: Path) -> None:
    """Batches are added up, by topic and minute; a line that can't be read is none, and costs no other."""
    file = tmp_path / ".pyglue" / "replays.jsonl"
    assert replays.read(file) == Replays()
    replays.note(file, ["a", "b"], {"divolte": Counter({5: 2})}, 1.0)
    with file.open("a") as notes:
        notes.write('{"ids": "x"}\n[]\n{"ids": [], "records": {"t": {"x": 1}}}\n{"torn')
    replays.note(file, ["c"], {"divolte": Counter({5: 1}), "other": Counter({6: 1})}, 2.0)
    found = replays.read(file)
    assert found.ids == {"a", "b", "c"}
    assert found.records == {"divolte": Counter({5: 3}), "other": Counter({6: 1})}
