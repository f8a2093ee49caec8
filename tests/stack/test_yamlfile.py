"""YAML with lines: what a compose file may use, and where everything else is refused."""

from typing import Any

import pytest

from pyglue.errors import InputError, Problem
from pyglue.stack.yamlfile import load


def refused(text: str) -> Problem:
    """The one problem that a text has."""
    with pytest.raises(InputError) as caught:
        load(text, "file.yml")
    (problem,) = caught.value.problems
    return problem


def test_maps_and_lists_know_their_lines() -> None:
    """Each key and each item remembers the line on which it stands."""
    document = load("a: 1\nb:\n  c: x\n  d:\n    - one\n    - two\n", "f")
    assert document == {"a": 1, "b": {"c": "x", "d": ["one", "two"]}}
    assert document.lines == {"a": 1, "b": 2}
    assert document["b"].lines == {"c": 3, "d": 4}
    assert document["b"]["d"].lines == [5, 6]
    assert document["b"].line == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\n", {"k": 3, "l": 2}),
        ("a: &x {k: 1}\nb: {k: 3, <<: *x}\n", {"k": 3}),
        ("a: &x {k: 1}\nc: &y {k: 2, l: 2}\nb: {<<: [*x, *y]}\n", {"k": 1, "l": 2}),
        ("a: &x {k: 1}\nc: &y {<<: *x, l: 2}\nb: {<<: *y}\n", {"k": 1, "l": 2}),
        ("a: &x {k: {m: 1}}\nb: {<<: *x, k: {n: 2}}\n", {"k": {"n": 2}}),
        ("b: {}\n", {}),
    ],
)
def test_merge_keys(text: str, expected: dict[str, Any]) -> None:
    """`<<` brings in what the map itself does not say; of several sources the first wins; nothing is mixed deeper."""
    assert load(text, "f")["b"] == expected


def test_a_merged_key_points_at_its_source() -> None:
    """The line of a merged key is the one on which it is written."""
    document = load("a: &x\n  k: 1\nb:\n  <<: *x\n  l: 2\n", "f")
    assert document["b"].lines == {"k": 2, "l": 5}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1.5", 1.5),
        ("'1'", "1"),
        ("true", True),
        ("null", None),
        ("2026-01-02", "2026-01-02"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-99-99", "2026-99-99"),
        ("=", "="),
    ],
)
def test_scalars(text: str, value: object) -> None:
    """Numbers, booleans and nothing are what YAML says; a date stays the text that was written."""
    assert load(f"a: {text}", "f")["a"] == value


def test_an_empty_document_is_an_empty_map() -> None:
    """A file with nothing in it is a map without keys."""
    assert load("# nothing\n", "f") == {}


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("a: 1\nb: [1, 2\n", 3, 1, "expected ',' or ']'"),
        ("a: 1\n\tb: 2\n", 2, 1, "cannot start any token"),
        ("a: 1\na: 2\n", 2, 1, "the key 'a' stands here twice"),
        ("x:\n  ? [1]\n  : 2\n", 2, 5, "a key must be a plain word"),
        ("a: *nowhere\n", 1, 4, "undefined alias"),
        ("a: {<<: 1}\n", 1, 9, "merges maps only"),
        ("a: {<<: [1]}\n", 1, 9, "merges maps only"),
        ("a: 1\n---\nb: 2\n", 2, 1, "another document"),
        ("a: !!python/object:os.system x\n", 1, 4, "python/object"),
        ("a: !env X\n", 1, 4, "!env"),
        ("a: !!int word\n", 1, 4, "int"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, 4, "python/object"),
        ("a: &x [*x]\n", 1, 4, "holds itself"),
        ("a: &x {b: *x}\n", 1, 4, "holds itself"),
        ("a: &x {<<: *x}\n", 1, 4, "holds itself"),
    ],
)
def test_what_is_no_compose_yaml_is_refused_where_it_stands(
    text: str, line: int, column: int, said: str
) -> None:
    """Every fault is one problem with line and column, and never makes a Python object."""
    problem = refused(text)
    assert said in problem.message
    assert (problem.file, problem.line, problem.column) == ("file.yml", line, column)


def test_characters_that_yaml_forbids_are_refused() -> None:
    """A control character is a problem of the file, not of pyglue."""
    assert "special characters" in refused("a: \x07\n").message
