"""Whether what was read from JSON or YAML has the shape that its readers rely on: objects, lists, texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

# By the path to a value: what it may be. `[]` stands for each item of a list, `*` for each value of an object; a path that
# ends with `!` must be there wherever what holds it is. A member that is missing or null is else as good as any. The empty
# path is the document itself.
Shapes: TypeAlias = Mapping[str, type | tuple[type, ...]]

_WORDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
}


def faults(document: Any, shapes: Shapes) -> Iterator[tuple[str, str]]:
    """The paths of values that are of another kind, each with what was expected there."""
    for path, kind in shapes.items():
        required = path.endswith("!")
        steps = [step for step in path.removesuffix("!").replace("[]", ".[]").split(".") if step]
        kinds = kind if isinstance(kind, tuple) else (kind,)
        values = list(_at(document, steps, required=required or steps[-1:] in ([], ["[]"])))
        if not all(isinstance(value, kinds) for value in values):
            yield path.removesuffix("!"), "expected " + " or ".join(_WORDS[one] for one in kinds)


def _at(value: Any, steps: list[str], *, required: bool) -> Iterator[Any]:
    """The values at a path; none where what should hold them is of another kind, for that is told by itself."""
    if not steps:
        if value is not None or required:
            yield value
        return
    step, *rest = steps
    inner: list[Any] = []
    if step == "[]" and isinstance(value, list):
        inner = value
    elif step == "*" and isinstance(value, dict):
        inner = list(value.values())
    elif step not in ("[]", "*") and isinstance(value, dict):
        inner = [value.get(step)]
    for one in inner:
        yield from _at(one, rest, required=required)
