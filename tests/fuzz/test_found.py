"""What the fuzzer found once: inputs that broke, slowed or swelled the collector."""

from __future__ import annotations

import pytest

from tests.fuzz.every_target import every_target
from tests.fuzz.runner import replay

ENDLESS_DATE = b"Mon, 01 Jan 2024 00:00:00 +" + b"9" * 20
FOUND = {
    "date of a page": ("app", b"GET / HTTP/1.1\r\nIf-Modified-Since: " + ENDLESS_DATE + b"\r\n\r\n"),
    "date of a range": ("headers", ENDLESS_DATE),
    "quoted pieces of a list": ("headers", b'a="' + b"".join(b'%d"' % at for at in range(200_000))),
    "zeros of an exponent": ("numbers", b"0x1p" + b"0" * 4000 + b"x"),
    "hexadecimal fraction": ("numbers", b"0x1." + b"".join(b"01%d" % at for at in range(40_000)) + b"p60"),
    "number in a document": ("documents", b'{"a": [{"b": "' + b"9" * 20_000 + b'x"}]}'),
    "number in a filter": ("paths", b"$.a[?(@.b in [" + b"9" * 5000 + b"a])]"),
    "number beyond all others": ("filters", b"1e" + b"9" * 20),
    "header of no browser": ("agents", b"x" * 512),
    "header of a browser": ("agents", b"Mozilla/5.0 (" + b"a;" * 250),
    "comments without end": ("mappings", b"/*\n" * 10_000),
    "problems of one line": ("mappings", b");" * 10_000),
    "digits of no number": ("mappings", b"map " + b"9" * 5000 + b"a onto 'x'"),
    "digits of a number": ("mappings", b"mapping { map " + b"9" * 5000 + b" onto 'x' }"),
    "half a pair as a name": ("mappings", b"mapping { map eventId() onto '\\ud800' }"),
    "the same sum twice": (
        "mappings",
        b"mapping { def a0 = corrupt(); def b0 = corrupt()\n"
        + b"".join(
            b"def a%d = a%d.and(a%d)\ndef b%d = b%d.and(b%d)\n" % ((n + 1, n, n) * 2) for n in range(24)
        )
        + b"map a24 onto 'detectedCorruption'; map b24 onto 'detectedDuplicate'\n}",
    ),
    "closures that double": (
        "mappings",
        b"mapping { def a0 = { corrupt() }\n"
        + b"".join(b"def a%d = { not(a%d)\nnot(a%d) }\n" % (n + 1, n, n) for n in range(40))
        + b"when a40 apply { } }",
    ),
    "names of one object": ("configurations", b"".join(b"a.b%d = 1\n" % at for at in range(6000))),
    "texts that double": (
        "configurations",
        b"".join(b"a%d = ${a%d}${a%d}\n" % (n, n + 1, n + 1) for n in range(60)) + b"a60 = x",
    ),
    "half a pair as a key": ("configurations", b'"\\ud800"]'),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_is_mended(name: str) -> None:
    """It keeps all promises of its target now: no exception, and time and memory in proportion."""
    target, data = FOUND[name]
    replay(every_target()[target], data, lambda _line: None)
