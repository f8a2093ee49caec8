"""The query string of a request: bytes in, decoded parameters out.

A part is `name=value`; a part without `=` has the empty value; empty parts are skipped. `+` is a blank, `%XX` a byte,
`;` an ordinary character. Bytes that are no UTF-8 become U+FFFD. What can't be decoded is no event at all: the
request is malformed.
"""

from __future__ import annotations

import re

MAX_PARAMETERS = 1000

# What a request's target may not hold unescaped, as Divolte's HTTP server has it.
_FORBIDDEN = re.compile(rb'[^\x21-\x7e]|["#<>\\^`{|}]')
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_BYTES = {b"%02x" % byte: bytes([byte]) for byte in range(256)}


class MalformedTarget(ValueError):
    """A request's target that no server should guess at; the text says what is wrong with it."""


def check_target(target: bytes) -> None:
    """Raise MalformedTarget if `target` (path and query) holds a forbidden byte or a bad percent escape."""
    if _FORBIDDEN.search(target):
        raise MalformedTarget("forbidden byte")
    if b"%" in target and _BAD_ESCAPE.search(target):
        raise MalformedTarget("bad percent escape")


def parameters(query: bytes) -> dict[str, list[str]]:
    """The parameters of a checked `query` in their order; raises MalformedTarget beyond MAX_PARAMETERS."""
    if query.count(b"&") >= MAX_PARAMETERS and sum(map(bool, query.split(b"&"))) > MAX_PARAMETERS:
        raise MalformedTarget("too many parameters")
    found: dict[str, list[str]] = {}
    for part in query.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            found.setdefault(decode(name), []).append(decode(value))
    return found


def decode(raw: bytes) -> str:
    """A name or value of a query as text."""
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    return unescape(raw)


def unescape(raw: bytes) -> str:
    """`raw` with its percent escapes decoded; a `+` stays what it is, as in a path."""
    if b"%" in raw:
        raw = _ESCAPE.sub(lambda escape: _BYTES[escape[1].lower()], raw)
    return raw.decode("utf-8", "replace")
