"""One line for a request, for those who look for faults (`debug_requests`); never who sent it.

Only what is known to be harmless is written out: of a query the values that tell nothing of a visitor, of the headers
those that steer the exchange. Of all others the name stays, so that the line tells what was there.
"""

from __future__ import annotations

import re

from pyglue.collector.http.headers import Headers, text

_HIDDEN = "..."
_HARMLESS_PARAMETERS = frozenset("cnfijkwhtx")
_HARMLESS_HEADERS = frozenset(
    {
        *("accept", "accept-encoding", "cache-control", "connection", "content-encoding", "content-length"),
        *(
            "content-type",
            "dnt",
            "expect",
            "host",
            "if-match",
            "if-modified-since",
            "if-none-match",
            "if-range",
        ),
        *("if-unmodified-since", "keep-alive", "pragma", "range", "sec-fetch-dest", "sec-fetch-mode"),
        *("sec-fetch-site", "te", "transfer-encoding", "upgrade", "user-agent", "x-forwarded-proto"),
    }
)
_UNPRINTABLE = re.compile(r"[^ -~]")


def line(method: str, target: bytes, headers: Headers) -> str:
    """`method`, target and headers in one line of ASCII."""
    path, question, query = target.decode("latin-1").partition("?")
    parts = [f"{method} {path}{question}" + "&".join(map(_parameter, query.split("&") if query else ()))]
    for raw_name, raw_value in headers:
        name = raw_name.decode("latin-1")
        value = text(raw_value) if name in _HARMLESS_HEADERS else _HIDDEN
        parts.append(f"{name}: {value}")
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], " | ".join(parts))


def _parameter(part: str) -> str:
    name, sign, value = part.partition("=")
    return name + sign + (value if name in _HARMLESS_PARAMETERS or not value else _HIDDEN)
