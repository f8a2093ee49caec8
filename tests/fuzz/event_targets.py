"""Targets of what an event is made of: queries, mincode, JSON bodies."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from pyglue.collector.events import event, json_body, json_text, mincode
from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.events.event import Event
from pyglue.collector.http import query
from tests.collector import recorded
from tests.collector.http_fakes import PARTY
from tests.collector.support import encoder
from tests.fuzz import seeds
from tests.fuzz.targets import KIB, Target, outline, shape, words

_QUERY_WORDS = words(
    "p= s= v= e= c= n= f= t= l= r= i= j= k= w= h= u= x= & &p=0%3A1%3Aa &n=t &f=f &x=-1 %3A 0%3A zzzzzzzzzzzzz %C3%A9"
    " %F0%9F%98%80 %ED%A0%80 %80 %00 %2F %25 %3D + = ; ~ ! (sa!b!) u=(da!1!) k=1.5 c=1y2p0ij32e8e7 &a=b %E2%82%AC"
)
_MINCODE_WORDS = words(
    "( ) a . s t f n d j ! ~ ~! ~~ sa!b! ja!1.5e9! da!zz! ta! na! aa (a! o j1e999999999! jx!-0.0! ja!1e-2147483648!"
)
_JSON_WORDS = words(
    '{ } [ ] : , " "a" {"a":1} [1] 1 -0 1e5 1E400 -1.5 0.1 true false null NaN "\\u0000" "\\ud800" "\\ud83d\\ude00" {"a":'
    ' "session_id" "event_id" "is_new_party" "is_new_session" "client_timestamp_iso" "event_type" "parameters"'
    ' "2024-02-29T12:34:56Z" "+999999999-12-31T23:59:59.999999999-18:00" "0:1:a" "v" {"v": [[ ]] \\"'
)
_FIELDS = (
    *(
        "party",
        "session",
        "page_view",
        "event_id",
        "client_time",
        "first_in_session",
        "corrupt",
        "event_type",
    ),
    *(
        "location",
        "referer",
        "screen_width",
        "screen_height",
        "viewport_width",
        "viewport_height",
        "device_pixel_ratio",
    ),
)


# queries


def _read_query(raw: bytes) -> Event | str:
    """The event of a query as the app finds it, or why there is none."""
    found = event.of_tag(raw)
    try:
        if found is None:
            query.check_target(b"/?" + raw)
            found = event.of_parameters(query.parameters(raw))
    except (DroppedEvent, query.MalformedTarget) as reason:
        return str(reason)
    found.parameters()
    return found


def _check_query(raw: bytes, result: Event | str) -> str:
    """Both ways to read a query give the same; its texts are what the standard library makes of them."""
    try:
        query.check_target(b"/?" + raw)
    except query.MalformedTarget:
        assert isinstance(result, str), "an event of a target that is malformed"
        return result
    for name, values in query.parameters(raw).items():
        assert b"".join((name, *values)).decode() is not None
    for part in raw.split(b"&")[:50]:
        assert query.unescape(part) == query.valid(unquote_to_bytes(part))
    by_expression = event.of_tag(raw)
    if by_expression is None:
        return result if isinstance(result, str) else f"general {result.corrupt} {shape(result.parameters())}"
    in_general = event.of_parameters(query.parameters(raw))
    for field in _FIELDS:
        one, other = getattr(by_expression, field), getattr(in_general, field)
        assert one == other, f"{field} is {one!r} for the expression, {other!r} in general"
    assert repr(by_expression.parameters()) == repr(in_general.parameters())
    return f"tag {by_expression.corrupt} {shape(by_expression.parameters())}"


# mincode


def _read_mincode(data: bytes) -> object:
    try:
        return mincode.parse(data.decode("utf-8", "replace"))
    except mincode.MincodeError as error:
        return error


def _check_mincode(data: bytes, result: object) -> str:
    text = data.decode("utf-8", "replace")
    try:
        general: object = mincode._any(text)
    except mincode.MincodeError as error:
        assert isinstance(result, mincode.MincodeError)
        return outline(str(error))
    if len(data) < KIB:  # deeper ones can't be compared
        assert repr(result) == repr(general)
        assert json_text.text(result) is not None
    return shape(result)


# JSON


class _Bodies:
    """Events of JSON bodies, on their way into records of all types that JSON goes onto."""

    def __init__(self) -> None:
        names = ("json-scalars-api", "json-source-http")
        self._encoders = [encoder(seeds.suite_mapping(name), seeds.suite_schema(name)) for name in names]

    def read(self, body: bytes) -> tuple[object, list[object]]:
        """What is read, and what becomes of it; all texts are why there is nothing."""
        try:
            found = event.of_json(PARTY, body)
        except DroppedEvent as dropped:
            return dropped.reason, []
        records: list[object] = []
        for encode in self._encoders:
            try:
                records.append(encode(found))
            except DroppedEvent as dropped:
                records.append(dropped.reason)
            except RecursionError:  # as in the app
                records.append(json_text.TOO_DEEP)
        return found, records


def _check_body(body: bytes, result: tuple[Any, list[object]]) -> str:
    found, records = result
    if isinstance(found, str):
        return found
    for text in (found.session, found.event_id, found.event_type or b""):
        text.decode()
    read = json_body.read(body)
    assert isinstance(read.client_time, int)
    reasons = [record if isinstance(record, str) else "" for record in records]
    return f"{shape(read.parameters)} {read.first_in_session} {read.new_party} {reasons}"


def targets() -> list[Target]:
    """The targets of this module."""
    mincodes = [str(case["u"]).encode() for case in recorded.lines("mincode.jsonl")]
    return [
        Target("query", seeds.queries(), _QUERY_WORDS, _read_query, _check_query, most=KIB * KIB),
        Target("mincode", mincodes, _MINCODE_WORDS, _read_mincode, _check_mincode, most=KIB * KIB),
        Target("json", seeds.bodies(), _JSON_WORDS, _Bodies().read, _check_body),
    ]
