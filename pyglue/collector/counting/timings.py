"""How long answers and acknowledgements took, as histograms.

An event has two of these times, and sorting a time in costs it half a microsecond among everything else that it does. So
times are only noted, and sorted in many at a time, which takes a fifth of that: at a scrape, and once a second.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

# Seconds. An event that is not recorded is answered within the first, one that is after `linger` and a round trip to Kafka
# (6 ms in docs/numbers.md), and after `acknowledge_timeout` (2 s) there is an answer in any case, but for a response delay.
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

_step = partial(bisect_left, BOUNDS)  # a value on a bound is within it


class Times(NamedTuple):
    """How many values there were in each step between BOUNDS, and their sum."""

    counts: tuple[int, ...]
    total: float

    def steps(self) -> Iterator[tuple[float, int]]:
        """Each bound, the last one being infinite, with the number of values up to it."""
        so_far = 0
        for bound, count in zip((*BOUNDS, float("inf")), self.counts, strict=True):
            so_far += count
            yield bound, so_far

    def plus(self, other: Times) -> Times:
        """Both together."""
        counts = tuple(one + more for one, more in zip(self.counts, other.counts, strict=True))
        return Times(counts, self.total + other.total)


class Histogram:
    """Values by steps, and their sum, as of the last `sort`; `add` notes a value."""

    __slots__ = ("_counts", "_noted", "_total", "add")

    def __init__(self) -> None:
        self._total = 0.0
        self._counts = [0] * (len(BOUNDS) + 1)
        self._noted: list[float] = []
        self.add = self._noted.append

    def sort(self) -> None:
        """Sort in what was noted."""
        self._total += sum(self._noted)
        for step, count in Counter(map(_step, self._noted)).items():
            self._counts[step] += count
        self._noted.clear()

    def times(self) -> Times:
        """As they are now."""
        return Times(tuple(self._counts), self._total)


class Timings:
    """The times since the start.

    `answers` to requests on the paths of sources, by status; `acknowledgements` of records that are safe, by place: see
    Outlet.
    """

    def __init__(self) -> None:
        self.answers: defaultdict[int, Histogram] = defaultdict(Histogram)
        self.acknowledgements: defaultdict[str, Histogram] = defaultdict(Histogram)

    def sort(self) -> None:
        """Sort in what was noted, before it is read, and now and then so that it does not pile up."""
        for found in (*self.answers.values(), *self.acknowledgements.values()):
            found.sort()
