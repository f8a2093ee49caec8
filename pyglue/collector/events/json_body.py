"""The body of an event from a JSON source, read as Divolte's Jackson 2.9 reads it.

An object of seven fields; another name, or a value of the wrong type, and the event is dropped, even where the same
name follows once more with a good value (of good ones the last counts). What follows the object is ignored.

Python's scanner does the work. It differs from Jackson only in taking NaN and Infinity, and they are refused here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from pyglue.collector.events import identifiers
from pyglue.collector.events.dropped import ABSENT, DroppedEvent
from pyglue.collector.events.iso_time import milliseconds
from pyglue.collector.events.json_encoding import decoded
from pyglue.collector.events.json_text import BAD_JSON, JAVA_BLANKS, TOO_DEEP

_FIELDS = frozenset(
    (
        "session_id",
        "event_id",
        "is_new_party",
        "is_new_session",
        "client_timestamp_iso",
        "event_type",
        "parameters",
    )
)
_TEXTS = ("session_id", "event_id", "client_timestamp_iso")  # required, and not null

_SPACE = re.compile(r"[ \t\n\r]*")
_CANONICAL_ID = re.compile(r"0:[1-9a-z][0-9a-z]{0,11}:[^:]*")
_FLAGS = {"true": True, "True": True, "false": False, "False": False, "": False, "null": False}


class JsonEvent(NamedTuple):
    """What the body holds. `parameters` is JSON or ABSENT; `client_time` is milliseconds since 1970.

    `session` is in its canonical form. Texts may hold surrogates on their own.
    """

    session: str
    event_id: str
    event_type: str | None
    parameters: Any
    first_in_session: bool
    new_party: bool
    client_time: int


def read(body: bytes) -> JsonEvent:
    """The event in `body`; raises DroppedEvent if there is none."""
    source = decoded(body)
    try:
        found = _scan(_SCANNER, source)
    except _RepeatedName:
        found = _scan_repeated(source)
    if not _FIELDS.issuperset(found):
        raise DroppedEvent("unknown json field")
    session = _session(found.get("session_id"))
    event_id = found.get("event_id")
    if event_id.__class__ is not str:
        event_id = _required(_text("event_id", event_id, source), "event_id")
    event_type = found.get("event_type")
    if event_type.__class__ is not str and event_type is not None:
        event_type = _text("event_type", event_type, source)
    time = _required(found.get("client_timestamp_iso"), "client_timestamp_iso")
    client_time = milliseconds(time) if time.__class__ is str else None
    if client_time is None:
        raise DroppedEvent("bad client_timestamp_iso")
    first_in_session, new_party = found.get("is_new_session"), found.get("is_new_party")
    if first_in_session.__class__ is not bool:
        first_in_session = _flag(found, "is_new_session", source)
    if new_party.__class__ is not bool:
        new_party = _flag(found, "is_new_party", source)
    parameters = found.get("parameters", ABSENT)
    if parameters is None:
        parameters = ABSENT
    return JsonEvent(session, event_id, event_type, parameters, first_in_session, new_party, client_time)


class _RepeatedName(Exception):
    """A name stands in one object twice."""


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RepeatedName
    return found


def _scanner(
    hook: Callable[[list[tuple[str, Any]]], Any], number: Callable[[str], Any] | None = None
) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=hook, parse_int=number, parse_float=number, parse_constant=_refuse
    )


_SCANNER = _scanner(_object)
_RAW_SCANNER = _scanner(dict, str)  # numbers as they are written


def _scan(scanner: json.JSONDecoder, source: str) -> dict[str, Any]:
    """The object that `source` begins with."""
    space = None if source[:1] == "{" else _SPACE.match(source)
    try:
        found, _ = scanner.raw_decode(source, space.end() if space else 0)
    except ValueError:
        raise DroppedEvent(BAD_JSON) from None
    except RecursionError:
        raise DroppedEvent(TOO_DEEP) from None
    if not isinstance(found, dict):
        raise DroppedEvent("json body is no object")
    return found


def _scan_repeated(source: str) -> dict[str, Any]:
    """The same where a name is repeated: all values of a field have to be of its type, the last one counts.

    Jackson makes the event as soon as it has seen all seven names, so none that is required may be null by then.
    """
    last: list[tuple[str, Any]] = []

    def remember(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal last
        last = pairs
        return dict(pairs)

    found = _scan(_scanner(remember), source)
    if not _FIELDS.issuperset(found):
        return found
    seen: dict[str, Any] = {}
    for name, value in last:
        if len(seen) < len(_FIELDS):
            seen[name] = value
            if len(seen) == len(_FIELDS):
                for required in _TEXTS:
                    _required(seen.get(required), required)
        if name in ("is_new_session", "is_new_party"):
            _flag({name: value}, name, source)
        elif name != "parameters" and isinstance(value, dict | list):
            raise DroppedEvent(f"bad {name}")
    return found


def _session(value: Any) -> str:
    if value.__class__ is str and _CANONICAL_ID.fullmatch(value):
        return str(value)
    session = identifiers.normalise(_required(value, "session_id")) if isinstance(value, str | None) else None
    if session is None:
        raise DroppedEvent("bad session_id")
    return session


def _required(value: Any, name: str) -> Any:
    if value is None:
        raise DroppedEvent(f"missing {name}")
    return value


def _text(name: str, value: Any, source: str) -> str | None:
    """A scalar's text: of numbers what the body has, None for null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(_scan(_RAW_SCANNER, source)[name])
    if isinstance(value, dict | list):
        raise DroppedEvent(f"bad {name}")
    return None if value is None else str(value)


def _flag(found: dict[str, Any], name: str, source: str) -> bool:
    value = found.get(name, ABSENT)
    if value is ABSENT:
        raise DroppedEvent(f"missing {name}")
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, int):
        return value != 0 or ("-0" in source and _scan(_RAW_SCANNER, source)[name] == "-0")
    flag = _FLAGS.get(value.strip(JAVA_BLANKS)) if isinstance(value, str) else None
    if flag is None:
        raise DroppedEvent(f"bad {name}")
    return flag
