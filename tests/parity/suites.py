"""The files of a suite (README.md tells what is in them): found, read, and copied to where a server may write."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def find(roots: Iterable[Path]) -> list[Path]:
    """The suites in these folders, by name; a hidden folder is none."""
    found = []
    for root in roots:
        folders = [file.parent for file in sorted(root.glob("*/suite.json"), key=str)]
        found += [folder for folder in folders if not folder.name.startswith(".")]
    return found


def read_json(path: Path) -> Any:
    """The one value in the file."""
    return json.loads(path.read_text(encoding="utf-8"))


def read_lines(path: Path) -> list[Json]:
    """One object a line. Not by splitlines(): a JSON text may hold U+2028 and others that it splits at."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def must_not_start(suite: Path) -> bool:
    """Is the suite about a set-up that is refused?"""
    return (suite / "expected.json").exists()


def size(suite: Path) -> int:
    """How many comparisons the suite is."""
    requests = suite / "requests.jsonl"
    return len(read_lines(requests)) if requests.exists() else 1


def copy(suite: Path, scratch: Path) -> Path:
    """The set-up alone, below `scratch`, with the directories that it wants to find."""
    folder = scratch / suite.name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(suite, folder, ignore=shutil.ignore_patterns("expected.json*", "requests.jsonl", "out"))
    for name in read_json(suite / "suite.json").get("dirs", []):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return folder
