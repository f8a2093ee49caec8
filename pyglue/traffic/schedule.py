"""When visits begin: as many as were asked for on the average, more of them in the evening than at night."""

from __future__ import annotations

import random
from collections.abc import Iterator

# How busy each hour of a day (UTC) is against the average of a day, and each day from Monday on against that of a week.
HOURS = (
    0.35, 0.25, 0.20, 0.20, 0.25, 0.40, 0.65, 0.90, 1.15, 1.30, 1.35, 1.35,
    1.30, 1.30, 1.35, 1.35, 1.35, 1.40, 1.45, 1.60, 1.70, 1.50, 1.00, 0.65,
)  # fmt: skip
DAYS = (1.08, 1.10, 1.08, 1.05, 0.98, 0.85, 0.86)
MOST = max(HOURS) * max(DAYS)
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_EPOCH_DAY = 3  # 1 January 1970 was a Thursday


def busyness(at_ms: int) -> float:
    """How busy a moment (since 1970) is; 1 on the average of a week. Between two hours it changes evenly."""
    day, within = divmod(at_ms, _DAY_MS)
    hour, part = divmod(within, _HOUR_MS)
    low, high = HOURS[hour], HOURS[(hour + 1) % 24]
    return (low + (high - low) * part / _HOUR_MS) * DAYS[(day + _EPOCH_DAY) % 7]


def beginnings(
    from_ms: int, to_ms: int, per_second: float, chance: random.Random, *, curved: bool = True
) -> Iterator[int]:
    """When visits begin between two moments: a Poisson process of `per_second` on the average, by the day's curve."""
    most = MOST if curved else 1.0
    at = float(from_ms)
    while True:
        at += chance.expovariate(per_second * most) * 1000
        if at >= to_ms:
            return
        if not curved or chance.random() * most < busyness(int(at)):
            yield int(at)
