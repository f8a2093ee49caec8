"""Times with a date and an offset, read as Java 17's ISO_OFFSET_DATE_TIME reads them.

Seconds and their fraction may be missing, `T` and `Z` be small; years beyond 9999 have a sign. Offsets have hours, and
minutes and seconds as one likes. There are no leap seconds and no 24 o'clock.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

_TIME = re.compile(
    r"(\+[0-9]{5,10}|-?[0-9]{4}|-[0-9]{5,10})-([0-9]{2}-[0-9]{2})"
    r"[Tt]([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{0,9}))?)?"
    r"([Zz]|[+-](?:(?:0[0-9]|1[0-7])(?::[0-5][0-9]){0,2}|18(?::00){0,2}))"
)
_EPOCH = date(1970, 1, 1).toordinal()
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146097  # the calendar repeats itself
_DAY, _HOUR, _MINUTE = 86400, 3600, 60


def milliseconds(text: str) -> int | None:
    """The time that `text` is in Java's ISO_OFFSET_DATE_TIME, as milliseconds since 1970 cut down; None if it is none.

    None, too, if that takes more than 64 bits.
    """
    found = _TIME.fullmatch(text)
    if not found:
        return None
    year, day, hour, minute, second, fraction, offset = found.groups()
    days = _days(year, day)
    if days is None:
        return None
    seconds = days * _DAY + int(hour) * _HOUR + int(minute) * _MINUTE + int(second or 0)
    if offset != "Z":
        seconds -= _offset(offset)
    time = seconds * 1000 + (int(fraction[:3].ljust(3, "0")) if fraction else 0)
    return time if -(1 << 63) <= time < 1 << 63 else None


@lru_cache(maxsize=64)
def _days(year: str, day: str) -> int | None:
    """Days since 1970, in the Gregorian calendar for all years; None for a day that the calendar lacks."""
    number = int(year)
    if number == 0 and year[0] == "-":
        return None
    cycles, rest = divmod(number, _CYCLE_YEARS)
    try:
        ordinal = date(rest + _CYCLE_YEARS, int(day[:2]), int(day[3:])).toordinal()
    except ValueError:
        return None
    return ordinal - _EPOCH + (cycles - 1) * _CYCLE_DAYS


@lru_cache(maxsize=64)
def _offset(text: str) -> int:
    """Seconds east of Greenwich."""
    if text in "Zz":
        return 0
    hours, minutes, seconds = (*text[1:].split(":"), "0", "0")[:3]
    size = int(hours) * _HOUR + int(minutes) * _MINUTE + int(seconds)
    return -size if text[0] == "-" else size
