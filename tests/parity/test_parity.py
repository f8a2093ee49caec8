"""Divolte's recorded answers and records against ours: identical, or different in a way that is named."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SUITES = sorted(path.name for path in (HERE / "suites").iterdir())


@pytest.mark.parametrize("suite", SUITES)
def test_suite(suite: str, tmp_path: Path) -> None:
    """Every request of the suite is answered and recorded as Divolte did it, or the difference is wanted."""
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / suite).symlink_to(HERE / "suites" / suite)
    command = f"{sys.executable} -m pyglue.collector --config {{conf}} --port {{port}}"
    options = {
        "--root": tmp_path / "suites",
        "--start": command,
        "--deviations": HERE / "deviations.json",
        "--keep": tmp_path / "kept",
    }
    given = [str(word) for option in options.items() for word in option]
    replayed = subprocess.run(
        [sys.executable, str(HERE / "run_parity.py"), *given, "--verbose"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "TZ": "UTC"},
    )
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert re.search(r"\(100\.00 % identical or named\)", replayed.stdout), replayed.stdout


def test_all_suites_are_there() -> None:
    """Nothing was lost on the way: as many suites and requests as were recorded."""
    requests = sum(
        len((HERE / "suites" / suite / "requests.jsonl").read_text(encoding="utf-8").splitlines())
        for suite in SUITES
        if (HERE / "suites" / suite / "requests.jsonl").exists()
    )
    assert (len(SUITES), requests) == (10, 746)


def test_every_deviation_is_in_the_documentation() -> None:
    """Each named difference has its row in docs/divolte.md."""
    page = (ROOT / "docs" / "divolte.md").read_text(encoding="utf-8")
    section = page[page.index("## Where the collector differs") :]
    deviations = json.loads((HERE / "deviations.json").read_text(encoding="utf-8"))
    assert deviations
    for deviation in deviations:
        words = re.findall(r"[a-zA-Z0-9+]{6,}", deviation["why"])
        assert any(all(word in row for word in words[:1]) for row in section.splitlines()), deviation["why"]
