"""Heads out of bytes: the plain ones are read as the parser would read them. `test_connection` has everything else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.collector import traffic
from pyglue.collector.http import headers, plain_head
from pyglue.collector.http.http1 import Reader

NAMES = (
    "Host",
    "User-Agent",
    "user-AGENT",
    "If-None-Match",
    "Connection",
    "Content-Length",
    "content-type",
    "Upgrade",
    "Upgrade-Insecure-Requests",
    "Expect",
    "Expect-CT",
    "TE",
    "Transfer-Encoding",
    "Proxy-Connection",
    "X-List",
    "x_y",
    "",
)
ODD_VALUES = st.sampled_from(
    ["keep-alive", "Keep-Alive", "close", "chunked", "5", "100-continue", "a\x00", "a\rb"]
)
LENGTHS = st.tuples(
    st.sampled_from(["Content-Length", "content-length"]),
    st.just(": "),
    st.sampled_from(["0", "00", "2", "007"]),
)
PLAIN_LINES = LENGTHS | st.tuples(
    st.sampled_from(["Host", "User-Agent", "X-List", "x-list", "TE", "Connection"]),
    st.just(": "),
    st.text("a \t,é", max_size=5) | st.just("keep-alive"),
)
ODD_LINES = st.tuples(
    st.sampled_from(NAMES), st.sampled_from([": ", ":", " : ", ":\t"]), ODD_VALUES | st.text(max_size=3)
)
LINES = st.lists(PLAIN_LINES | PLAIN_LINES | PLAIN_LINES | ODD_LINES, min_size=1, max_size=5)
FIRST_LINES = st.sampled_from(["GET / HTTP/1.1", "GET /a?b HTTP/1.1", "Odd /ä HTTP/1.1", "GET / HTTP/1.0"])


def found(reader: Reader, end: int) -> object:
    """All that a reader found in a head that ends there."""
    lines = [(name, headers.text(value)) for name, value in reader.headers]
    wanted = {name.lower().encode() for name in NAMES}
    by_name = {
        name: (headers.first(reader.headers, name), headers.lines(reader.headers, name)) for name in wanted
    }
    agent = headers.first_utf8(reader.headers, b"user-agent")
    return (
        end,
        reader.method,
        reader.target,
        reader.version,
        reader.whole,
        reader.keep_alive,
        lines,
        by_name,
        agent,
    )


@settings(max_examples=2000)
@given(FIRST_LINES, LINES, st.sampled_from(["\r\n", "\n"]), st.binary(max_size=3))
def test_a_plain_head_is_what_the_parser_finds(
    first: str, lines: list[tuple[str, str, str]], end: str, rest: bytes
) -> None:
    """Each head that the one expression takes is read alike by the parser, and ends where that says."""
    text = f"{first}\r\n" + "".join(f"{name}{colon}{value}{end}" for name, colon, value in lines)
    data = b"x" + text.encode("latin-1", "replace") + b"\r\n" + rest
    if plain_head.match(data, 1) is None:
        return
    plain, general = Reader(), Reader()
    assert found(plain, plain.take_head(data, 1)) == found(general, general._take_other_head(data, 1))


def test_browsers_send_plain_heads() -> None:
    """Else the test above would say nothing of the usual request."""
    made = list(traffic.events(30))
    for request in traffic.tag_requests(made):
        reader = Reader()
        assert reader.take_head(request, 0) == len(request)
        assert isinstance(reader.headers, plain_head.Block)
        assert headers.first_utf8(reader.headers, b"user-agent")


@pytest.mark.parametrize(
    "line",
    [
        "Connection: close",
        "Connection: keep-alive, upgrade",
        "content-length: 3\r\nContent-Length: 3",
        "Content-Length: +3",
        "Content-Length: 1234567890",
        "EXPECT: 100-continue",
        "If-None-Match: a",
        "Proxy-Connection: close",
        "Transfer-Encoding: chunked",
        "Upgrade: h2c",
        "Two: a\r\n b",
        "User-Agent: a\r\nuser-agent: b",
        "No-Blank:a",
        "Odd : a",
        "Odd: \x00",
    ],
)
def test_a_head_that_needs_a_closer_look_is_not_plain(line: str) -> None:
    """What tells how the message goes on, and what is not well-formed beyond doubt, is the parser's."""
    head = f"GET / HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n".encode("latin-1")
    assert plain_head.match(head) is None
    assert plain_head.match(head.replace(line.encode("latin-1"), b"Upgrade-Insecure-Requests: 1")) is not None


def test_a_plain_head_has_so_many_lines_at_most() -> None:
    """One more is refused, as from the parser."""
    line = b"a: b\r\n"
    assert plain_head.match(b"GET / HTTP/1.1\r\n" + line * plain_head.MAX_LINES + b"\r\n") is not None
    assert plain_head.match(b"GET / HTTP/1.1\r\n" + line * (plain_head.MAX_LINES + 1) + b"\r\n") is None
