"""base36, identifiers, checksum, query: what a client sends, as Divolte 0.9.0 understood it."""

from __future__ import annotations

import mmh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.events import base36, checksum, identifiers
from pyglue.collector.http import query
from tests.collector.support import cases

LONG = st.integers(-(2**63), 2**63 - 1)


@given(LONG)
def test_base36_round_trip(number: int) -> None:
    """Every 64-bit number is read back from its rendering, in either case."""
    assert base36.parse_long(base36.render(number)) == number
    assert base36.parse_long(base36.render(number).upper()) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("+1", 1), ("-0", 0), ("000z", 35), ("٣", 3), ("\uff3a\uff3a", 1295), ("y2p0ij32e8e7", 2**63 - 1)],
)
def test_base36_takes_what_java_takes(text: str, number: int) -> None:
    """A sign, leading zeros, other scripts' digits and full-width letters are read."""
    assert base36.parse_long(text.replace("y2p0ij32e8e7", "1y2p0ij32e8e7")) == number


@pytest.mark.parametrize(
    "text", ["", "-", "+", " 1", "1 ", "1_0", "1.5", "é", "--1", "0x1!", "1" * 5000, "²"]
)
def test_base36_refuses_what_java_refuses(text: str) -> None:
    """What only Python's int would read, and endless digits, are no numbers."""
    assert base36.parse(text) is None


def test_base36_bounds() -> None:
    """Numbers beyond 32 and 64 bits are refused where those are asked for."""
    assert base36.parse_int("zik0zj") == 2**31 - 1
    assert base36.parse_int("zik0zk") is None
    assert base36.parse_long("-1y2p0ij32e8e8") == -(2**63)
    assert base36.parse_long("1y2p0ij32e8e8") is None


@pytest.mark.parametrize(
    ("text", "recorded"),
    [
        ("0:00ABC:q", "0:abc:q"),
        ("0:-1:", "0:-1:"),
        ("0:+z:a b", "0:z:a b"),
        ("1:abc:q", None),
        ("00:abc:q", None),
        ("0:abc", None),
        ("0:abc:q:r", None),
        ("0::q", None),
        ("", None),
        ("0:1y2p0ij32e8e8:q", None),
    ],
)
def test_identifiers_are_written_anew(text: str, recorded: str | None) -> None:
    """An identifier of three parts is recorded in its canonical form, anything else is none."""
    assert identifiers.normalise(text) == recorded


@pytest.mark.parametrize("case", cases("checksums.jsonl"), ids=lambda case: case["query"][-24:])
def test_checksums_that_divolte_judged(case: dict[str, object]) -> None:
    """Every request is judged as Divolte did, but the true hash counts as right for astral characters, too."""
    parameters = query.parameters(str(case["query"]).encode())
    astral = max(checksum.canonical(parameters).decode(), default="") > "\uffff"
    if case["corrupt"] is not None and not (astral and case["corrupt"]):
        assert checksum.matches(parameters) is not case["corrupt"]


@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])))
def test_both_hashes_agree_without_astral_characters(text: str) -> None:
    """Divolte's hash is the true one as long as no character beyond the BMP occurs."""
    assert checksum.divolte_hash(text) == mmh3.hash(text.encode())


def test_the_true_hash_counts_with_an_emoji() -> None:
    """What the tag sends for an emoji is not corrupt, and neither is what Divolte's own clients computed."""
    parameters = {b"t": ["a😀".encode()]}
    true, divolte = checksum.checksum(parameters), base36.render(checksum.divolte_hash("t=a😀,;"))
    unsigned = base36.render(mmh3.hash("t=a😀,;".encode()) & 0xFFFFFFFF)
    assert true != divolte
    assert checksum.matches({**parameters, b"x": [true.encode()]})
    assert checksum.matches({**parameters, b"x": [divolte.encode()]})
    assert not checksum.matches({**parameters, b"x": [unsigned.encode()]})


@pytest.mark.parametrize(
    ("raw", "parameters"),
    [
        (b"a=1&b=2&a=3", {b"a": [b"1", b"3"], b"b": [b"2"]}),
        (b"a&&b=&=c", {b"a": [b""], b"b": [b""], b"": [b"c"]}),
        (b"a=b=c;d", {b"a": [b"b=c;d"]}),
        (b"a=+%2b%C3%A9%ff", {b"a": [" +é\ufffd".encode()]}),
        (b"", {}),
    ],
)
def test_query_decoding(raw: bytes, parameters: dict[bytes, list[bytes]]) -> None:
    """Parameters keep their order and all their values; a blank is `+`, bad UTF-8 becomes U+FFFD."""
    assert query.parameters(raw) == parameters


@pytest.mark.parametrize(
    "target", [b"/a%zz", b"/?a=%4", b"/?a|b", b"/?a#b", "/é".encode(), b"/?a=<b>", b"/\x00", b"/%"]
)
def test_malformed_targets(target: bytes) -> None:
    """Bad escapes and forbidden bytes make a target malformed."""
    with pytest.raises(query.MalformedTarget):
        query.check_target(target)


def test_too_many_parameters() -> None:
    """A thousand parameters are read, one more makes the request malformed."""
    assert len(query.parameters(b"&".join(b"p%d=1" % at for at in range(1000)))) == 1000
    with pytest.raises(query.MalformedTarget):
        query.parameters(b"&".join([b"a=1"] * 1001))
