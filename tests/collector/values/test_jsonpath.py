"""JsonPaths, against what Jayway's library answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.events.dropped import ABSENT, DroppedEvent
from pyglue.collector.values import jsonpath, jsonpath_syntax, lenient_json

DATA = Path(__file__).parent / "data" / "jayway.jsonl"
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "b", "1", ""]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=4),
    max_leaves=20,
)


def observed() -> Iterator[dict[str, Any]]:
    """The paths, each with its documents."""
    documents: list[str] = []
    for line in DATA.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        documents = case.get("documents", documents)
        if "path" in case:
            yield {"documents": documents, **case}


ANSWERED = [case for case in observed() if "answers" in case]


def answer(path: str, value: object) -> object:
    """What a path leads to, as the table writes it."""
    try:
        found = jsonpath.compile(path)(value)
    except DroppedEvent as dropped:
        return {"JsonPath function": "crash"}[dropped.reason]
    return "absent" if found is ABSENT else {"value": found}


def exact(value: object) -> object:
    """`value` with its numbers told apart by type, and so from truths; Decimals count as floats."""
    if isinstance(value, dict):
        return {name: exact(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [exact(inner) for inner in value]
    if isinstance(value, Decimal):
        value = float(value)
    return value if value is None or isinstance(value, str) else (type(value), value)


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case["path"])
def test_answers_are_those_of_jayway(case: dict[str, Any]) -> None:
    """Every document gives what it gave there, and the path is definite or not as there."""
    decimal = case.get("decimal", False)
    documents = [json.loads(text, parse_float=Decimal if decimal else None) for text in case["documents"]]
    answers = [answer(case["path"], document) for document in documents]
    if decimal:  # the table's numbers lost their zeros
        answers, case["answers"] = json.loads(
            json.dumps([answers, case["answers"]], default=float), parse_int=float
        )
    assert exact(answers) == exact(case["answers"])
    assert jsonpath.compile(case["path"]).is_definite is case["definite"]


@pytest.mark.parametrize("path", [case["path"] for case in observed() if "refused" in case] + [""])
def test_what_jayway_refuses_is_refused(path: str) -> None:
    """A path that Jayway can't compile is no path here."""
    with pytest.raises(ValueError, match=r"\S"):
        jsonpath.compile(path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.", "ends with a '.'"),
        ("$a", r"expected '\.' or '\['"),
        ("$['a' 'b']", "expected a ',' or ']'"),
        ("$['a,b']", "a name in quotes and ']'"),  # Jayway counts commas inside of quotes, too
        ("$[a]", r"expected \[0\]"),
        ("$[?(@.a ~ 1)]", "expected a '\\)'"),
        ("$[?(@.a =~ /(/)]", "not closed"),
        ("$[99999999999]", "32 bits"),
        ("$" + ".a" * 200, "fewer steps"),
        ("$[?(" + "(" * 30 + "@.a" + ")" * 30 + ")]", "deeper"),
    ],
)
def test_a_refusal_says_what_was_expected(path: str, expected: str) -> None:
    """The error of a path tells what would have been right."""
    with pytest.raises(ValueError, match=expected):
        jsonpath.compile(path)


def test_an_integer_beyond_64_bits_leaves_a_filter_without_answer() -> None:
    """Jackson keeps such a number as a node, of which Jayway makes no value: the whole path has no answer."""
    assert jsonpath.compile("$[?(@ > 1)]")([5, 2**63]) == []
    assert jsonpath.compile("$[?(@ > 1)]")([5, 2**63 - 1]) == [5, 2**63 - 1]


def test_numbers_of_mincode_compare_by_value() -> None:
    """A Decimal equals the whole number that it is, and to a text it is the one that Java writes."""
    values = [Decimal("1E+1"), 10, "1E+1", Decimal("2.5")]
    assert jsonpath.compile("$[?(@ == 10)]")(values) == [Decimal(10), 10]
    assert jsonpath.compile("$[?('1E+1' == @)]")(values) == [Decimal(10), "1E+1"]


@given(VALUES, st.sampled_from(["$.a", "$.a.b", "$['a'].b[0]", "$.a[-1].c", "$[1].a", "$", "$.b[5]"]))
def test_simple_paths_lead_where_general_ones_do(value: object, path: str) -> None:
    """The loop over names and indexes answers as the chain of functions would."""
    parsed = jsonpath_syntax.parse(path)
    assert jsonpath._simple(parsed) is not None
    assert jsonpath.compile(path)(value) == jsonpath._general(parsed)(value)


@given(VALUES)
def test_a_scan_finds_what_a_walk_finds(value: object) -> None:
    """`$..a` is every value called a, from the outside in and in the document's order."""

    def walk(value: object) -> Iterator[object]:
        if isinstance(value, dict):
            if "a" in value:
                yield value["a"]
            for inner in value.values():
                yield from walk(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    assert jsonpath.compile("$..a")(value) == list(walk(value))


@given(VALUES, st.text("$@.[]?()*'\",:&|!=<>~/\\ ab01-{}", max_size=25).map(lambda text: f"${text}"))
def test_any_text_is_a_path_or_an_error(value: object, path: str) -> None:
    """Whatever is compiled, it is refused with a ValueError, or answers, or drops its event."""
    try:
        compiled = jsonpath.compile(path)
        compiled(value)
    except (ValueError, DroppedEvent):
        return


@pytest.mark.parametrize("path", [case["path"] for case in ANSWERED])
def test_a_path_cut_anywhere_is_a_path_or_an_error(path: str) -> None:
    """Every beginning of a path compiles or raises a ValueError."""
    for end in range(len(path)):
        try:
            jsonpath.compile(path[:end])
        except ValueError:
            continue


def nested(depth: int) -> object:
    """Objects in objects, each with a number and the next one."""
    value: dict[str, Any] = {"b": 1}
    for _ in range(depth):
        value = {"b": 1, "a": value}
    return value


@pytest.mark.parametrize("path", ["$..b", "$..[?(@.b)].b", "$..*", "$[?(@ == $)]", "$..a[?(@.b == 1)].b"])
def test_deep_values_need_no_deep_stack(path: str) -> None:
    """A value nested thousands of levels deep is walked through, not recursed into."""
    assert jsonpath.compile(path)(nested(5000))


@pytest.mark.parametrize(
    "path", ["$..a..b", "$..[?(@..b)]", "$..[?(@.a == $.a.a)]", "$..*..*", "$[-2000000:2]"]
)
def test_a_path_that_looks_too_often_drops_the_event(path: str) -> None:
    """What takes the square of a deep value's size ends with the event dropped and counted."""
    value = nested(3000) if path[1] == "." else [1]
    with pytest.raises(DroppedEvent) as caught:
        jsonpath.compile(path)(value)
    assert caught.value.reason == "slow JsonPath"


def test_many_scans_compile_fast() -> None:
    """Parts of a path are linked once, however many scans it has."""
    assert jsonpath.compile("$" + "..a" * 45)({"a": 1}) == []


def test_appending_leaves_the_event_as_it_is() -> None:
    """`append` answers with a longer array; other paths see the event's own."""
    value = {"a": [1]}
    assert jsonpath.compile("$.a.append(22)")(value) == [1, 22]
    assert value == {"a": [1]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[a, 'b', \"c\\n\", d e]", ["a", "b", "c\n", "d e"]),
        ("[1,,02,1.50,-3]x", [1, 2, Decimal("1.5"), -3]),
        ("{a:1,'b':[true null]}", {"a": 1, "b": ["true null"]}),
        ("'\\u0041'", "A"),
    ],
)
def test_lenient_json(text: str, value: object) -> None:
    """Quotes and commas may be missing; what follows is ignored."""
    assert lenient_json.parse(text) == value


@pytest.mark.parametrize(
    "text", ["", "[", "[1", "{a", "{a}", "{:1}", "[:]", "'a", "[" * 60 + "]" * 60, "1e" + "9" * 20]
)
def test_what_is_no_lenient_json(text: str) -> None:
    """Brackets and quotes must close, names have values."""
    with pytest.raises(ValueError, match="JSON of a filter"):
        lenient_json.parse(text)
