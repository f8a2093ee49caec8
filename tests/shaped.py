"""Documents with one value replaced by another kind of value, for what reads them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

OTHERS: tuple[Any, ...] = (None, 1, "x", [], {}, [1], [None], {"a": 1}, [["x"]])


def misshapen(document: Any) -> Iterator[Any]:
    """The document with each of its values in turn replaced by each of OTHERS."""
    for path in _paths(document, ()):
        for other in OTHERS:
            changed = copy.deepcopy(document)
            *holders, last = path
            at = changed
            for step in holders:
                at = at[step]
            at[last] = copy.deepcopy(other)
            yield changed


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    members: Any = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value[:2])
    for name, inner in members:
        yield from _paths(inner, (*path, name))
