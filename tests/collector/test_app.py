"""Requests and their answers, without sockets."""

from __future__ import annotations

import pytest

from pyglue.collector.answers import Answer, holds_tag
from pyglue.collector.app import Request
from pyglue.collector.records import decode
from pyglue.collector.routes import Routes, canonical_path
from tests.collector.support import NOW, SCHEMA, FakeSink, app_with, event_query

GIF = bytes.fromhex("4749463839610100010000000021f904010a0001002c00000000010001000002024c01003b")
TAG = '"6b3edc43-20ec-4078-bc47-e965dd76b88a"'


def ask(
    sink: FakeSink, target: str, method: str = "GET", forwarded: bool = False, **headers: str
) -> tuple[list[Answer], dict[str, int]]:
    """The answers to one request, and two counts."""
    app = app_with(sink, forwarded=forwarded)
    answers: list[Answer] = []
    lines = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    app.respond(Request(method, target.encode(), lines, "::ffff:10.0.0.7"), answers.append)
    names = (
        "received",
        "acknowledged",
        "refused",
        "malformed request",
        "dropped: missing p",
        "ignored reload",
    )
    return answers, {name: app.counters[name] for name in names if app.counters[name]}


def test_an_event_is_answered_and_recorded() -> None:
    """An event becomes one message with the party as its key, and its answer is Divolte's."""
    sink = FakeSink()
    (answer,), counts = ask(sink, f"/csc-event?{event_query()}", user_agent="curl/8")
    assert (answer.status, answer.body) == (200, GIF)
    assert dict(answer.headers) == {
        "Server": "divolte",
        "ETag": TAG,
        "Cache-Control": "private, no-cache, proxy-revalidate",
        "Pragma": "no-cache",
        "Expires": "Fri, 14 Apr 1995 11:30:00 GMT",
        "Content-Type": "image/gif",
    }
    (message,) = sink.messages
    assert (message.topic, message.key, message.timestamp) == ("divolte", b"0:lq1a7c3k:party", NOW)
    record = decode(SCHEMA)(message.value)
    assert (record["remoteHost"], record["userAgentName"]) == ("10.0.0.7", "cURL")
    assert counts == {"received": 1, "acknowledged": 1}


def test_an_event_waits_for_its_acknowledgement() -> None:
    """There is no answer before the records are safe; then it is success."""
    sink = FakeSink(verdict=None)
    app = app_with(sink)
    answers: list[Answer] = []
    app.respond(Request("GET", f"/csc-event?{event_query()}".encode(), [], "1.2.3.4"), answers.append)
    assert (answers, app.in_flight) == ([], 1)
    sink.waiting[0](True)
    assert ([answer.status for answer in answers], app.in_flight) == ([200], 0)


def test_a_failed_event_may_come_again() -> None:
    """What Kafka did not take gets 503 with Retry-After, and its next try is no duplicate."""
    sink = FakeSink(verdict=False)
    app = app_with(sink)
    answers: list[Answer] = []
    request = Request("GET", f"/csc-event?{event_query()}".encode(), [], "1.2.3.4")
    app.respond(request, answers.append)
    sink.verdict = True
    app.respond(request, answers.append)
    app.respond(request, answers.append)
    assert [answer.status for answer in answers] == [503, 200, 200]
    assert dict(answers[0].headers)["Retry-After"] == "3"
    read = decode(SCHEMA)
    assert [read(message.value)["detectedDuplicate"] for message in sink.messages] == [False, False, True]


def test_while_kafka_is_away() -> None:
    """Events get 503 at once and leave no trace; events that would be dropped get their 200."""
    sink = FakeSink(ready=False)
    (answer,), counts = ask(sink, f"/csc-event?{event_query()}")
    assert (answer.status, sink.messages, counts) == (503, [], {"received": 1, "refused": 1})
    (answer,), counts = ask(sink, "/csc-event?s=1")
    assert (answer.status, counts) == (200, {"received": 1, "dropped: missing p": 1})
    (answer,), _ = ask(sink, "/ping")
    assert (answer.status, answer.body) == (503, b"No p*ng for you, waiting for Kafka")


def test_a_reload_is_not_an_event() -> None:
    """A request that already has the image gets 304, and nothing is recorded."""
    sink = FakeSink()
    (answer,), counts = ask(sink, f"/csc-event?{event_query()}", if_none_match=f"W/{TAG}")
    assert (answer.status, answer.body, sink.messages) == (304, b"", [])
    assert counts == {"ignored reload": 1}


def test_a_record_too_large_is_dropped_and_counted() -> None:
    """What Kafka could never take is dropped with its reason instead of being refused for ever."""
    sink = FakeSink()
    app = app_with(sink)
    answers: list[Answer] = []
    target = f"/csc-event?{event_query(location='x' * 10_000)}".encode()
    app.respond(Request("GET", target, [], "1.2.3.4"), answers.append)
    assert (answers[0].status, sink.messages, app.counters["dropped: too large"]) == (200, [], 1)


def test_duplicates_can_be_discarded() -> None:
    """A mapping that discards duplicates records the first of two equal events only."""
    sink = FakeSink()
    app = app_with(sink, discard_duplicates=True)
    for _ in range(2):
        app.respond(Request("GET", f"/csc-event?{event_query()}".encode(), [], "1.2.3.4"), lambda _: None)
    assert (len(sink.messages), app.counters["dropped: duplicate"]) == (1, 1)


@pytest.mark.parametrize(
    ("method", "target", "status", "body"),
    [
        ("GET", "/", 404, b""),
        ("POST", "/nothing", 404, b""),
        ("GET", "/csc-event/x", 404, b""),
        ("GET", "/CSC-event", 404, b""),
        ("HEAD", "/csc-event", 405, b"HTTP method HEAD not allowed."),
        ("OPTIONS", "/divolte.js", 405, b"HTTP method OPTIONS not allowed."),
        ("POST", "/csc-event", 405, b"HTTP method POST not allowed."),
        ("GET", "/divolte.js", 200, b"tag();"),
        ("DELETE", "/ping", 200, b"pong"),
        ("GET", "/csc-event?a=%zz", 400, b""),
        ("GET", "/%4", 400, b""),
        ("GET", "/csc-event?" + "&".join(["a=1"] * 1001), 400, b""),
    ],
)
def test_paths_and_methods(method: str, target: str, status: int, body: bytes) -> None:
    """Each path and method has Divolte's answer."""
    (answer,), counts = ask(FakeSink(), target, method)
    assert (answer.status, answer.body) == (status, body)
    assert ("Allow", "GET") in answer.headers or status != 405
    assert (counts.get("malformed request") == 1) == (status == 400)
    assert answer.close == (status == 400)


def test_the_ping_says_that_the_end_is_near() -> None:
    """After the signal the ping is 503, so that a balancer looks elsewhere."""
    app = app_with(FakeSink())
    app.stopping = True
    answers: list[Answer] = []
    app.respond(Request("GET", b"/ping", [], "1.2.3.4"), answers.append)
    assert (answers[0].status, answers[0].body) == (503, b"No p*ng for you, shutting down")


@pytest.mark.parametrize(
    ("encoding", "compressed"),
    [("gzip", True), ("br, gzip", True), ("GZIP", False), ("gzip;q=0.5", False), ("", False)],
)
def test_the_tag_is_compressed_for_those_who_list_gzip(encoding: str, compressed: bool) -> None:
    """Only the exact token counts; the tag's variants have entity tags of their own and answer 304 to them."""
    sink = FakeSink()
    (answer,), _ = ask(sink, "/divolte.js", accept_encoding=encoding)
    headers = dict(answer.headers)
    assert (headers.get("Content-Encoding") == "gzip") is compressed
    assert headers["ETag"].startswith('"gz+') is compressed
    assert (headers["Cache-Control"], headers["Vary"]) == ("public, max-age=3600", "Accept-Encoding")
    (again,), _ = ask(sink, "/divolte.js", accept_encoding=encoding, if_none_match=headers["ETag"])
    assert (again.status, again.body, dict(again.headers)["ETag"]) == (304, b"", headers["ETag"])


@pytest.mark.parametrize(
    ("header", "held"),
    [
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ('"b" "a"', True),
        ('"a', True),
        ("a", False),
        ("*", False),
        ('"A"', False),
    ],
)
def test_entity_tags(header: str, held: bool) -> None:
    """Weak tags, lists, a missing comma and a missing end quote match; unquoted tags and `*` do not."""
    assert holds_tag(header, '"a"') is held
    assert not holds_tag(None, '"a"')


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/csc-event", "/csc-event"),
        (b"/csc-event/", "/csc-event/"),
        (b"//csc-event", "/csc-event"),
        (b"/a/../csc-event", "/csc-event"),
        (b"/./csc%2Devent;x=1", "/csc-event"),
        (b"/;x/csc-event", "/"),
        (b"http://h:1/csc-event", "/csc-event"),
        (b"http://h", "/"),
        (b"/..", "/"),
        (b"*", "/*"),
    ],
)
def test_canonical_paths(raw: bytes, path: str) -> None:
    """Paths are compared in their canonical form."""
    assert canonical_path(raw) == path


def test_routes_ignore_one_trailing_slash() -> None:
    """`/x/` leads where `/x` does, `/x/y` nowhere."""
    routes = Routes({"/x": 1, "/y/z": 2})
    assert [routes.find(path) for path in (b"/x", b"/x/", b"/y//z", b"/x/y", b"/")] == [1, 1, 2, None, None]


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("9.9.9.9, 1.2.3.4", "1.2.3.4"),
        ("1", "0.0.0.1"),
        ("16909060", "1.2.3.4"),
        ("1.256", "1.0.1.0"),
        ("1.2.3", "1.2.0.3"),
        ("010.0.0.1", "10.0.0.1"),
        ("4294967296", "10.0.0.7"),
        ("256.1.1.1", "10.0.0.7"),
        ("1.2.3.4:80", "10.0.0.7"),
        ("::1", "0:0:0:0:0:0:0:1"),
        ("[2001:db8::1]", "2001:db8:0:0:0:0:0:1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("1.2.3.4,", "localhost"),
        ("localhost", "localhost"),
        ("example.org", "10.0.0.7"),
        ("9" * 5000, "10.0.0.7"),
    ],
)
def test_forwarded_addresses(header: str, host: str) -> None:
    """Behind a proxy the last entry counts if it is an address; host names are never looked up."""
    sink = FakeSink()
    ask(sink, f"/csc-event?{event_query()}", forwarded=True, x_forwarded_for=header)
    assert decode(SCHEMA)(sink.messages[0].value)["remoteHost"] == host
    plain = FakeSink()
    ask(plain, f"/csc-event?{event_query()}", x_forwarded_for=header)
    assert decode(SCHEMA)(plain.messages[0].value)["remoteHost"] == "10.0.0.7"
