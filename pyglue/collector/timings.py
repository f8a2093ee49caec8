"""How long answers and acknowledgements took, as histograms.

Values are added where they arise, in `connection` and `delivery`, in three lines without a call: each event has two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

# Seconds. An event that is not recorded is answered within the first, one that is after `linger` and a round trip to Kafka
# (6 ms in docs/numbers.md), and after `acknowledge_timeout` (2 s) there is an answer in any case, but for a response delay.
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Histogram:
    """How many values there were up to each of BOUNDS, and their sum.

    `counts` holds those of each step by itself, a value on a bound in the step below it: `bisect_left(BOUNDS, value)`.
    """

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def steps(self) -> Iterator[tuple[float, int]]:
        """Each bound, the last one being infinite, with the number of values up to it."""
        so_far = 0
        for bound, count in zip((*BOUNDS, float("inf")), self.counts, strict=True):
            so_far += count
            yield bound, so_far


class Timings:
    """The times since the start.

    `answers` to requests on the paths of sources, by status; `acknowledgements` of records that are safe, by place: see
    Outlet.
    """

    def __init__(self) -> None:
        self.answers: defaultdict[int, Histogram] = defaultdict(Histogram)
        self.acknowledgements: defaultdict[str, Histogram] = defaultdict(Histogram)
