"""Shapes of documents."""

from __future__ import annotations

from typing import Any

import pytest

from pyglue import shapes

SHAPES: shapes.Shapes = {
    "": (dict, list),
    "[].id!": int,
    "a": dict,
    "a.list": list,
    "a.list[]": (str, dict),
    "a.list[].name!": str,
    "nodes.*.meta": dict,
}


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({}, []),
        ([{"id": 1}, 7], []),
        (None, [("", "expected an object or a list")]),
        ([{"id": 1}, {}], [("[].id", "expected a whole number")]),
        ({"a": None, "nodes": None}, []),
        ({"a": {"list": ["x", {"name": "y"}]}, "nodes": {"n": {"meta": {}}, "m": {}, "text": "x"}}, []),
        ({"a": 1}, [("a", "expected an object")]),
        ({"a": {"list": "x"}}, [("a.list", "expected a list")]),
        ({"a": {"list": [None]}}, [("a.list[]", "expected a text or an object")]),
        ({"a": {"list": ["x", {"name": 1}]}}, [("a.list[].name", "expected a text")]),
        ({"a": {"list": [{}]}}, [("a.list[].name", "expected a text")]),
        ({"nodes": {"n": {"meta": []}}}, [("nodes.*.meta", "expected an object")]),
    ],
)
def test_what_is_told(document: Any, told: list[tuple[str, str]]) -> None:
    """Once for each path, at the outermost value that is wrong; what may be missing is not."""
    assert list(shapes.faults(document, SHAPES)) == told
