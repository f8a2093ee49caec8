"""The catalogue of errors is complete: code, catalogue and docs/errors.md hold the same codes and the same words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pyglue import catalogue
from pyglue.catalogue import CATALOGUE

ROOT = Path(__file__).resolve().parent.parent
FINDINGS = "pyglue/diagnosis/findings.py"  # traffic has findings of another kind


@dataclass(frozen=True)
class Made:
    """A place at which an error is made: `file:line`, its codes, and whether they are written there at all."""

    where: str
    codes: tuple[str, ...]
    told: bool


def trees(folder: Path) -> dict[str, ast.Module]:
    """Every module below a folder, parsed, by its path."""
    return {
        str(path.relative_to(folder.parent)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.py"))
    }


def kinds(modules: dict[str, ast.Module]) -> dict[str, str]:
    """PyglueError and all that come from it, wherever they stand: the class's own or inherited code by its name."""
    classes = [
        node for module in modules.values() for node in ast.walk(module) if isinstance(node, ast.ClassDef)
    ]
    found = {"PyglueError": ""}
    while fresh := [
        (one, parent)
        for one in classes
        if one.name not in found
        and (parent := next((name for name in map(last, one.bases) if name in found), ""))
    ]:
        found |= {one.name: own_code(one) or found[parent] for one, parent in fresh}
    return found


def last(node: ast.expr) -> str:
    """The last part of a dotted name; empty for what is no name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def own_code(kind: ast.ClassDef) -> str:
    """What a class's body says in `code = ...`; empty if nothing."""
    for line in kind.body:
        if (
            isinstance(line, ast.Assign)
            and last(line.targets[0]) == "code"
            and isinstance(line.value, ast.Constant)
        ):
            return str(line.value.value)
    return ""


def literals(node: ast.expr) -> tuple[str, ...] | None:
    """The codes that an expression may give; none for one handed on from another error; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return (node.value,)
    if isinstance(node, ast.Attribute) and node.attr == "code":
        return ()
    parts = (
        [node.body, node.orelse]
        if isinstance(node, ast.IfExp)
        else node.values
        if isinstance(node, ast.BoolOp)
        else []
    )
    found = [literals(part) for part in parts]
    return None if not found or None in found else tuple(code for codes in found for code in codes or ())


def made(folder: Path) -> Iterator[Made]:
    """Every error, and every finding of a diagnosis or of doctor, that the modules below a folder make."""
    modules = trees(folder)
    codes = kinds(modules)
    for path, module in modules.items():
        diagnoses = path == FINDINGS or any(
            isinstance(node, ast.ImportFrom)
            and node.module in ("pyglue.diagnosis.findings", "pyglue.doctor.findings")
            for node in ast.walk(module)
        )
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and last(node.func) == "Finding" and diagnoses:
                found = literals(node.args[0])
                yield Made(f"{path}:{node.lineno}", found or (), found is not None)
            elif isinstance(node, ast.Call) and last(node.func) in codes:
                given = [word.value for word in node.keywords if word.arg == "code"]
                own = codes[last(node.func)]
                found = literals(given[0]) if given else (own,) if own else None
                yield Made(f"{path}:{node.lineno}", found or (), found is not None)


def test_every_error_has_a_code() -> None:
    """An error is made with a code that is written there, or is of a kind that has one."""
    without = [one.where for one in made(ROOT / "pyglue") if not one.told]
    assert without == []


def test_every_code_that_is_raised_is_in_the_catalogue() -> None:
    """An error that names a code names one that a user can look up."""
    places = made(ROOT / "pyglue")
    assert [f"{one.where} {code}" for one in places for code in one.codes if code not in CATALOGUE] == []


def test_every_code_of_the_catalogue_is_raised() -> None:
    """The catalogue tells of nothing that can't happen."""
    raised = {code for one in made(ROOT / "pyglue") for code in one.codes}
    assert sorted(CATALOGUE.keys() - raised) == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('raise PyglueError("no")', False),
        ('raise errors.PyglueError("no")', False),
        ('raise Own("no", code=name)', False),
        ('raise Own("no")', False),
        ('raise Coded("no")', True),
        ('raise Own("no", code=error.code)', True),
        ('raise Own("no", code="a" if full else "b")', True),
        ('raise Own("no", code=error.code or "b")', True),
    ],
)
def test_what_is_without_a_code_is_found(tmp_path: Path, line: str, told: bool) -> None:
    """The search sees dotted names, kinds that are made elsewhere, and codes that are not written there."""
    (tmp_path / "kinds.py").write_text('class Own(PyglueError): ...\nclass Coded(Own):\n    code = "usage"\n')
    (tmp_path / "raises.py").write_text(f"def f(error, name, full):\n    {line}\n")
    assert [one.told for one in made(tmp_path)] == [told]


def test_the_page_is_the_catalogue() -> None:
    """docs/errors.md is what `python -m pyglue.catalogue` prints."""
    assert (ROOT / "docs/errors.md").read_text(encoding="utf-8") == catalogue.page() + "\n"
