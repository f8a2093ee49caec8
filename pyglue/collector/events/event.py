"""One event: from a browser's query or a JSON body to what a mapping may ask.

A parameter that is missing or malformed either ends the event (party, session, page view, event id, client time and
the two flags: Divolte drops such events in silence, here they are counted by reason) or leaves its value empty (None).
Of a repeated parameter the first value counts. Texts of a query are kept as UTF-8, for that is what Avro and the
checksum need. Custom parameters are parsed late, because many mappings never ask.

The tag writes its parameters in one order and with one set of escapes. Such a query is taken apart by one regular
expression; any other by the general parser. Both give the same event (a property test says so).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import mmh3

from pyglue.collector.events import base36, checksum, identifiers, json_body, mincode
from pyglue.collector.events.dropped import ABSENT, DroppedEvent
from pyglue.collector.http import headers, query
from pyglue.collector.http.headers import Headers

_UNPARSED = object()

_TEXT = rb"[A-Za-z0-9_.!~*'()%-]*"  # what encodeURIComponent leaves, and its escapes
_ID = rb"0%3A[1-9a-z][0-9a-z]{0,11}%3A[A-Za-z0-9_.!~*'()-]*"
_SIZE = rb"[0-9a-z]{1,5}"
# The tag's order. Time stamps of up to twelve digits fit into 64 bits, sizes of five into 32.
_CANONICAL = re.compile(
    rb"p=(%b)&s=(%b)&v=(%b)&e=(%b)&c=([0-9a-z]{1,12})&n=([tf])&f=([tf])&l=(%b)(?:&r=(%b))?"
    rb"&i=(%b)&j=(%b)&k=([0-9a-z]{1,5}(?:\.[0-9a-z]{1,60})?)&w=(%b)&h=(%b)&t=(%b)(?:&u=(%b))?&x=(-?[0-9a-z]{1,7})"
    % (_ID, _ID, _TEXT, _TEXT, _TEXT, _TEXT, _SIZE, _SIZE, _SIZE, _SIZE, _TEXT, _TEXT)
)
# The checksum's text, in the names' order; one byte more for each parameter than in a query.
_CHECKED = b"c=%b,;e=%b,;f=%b,;h=%b,;i=%b,;j=%b,;k=%b,;l=%b,;n=%b,;p=%b,;%bs=%b,;t=%b,;%bv=%b,;w=%b,;"


class Event:
    """What a mapping's values read. Times are milliseconds since 1970, sizes pixels; None is empty."""

    page_view: bytes | None = None
    event_type: bytes | None = None
    location: bytes | None = None
    referer: bytes | None = None
    screen_width: int | None = None
    screen_height: int | None = None
    viewport_width: int | None = None
    viewport_height: int | None = None
    device_pixel_ratio: int | None = None
    corrupt = False
    duplicate = False
    received = 0
    remote_host = b""
    headers: Headers = ()
    _custom: object = _UNPARSED
    _custom_text: bytes | None = None

    def __init__(
        self,
        party: bytes,
        session: bytes,
        event_id: bytes,
        client_time: int,
        *,
        first_in_session: bool,
    ) -> None:
        self.party = party
        self.session = session
        self.event_id = event_id
        self.client_time = client_time
        self.first_in_session = first_in_session

    def arrived(self, headers: Headers, received: int, remote_host: bytes) -> None:
        """Tell how it came: header names in lower case; by the server's clock; from an address as recorded."""
        self.headers = headers
        self.received = received
        self.remote_host = remote_host

    def parameters(self) -> object:
        """The custom parameters as JSON, or ABSENT."""
        if self._custom is _UNPARSED:
            self._custom = _parsed(self._custom_text)
        return self._custom

    def set_parameters(self, parameters: object) -> None:
        """Give the event custom parameters that are JSON already."""
        self._custom = parameters

    def user_agent(self) -> bytes | None:
        """The first line of header `User-Agent`, None if there is none."""
        return headers.first_utf8(self.headers, b"user-agent")

    def header_lines(self, name: bytes) -> list[str]:
        """All lines of header `name`."""
        return headers.lines(self.headers, name)


def of_tag(raw_query: bytes) -> Event | None:
    """The event of a query in the tag's own form, whether it was checked or not; None for any other query."""
    found = _CANONICAL.fullmatch(raw_query)
    if found is None:
        return None
    party, session, page_view, event_id, time, new, first, location, referer, *rest = found.groups()
    screen_width, screen_height, ratio, width, height, event_type, custom, given = rest
    party = party.replace(b"%3A", b":")
    session = session.replace(b"%3A", b":")
    page_view = query.unescape(page_view)
    event_id = query.unescape(event_id)
    location = query.unescape(location)
    event_type = query.unescape(event_type)
    referer_part = custom_part = b""
    if referer is not None:
        referer = query.unescape(referer)
        referer_part = b"r=%b,;" % referer
    if custom is not None:
        custom = query.unescape(custom)
        custom_part = b"u=%b,;" % custom
    checked = _CHECKED % (
        time, event_id, first, height, screen_width, screen_height, ratio, location, new, party, referer_part,
        session, event_type, custom_part, page_view, width,
    )  # fmt: skip
    # An escape is three bytes for one. What is none stays longer, and bytes that are no UTF-8 become others.
    unescaped = len(raw_query) - 2 * raw_query.count(b"%")
    if unescaped != len(checked) - raw_query.count(b"&") + len(b"x=") + len(given):
        return None
    corrupt = mmh3.hash(checked) != int(given, 36)
    if corrupt and not checked.isascii():
        return None  # Divolte's other checksum may be meant
    event = Event(party, session, event_id, int(time, 36), first_in_session=first == b"t")
    event.corrupt = corrupt
    event.page_view = page_view
    event.event_type = event_type
    event.location = location
    event.referer = referer
    event.screen_width = int(screen_width, 36)
    event.screen_height = int(screen_height, 36)
    event.device_pixel_ratio = None if b"." in ratio else int(ratio, 36)
    event.viewport_width = int(width, 36)
    event.viewport_height = int(height, 36)
    event._custom_text = custom
    return event


def of_json(party: bytes, body: bytes) -> Event:
    """The event of a JSON source's body for `party`, an identifier as recorded; raises DroppedEvent."""
    read = json_body.read(body)
    event = Event(
        party,
        read.session.encode("utf-8", "replace"),
        read.event_id.encode("utf-8", "replace"),
        read.client_time,
        first_in_session=read.first_in_session,
    )
    if read.event_type is not None:
        event.event_type = read.event_type.encode("utf-8", "replace")
    event.set_parameters(read.parameters)
    return event


def of_parameters(parameters: Mapping[bytes, Sequence[bytes]]) -> Event:
    """The event that decoded parameters describe; raises DroppedEvent."""
    party = _identifier(parameters, b"p")
    session = _identifier(parameters, b"s")
    page_view = _required(parameters, b"v")
    event_id = _required(parameters, b"e")
    client_time = base36.parse_long(_required(parameters, b"c").decode())
    if client_time is None:
        raise DroppedEvent("bad c")
    _required(parameters, b"n")
    event = Event(party, session, event_id, client_time, first_in_session=_required(parameters, b"f") == b"t")
    event.page_view = page_view
    event.corrupt = not checksum.matches(parameters)
    event.event_type = _optional(parameters, b"t")
    event.location = _optional(parameters, b"l")
    event.referer = _optional(parameters, b"r")
    event.screen_width = _pixels(parameters, b"i")
    event.screen_height = _pixels(parameters, b"j")
    event.viewport_width = _pixels(parameters, b"w")
    event.viewport_height = _pixels(parameters, b"h")
    event.device_pixel_ratio = _pixels(parameters, b"k")
    event._custom_text = _optional(parameters, b"u")
    return event


def _parsed(encoded: bytes | None) -> object:
    if encoded is None:
        return ABSENT
    try:
        return mincode.parse(encoded.decode())
    except mincode.MincodeError:
        return ABSENT


def _required(parameters: Mapping[bytes, Sequence[bytes]], name: bytes) -> bytes:
    values = parameters.get(name)
    if values is None:
        raise DroppedEvent(f"missing {name.decode()}")
    return values[0]


def _identifier(parameters: Mapping[bytes, Sequence[bytes]], name: bytes) -> bytes:
    identifier = identifiers.normalise(_required(parameters, name).decode())
    if identifier is None:
        raise DroppedEvent(f"bad {name.decode()}")
    return identifier.encode()


def _optional(parameters: Mapping[bytes, Sequence[bytes]], name: bytes) -> bytes | None:
    values = parameters.get(name)
    return values[0] if values else None


def _pixels(parameters: Mapping[bytes, Sequence[bytes]], name: bytes) -> int | None:
    values = parameters.get(name)
    return base36.parse_int(values[0].decode()) if values else None
