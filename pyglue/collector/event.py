"""One browser event: from decoded parameters to what a mapping may ask.

A parameter that is missing or malformed either ends the event (party, session, page view, event id, client time and
the two flags: Divolte drops such events in silence, pyglue counts them by reason) or leaves its value empty (None).
Of a repeated parameter the first value counts. Only `parameters` is parsed late, because many mappings never ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyglue.collector import base36, checksum, identifiers, mincode

ABSENT = object()  # custom parameters that are missing or malformed; None would be JSON's null
_UNPARSED = object()


class DroppedEvent(Exception):
    """The event is not recorded; `reason` is a short stable text to count by."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Event:
    """What a mapping's producers read. Times are milliseconds since 1970, sizes pixels; None is empty."""

    __slots__ = (
        "_custom",
        "_custom_text",
        "client_time",
        "corrupt",
        "device_pixel_ratio",
        "duplicate",
        "event_id",
        "event_type",
        "first_in_session",
        "location",
        "page_view",
        "party",
        "received",
        "referer",
        "remote_host",
        "screen_height",
        "screen_width",
        "session",
        "user_agent",
        "viewport_height",
        "viewport_width",
    )

    def __init__(
        self,
        parameters: Mapping[str, Sequence[str]],
        *,
        received: int,
        remote_host: str,
        user_agent: str | None,
    ) -> None:
        """Read `parameters`; raises DroppedEvent. `user_agent` is the header, None if the request had none."""
        self.party = _identifier(parameters, "p")
        self.session = _identifier(parameters, "s")
        self.page_view = _required(parameters, "v")
        self.event_id = _required(parameters, "e")
        client_time = base36.parse_long(_required(parameters, "c"))
        if client_time is None:
            raise DroppedEvent("bad c")
        self.client_time = client_time
        _required(parameters, "n")
        self.first_in_session = _required(parameters, "f") == "t"
        self.corrupt = not checksum.matches(parameters)
        self.duplicate = False
        self.event_type = _optional(parameters, "t")
        self.location = _optional(parameters, "l")
        self.referer = _optional(parameters, "r")
        self.screen_width = _pixels(parameters, "i")
        self.screen_height = _pixels(parameters, "j")
        self.viewport_width = _pixels(parameters, "w")
        self.viewport_height = _pixels(parameters, "h")
        self.device_pixel_ratio = _pixels(parameters, "k")
        self.received = received
        self.remote_host = remote_host
        self.user_agent = user_agent
        self._custom_text = _optional(parameters, "u")
        self._custom: mincode.Json | object = _UNPARSED

    def custom(self) -> mincode.Json | object:
        """The custom parameters, or ABSENT."""
        if self._custom is _UNPARSED:
            self._custom = _custom(self._custom_text)
        return self._custom

    def custom_text(self, name: str) -> str | None:
        """Custom parameter `name` as text.

        None only if the event has no custom parameters at all. A name that is not among them, an object and an array
        give the empty text; JSON's null gives `null`. That is Divolte's rule, odd as it is.
        """
        custom = self.custom()
        if custom is ABSENT:
            return None
        return text(custom.get(name, "")) if isinstance(custom, dict) else ""


def text(value: mincode.Json) -> str:
    """A JSON value as text, as `eventParameters().value(...)` gives it."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if isinstance(value, dict | list) else str(value)


def _custom(encoded: str | None) -> mincode.Json | object:
    if encoded is None:
        return ABSENT
    try:
        return mincode.parse(encoded)
    except mincode.MincodeError:
        return ABSENT


def _required(parameters: Mapping[str, Sequence[str]], name: str) -> str:
    try:
        return parameters[name][0]
    except KeyError:
        raise DroppedEvent(f"missing {name}") from None


def _identifier(parameters: Mapping[str, Sequence[str]], name: str) -> str:
    identifier = identifiers.normalise(_required(parameters, name))
    if identifier is None:
        raise DroppedEvent(f"bad {name}")
    return identifier


def _optional(parameters: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = parameters.get(name)
    return values[0] if values else None


def _pixels(parameters: Mapping[str, Sequence[str]], name: str) -> int | None:
    value = _optional(parameters, name)
    return None if value is None else base36.parse_int(value)
