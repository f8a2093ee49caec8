"""What was removed on purpose is remembered, for its own topic and datasource."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue.pipeline import resets
from pyglue.pipeline.resets import Reset
from tests.diagnosis.faults import spec

AT = 1_800_000_030.0


def test_what_is_noted_can_be_read(tmp_path: Path) -> None:
    """With its minute; that of another topic is nobody's business."""
    file = tmp_path / "state" / "resets.jsonl"
    assert resets.read(file, spec()) == ()
    resets.note(file, "kafka", spec(), AT)
    resets.note(file, "druid", spec(), AT + 60)
    resets.note(file, "druid", spec(topic="other"), AT)
    assert resets.read(file, spec()) == (Reset("kafka", 30_000_000), Reset("druid", 30_000_001))


@pytest.mark.parametrize("line", ["half", "[]", "[" * 100_000, '{"of": ["divolte", "clicks"]}', "\xff"])
def test_a_damaged_note_is_none(tmp_path: Path, line: str) -> None:
    """It explains nothing, and spoils no other."""
    file = tmp_path / "resets.jsonl"
    file.write_text(line + "\n")
    resets.note(file, "kafka", spec(), AT)
    assert [found.hop for found in resets.read(file, spec())] == ["kafka"]
