"""The catalogue of errors is complete: code, catalogue and docs/errors.md hold the same codes and the same words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from pyglue import errors
from pyglue.catalogue import CATALOGUE

ROOT = Path(__file__).resolve().parent.parent
KINDS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)
}


def raised() -> Iterator[tuple[str, str | None]]:
    """Every error that pyglue makes: (`file:line`, its code; None for a code that is not written there)."""
    for path in sorted((ROOT / "pyglue").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                not isinstance(node, ast.Call)
                or not isinstance(node.func, ast.Name)
                or node.func.id not in KINDS
            ):
                continue
            given = [word.value for word in node.keywords if word.arg == "code"]
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            if not given:
                yield where, getattr(errors, node.func.id).code
            for value in given:
                yield (
                    where,
                    value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None,
                )


def test_every_code_that_is_raised_is_in_the_catalogue() -> None:
    """An error that names a code names one that a user can look up."""
    unknown = [f"{where} {code}" for where, code in raised() if code and code not in CATALOGUE]
    assert unknown == []


def test_the_page_has_every_code_with_the_same_words() -> None:
    """docs/errors.md is the catalogue, and nothing else."""
    page = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    shown = {}
    for part in page.split("\n## ")[1:]:
        code, cause, remedy = part.strip().split("\n\n")
        shown[code] = (cause, remedy)
    assert shown == {code: (entry.cause, entry.remedy) for code, entry in CATALOGUE.items()}
