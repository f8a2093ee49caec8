"""URIs as Java's `java.net.URI` reads them: strictly, by RFC 2396 with Java's own extensions.

The extensions: letters and signs beyond ASCII may stand unescaped in user, path, query and fragment; an authority that
is no host with a port is a mere name, and the URI has neither; IPv6 addresses stand in brackets; an authority may be
empty before a path. A text is a URI with all its parts or none at all: nothing is mended.

Ordinary addresses of web pages are taken apart by one regular expression, all others by one function per production.
Both give the same URI (a property test says so). No pattern here ever tries a text twice: repetitions are possessive.
"""

from __future__ import annotations

import re
from functools import lru_cache

REMEMBERED = 4096  # texts
LONG = 300  # characters; so the memory takes some megabytes at most
_UNRESERVED = r"A-Za-z0-9_!~'()*.\-"
_IN_USER = rf"{_UNRESERVED}$,;:&=+"
_IN_REGISTRY = rf"{_IN_USER}@"
_IN_PATH = rf"{_IN_REGISTRY}/"
_IN_QUERY = rf"{_IN_PATH}?\[\]"
# Beyond ASCII everything counts as a letter but blanks and control characters.
_OTHER = "\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff\u3001-\U0010ffff"
_ESCAPE = "%[0-9A-Fa-f]{2}"
# Python 3.11.2, which is Debian 12's, loses its place in a possessive group that holds another repeated one. So the
# inner ones are plain here (there is one way to match them anyway), and the outer one is made atomic.
_LABEL = "[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*"
_TOP_LABEL = "[A-Za-z][A-Za-z0-9]*+(?:-++[A-Za-z0-9]++)*"
_DOTTED = rf"(?>(?:{_LABEL}\.)*){_TOP_LABEL}"


def _of(characters: str) -> str:
    """The pattern of a text of escapes and these characters."""
    return f"[{characters}]*+(?:{_ESCAPE}[{characters}]*+)*+"


_COMMON = re.compile(
    rf"([A-Za-z][A-Za-z0-9+.\-]*+)://({_DOTTED})(?::([0-9]{{1,9}}+))?+((?:/{_of(_IN_PATH)})?+)"
    rf"(?:\?({_of(_IN_QUERY)}))?+(?:\#({_of(_IN_QUERY)}))?+"
)
_OUTER = re.compile(r"(?:([^:/?#]*+):)?+([^#]*+)(?:#(.*+))?+", re.DOTALL)
_INNER = re.compile(r"(?://([^/?]*+))?+([^?]*+)(?:\?(.*+))?+", re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*+")
_USER = re.compile(_of(_IN_USER + _OTHER))
_REGISTRY = re.compile(_of(_IN_REGISTRY + _OTHER))
_PATH = re.compile(_of(_IN_PATH + _OTHER))
_QUERY = re.compile(_of(_IN_QUERY + _OTHER))  # the fragment and all of an opaque URI, too
_HOST_NAME = re.compile(rf"(?:{_DOTTED}|{_LABEL})")
_PORT = re.compile("0*[0-9]{0,10}")
_ADDRESS_WITH_ZONE = re.compile("([^%]*+)(?:%[A-Za-z0-9_.]++)?+")
_IPV6_GROUP = re.compile("[0-9A-Fa-f]{1,4}")
_BYTE = re.compile("0*[0-9]{1,3}")

_ESCAPES = re.compile(f"(?:{_ESCAPE})+")
_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]?")
_MAX_INT = 2**31 - 1


class Uri:
    """A URI's parts, each None if the URI lacks it; of an opaque URI only scheme and fragment are told. Not to be changed.

    `host` is as it is spelt (IPv6 in brackets), `port` any number of 31 bits. Raw parts are as they stand in the text.
    """

    __slots__ = ("host", "port", "raw_fragment", "raw_path", "raw_query", "scheme")

    def __init__(
        self,
        scheme: str | None,
        host: str | None,
        port: int | None,
        raw_path: str | None,
        raw_query: str | None,
        raw_fragment: str | None,
    ) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port
        self.raw_path = raw_path
        self.raw_query = raw_query
        self.raw_fragment = raw_fragment

    @property
    def path(self) -> str | None:
        """The path with its escapes decoded."""
        return _decoded(self.raw_path)

    @property
    def decoded_query(self) -> str | None:
        """The query with its escapes decoded; `+` stays."""
        return _decoded(self.raw_query)

    @property
    def decoded_fragment(self) -> str | None:
        """The fragment with its escapes decoded."""
        return _decoded(self.raw_fragment)

    def query(self) -> dict[str, list[str]] | None:
        """The query's values by name, both decoded, `+` as a blank; None without a query.

        A pair without `=` has the empty value, an empty pair has the empty name, too; the one after a last `&` is
        none.
        """
        if self.raw_query is None:
            return None
        pairs = self.raw_query.replace("+", " ").split("&")
        if pairs[-1] == "":
            pairs.pop()
        values: dict[str, list[str]] = {}
        for pair in pairs:
            name, _, value = pair.partition("=")
            if "%" in pair:
                name, value = _unescaped(name), _unescaped(value)
            values.setdefault(name, []).append(value)
        return values


def parse(text: str) -> Uri | None:
    """The URI that `text` is, None if it is none.

    A site has few pages beside its visitors, and they come from few others: short texts are remembered.
    """
    return _parse(text) if len(text) > LONG else _remembered(text)


def _parse(text: str) -> Uri | None:
    found = _COMMON.fullmatch(text)
    if found is None:
        return parse_any(text)
    scheme, host, port, path, query, fragment = found.groups()
    return Uri(scheme, host, None if port is None else int(port), path, query, fragment)


_remembered = lru_cache(REMEMBERED)(_parse)


def parse_any(text: str) -> Uri | None:
    """Like `parse`, for texts of every form."""
    scheme, rest, fragment = _parts(_OUTER, text)
    if scheme is not None and not _SCHEME.fullmatch(scheme):
        return None
    if fragment is not None and not _QUERY.fullmatch(fragment):
        return None
    if scheme is not None and not rest.startswith("/"):
        opaque = rest and _QUERY.fullmatch(rest)
        return Uri(scheme, None, None, None, None, fragment) if opaque else None
    authority, path, query = _parts(_INNER, rest)
    if not _PATH.fullmatch(path) or (query is not None and not _QUERY.fullmatch(query)):
        return None
    if authority:
        server = _server(authority)
        if server is None and not _REGISTRY.fullmatch(authority):
            return None
        host, port = server or (None, None)
        return Uri(scheme, host, port, path, query, fragment)
    nothing_follows = path == "" and query is None and fragment is None
    return None if authority == "" and nothing_follows else Uri(scheme, None, None, path, query, fragment)


def _parts(pattern: re.Pattern[str], text: str) -> tuple[str | None, str, str | None]:
    """The three groups of a pattern that fits every text."""
    found = pattern.match(text)
    if found is None:
        raise AssertionError(pattern)
    return found[1], found[2], found[3]


def _server(authority: str) -> tuple[str, int | None] | None:
    """Host and port of `[user@]host[:port]`, None if `authority` is not of that form."""
    user, at, rest = authority.partition("@")
    if not at:
        rest = authority
    elif not _USER.fullmatch(user):
        return None
    if rest.startswith("["):
        address, bracket, port = rest.partition("]")
        if not (bracket and _is_ipv6(address[1:])) or port[:1] not in ("", ":"):
            return None
        host, port = address + bracket, port[1:]
    else:
        host, _, port = rest.partition(":")
        if not (_is_ipv4(host) or _HOST_NAME.fullmatch(host.removesuffix("."))):
            return None
    if port == "":
        return host, None
    if not _PORT.fullmatch(port) or int(port[-10:]) > _MAX_INT:
        return None
    return host, int(port[-10:])


def _is_ipv4(host: str) -> bool:
    """Whether `host` is four numbers below 256; leading zeros do not matter."""
    numbers = host.split(".")
    return len(numbers) == 4 and all(_BYTE.fullmatch(number) and int(number[-3:]) < 256 for number in numbers)


def _is_ipv6(address: str) -> bool:
    """Whether `address` is an IPv6 address, perhaps with a zone."""
    found = _ADDRESS_WITH_ZONE.fullmatch(address)
    if found is None:
        return False
    head, gap, tail = found[1].partition("::")
    before, after = _octets(head, ends=not gap), _octets(tail, ends=True)
    if before is None or after is None:
        return False
    return before + after < 16 if gap else before == 16


def _octets(groups: str, *, ends: bool) -> int | None:
    """How many bytes these groups of an IPv6 address stand for; None if they are none.

    `ends`: the address ends here, so the last group may be an IPv4 address.
    """
    if groups == "":
        return 0
    *others, last = groups.split(":")
    if not all(map(_IPV6_GROUP.fullmatch, others)):
        return None
    if ends and _is_ipv4(last):
        return 2 * len(others) + 4
    return 2 * len(others) + 2 if _IPV6_GROUP.fullmatch(last) else None


def _decoded(part: str | None) -> str | None:
    return part if part is None else _unescaped(part)


def _unescaped(text: str) -> str:
    """`text` with runs of escapes read as UTF-8, malformed ones as U+FFFD."""
    return _ESCAPES.sub(_characters, text) if "%" in text else text


def _characters(escapes: re.Match[str]) -> str:
    encoded = bytes.fromhex(escapes[0].replace("%", ""))
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        # Java counts an encoded surrogate as one malformed sequence, Python as up to three.
        return _SURROGATE.sub(b"\xff", encoded).decode(errors="replace")
