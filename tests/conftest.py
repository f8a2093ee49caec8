"""What all tests share: where the checkout is, and that nothing is skipped where it must run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The checkout that is tested."""
    return ROOT


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where PYGLUE_NO_SKIPS is set (CI), a skipped test is a failed run: the machine should have been able."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped and os.environ.get("PYGLUE_NO_SKIPS") and session.exitstatus == 0:
        reporter.write_line(f"PYGLUE_NO_SKIPS is set, but {len(skipped)} tests were skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much was tried by chance, for a log of CI shows nothing of a test that passed."""
    told = [
        str(value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "fuzz"
    ]
    if told:
        terminalreporter.section("fuzz targets")
        for line in told:
            terminalreporter.line(line)
