"""What the fuzzer found once: inputs that broke, slowed or swelled the collector."""

from __future__ import annotations

import pytest

from tests.fuzz.every_target import every_target
from tests.fuzz.runner import replay

ENDLESS_DATE = b"Mon, 01 Jan 2024 00:00:00 +" + b"9" * 20
FOUND = {
    "date of a page": ("app", b"GET / HTTP/1.1\r\nIf-Modified-Since: " + ENDLESS_DATE + b"\r\n\r\n"),
    "date of a range": ("headers", ENDLESS_DATE),
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
