"""What was recorded of Divolte and of the Java libraries it calls: lines of data/, and the parity suites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_DATA = Path(__file__).parent / "data"
_SUITES = Path(__file__).parents[1] / "parity" / "suites"


def lines(name: str) -> list[dict[str, Any]]:
    """The lines of data/`name`."""
    return _read(_DATA / name)


def suite(name: str) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The suite's requests, each with its records (`record` and perhaps `hex`)."""
    answers = {answer["id"]: answer["records"] for answer in _read(_SUITES / name / "expected.jsonl")}
    return [(request, answers[request["id"]]) for request in _read(_SUITES / name / "requests.jsonl")]


def suite_file(name: str, file: str) -> Path:
    """A file of the suite."""
    return _SUITES / name / file


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
