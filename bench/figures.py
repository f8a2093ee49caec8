"""Medians, spreads and percentiles."""

from __future__ import annotations

from collections.abc import Sequence

from pyglue.errors import PyglueError
from pyglue.pipeline.trace import percentile as percentile


def rate(readings: Sequence[tuple[float, int]], total: int) -> float:
    """Events per second out of (seconds, events so far): from the first that had begun to the first that has all.

    So the time that a task takes to start does not count. Raises PyglueError if no two readings tell it.
    """
    begun = [(at, count) for at, count in readings if count > 0]
    done = next(((at, count) for at, count in begun if count >= total), None)
    if done is None or done[0] == begun[0][0]:
        raise PyglueError(f"{len(begun)} readings do not show the way to {total} events")
    return (done[1] - begun[0][1]) / (done[0] - begun[0][0])
