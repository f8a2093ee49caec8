"""Party and session identifiers: `0:<time in base 36>:<text>`."""

from __future__ import annotations

from pyglue.collector.events.base36 import parse_long, render


def normalise(text: str) -> str | None:
    """The identifier as it is recorded, or None if `text` is none.

    It has three parts between colons: the version `0`, the milliseconds of its making in base 36 (64 bits, signed),
    and any text. It is written anew from its parts, so `0:00ABC:q` becomes `0:abc:q`.
    """
    parts = text.split(":")
    if len(parts) != 3 or parts[0] != "0":
        return None
    time = parse_long(parts[1])
    return None if time is None else f"0:{render(time)}:{parts[2]}"
