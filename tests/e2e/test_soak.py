"""Ten rounds of `make soak`: faults under load lose no answered event."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import need_tools

pytestmark = [pytest.mark.e2e]
ROUNDS, RATE = 10, 1000  # both collector and load have these two cores
SEED = 63  # nine of the ten faults, where there are those of the disk


def test_faults_lose_nothing_that_was_answered(checkout: Path) -> None:
    """Collector and Kafka are killed, stopped, ended; each answered event is in the topic once."""
    need_tools()
    command = [
        sys.executable,
        "-m",
        "bench.soak",
        "--rounds",
        str(ROUNDS),
        "--rate",
        str(RATE),
        "--seed",
        str(SEED),
    ]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    *rounds, total = done.stdout.splitlines()
    assert len(rounds) == ROUNDS
    assert "lost 0, doubled 0" in total
    assert total.endswith("wrong 0")
