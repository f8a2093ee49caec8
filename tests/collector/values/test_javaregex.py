"""Java's regular expressions, against what JDK 17 answered."""

from __future__ import annotations

import json
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.values import javaregex, regex_syntax

OBSERVED = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "java_regex.jsonl").read_text(encoding="utf-8").splitlines()
]


def groups(pattern: str, text: str) -> list[str | None] | None:
    """All groups of the match, the whole first; None if there is no match."""
    compiled = javaregex.compile(pattern)
    found = compiled.match(text)
    return found and [found.group(number) for number in range(compiled.groups + 1)]


@pytest.mark.parametrize(
    "case", [case for case in OBSERVED if "answers" in case], ids=lambda case: case["pattern"]
)
def test_matches_are_those_of_java(case: dict[str, Any]) -> None:
    """Every text matches as it did in Java, with the same groups."""
    assert [groups(case["pattern"], text) for text in case["texts"]] == case["answers"]
    assert javaregex.compile(case["pattern"]).groups == case["groups"]


@pytest.mark.parametrize(
    "case", [case for case in OBSERVED if "refused" in case], ids=lambda case: case["pattern"]
)
def test_what_java_refuses_is_refused(case: dict[str, Any]) -> None:
    """A pattern that Java can't compile raises the error that says so."""
    with pytest.raises(javaregex.JavaRegexError):
        javaregex.compile(case["pattern"])


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        (r"\b{g}", r"\\b\{g\}"),
        ("(?c)a", "canonical equivalence"),
        (r"(?i)(a)\1", "back reference"),
        ("(" * 101 + ")" * 101, "deeper"),
        ("[" * 101 + "a" + "]" * 101, "deeper"),
        ("(?:a{1000}){1000}", "repetitions"),
    ],
    ids=lambda text: text[:12],
)
def test_what_is_not_translated_is_named(pattern: str, named: str) -> None:
    """A pattern that Java would take, but that can't be said here, is another error than one that Java refuses."""
    with pytest.raises(ValueError, match=named) as caught:
        javaregex.compile(pattern)
    assert not isinstance(caught.value, javaregex.JavaRegexError)


def test_groups_have_names_and_numbers() -> None:
    """Named groups count among the others."""
    compiled = javaregex.compile(r"(\d+)-(?<name>[a-z]+)(-(?<more>.*))?")
    assert compiled.groups == 4
    assert compiled.names == {"name": 2, "more": 4}
    found = compiled.match("12-ab")
    assert found
    assert (found.group(2), found.group(4)) == ("ab", None)


# Patterns that a text of so many `a` and a `b` where it does not help keeps busy for ever.
HOSTILE = [
    r"(a+)+c?x",
    "(a|aa)+x",
    "(?:(?:a*)*)*x",
    "(.*)(.*)(.*)(.*)(.*)(.*)[xy]",
    "(?:a(?=.*b))*(?:a|ab|b)*[xy]",
]


@pytest.mark.parametrize("pattern", HOSTILE)
def test_a_match_that_takes_too_long_drops_the_event(pattern: str) -> None:
    """The clock stops a pattern that would try for ages; its event is dropped and counted."""
    with pytest.raises(javaregex.TooSlow) as caught:
        javaregex.compile(pattern).match("a" * 20_000 + "xb")
    assert isinstance(caught.value, DroppedEvent)
    assert caught.value.reason == "slow regular expression"


def test_a_pattern_that_was_slow_has_less_time_for_a_while() -> None:
    """Texts made to keep it busy can't take all the time there is; honest ones are matched all the same."""
    now = 0.0
    pattern = javaregex.JavaRegex(r"(a+)+c?x", lambda: now)

    def taken(text: str) -> float:
        began = time.perf_counter()
        with pytest.raises(javaregex.TooSlow):
            pattern.match(text)
        return time.perf_counter() - began

    hostile = "a" * 20_000 + "xb"
    assert taken(hostile) > javaregex.MAX_SECONDS / 2
    assert (
        min(taken(hostile) for _ in range(10)) < javaregex.MAX_SECONDS / 5
    )  # others may hold the processor now and then
    assert pattern.match("aaax") is not None
    now = javaregex.WARY_SECONDS
    assert taken(hostile) > javaregex.MAX_SECONDS / 2


@pytest.mark.parametrize(
    ("pattern", "degree", "factor"),
    [
        ("abc", 0, 1),
        ("a|b|c", 0, 3),
        ("a{2,5}", 0, 4),
        (".*a.*", 2, 1),
        ("(?:x.*)?", 1, 2),
        (r"(a)\1", 1, 1),
        ("(a+)+", regex_syntax.ENDLESS, 1),
        ("(a|b)*", regex_syntax.ENDLESS, 1),
    ],
)
def test_the_work_of_a_pattern_is_told_from_its_form(pattern: str, degree: int, factor: int) -> None:
    """Only a pattern whose ways to match are few goes without a clock."""
    piece = regex_syntax.translate(pattern).pattern
    assert (piece.degree, piece.factor) == (degree, factor)


@given(st.text("ab1_ -é\u0301\u05d0.", max_size=12))
def test_ascii_texts_have_the_same_words_as_others(text: str) -> None:
    r"""The faster pattern for ASCII finds `\b` where the precise one does, and marks belong to their letters."""
    compiled = javaregex.compile(r"(.*?)\b(.*)")
    before = next((at for at in range(len(text) + 1) if is_boundary(text, at)), None)
    found = compiled.match(text)
    assert (found and len(found.group(1))) == before


def is_boundary(text: str, at: int) -> bool:
    """Whether a word begins or ends before `at`, by the letter of Java's rule."""

    def in_word(place: int) -> bool:
        if not 0 <= place < len(text):
            return False
        if unicodedata.category(text[place]) != "Mn":
            return text[place] == "_" or text[place].isalnum()
        while place >= 0 and unicodedata.category(text[place]) == "Mn":
            place -= 1
        return place >= 0 and text[place].isalnum()

    return in_word(at - 1) != in_word(at)


@given(st.text(r"ab1.^$|?*+()[]{}\-&,:<>=!#iQEdpPxubkZzAG ", max_size=20), st.text("ab1 \n", max_size=6))
def test_any_text_is_a_pattern_or_an_error(pattern: str, text: str) -> None:
    """Whatever is compiled, it is refused with a ValueError or matches without any other."""
    try:
        compiled = javaregex.compile(pattern)
    except ValueError:
        return
    compiled.match(text)


@pytest.mark.parametrize("pattern", [case["pattern"] for case in OBSERVED[:230]])
def test_a_pattern_cut_anywhere_is_a_pattern_or_an_error(pattern: str) -> None:
    """Every beginning of a pattern compiles or raises a ValueError."""
    for end in range(len(pattern)):
        try:
            javaregex.compile(pattern[:end])
        except ValueError:
            continue
