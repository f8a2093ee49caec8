"""What the collector's image has of pyglue."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def imported(file: Path) -> set[str]:
    """The files of pyglue, outside of the collector, that a file imports."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            modules |= {name.name for name in node.names}
    files = {f"{module.replace('.', '/')}.py" for module in modules if module.startswith("pyglue.")}
    return {name for name in files if not name.startswith("pyglue/collector") and (ROOT / name).is_file()}


def test_it_has_what_the_collector_imports() -> None:
    """Each module outside of the collector's package, and what these import, is copied by name, and no other."""
    needed: set[str] = set()
    left = set((ROOT / "pyglue/collector").rglob("*.py"))
    while left:
        found = imported(left.pop()) - needed
        needed |= found
        left |= {ROOT / name for name in found}
    dockerfile = (ROOT / "divolte/Dockerfile").read_text(encoding="utf-8")
    copied = set(re.findall(r"pyglue/\w+\.py(?= )", dockerfile)) - {"pyglue/__init__.py"}
    assert copied == needed
