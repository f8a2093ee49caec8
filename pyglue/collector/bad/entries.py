"""A bad event as a line of JSON: the one description of the form, for who writes it and for who reads it.

A line has all that is needed to make the records that were not made: the request as far as a mapping may ask for it, and
when and from where it came, as it would have been recorded.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pyglue.collector.avro.json_avro import MISSING, NO_TEXT, NULL_INSIDE
from pyglue.collector.events.dropped import CORRUPT, TOO_LARGE
from pyglue.collector.events.json_text import BAD_JSON, TOO_DEEP

KINDS = ("identifier", "checksum", "parse", "mapping", "schema", "size")
MOST_TIME = 2**47  # in ms since 1970 the year 6429

_IDENTIFIERS = frozenset(("p", "s", "v", "e", "session_id", "event_id"))
_PARSE = frozenset((BAD_JSON, TOO_DEEP, "unknown json field", "json body is no object"))
_SCHEMA = frozenset((MISSING, NO_TEXT, NULL_INSIDE))
_EXACT = {CORRUPT: "checksum", TOO_LARGE: "size"}
T = TypeVar("T")


@dataclass(frozen=True)
class Lost:
    """Records that were not made, and why: of this mapping, into this place; None stands for all."""

    reason: str
    mapping: str | None = None
    place: str | None = None

    def covers(self, mapping: str, place: str) -> bool:
        """Whether a record of this mapping into this place is among them."""
        return self.mapping in (None, mapping) and self.place in (None, place)


@dataclass(frozen=True)
class Came:
    """A request for an event, received at `time_ms` (since 1970), from `address` as it is recorded.

    `headers` are those that are kept, their names in lower case. `duplicate`: whether it was one, None if that was not
    looked at.
    """

    time_ms: int
    method: str
    target: bytes
    body: bytes
    headers: tuple[tuple[str, str], ...]
    address: str
    duplicate: bool | None = None


@dataclass(frozen=True)
class BadEvent:
    """A request, the records that it lacks, and an `id` that no other one has."""

    id: str
    came: Came
    lost: tuple[Lost, ...]

    @property
    def reason(self) -> str:
        """Why the first of its records was not made."""
        return self.lost[0].reason

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return kind(self.reason)

    def line(self) -> str:
        """As a line of a file."""
        came = self.came
        fields: dict[str, Any] = {
            "id": self.id,
            "time": came.time_ms,
            "kind": self.kind,
            "reason": self.reason,
            "lost": [vars(one) for one in self.lost],
            "method": came.method,
            "target": came.target.decode("latin-1"),
        }
        if came.body:
            fields |= _body(came.body)
        return json.dumps(
            {
                **fields,
                "headers": [list(header) for header in came.headers],
                "address": came.address,
                "duplicate": came.duplicate,
            }
        )


def kind(reason: str) -> str:
    """Which of KINDS a reason belongs to."""
    word, _, name = reason.partition(" ")
    if reason in _EXACT:
        return _EXACT[reason]
    if reason in _PARSE:
        return "parse"
    if reason in _SCHEMA or reason.startswith("no value for field "):
        return "schema"
    if word in ("missing", "bad"):
        return "identifier" if name in _IDENTIFIERS else "parse"
    return "mapping"


def read_lines(content: bytes, first: int = 1) -> Iterator[BadEvent | int]:
    """The events of a file, and in place of a line that can't be read its number, counted from `first`.

    A line without an end is still being written: it is none.
    """
    for number, line in enumerate(io.BytesIO(content), first):
        if line.strip() and line.endswith(b"\n"):
            try:
                yield _of(json.loads(line))
            except (TypeError, ValueError, RecursionError):
                yield number


def _body(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode("ascii")}


def _of(content: Any) -> BadEvent:
    """From the JSON of a line; raises TypeError or ValueError if it is none."""
    if not isinstance(content, dict):
        raise TypeError("expected an object")
    encoded = content.get("body_base64")
    body = _text(content.get("body", "")).encode() if encoded is None else base64.b64decode(_text(encoded))
    time_ms, duplicate = content.get("time"), content.get("duplicate")
    if type(time_ms) is not int or not 0 <= time_ms <= MOST_TIME or duplicate not in (None, True, False):
        raise ValueError("expected a time, and whether it is a duplicate")
    came = Came(
        time_ms,
        _text(content.get("method")),
        _text(content.get("target")).encode("latin-1"),
        body,
        tuple(_list(content.get("headers"), _header)),
        _text(content.get("address")),
        duplicate,
    )
    lost = tuple(_list(content.get("lost"), _lost))
    if not lost:
        raise ValueError("expected what is lost")
    return BadEvent(_text(content.get("id")), came, lost)


def _list(value: Any, of: Callable[[Any], T]) -> list[T]:
    if not isinstance(value, list):
        raise TypeError("expected a list")
    return [of(one) for one in value]


def _header(value: Any) -> tuple[str, str]:
    name, text = _list(value, _text)
    name.encode("latin-1")
    text.encode("latin-1")
    return name, text


def _lost(value: Any) -> Lost:
    if not isinstance(value, dict):
        raise TypeError("expected an object")
    mapping, place = value.get("mapping"), value.get("place")
    return Lost(
        _text(value.get("reason")),
        None if mapping is None else _text(mapping),
        None if place is None else _text(place),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected a text")
    return value
