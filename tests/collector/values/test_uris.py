"""URIs, against what Java's `java.net.URI` and Divolte's query maps gave."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyglue.collector.values.uris import Uri, parse, parse_any

SUITE = Path(__file__).parents[2] / "parity" / "suites" / "uri-query"
WHOLE = "http://user:pw@h.example:8080/a%2Fb/%C3%A9;c=1?x=%C3%A9+y&x=2&z#f%20g"


def parsed(text: str) -> Uri:
    uri = parse(text)
    assert uri is not None
    return uri


def parts(uri: Uri | None) -> tuple[str | int | None, ...] | None:
    """Scheme, host, port, and the raw path, query and fragment."""
    if uri is None:
        return None
    return uri.scheme, uri.host, uri.port, uri.raw_path, uri.raw_query, uri.raw_fragment


def test_all_parts() -> None:
    """Every part is told raw and decoded; `+` is a blank in the query map alone."""
    uri = parsed(WHOLE)
    assert parts(uri) == (
        "http",
        "h.example",
        8080,
        "/a%2Fb/%C3%A9;c=1",
        "x=%C3%A9+y&x=2&z",
        "f%20g",
    )
    assert (uri.path, uri.decoded_query, uri.decoded_fragment) == ("/a/b/é;c=1", "x=é+y&x=2&z", "f g")
    assert uri.query() == {"x": ["é y", "2"], "z": [""]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://h.example", ("http", "h.example", None, "", None, None)),
        ("HTTP://H.Example/P", ("HTTP", "H.Example", None, "/P", None, None)),
        ("http://h/?", ("http", "h", None, "/", "", None)),
        ("http://h/#", ("http", "h", None, "/", None, "")),
        ("http://h?q#f", ("http", "h", None, "", "q", "f")),
        ("http://h:/", ("http", "h", None, "/", None, None)),
        ("http://h:99999/", ("http", "h", 99999, "/", None, None)),
        ("http://h:2147483647/", ("http", "h", 2147483647, "/", None, None)),
        ("http://h:" + "0" * 9000 + "80/", ("http", "h", 80, "/", None, None)),
        ("http://localhost:8090/x", ("http", "localhost", 8090, "/x", None, None)),
        ("http://1.2.3.4:5/", ("http", "1.2.3.4", 5, "/", None, None)),
        ("http://001.02.3.4/", ("http", "001.02.3.4", None, "/", None, None)),
        ("http://a.b./", ("http", "a.b.", None, "/", None, None)),
        ("http://123/", ("http", "123", None, "/", None, None)),
        ("http://[::1]:80/", ("http", "[::1]", 80, "/", None, None)),
        ("http://[1:2:3:4:5:6:7::]/", ("http", "[1:2:3:4:5:6:7::]", None, "/", None, None)),
        ("http://[::ffff:1.2.3.4]/", ("http", "[::ffff:1.2.3.4]", None, "/", None, None)),
        ("http://[fe80::1%eth0]/", ("http", "[fe80::1%eth0]", None, "/", None, None)),
        ("http://é@h/日?😀#é", ("http", "h", None, "/日", "😀", "é")),
        ("http://h/?[x]#[y]", ("http", "h", None, "/", "[x]", "[y]")),
        ("//h/p", (None, "h", None, "/p", None, None)),
        ("/a/b?q", (None, None, None, "/a/b", "q", None)),
        ("a/b:c", (None, None, None, "a/b:c", None, None)),
        ("?a=1", (None, None, None, "", "a=1", None)),
        ("#", (None, None, None, "", None, "")),
        ("", (None, None, None, "", None, None)),
        ("file:///x", ("file", None, None, "/x", None, None)),
        ("http://?q", ("http", None, None, "", "q", None)),
        ("mailto:x@y?a=1#f", ("mailto", None, None, None, None, "f")),
        ("data:text/plain,hi", ("data", None, None, None, None, None)),
        ("urn:a:b", ("urn", None, None, None, None, None)),
    ],
)
def test_uris(text: str, expected: tuple[str | int | None, ...]) -> None:
    """Case is kept, what is missing is None, relative and opaque URIs count, a port may have any size."""
    assert parts(parse(text)) == expected


@pytest.mark.parametrize(
    "authority",
    [
        "a_b", "é.example", "-a.x", "a-.x", "a..b", "1.2.3", "a.1a", "256.1.1.1", "1.2.3.4.", "%77ww", "h:x", "h:+1",
        "h:1:2", "h:2147483648", "u@@h", "@",
    ],
)  # fmt: skip
def test_mere_names(authority: str) -> None:
    """An authority that is no host and port still makes a URI, one without host and port."""
    assert parts(parse(f"http://{authority}/p")) == ("http", None, None, "/p", None, None)


@pytest.mark.parametrize(
    "text",
    [
        "http://", "http:", "http:#f", "//", ":a", "1a:b", "é:x", "http://h/a b", "http://h/a|b", "http://h/%zz",
        "http://h/%4", "http://h/?%", "http://h/#%u0041", "http://h%zz/", "http://h/a#b#c", "http://h/{}", "http://h/^",
        "http://h/`", "http://h/\\", 'http://h/?a="1"', "http://h/<>", "http://h/[x]", "http://h/\xa0", "http://h/\x00",
        "http://h/\u2028", "http://h/\x85", "http://h/\n", "http://h/p\n", "http://[::1", "http://[::1]x", "http://[1::2::3]",
        "http://[1:2:3:4:5:6:7]", "http://[::1:2:3:4:5:6:7:8]", "http://[12345::]", "http://[1.2.3.4::]",
        "http://[::1%]", "http://[::1.2.3.256]", "http://[]", "http://a]b", "mailto:a b",
    ],
)  # fmt: skip
def test_no_uris(text: str) -> None:
    """Blanks, bad escapes, a second `#` and what else RFC 2396 forbids leave nothing of a URI."""
    assert parse(text) is None


@pytest.mark.parametrize(
    ("escapes", "text"),
    [
        ("%E9", "\ufffd"),
        ("%C3x%A9", "\ufffdx\ufffd"),
        ("%E2%82x", "\ufffdx"),
        ("%F0%9F%98", "\ufffd"),
        ("%C0%AF", "\ufffd\ufffd"),
        ("%ED%A0%80", "\ufffd"),
        ("%ED%A0%80%ED%B0%80", "\ufffd\ufffd"),
        ("%ED%A0x", "\ufffdx"),
        ("%F4%90%80%80", "\ufffd" * 4),
        ("%F0%9F%98%80%00", "😀\x00"),
        ("[%41]", "[A]"),
    ],
)
def test_malformed_utf8(escapes: str, text: str) -> None:
    """Malformed UTF-8 becomes as many U+FFFD as Java makes of it."""
    uri = parsed(f"?{escapes}#{escapes}")
    assert (uri.decoded_query, uri.decoded_fragment) == (text, text)
    assert uri.query() == {text: [""]}


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("", {}),
        ("&", {"": [""]}),
        ("&&", {"": ["", ""]}),
        ("a=1&", {"a": ["1"]}),
        ("&a=1&&b", {"": ["", ""], "a": ["1"], "b": [""]}),
        ("=a&=", {"": ["a", ""]}),
        ("a==1;b=2", {"a": ["=1;b=2"]}),
        ("a+b=%2B+%26%3D", {"a b": ["+ &="]}),
        ("%61=%2526&a=é", {"a": ["%26", "é"]}),
    ],
)
def test_query_maps(query: str, values: dict[str, list[str]]) -> None:
    """Values are split at the first `=`; every empty pair counts but the one after a last `&`."""
    assert parsed(f"http://h/?{query}").query() == values


def test_no_query_map() -> None:
    """Without `?` there is no map, and an opaque URI has none."""
    assert parsed("http://h/#?a=1").query() is None
    assert parsed("mailto:x@y?a=1").query() is None


def _requests() -> list[tuple[str, str | None, dict[str, object]]]:
    """Of every request of the suite: id, location, what Divolte recorded."""
    requests = map(json.loads, (SUITE / "requests.jsonl").read_text().splitlines())
    answers = map(json.loads, (SUITE / "expected.jsonl").read_text().splitlines())
    cases = []
    for request, answer in zip(requests, answers, strict=True):
        location = parse_qs(urlsplit(request["target"]).query, keep_blank_values=True).get("l", [None])[0]
        cases.append((request["id"], location, answer["records"][0]["record"]))
    return cases


@pytest.mark.parametrize(
    ("location", "record"), [case[1:] for case in _requests()], ids=[case[0] for case in _requests()]
)
def test_what_divolte_recorded(location: str | None, record: dict[str, object]) -> None:
    """The query map of each location is Divolte's."""
    uri = parse(location) if location is not None else None
    assert (uri.query() if uri else None) == record["all"]


def test_cut_and_followed() -> None:
    """A URI cut anywhere is one with fewer parts or none; what follows ends up in the fragment, or nothing is left."""
    for end in range(len(WHOLE)):
        uri = parse(WHOLE[:end])
        assert uri is None or uri.scheme in (None, "http")
        if uri:
            assert WHOLE.find(uri.raw_path or "") >= 0
    assert parsed(WHOLE + "x").raw_fragment == "f%20gx"
    assert parse(WHOLE + " ") is None


PIECES = st.sampled_from(
    [
        *"azAZ09:/?#[]@%.-_+~!&=;, é\xa0😀\n{",
        "http://",
        "%41",
        "%C3%A9",
        "%zz",
        "::1",
        "1.2.3.4",
        "//",
        "..",
        ":80",
    ]
)


@example("http://a.b-c.d:80/%41?%42#%43")
@example("http://a.1")
@example("http://a.b.")
@given(st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join)).map(lambda text: f"http://h{text}"))
def test_the_short_cut_changes_nothing(text: str) -> None:
    """The regular expression for ordinary addresses gives what the productions give."""
    assert parts(parse(text)) == parts(parse_any(text))


@given(st.lists(PIECES, max_size=20).map("".join))
def test_parse_never_crashes(text: str) -> None:
    """Any text is a URI all parts of which can be asked for, or None."""
    uri = parse(text)
    if uri:
        assert (uri.path is None) == (uri.raw_path is None)
        assert (uri.query() is None) == (uri.decoded_query is None)


@pytest.mark.parametrize(
    "text", ["http://" + "a-" * 50_000, "http://h/" + "%41" * 30_000 + "%", "http://[" + "1:" * 50_000]
)
def test_hostile_length(text: str) -> None:
    """Long texts are read in proportion to their length: quadratic work would stall here."""
    assert parts(parse(text)) in (None, ("http", None, None, "", None, None))
