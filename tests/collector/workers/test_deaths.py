"""When a worker that died is replaced."""

from __future__ import annotations

from pyglue.collector.workers.deaths import Deaths


def test_pauses_grow_and_end() -> None:
    """The first is replaced at once; of five within ten seconds the last is not."""
    deaths = Deaths()
    assert [deaths.add(100 + number) for number in range(5)] == [0, 0.1, 0.2, 0.4, None]


def test_what_is_long_ago_does_not_count() -> None:
    """One in eleven seconds is a first one each time."""
    deaths = Deaths()
    assert [deaths.add(11.0 * number) for number in range(20)] == [0] * 20
