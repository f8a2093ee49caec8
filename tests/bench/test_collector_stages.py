"""The steps of the collector's work, each alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.collector import stages, traffic


async def produced(*_: object) -> float:
    """In place of the producer, where there is no Kafka."""
    return 4.0


def test_every_step_has_its_time(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the collector's own code and the shipped files; what an event of the tag passes is among the steps."""
    monkeypatch.setattr(stages, "ROUNDS", 1)
    monkeypatch.setattr(stages, "_produced", produced)
    found = stages.measure(list(traffic.events(60)), checkout, tmp_path, "127.0.0.1:1", "topic")
    assert set(stages.OF_TAG) < set(found)
    assert found[stages.PRODUCER] == 4.0
    assert [name for name, microseconds in found.items() if name != stages.APP and microseconds <= 0] == []
