"""An invented event, to see what a mapping makes of it. The names of its fields are those of Divolte's test server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyglue.collector.events import identifiers
from pyglue.collector.events.event import Event
from pyglue.errors import InputError, Problem

EXAMPLE: dict[str, Any] = {
    "party_id": "0:lq1a7c3k:party",
    "session_id": "0:lq1a9zzz:session",
    "page_view_id": "0:view",
    "event_id": "0:view0",
    "event_type": "click",
    "location": "https://shop.example/basket?item=42",
    "referer": "https://search.example/",
    "viewport_pixel_width": 1280,
    "viewport_pixel_height": 720,
    "screen_pixel_width": 1920,
    "screen_pixel_height": 1080,
    "device_pixel_ratio": 1,
    "first_in_session": False,
    "corrupt": False,
    "duplicate": False,
    "remote_host": "192.0.2.1",
    "parameters": {"technology": "Kafka"},
}
HEADERS = (  # of its request, as a browser sends them
    (
        b"user-agent",
        b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    ),
    (b"accept-language", b"en"),
)
_IDS = {"party_id": "party", "session_id": "session"}
_TEXTS = {
    "event_id": "event_id",
    "page_view_id": "page_view",
    "event_type": "event_type",
    "location": "location",
    "referer": "referer",
    "remote_host": "remote_host",
}
_SIZES = {
    "viewport_pixel_width": "viewport_width",
    "viewport_pixel_height": "viewport_height",
    "screen_pixel_width": "screen_width",
    "screen_pixel_height": "screen_height",
    "device_pixel_ratio": "device_pixel_ratio",
}
_FLAGS = {"first_in_session": "first_in_session", "corrupt": "corrupt", "duplicate": "duplicate"}
_IGNORED = ("new_party_id",)  # no mapping can ask for it
_ALWAYS = ("party_id", "session_id", "event_id", "remote_host", *_FLAGS)
FIELDS = (*_IDS, *_TEXTS, *_SIZES, *_FLAGS, *_IGNORED, "parameters")


def read(text: str, file: str) -> dict[str, Any]:
    """The fields of an event from JSON; raises InputError with all that is wrong with them."""
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError([Problem(file, error.lineno, error.colno, f"no JSON: {error.msg}")]) from error
    except RecursionError as error:
        raise InputError([Problem(file, None, None, "nested too deeply")]) from error
    if not isinstance(fields, dict):
        raise InputError([Problem(file, None, None, "expected an object in braces")])
    problems = [
        f"unknown field {name!r}; known: {', '.join(FIELDS)}" for name in fields if name not in FIELDS
    ]
    problems += _wrong(fields, _IDS, "an identifier such as 0:lq1a7c3k:abc", _is_identifier)
    problems += _wrong(fields, _TEXTS, "a text", lambda value: isinstance(value, str))
    problems += _wrong(
        fields, _SIZES, "a whole number", lambda value: type(value) is int and abs(value) < 2**31
    )
    problems += _wrong(fields, _FLAGS, "true or false", lambda value: isinstance(value, bool))
    if problems:
        raise InputError([Problem(file, None, None, problem) for problem in problems])
    return fields


def event(fields: Mapping[str, Any], headers: Sequence[tuple[bytes, bytes]]) -> Event:
    """The event with these fields, as `read` gives them; what an event always has comes from EXAMPLE if need be.

    `headers` are those of its request, names in lower case.
    """
    whole = {**{name: EXAMPLE[name] for name in _ALWAYS}, **fields}
    now = time.time_ns() // 1_000_000
    made = Event(b"", b"", b"", now, first_in_session=False)
    made.received = now
    made.headers = headers
    for names in (_IDS, _TEXTS):
        for name, attribute in names.items():
            value = whole.get(name)
            text = identifiers.normalise(value) if name in _IDS and value is not None else value
            setattr(made, attribute, None if text is None else text.encode("utf-8", "replace"))
    for names in (_SIZES, _FLAGS):
        for name, attribute in names.items():
            setattr(made, attribute, whole.get(name))
    if "parameters" in whole:
        made.set_parameters(whole["parameters"])
    return made


def _is_identifier(value: object) -> bool:
    return isinstance(value, str) and identifiers.normalise(value) is not None


def _wrong(
    fields: Mapping[str, Any], names: Mapping[str, str], expected: str, fits: Callable[[Any], bool]
) -> list[str]:
    return [
        f"{name}: expected {expected}, found {fields[name]!r:.60}"
        for name in names
        if name in fields and not fits(fields[name]) and (fields[name] is not None or name in _ALWAYS)
    ]
