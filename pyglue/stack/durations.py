"""Spans of time as Compose writes them (`10s`, `1m30s`, `500ms`), in seconds."""

from __future__ import annotations

import re

SPAN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$")
UNITS = (3600.0, 60.0, 1.0, 0.001)


def compose_seconds(text: str) -> float:
    """Seconds of a Compose duration; raises ValueError."""
    match = SPAN.match(text.strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"{text!r} is no span of time such as 10s, 1m30s or 500ms")
    return sum(float(group) * unit for group, unit in zip(match.groups(), UNITS, strict=True) if group)
