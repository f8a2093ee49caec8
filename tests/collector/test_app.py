"""Requests and their answers, without sockets."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.app import App
from pyglue.collector.counting.counters import Counters
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.http import headers, requestlog
from pyglue.collector.http.answers import Answer, holds_tag
from pyglue.collector.http.page import TestPage
from pyglue.collector.http.query import check_target
from pyglue.collector.http.request import Request
from pyglue.collector.http.routes import Routes, canonical_path
from pyglue.collector.sources import EventsAt, JsonEventsAt, Pipeline
from tests.collector.http_fakes import (
    JSON_EVENT,
    NOW,
    PARTY,
    FakeOutlet,
    Timer,
    app_with,
    encode,
    event_query,
)

GIF = bytes.fromhex("4749463839610100010000000021f904010a0001002c00000000010001000002024c01003b")
TAG = '"6b3edc43-20ec-4078-bc47-e965dd76b88a"'
EVENT = f"/csc-event?{event_query()}"
JSON = "/json?p=0%3Alq1a7c3k%3Aparty"
IS_JSON = [("content-type", "application/json")]


def ask(
    app: App,
    target: str,
    method: str = "GET",
    body: bytes = b"",
    lines: Sequence[tuple[str, str]] = (),
    **more: str,
) -> Answer:
    """The one answer to a request whose headers are `lines` and `more`."""
    answers: list[Answer] = []
    named = [*lines, *((name.replace("_", "-"), value) for name, value in more.items())]
    raw = [(name.encode(), value.encode("latin-1")) for name, value in named]
    app.respond(Request(method, target.encode("latin-1"), raw, b"10.0.0.7", body), answers.append)
    (answer,) = answers
    return answer


def test_an_event_is_answered_and_recorded() -> None:
    """An event becomes one record with the party as its key, and its answer is Divolte's."""
    outlet = FakeOutlet()
    app = app_with(outlet)
    answer = ask(app, EVENT)
    assert (answer.status, answer.body) == (200, GIF)
    assert dict(answer.headers) == {
        "Server": "divolte",
        "ETag": TAG,
        "Cache-Control": "private, no-cache, proxy-revalidate",
        "Pragma": "no-cache",
        "Expires": "Fri, 14 Apr 1995 11:30:00 GMT",
        "Content-Type": "image/gif",
    }
    assert outlet.records == [(PARTY, b"e1|10.0.0.7|False|0:view", NOW)]
    assert (app.counters["received"], app.counters["acknowledged"]) == (1, 1)


def test_an_event_waits_for_all_its_acknowledgements() -> None:
    """There is no answer before the last record is safe; then it is success."""
    first, second = FakeOutlet(verdict=None), FakeOutlet(verdict=None)
    app = app_with(first, second)
    answers: list[Answer] = []
    app.respond(Request("GET", EVENT.encode(), [], b"1.2.3.4"), answers.append)
    second.acknowledge_all()
    assert (answers, app.in_flight) == ([], 1)
    first.acknowledge_all()
    assert ([answer.status for answer in answers], app.in_flight) == ([200], 0)


@pytest.mark.parametrize(
    ("verdicts", "status"), [((True, False), 503), ((False, True), 503), ((True, True), 200)]
)
def test_one_record_that_fails_fails_the_event(verdicts: tuple[bool, bool], status: int) -> None:
    """503 if any outlet says no, whichever speaks first, and the event is answered once."""
    outlets = [FakeOutlet(verdict=verdict) for verdict in verdicts]
    app = app_with(*outlets)
    assert ask(app, EVENT).status == status
    assert app.in_flight == 0


def test_a_failed_event_may_come_again() -> None:
    """What was not taken gets 503 with Retry-After, and its next try is no duplicate."""
    outlet = FakeOutlet(verdict=False)
    app = app_with(outlet)
    answers = [ask(app, EVENT)]
    outlet.verdict = True
    answers += [ask(app, EVENT), ask(app, EVENT)]
    assert [answer.status for answer in answers] == [503, 200, 200]
    assert dict(answers[0].headers)["Retry-After"] == "3"
    assert [value.split(b"|")[2] for _, value, _ in outlet.records] == [b"False", b"False", b"True"]


def test_while_a_sink_is_away() -> None:
    """Events get 503 at once and leave no trace in any sink; events that would be dropped get their 200."""
    away, there = FakeOutlet(ready=False), FakeOutlet()
    app = app_with(there, away)
    assert ask(app, EVENT).status == 503
    assert ask(app, JSON, "POST", JSON_EVENT, lines=IS_JSON).status == 503
    assert (there.records, app.counters["refused"]) == ([], 2)
    assert ask(app, "/csc-event?s=1").status == 200
    assert app.counters["dropped: missing p"] == 1
    assert (ask(app, "/ping").status, ask(app, "/ping").body) == (503, b"No p*ng for you, waiting for Kafka")
    away.ready = True
    assert ask(app, EVENT).status == 200
    assert [value.split(b"|")[2] for _, value, _ in there.records] == [b"False"]


def test_a_record_too_large_is_dropped_and_counted() -> None:
    """What one outlet could never take is dropped there with its reason; others get it."""
    small, large = FakeOutlet(), FakeOutlet()
    small.max_bytes = len(PARTY) + len(b"e1|10.0.0.7|False|0:view") - 1
    app = app_with(small, large)
    assert ask(app, EVENT).status == 200
    assert (len(small.records), len(large.records), app.counters["dropped: too large"]) == (0, 1, 1)
    small.max_bytes += 1
    assert ask(app_with(small), EVENT).status == 200
    assert len(small.records) == 1


def test_mappings_choose_their_events() -> None:
    """Each mapping of a source records what it does not discard; with none left the answer comes at once."""
    strict, lax, other = FakeOutlet(), FakeOutlet(), FakeOutlet()
    pipelines = (
        Pipeline(encode, (strict, other), discard_corrupted=True, discard_duplicates=True),
        Pipeline(encode, (lax,)),
    )
    only = (Pipeline(encode, (strict,), discard_duplicates=True),)
    table = {"/both": EventsAt(pipelines), "/strict": EventsAt(only), "/none": EventsAt(())}
    app = App(
        table, DuplicateMemory(1000), Counters(), clock=lambda: NOW, later=Timer().later, retry_after_s=3
    )
    for target in ("/both", "/both", "/strict", "/none"):
        assert ask(app, f"{target}?{event_query()}").status == 200
    assert ask(app, f"/both?{event_query('e2')}0").status == 200
    assert (len(strict.records), len(other.records), len(lax.records)) == (1, 1, 3)
    assert (app.counters["dropped: duplicate"], app.counters["dropped: corrupt"]) == (2, 1)


def test_an_answer_can_be_held_back() -> None:
    """The delay is the answer's; the record is made at once, and a late acknowledgement adds nothing to the delay."""
    timer, outlet = Timer(), FakeOutlet()
    app = app_with(outlet, later=timer.later)
    answers: list[Answer] = []
    request = Request("GET", f"/slow-event?{event_query()}".encode(), [], b"1.2.3.4")
    app.respond(request, answers.append)
    assert (len(outlet.records), answers, [seconds for seconds, _ in timer.calls]) == (1, [], [0.7])
    timer.ring()
    assert [answer.status for answer in answers] == [200]
    outlet.verdict = None
    app.respond(request, answers.append)
    timer.ring()
    assert len(answers) == 1
    outlet.acknowledge_all()
    assert [answer.status for answer in answers] == [200, 200]
    assert ask(app, "/slow-event", "PUT").status == 405


@pytest.mark.parametrize(
    ("method", "target", "status", "allow", "body"),
    [
        ("POST", "/nothing", 404, None, b""),
        ("GET", "/csc-event/x", 404, None, b""),
        ("GET", "/CSC-event", 404, None, b""),
        ("GET", "//csc-event/?", 200, None, GIF),
        ("get", "/csc-event", 200, None, GIF),
        ("GET", "http://any.example/csc-event", 200, None, GIF),
        ("HEAD", "/csc-event", 405, "GET", b"HTTP method HEAD not allowed."),
        ("post", "/csc-event", 405, "GET", b"HTTP method post not allowed."),
        ("OPTIONS", "/divolte.js", 405, "GET", b"HTTP method OPTIONS not allowed."),
        ("INVENTED", "/json", 405, "POST", b"HTTP method INVENTED not allowed."),
        ("GET", "/json", 405, "POST", b"HTTP method GET not allowed."),
        ("GET", "/divolte.js", 200, None, b"tag();"),
        ("DELETE", "/ping", 200, None, b"pong"),
        ("INVENTED", "/ping/", 200, None, b"pong"),
        ("GET", "/csc-event?a=%zz", 400, None, b""),
        ("GET", "/%4", 400, None, b""),
        ("GET", "/ping?a=|", 400, None, b""),
        ("GET", "/ping?" + "&".join(["a=1"] * 1000), 200, None, b"pong"),
        ("GET", "/ping?" + "&".join(["a=1"] * 1001), 400, None, b""),
        ("GET", "/csc-event?a=%ff&" + "l=" + "x" * 60_000, 200, None, GIF),
    ],
)
@pytest.mark.parametrize("pages", [True, False])
def test_paths_and_methods(
    method: str, target: str, status: int, allow: str | None, body: bytes, pages: bool
) -> None:
    """Each path and method has Divolte's answer."""
    app = app_with(FakeOutlet(), pages=pages)
    answer = ask(app, target, method)
    assert (answer.status, answer.body, dict(answer.headers).get("Allow")) == (status, body, allow)
    assert (app.counters["malformed request"] == 1) == (status == 400)
    assert (answer.close, "Server" in dict(answer.headers)) == (status == 400, status != 400)


@pytest.mark.parametrize(
    ("method", "target", "status", "without"),
    [
        ("GET", "/", 200, 404),
        ("HEAD", "/index.html", 200, 404),
        ("POST", "/?a=1", 200, 404),
        ("GET", "/;x/csc-event", 200, 404),
        ("GET", "http://any.example", 200, 404),
        ("GET", "/x/../index.html", 200, 404),
        ("GET", "/a/../", 200, 404),
        ("GET", "/index.html/", 404, 404),
        ("GET", "/.", 302, 404),
        ("HEAD", "/..", 302, 404),
        ("GET", "/csc-event/..?a=1", 302, 404),
        ("GET", "/nothing", 404, 404),
        ("OPTIONS", "/", 405, 404),
        ("put", "/nothing", 405, 404),
        ("OPTIONS", "*", 405, 404),
        ("PATCH", "/", 501, 404),
        ("PROPFIND", "/nothing", 501, 404),
        ("INVENTED", "/..", 501, 404),
    ],
)
def test_where_no_source_is(method: str, target: str, status: int, without: int) -> None:
    """With pages there is one, and methods count on every free path; without them there is nothing."""
    answer = ask(app_with(), target, method)
    assert answer.status == status
    assert dict(answer.headers).get("Allow") == ("GET, HEAD, POST" if status == 405 else None)
    assert dict(answer.headers).get("Content-Type") == ("text/html" if status == 200 else None)
    assert bool(answer.body) == (status == 200)
    assert ask(app_with(pages=False), target, method).status == without


def test_a_directory_without_its_slash_is_elsewhere() -> None:
    """The redirect leads to the page and keeps the query."""
    assert dict(ask(app_with(), "/x/..?a=%20b").headers)["Location"] == "/?a=%20b"
    assert dict(ask(app_with(), "/.").headers)["Location"] == "/"


def test_a_source_takes_the_place_of_the_page() -> None:
    """A JSON source at `/` is reached there, the page only under its other name."""
    app = app_with(json_at="/")
    assert (ask(app, "/").status, ask(app, "/index.html").status) == (405, 200)
    assert ask(app, "/..?p=0:a:b", "POST", JSON_EVENT, lines=IS_JSON).status == 204


def test_the_page_shows_what_a_tag_does() -> None:
    """The page is titled Divolte, loads the tag from beside itself and signals a bannerClick."""
    answer = ask(app_with(), "/")
    page = answer.body.decode()
    assert "<title>Divolte</title>" in page
    assert '<script src="divolte.js"' in page
    assert '"bannerClick"' in page
    assert {"Last-Modified", "Accept-Ranges"} < dict(answer.headers).keys()


def test_the_page_is_sent_once() -> None:
    """Conditions by date work both ways; a tag can't match where there is none, only any (`"*"`) can."""
    app = app_with()
    date = dict(ask(app, "/").headers)["Last-Modified"]
    endless = f"Mon, 01 Jan 2024 00:00:00 +{'9' * 20}"
    old, new = "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    statuses = {
        "if-modified-since": [
            (date, 304),
            (old, 200),
            (new, 304),
            ("yesterday", 200),
            ("", 200),
            (endless, 200),
            (f"1 Jan {9**20}", 200),
        ],
        "if-unmodified-since": [(date, 200), (old, 412), (new, 200)],
        "if-none-match": [('"x"', 200), ("*", 200), ('"x", "*"', 304)],
        "if-match": [('"x"', 412), ("*", 412), ('"*"', 200)],
    }
    for name, cases in statuses.items():
        for value, status in cases:
            answer = ask(app, "/", lines=[(name, value)])
            assert (answer.status, name, value) == (status, name, value)
            assert ask(app, "/", lines=[(name, value), (name, old), (name, '"*"')]).status == status


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-3", 206, slice(0, 4)),
        ("bytes=10-", 206, slice(10, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=5-999999", 206, slice(5, None)),
        ("bytes=999999-", 416, slice(0, 0)),
        ("bytes=-0", 416, slice(0, 0)),
        ("bytes=4-3", 200, slice(None)),
        ("bytes=0-1,3-4", 200, slice(None)),
        ("lines=0-1", 200, slice(None)),
    ],
)
def test_a_range_of_the_page(wanted: str, status: int, part: slice) -> None:
    """One range is sent as such; what is none, or several, or of another page, is not heeded."""
    app = app_with()
    whole = ask(app, "/")
    answer = ask(app, "/", range=wanted)
    assert (answer.status, answer.body) == (status, whole.body[part])
    assert ("Content-Range" in dict(answer.headers)) == (status in (206, 416))
    assert ask(app, "/", range=wanted, if_range="Thu, 01 Jan 1970 00:00:00 GMT").status == 200
    assert ask(app, "/", range=wanted, if_range=dict(whole.headers)["Last-Modified"]).status == status


@given(st.text(st.characters(max_codepoint=255)))
def test_any_condition_is_answered(value: str) -> None:
    """No header's value breaks the page."""
    page = TestPage()
    for name in (b"if-modified-since", b"if-unmodified-since", b"if-range", b"range", b"if-match"):
        assert page.answer({b"range": "bytes=0-1", name: value}).status in (200, 206, 304, 412, 416)


def test_the_ping_says_that_the_end_is_near() -> None:
    """After the signal the ping is 503, so that a balancer looks elsewhere; events are still taken."""
    outlet = FakeOutlet()
    app = app_with(outlet)
    app.stopping = True
    answer = ask(app, "/ping")
    assert (answer.status, answer.body) == (503, b"No p*ng for you, shutting down")
    assert (ask(app, EVENT).status, len(outlet.records)) == (200, 1)


def test_ready_tells_why_not() -> None:
    """200 if every sink takes events; else 503, with each reason once and in words for everybody."""
    first, second = FakeOutlet(), FakeOutlet()
    app = app_with(first, second)
    assert (ask(app, "/ready").status, ask(app, "/ready").body) == (200, b"ready\n")
    assert ask(app, "/ready", "HEAD").status == 200
    first.ready = second.ready = False
    answer = ask(app, "/ready")
    assert (answer.status, answer.body) == (503, b"the test is away\n")
    assert dict(answer.headers)["Content-Type"] == "text/plain; charset=utf-8"
    app.stopping = True
    assert ask(app, "/ready").body == b"the collector is ending\nthe test is away\n"
    first.ready = second.ready = True
    assert (ask(app, "/ready").status, ask(app, "/ready").body) == (503, b"the collector is ending\n")


@pytest.mark.parametrize(
    ("encodings", "compressed"),
    [
        (["gzip"], True),
        (["br, gzip"], True),
        (["br", "deflate ,gzip "], True),
        (["GZIP"], False),
        (["gzip;q=0.5"], False),
        (["xgzip"], False),
        ([""], False),
        ([], False),
    ],
)
def test_the_tag_is_compressed_for_those_who_list_gzip(encodings: list[str], compressed: bool) -> None:
    """Only the exact token counts, in any line; the variants have entity tags of their own and answer 304 to them."""
    app = app_with()
    lines = [("accept-encoding", encoding) for encoding in encodings]
    headers = dict(ask(app, "/divolte.js", lines=lines).headers)
    assert (headers.get("Content-Encoding") == "gzip") is compressed
    assert headers["ETag"].startswith('"gz+') is compressed
    assert (headers["Cache-Control"], headers["Vary"]) == ("public, max-age=3600", "Accept-Encoding")
    again = ask(app, "/divolte.js", lines=lines, if_none_match=f"W/{headers['ETag']}")
    del headers["Content-Type"]
    assert (again.status, again.body, dict(again.headers)) == (304, b"", headers)
    other = '"gz+' + headers["ETag"][1:] if not compressed else headers["ETag"].replace("gz+", "")
    assert ask(app, "/divolte.js", lines=lines, if_none_match=other).status == 200


@pytest.mark.parametrize(
    ("header", "held"),
    [
        ('"a"', True),
        ('W/"a"', True),
        ('w/"a"', True),
        ('"b", "a"', True),
        ('"b" "a"', True),
        ('"b""a"', True),
        ('" a "', True),
        ('"a', True),
        ('W"a"', True),
        ('"*"', True),
        ("a", False),
        ("*", False),
        ("", False),
        ('"A"', False),
        ('"b"a"', False),
        ('Weak, "a"', False),
    ],
)
def test_entity_tags(header: str, held: bool) -> None:
    """Weak tags, lists, a missing comma and a missing end quote match; unquoted tags and a bare `*` do not."""
    assert holds_tag(header, '"a"') is held
    assert not holds_tag(None, '"a"')


def test_a_reload_is_not_an_event() -> None:
    """A request that already has the image gets 304, and nothing is recorded; of several lines the first counts."""
    outlet = FakeOutlet()
    app = app_with(outlet)
    answer = ask(app, EVENT, if_none_match=f"W/{TAG}")
    assert (answer.status, answer.body, dict(answer.headers)["Content-Type"]) == (304, b"", "image/gif")
    assert (outlet.records, app.counters["ignored reload"]) == ([], 1)
    assert ask(app, EVENT, lines=[("if-none-match", '"x"'), ("if-none-match", TAG)]).status == 200


@pytest.mark.parametrize(
    ("target", "types", "body", "status"),
    [
        (JSON, ["application/json"], JSON_EVENT, 204),
        (JSON, ["Application/JSON "], JSON_EVENT, 204),
        (JSON, ["application/json"], b"nonsense", 204),
        (JSON, ["application/json"], b"", 400),
        ("/json", ["application/json"], JSON_EVENT, 400),
        ("/json?p=0:a", ["application/json"], JSON_EVENT, 400),
        ("/json?p=bad&p=0:a:b", ["application/json"], JSON_EVENT, 400),
        ("/json/;x?unknown=1&p=0%3AABC%3Aplus+sign", ["application/json"], JSON_EVENT, 204),
        (JSON, ["application/json; charset=utf-8"], JSON_EVENT, 415),
        (JSON, ["application/json", "application/json"], JSON_EVENT, 415),
        ("/json", ["text/plain"], b"", 415),
        (JSON, [], JSON_EVENT, 415),
    ],
)
def test_the_checks_of_a_json_event(target: str, types: list[str], body: bytes, status: int) -> None:
    """Type, then body, then party; what the body says does not matter to the answer."""
    outlet = FakeOutlet()
    app = app_with(outlet)
    answer = ask(app, target, "POST", body, lines=[("content-type", type_) for type_ in types])
    assert answer.status == status
    text = b"Content type must be application/json."
    assert (answer.body, answer.close) == (text if status == 415 else b"", False)
    assert dict(answer.headers).get("Content-Type") == (
        "text/plain; charset=utf-8" if status == 415 else None
    )
    assert len(outlet.records) == (status == 204 and body == JSON_EVENT)
    assert (app.counters["incomplete request"] == 1) == (status == 400)


def test_a_json_event_has_the_party_of_its_query() -> None:
    """The party is recorded in its normal form, and the answer waits for the acknowledgement."""
    outlet = FakeOutlet()
    app = app_with(outlet)
    assert ask(app, "/json?p=0%3A00ABC%3Aq", "POST", JSON_EVENT, lines=IS_JSON).headers == (
        ("Server", "divolte"),
    )
    assert outlet.records == [(b"0:abc:q", b"e1|10.0.0.7|False|", NOW)]
    outlet.verdict = False
    assert ask(app, JSON, "POST", JSON_EVENT, lines=IS_JSON).status == 503


@pytest.mark.parametrize(
    ("method", "target", "type_", "limit"),
    [
        ("POST", JSON, "application/json", 8192),
        ("post", "/json", "application/json", 8192),
        ("PUT", JSON, "application/json", None),
        ("POST", JSON, "text/plain", None),
        ("POST", "/nothing", "application/json", None),
        ("POST", "/%", "application/json", None),
        ("POST", "/csc-event", "application/json", None),
    ],
)
def test_only_a_json_event_may_have_a_body(method: str, target: str, type_: str, limit: int | None) -> None:
    """A body is wanted where an event will be made of it, and only so much of it."""
    request = Request(method, target.encode(), [(b"content-type", type_.encode())], b"")
    assert app_with().body_limit(request) == limit


@pytest.mark.parametrize(
    ("configured", "limit"), [(0, 4096), (1, 4096), (4096, 4096), (4097, 8192), (5000, 8192), (-1, 4096)]
)
def test_the_limit_of_a_body_is_rounded_up(configured: int, limit: int) -> None:
    """Bodies are read in steps of 4096 bytes, at least one."""
    assert JsonEventsAt((), "p", configured).body_limit == limit


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/csc-event", b"/csc-event"),
        (b"/csc-event/", b"/csc-event/"),
        (b"//csc-event", b"/csc-event"),
        (b"/csc-event//", b"/csc-event/"),
        (b"/csc-event/./", b"/csc-event/"),
        (b"/csc-event/.", b"/csc-event"),
        (b"/a/../csc-event", b"/csc-event"),
        (b"/a//../csc-event", b"/a/csc-event"),
        (b"/a/b/../../../csc-event", b"/csc-event"),
        (b"/./csc%2Devent;x=1", b"/csc-event"),
        (b"/a%2F..%2fcsc-event", b"/a%2F..%2fcsc-event"),
        (b"/;x/csc-event", b"/"),
        (b"http://h:1/csc-event", b"/csc-event"),
        (b"http://h", b"/"),
        (b"/..", b"/"),
        (b"/...", b"/..."),
        (b"*", b"/*"),
        (b"csc-event", b"/csc-event"),
        (b"", b"/"),
    ],
)
def test_canonical_paths(raw: bytes, path: bytes) -> None:
    """Paths are compared in their canonical form."""
    assert canonical_path(raw) == path


def test_routes_ignore_one_trailing_slash() -> None:
    """`/x/` leads where `/x` does, `/x/y` nowhere; so do the table's own paths."""
    routes = Routes({"/x": 1, "/y/z/": 2, "w": 3})
    paths = (b"/x", b"/x/", b"/y//z", b"/w", b"/x/y", b"/")
    assert [routes.find(path) for path in paths] == [1, 1, 2, 3, None, None]


@given(st.binary(max_size=40))
def test_any_path_is_looked_for(raw: bytes) -> None:
    """No path breaks the look-up, and a canonical one is its own."""
    Routes({"/x": 1}).find(raw)
    if not set(raw) & set(b"%;:"):
        assert canonical_path(canonical_path(raw)) == canonical_path(raw)


@pytest.mark.parametrize("byte", b'"#<>\\^`{|}\x00\x1f \x7f\x80\xff')
def test_forbidden_bytes(byte: int) -> None:
    """Each of these alone spoils a target; brackets and all other printable ASCII do not."""
    with pytest.raises(ValueError, match="forbidden"):
        check_target(b"/a?b=" + bytes([byte]))
    check_target(b"/[]!$&'()*+,-./:;=?@_~%20")


@pytest.mark.parametrize(
    ("lines", "host"),
    [
        (["1.2.3.4"], b"1.2.3.4"),
        (["9.9.9.9, 1.2.3.4"], b"1.2.3.4"),
        (["1.2.3.4", "5.6.7.8"], b"5.6.7.8"),
        (["::1"], b"0:0:0:0:0:0:0:1"),
        (["1.2.3.4,"], b"localhost"),
        (["example.org"], b"10.0.0.7"),
        ([], b"10.0.0.7"),
    ],
)
def test_forwarded_addresses(lines: list[str], host: bytes) -> None:
    """Behind a proxy the last entry of the last line counts, for both kinds of events; otherwise the peer does."""
    forwarded = [("x-forwarded-for", line) for line in lines]
    for trusted, wanted in ((True, host), (False, b"10.0.0.7")):
        outlet = FakeOutlet()
        app = app_with(outlet, use_x_forwarded_for=trusted)
        ask(app, EVENT, lines=forwarded)
        ask(app, JSON, "POST", JSON_EVENT, lines=[*forwarded, ("content-type", "application/json")])
        assert [value.split(b"|")[1] for _, value, _ in outlet.records] == [wanted, wanted]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a b", "a b"),
        (b" a  b\t \tc ", "a b c"),
        (b"\t", ""),
        (b"caf\xc3\xa9", "cafÃ©"),
        (b"a\xa0\xa0b", "a\xa0\xa0b"),
    ],
)
def test_headers_text(raw: bytes, text: str) -> None:
    """Bytes are Latin-1, runs of blanks are one, and there are none at the ends."""
    assert headers.text(raw) == text


def test_requests_can_be_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With `debug_requests` each request is one line that tells no cookie, address, id or place; else there is none."""
    secrets = [
        "secret-cookie",
        "192.0.2.9",
        "0:lq1a7c3k:party",
        "lq1a9zzz",
        "0:view",
        "shop.example",
        "Bearer",
    ]
    sent = [
        ("cookie", "_dvp=secret-cookie"),
        ("x-forwarded-for", "192.0.2.9"),
        ("referer", "http://shop.example/"),
        ("authorization", "Bearer x"),
        ("user-agent", "curl/8\x01"),
    ]
    target = f"/csc-event?{event_query(location='http://shop.example/')}&bare"
    with caplog.at_level(logging.INFO):
        ask(app_with(FakeOutlet()), target, lines=sent)
        assert caplog.messages == []
        ask(app_with(FakeOutlet(), debug_requests=True), target, lines=sent)
    (line,) = caplog.messages
    assert line.startswith("GET /csc-event?p=...&s=...&v=...&e=...&c=loyw3uag&n=f&")
    assert "&t=click&" in line
    assert (
        " | cookie: ... | x-forwarded-for: ... | referer: ... | authorization: ... | user-agent: curl/8\\x01"
        in line
    )
    assert not [secret for secret in secrets if secret in line]


@given(st.binary(), st.lists(st.tuples(st.binary(), st.binary())))
def test_a_logged_request_is_one_line(target: bytes, lines: list[tuple[bytes, bytes]]) -> None:
    """Whatever a request holds, its line is printable ASCII."""
    found = requestlog.line("GET", target, lines)
    assert found.isascii()
    assert found.isprintable()
