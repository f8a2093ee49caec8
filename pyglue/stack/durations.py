"""Spans of time as Compose writes them (`10s`, `1m30s`, `500ms`), in seconds.

Source of the units (h, m, s, ms, us): the Compose specification, "Specifying durations".
"""

from __future__ import annotations

import re

UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}
SPAN = re.compile("".join(rf"(?:([0-9]+(?:\.[0-9]+)?){unit})?" for unit in UNITS))


def compose_seconds(text: str) -> float:
    """Seconds of a Compose duration; raises ValueError."""
    match = SPAN.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is no span of time such as 10s, 1m30s or 500ms")
    return sum(
        float(group) * unit for group, unit in zip(match.groups(), UNITS.values(), strict=True) if group
    )
