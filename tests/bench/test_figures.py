"""Percentiles and rates."""

from __future__ import annotations

import pytest

from bench.figures import percentile, rate
from pyglue.errors import PyglueError


def test_percentiles_are_values_that_were_measured() -> None:
    """The nearest rank: of a hundred values the 99th is p99, of one value every percentile is that one."""
    values = [float(value) for value in range(100, 0, -1)]
    assert (percentile(values, 50), percentile(values, 99), percentile(values, 100)) == (50.0, 99.0, 100.0)
    assert (percentile([7.0], 1), percentile([7.0], 99)) == (7.0, 7.0)
    assert percentile([1.0, 2.0, 3.0], 50) == 2.0


def test_a_rate_leaves_out_the_start_of_the_task() -> None:
    """Counting begins with the first reading that is not zero, and with what had been read by then."""
    readings = [(0.0, 0), (4.0, 0), (5.0, 100), (6.0, 700), (7.0, 1100), (8.0, 1100)]
    assert rate(readings, 1100) == 500.0


@pytest.mark.parametrize("readings", [[], [(0.0, 0)], [(1.0, 50)], [(1.0, 100)], [(1.0, 10), (2.0, 50)]])
def test_a_rate_is_not_made_up(readings: list[tuple[float, int]]) -> None:
    """Readings that show no way from the beginning to the end give an error, not a number."""
    with pytest.raises(PyglueError, match="do not show the way to 100 events"):
        rate(readings, 100)
