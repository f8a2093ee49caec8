"""New content in an old file's hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pyglue.superset.handwriting import rewritten

OLD = """\
# of the whole file
name: 'one'

# why it is two
count: 2
css: |
  /* rules */
  #header { color: red }
place: {x: 1, y: [2, 3]}
list:
  - {col: a, op: '=='}
  - b
"""
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def test_what_is_shipped_is_written_as_it_stands(checkout: Path) -> None:
    """The same content is the same text, byte for byte, for every file that is shipped."""
    files = sorted((checkout / "superset" / "dashboards").rglob("*.yaml"))
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert rewritten(text, yaml.safe_load(text)) == text, file


def test_only_what_has_changed_looks_different() -> None:
    """Order, quotes, brackets and comments stay; a new key comes last."""
    content = yaml.safe_load(OLD)
    new = {"new": [], **dict(reversed(content.items()))}
    new |= {"name": "other", "place": {"y": [2, 4], "x": 1}, "list": ["c", *content["list"]]}
    text = rewritten(OLD, new)
    wanted = OLD.replace("'one'", "'other'").replace("[2, 3]", "[2, 4]").replace("list:\n", "list:\n  - c\n")
    assert text == wanted + "new: []\n"


def test_a_comment_goes_with_its_key() -> None:
    """It is lost with the key below it, and no other one is."""
    content = yaml.safe_load(OLD)
    del content["count"]
    assert rewritten(OLD, content) == OLD.replace("\n# why it is two\ncount: 2\n", "")


def test_what_looks_like_a_comment_in_a_text() -> None:
    """It is part of the text, and goes when the text changes."""
    text = rewritten(OLD, yaml.safe_load(OLD) | {"css": "b\n#a\n"})
    assert text == OLD.replace("  /* rules */\n  #header { color: red }\n", "  b\n  #a\n")


def test_a_file_that_was_not_there() -> None:
    """Keys in their own order, texts over several lines as such, characters as they are."""
    assert rewritten(None, {"b": "é\nü\n", "a": {"k": [1]}}) == "b: |\n  é\n  ü\na:\n  k:\n    - 1\n"


def test_what_was_empty_had_no_hand() -> None:
    """Empty brackets can't be written otherwise: what comes into them gets lines of its own."""
    assert rewritten("a: {}\nb: []\n", {"a": {"k": 1}, "b": [1]}) == "a:\n  k: 1\nb:\n  - 1\n"


def test_anchors_are_written_out() -> None:
    """What stood twice by an alias stands there twice."""
    text = rewritten("a: &x {k: 1}\nb: *x\n", {"a": {"k": 1}, "b": {"k": 2}})
    assert yaml.safe_load(text) == {"a": {"k": 1}, "b": {"k": 2}}


@settings(deadline=None)
@given(st.dictionaries(st.text(), VALUES), st.dictionaries(st.text(), VALUES))
def test_nothing_is_lost(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Whatever the old text held, the new one reads as the new content."""
    old = yaml.safe_dump(before, sort_keys=False, allow_unicode=True)
    assert yaml.safe_load(rewritten(old, after)) == after
