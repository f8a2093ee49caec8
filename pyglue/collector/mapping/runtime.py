"""What the generated function calls: small functions on values that are there."""

from __future__ import annotations

import base64
from typing import Any

from pyglue.collector.events.dropped import ABSENT, DroppedEvent
from pyglue.collector.events.json_text import text
from pyglue.collector.events.useragent import AgentCache
from pyglue.collector.values import cookies, headers, numbers, uris
from pyglue.collector.values.geo import Database


def functions(agents: AgentCache, geo: Database | None) -> dict[str, Any]:
    """The names that the generated text uses."""
    return {
        "ABSENT": ABSENT,
        "agents": agents,
        "base64": _base64,
        "boolean": numbers.boolean,
        "cookie": cookies.cookie,
        "empty": _empty,
        "failed": DroppedEvent,
        "fp32": numbers.fp32,
        "fp64": numbers.fp64,
        "geo_of_host": geo.lookup if geo else None,
        "geo_of_text": geo.lookup_ipv4 if geo else None,
        "header": headers.values,
        "int32": numbers.int32,
        "int64": numbers.int64,
        "item": headers.get,
        "parameter": parameter,
        "same": same,
        "piece": _piece,
        "unfilled": _unfilled,
        "uri": uris.parse,
    }


def parameter(parameters: Any, name: str) -> str | None:
    """Custom parameter `name` as text.

    None only if the event has no custom parameters at all. A name that is not among them, an object and an array give
    the empty text; JSON's null gives `null`. That is Divolte's rule, odd as it is.
    """
    if parameters is ABSENT:
        return None
    return text(parameters.get(name, "")) if isinstance(parameters, dict) else ""


def same(one: Any, other: Any) -> bool:
    """Whether two values of one type are equal as Java has it: types count, 0.0 is not -0.0, NaN is NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    return bool(one == other)


def _empty(value: Any) -> bool:
    return value is None or value is ABSENT


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _piece(value: Any) -> bytes | None:
    """A plain value or JSON as a digest's piece: its text in UTF-8. None for JSON that is absent or no scalar."""
    if value is ABSENT or isinstance(value, dict | list):
        return None
    return text(value).encode("utf-8", "replace")


def _unfilled(name: str) -> DroppedEvent:
    return DroppedEvent(f"no value for field {name}")
