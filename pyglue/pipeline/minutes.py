"""Minutes since 1970: spans of them, runs of them, and how they are written. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

MINUTE_MS = 60_000
SHOWN = 6  # ranges of minutes that are told in words


@dataclass(frozen=True)
class Span:
    """From the minute `first` to before the minute `end`, in minutes since 1970."""

    first: int
    end: int

    @property
    def minutes(self) -> int:
        """How many there are."""
        return self.end - self.first


def ranges_of(minutes: Iterable[int]) -> list[tuple[int, int]]:
    """First and last minute of each run of minutes without a hole."""
    found: list[tuple[int, int]] = []
    for minute in sorted(minutes):
        if found and minute == found[-1][1] + 1:
            found[-1] = (found[-1][0], minute)
        else:
            found.append((minute, minute))
    return found


def shown(minutes: Iterable[int]) -> str:
    """Minutes for people, such as `2026-11-26 05:41 to 05:43, 05:50 UTC`."""
    words, day = [], ""
    runs = ranges_of(minutes)
    for first, last in runs[:SHOWN]:
        at, to = _moment(first), _moment(last)
        begin = f"{at:%H:%M}" if f"{at:%F}" == day else f"{at:%F %H:%M}"
        end = f"{to:%H:%M}" if f"{to:%F}" == f"{at:%F}" else f"{to:%F %H:%M}"
        day = f"{to:%F}"
        words.append(begin if first == last else f"{begin} to {end}")
    more = f" and {len(runs) - SHOWN} more" if len(runs) > SHOWN else ""
    return ", ".join(words) + f"{more} UTC"


def text(minute: int) -> str:
    """A minute for programs, in ISO 8601."""
    return f"{_moment(minute):%Y-%m-%dT%H:%MZ}"


def _moment(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
