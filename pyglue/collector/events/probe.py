"""An event as the tag sends it, for pyglue's own checks of the pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from pyglue.collector.events import base36, mincode
from pyglue.collector.events.checksum import checksum

# What JavaScript's encodeURIComponent leaves as it is, beside letters and digits.
_UNESCAPED = "-_.!~*'()"


def probe_query(
    *,
    party_id: str,
    session_id: str,
    page_view_id: str,
    event_id: str,
    event_type: str,
    client_time_ms: int,
    location: str | None = None,
    parameters: Mapping[str, str] | None = None,
) -> str:
    """The query string (without `?`) of an event with these values and the right checksum.

    `client_time_ms` counts milliseconds since 1970. Both identifiers have the form `0:<base 36>:<text>`.
    """
    values = {
        "p": party_id,
        "s": session_id,
        "v": page_view_id,
        "e": event_id,
        "c": base36.render(client_time_ms),
        "n": "f",
        "f": "f",
    }
    if location is not None:
        values["l"] = location
    values["t"] = event_type
    if parameters is not None:
        values["u"] = mincode.encode_texts(parameters)
    values["x"] = checksum({name.encode(): [value.encode()] for name, value in values.items()})
    return "&".join(f"{name}={quote(value, safe=_UNESCAPED)}" for name, value in values.items())
