"""`pyglue traffic`, `demo` and `dashboards test` before anything is sent: what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue.cli.traffic import FEWEST_VISITORS, enough, has_history, truth_files
from pyglue.errors import UsageError
from pyglue.settings import Settings
from pyglue.traffic import crowd, truth
from tests.cli.ended import Run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["traffic", "--duration", "soon"], "'soon' is no span of time such as 90s, 10m, 2h or 14d"),
        (["traffic", "--duration", "0s"], "is no span of time"),
        (["traffic", "--backfill", "14"], "is no span of time"),
        (["traffic", "--rate", "0"], "--rate"),
        (["traffic", "--rate", "50", "--visitors", "10"], "need at least"),
        (["traffic", "--backfill", "2d", "--even"], "goes with neither"),
        (["traffic", "--backfill", "2d", "--duration", "1m"], "goes with neither"),
        (["traffic", "--backfill", "2d", "--rate", "900", "--visitors", "9"], "need at least"),
        (["traffic", "verify", "--wait", "long"], "is no span of time"),
        (["demo", "--backfill", "0d"], "is no span of time"),
        (
            ["dashboards", "test", "nosuch"],
            "no dashboard nosuch; there are audience, clickstream, data-quality",
        ),
    ],
)
def test_bad_usage(pyglue: Run, arguments: list[str], said: str) -> None:
    """Exit code 2, and nothing was started, sent or written."""
    ended = pyglue(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


@pytest.mark.parametrize("arguments", [["traffic"], ["traffic", "--backfill", "1d"], ["dashboards", "test"]])
def test_nothing_runs(pyglue: Run, project: Path, arguments: list[str]) -> None:
    """Said at once, with the command to type, and without a file."""
    ended = pyglue(*arguments)
    assert ended.code == 1
    assert "nothing runs here" in ended.err
    assert "try: pyglue up" in ended.err
    assert not (project / ".pyglue" / "traffic").exists()


def test_nothing_to_verify(pyglue: Run) -> None:
    """Without a truth there is nothing to compare with."""
    ended = pyglue("traffic", "verify")
    assert ended.code == 1
    assert "there is no truth to compare with" in ended.err


def test_enough_visitors() -> None:
    """Without a number there are enough for the rate; too few are refused with the least number."""
    assert enough(0.1, None) == FEWEST_VISITORS
    assert enough(2000.0, None) == crowd.least_visitors(2000.0)
    assert enough(1.0, 5000) == 5000
    with pytest.raises(UsageError) as caught:
        enough(100.0, 7)
    assert caught.value.try_ == f"pyglue traffic --rate 100 --visitors {crowd.least_visitors(100.0)}"


def test_whether_there_is_a_history(project: Path) -> None:
    """Live traffic is none, an empty file neither."""
    settings = Settings(project, "auto", {})
    folder = project / ".pyglue" / "traffic"
    folder.mkdir(parents=True)
    assert not has_history(settings)
    for name, history in (("1.tsv", False), ("2.tsv", True)):
        (folder / "0.tsv").touch()
        with (folder / name).open("w") as out:
            truth.begin(out, truth.Made("run", 1, 1.0, 1, 1, history=history))
        assert has_history(settings) is history
    assert [file.name for file in truth_files(settings)] == ["0.tsv", "1.tsv", "2.tsv"]
