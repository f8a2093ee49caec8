"""Targets of single texts that strangers send: headers, addresses, agents, pages' addresses, numbers, JSON for paths."""

from __future__ import annotations

import json
import math
from itertools import count
from typing import Any

from pyglue.collector.events import base36, identifiers, iso_time, useragent
from pyglue.collector.events.dropped import ABSENT, DroppedEvent
from pyglue.collector.http import addresses, answers, headers
from pyglue.collector.http.page import TestPage
from pyglue.collector.values import cookies, jsonpath, lenient_json, numbers, uris
from pyglue.collector.values import headers as lists
from tests.collector import recorded
from tests.fuzz import seeds
from tests.fuzz.targets import KIB, Target, outline, shape, words

SLOWER = 20.0  # for what its owner writes, and what is read at the start alone
_PEER = "192.0.2.1"
_CONDITIONS = (
    b"if-match",
    b"if-none-match",
    b"if-modified-since",
    b"if-unmodified-since",
    b"if-range",
    b"range",
)
_HEADER_WORDS = (
    *words(
        'a= a=b; a="b" ; , " W/ W/"x" "* * $a= =b a==b \\" bytes=0- bytes=-5 bytes=1-2 bytes=99999999- \\ a,b "a,b"'
    ),
    *(
        b"Mon, 01 Jan 2024 00:00:00 GMT",
        b"Fri, 31 Dec 9999 23:59:59 -2359",
        b"1 Jan 1 0:0:0 +9999",
        b" +99999999999999",
    ),
    *(b"  ", b"\t", b", ", b'", "', b"99999", b"2024", b":", b"+", b"00:00:60"),
)
_ADDRESS_WORDS = words(
    "127.0.0.1 ::1 :: : . 1 255 256 0x7f fe80::1%1 %4294967296"
    " [ ] ffff ::ffff:1.2.3.4 localhost , 2002: 00000001 \u0663"
)
_AGENT_WORDS = (
    *words(
        "Mozilla/5.0 AppleWebKit/537.36 Chrome/120.0.0.0 Mobile Safari/537.36"
        " Android Linux Windows NT 10.0; ( ) ; / . Version/"
    ),
    *words(
        "iPhone OS 17_0 like Mac X bot spider Googlebot/2.1 curl/8 Opera/9.80"
        " Presto/ Build/ Trident/7.0 rv: SM- compatible; MSIE"
    ),
    *(b" ", b"a;", b"1.1", b"_", b"-", b"Tablet", b"SMART-TV", b"http://"),
)
_URI_WORDS = words(
    "http:// https:// : / // ? # @ [::1] [ ] % %41 %C3%A9 %ED%A0%80 %zz"
    " a.b. -a. 0. 127.0.0.1 :80 :99999999999 user@ é \u2028 + & = ;"
    " a-b.c .. ./ mailto: ::ffff:1.2.3.4] %25eth0] \U0001f600 a.a."
)
_NUMBER_WORDS = words(
    "0 1 9 - + . e E e+ e-9 e999999999 0x 0x1p 0x.8p-1074 p p+ p-99999"
    " f d NaN Infinity -Infinity 00000 0:1:a 0: : zz T Z 2024-01-01T"
    " 00:00:00.999999999 +18:00 -17:59:59 +999999999- -0000- 179769313486231580e292"
    " 4.9e-324 \u0663 \uff21 0.000000000000000000001"
)
_DOCUMENT_WORDS = words('{ } [ ] : , "a" "b" "v" 1 1.5e9 null true "axb" {"a": {"b": [[ {"a":1}')
_FILTER_WORDS = words("{ } [ ] : , ' \" \\ a 'a' \"b\" 1 -1.5e9 null true NaN - \\u0041 \\x {a:1} [1]")
_PATH_WORDS = words(
    "$ @ . .. [ ] * ? ( ) && || == != =~ /a/ < > in nin [0] [-1] [1:2] ['a'] .a ..a [?(@.a)] .length() .min() , : ' !"
)
_ADDRESSES = (b"127.0.0.1", b"1.2.3.4, fe80::1%2", b"::ffff:1.2.3.4", b"[2002::1]", b"localhost")
_PATHS = (
    "$.a",
    "$.v",
    "$['a','b']",
    "$.a[0]",
    "$.a[-1:]",
    "$.a[*].b",
    "$.*",
    "$..a",
    "$.a[?(@.b)]",
    "$.a.length()",
    "$.a[?(@.b > 1)]",
    "$.a[?(@.b == 'x')]",
    "$[?(@ =~ /a[^b]*b/)]",
    "$.a.max()",
    "$..[0]",
    "$.a[?(@.b in [1, 'x'])]",
    "$.a[?(1 == @.b)]",
    "$.a[?(@.b == @.c)]",
)


# headers of lists, cookies, tags and dates


class _Headers:
    """All that looks into the text of a header."""

    def __init__(self) -> None:
        self._page = TestPage()

    def read(self, data: bytes) -> tuple[Any, ...]:
        """What the lines of `data` mean, as lines of each header."""
        lines = [headers.text(line) for line in data.split(b"\n")]
        first = lines[0]
        asked = dict(zip(_CONDITIONS, [*lines, *[first] * len(_CONDITIONS)], strict=False))
        return (
            lists.values(lines),
            cookies.cookie(lines, "a"),
            answers.holds_tag(first, answers.EVENT_TAG),
            self._page.answer(asked).status,
            self._page.answer({b"if-modified-since": first}).status,
            self._page.answer({b"range": first}).status,
            addresses.forwarded(lines, _PEER),
        )


def _check_headers(_data: bytes, result: tuple[Any, ...]) -> str:
    values, cookie, holds, *statuses, address = result
    assert values is not None
    assert all(values), "an empty value in a list"
    assert cookie is None or cookie.encode() is not None
    return f"{min(len(values), 3)} {cookie is None} {holds} {statuses} {address == _PEER}"


# addresses


def _read_address(data: bytes) -> tuple[str, str]:
    text = data.decode("latin-1") if b"\xd9" not in data else data.decode("utf-8", "replace")
    address = addresses.forwarded([text], _PEER)
    return address, addresses.shortened(address, ipv4_bits=24, ipv6_bits=48)


def _check_address(_data: bytes, result: tuple[str, str]) -> str:
    """What is recorded is an address in its one form, and what is kept of it, too."""
    for address in result:
        assert address.isascii()
        assert len(address) <= addresses.MAX_LENGTH
        assert addresses.forwarded([address], _PEER) == address
    return outline(result[0]) + str(result[0].count(":") + result[0].count("."))


# agents


class _Agents:
    """Agents, each as if it came the first time: ua-parser remembers them, too."""

    def __init__(self) -> None:
        self._numbers = count()

    def read(self, data: bytes) -> useragent.Agent[bytes]:
        """The parts of a header that nobody had before."""
        number = b" %d" % next(self._numbers)
        return useragent.AgentCache(1)(data[: useragent.MAX_LOOKED_AT - len(number)] + number)


def _check_agent(_data: bytes, agent: useragent.Agent[bytes]) -> str:
    for part in agent:
        part.decode()
    return f"{agent.family!r} {agent.type!r} {agent.device_category!r} {agent.os_family!r}"


# pages' addresses


def _read_uri(data: bytes) -> uris.Uri | None:
    found = uris.parse(data.decode("utf-8", "replace"))
    if found is not None:
        found.query()
    return found


def _check_uri(data: bytes, found: uris.Uri | None) -> str:
    """Both ways to read an address give the same; its parts can be written."""
    general = uris.parse_any(data.decode("utf-8", "replace"))
    if found is None or general is None:
        assert found is general
        return "none"
    for name in uris.Uri.__slots__:
        assert getattr(found, name) == getattr(general, name), name
    parts = (found.scheme, found.host, found.path, found.decoded_query, found.decoded_fragment)
    for part in parts:
        assert part is None or part.encode() is not None
    return f"{[part is None for part in parts]} {found.port is None} {min(len(found.query() or ()), 3)}"


# numbers and times


def _read_numbers(data: bytes) -> tuple[Any, ...]:
    text = data.decode("utf-8", "replace")
    return (
        numbers.int32(text),
        numbers.int64(text),
        numbers.fp32(text),
        numbers.fp64(text),
        numbers.boolean(text),
        base36.parse_long(text),
        iso_time.milliseconds(text),
        identifiers.normalise(text),
    )


def _check_numbers(_data: bytes, result: tuple[Any, ...]) -> str:
    small, large, single, double, _, based, milliseconds, identifier = result
    for number, bits in ((small, 32), (large, 64), (based, 64), (milliseconds, 64)):
        assert number is None or -(1 << bits - 1) <= number < 1 << bits - 1
    assert (single is None) == (double is None)
    assert identifier is None or identifiers.normalise(identifier) == identifier
    kinds = [None if number is None else math.isfinite(number) for number in (single, double)]
    return f"{[number is None for number in result]} {kinds}"


# JSON that paths are followed in


class _Paths:
    """Paths as mappings have them, in the JSON of strangers."""

    def __init__(self) -> None:
        self._paths = [jsonpath.compile(path) for path in _PATHS]

    def read(self, data: bytes) -> list[object]:
        """What each path leads to; nothing in what is no JSON."""
        try:
            document = json.loads(data.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return []
        found: list[object] = []
        for path in self._paths:
            try:
                found.append(path(document))
            except DroppedEvent as dropped:
                found.append(dropped.reason)
        return found


def _check_paths(_data: bytes, found: list[object]) -> str:
    return str(["absent" if value is ABSENT else shape(value, 1) for value in found])


# the JSON in a path's filters


def _read_lenient(data: bytes) -> object:
    try:
        return lenient_json.parse(data.decode("utf-8", "replace"))
    except ValueError as error:
        return error


def _check_lenient(_data: bytes, result: object) -> str:
    return outline(str(result)) if isinstance(result, ValueError) else shape(result)


# paths


def _read_path(data: bytes) -> object:
    text = data.decode("utf-8", "replace")
    try:
        path = jsonpath.compile(text)
    except ValueError as error:
        return error
    try:
        return path({"a": [{"b": 1}, {"b": "x", "c": [1, 2]}], "v": None, "b": {"a": "axb"}})
    except DroppedEvent as dropped:
        return dropped.reason


def _check_path(_data: bytes, result: object) -> str:
    return outline(str(result)) if isinstance(result, str | ValueError) else shape(result)


def targets() -> list[Target]:
    """The targets of this module."""
    requests = seeds.recorded_requests()
    lines = [line for request in requests for line in dict(request.get("headers", [])).items()]
    texts = [
        b"Mon, 01 Jan 2024 00:00:00 +0100",
        b"bytes=0-99",
        b'W/"a", "b"',
        b'a="b c"; d=e',
        b'a, "b\\"c", d',
    ]
    texts += [value.encode("latin-1", "replace") for _, value in lines]
    agents = [value.encode() for name, value in lines if name.lower() == "user-agent"]
    agents += [str(case["headers"].get("User-Agent", "")).encode() for case in recorded.lines("events.jsonl")]
    pages = [
        b"https://shop.example/basket?item=42&b=%C3%A9#top",
        b"http://[::1]:80/a",
        b"mailto:a@b",
        b"//a.b.c/d;e?f",
    ]
    times = [str(value).encode() for case in recorded.lines("iso_times.jsonl") for value in case.values()]
    doubles = [
        str(value).encode() for case in recorded.lines("java_doubles.jsonl") for value in case.values()
    ]
    numerals, paths = (
        [*times[:12], *doubles[:12], b"0:1:a", b"0x001.800p003", b"-0X.8P-10f", b"+12.5e-3D"],
        [path.encode() for path in _PATHS],
    )
    jsons = [
        b'{"a": [{"b": 1}, {"b": "x", "c": {"a": 2}}], "v": 1.5, "b": {"a": [1, 2]}}',
        b'[{"a": "axb"}, "ab", 1]',
    ]
    lenient = [b"{'a': [1, 2,, 'x'], b: {c: null}}", b'["a", \'b\', c, 01, 1.50, {"d": "\\u0041\\x41"}]']
    return [
        Target("headers", [*dict.fromkeys(texts)], _HEADER_WORDS, _Headers().read, _check_headers, share=12),
        Target("addresses", _ADDRESSES, _ADDRESS_WORDS, _read_address, _check_address),
        Target("agents", [*dict.fromkeys(agents)], _AGENT_WORDS, _Agents().read, _check_agent),
        Target("uris", pages, _URI_WORDS, _read_uri, _check_uri),
        Target("numbers", numerals, _NUMBER_WORDS, _read_numbers, _check_numbers, most=KIB * KIB),
        Target(
            "documents", jsons, _DOCUMENT_WORDS, _Paths().read, _check_paths,
            milliseconds_per_kib=len(_PATHS) / 2,  # all of them, where a mapping has one or two
        ),
        Target(
            "filters", lenient, _FILTER_WORDS, _read_lenient, _check_lenient,
            milliseconds_per_kib=SLOWER, most=64 * KIB, share=12,
        ),
        Target("paths", paths, _PATH_WORDS, _read_path, _check_path, milliseconds_per_kib=SLOWER, most=64 * KIB, share=12),
    ]  # fmt: skip
