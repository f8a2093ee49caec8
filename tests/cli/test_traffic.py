"""`pyglue traffic`, `demo` and `dashboards test` before anything is sent: what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pyglue.cli.traffic import (
    FEWEST_VISITORS,
    Running,
    _prepared,
    _written,
    enough,
    has_history,
    truth_files,
    write_history,
)
from pyglue.errors import PyglueError, UsageError
from pyglue.settings import Settings
from pyglue.traffic import crowd, truth
from tests.cli.ended import Run

NOW = 1_760_000_000_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["traffic", "--duration", "soon"], "'soon' is no span of time such as 90s, 10m, 2h or 14d"),
        (["traffic", "--duration", "0s"], "is no span of time"),
        (["traffic", "--backfill", "14"], "is no span of time"),
        (["traffic", "--rate", "0"], "--rate"),
        (["traffic", "--rate", "nan"], "--rate"),
        (["traffic", "--rate", "50", "--visitors", "10"], "need at least"),
        (["traffic", "--backfill", "2d", "--even"], "goes with neither"),
        (["traffic", "--backfill", "2d", "--duration", "1m"], "goes with neither"),
        (["traffic", "--backfill", "2d", "--rate", "900", "--visitors", "9"], "need at least"),
        (["traffic", "verify", "--wait", "long"], "is no span of time"),
        (["demo", "--backfill", "0d"], "is no span of time"),
        (["dashboards", "test", "--slow", "-1"], "--slow"),
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


@pytest.mark.parametrize(
    "arguments",
    [["traffic"], ["traffic", "--backfill", "1d"], ["dashboards", "test"]],
)
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
    assert [file.name for file in truth_files(settings)] == ["1.tsv", "2.tsv"]


def running(project: Path, folder: Path) -> Running:
    """What is asked before anything is started."""
    stack = SimpleNamespace(settings=Settings(project, "auto", {}), folder=folder)
    return cast(Running, stack)


def test_each_traffic_has_a_file_of_its_own(project: Path, tmp_path: Path) -> None:
    """Also two that begin in the same second; a device is refused; what is given is used as it is."""
    here = running(project, tmp_path / "traffic")
    names = [_prepared(here, None, NOW).name for _ in range(3)]
    assert len(set(names)) == 3
    assert names[2] == names[0].replace(".tsv", "-3.tsv")
    own = tmp_path / "own.tsv"
    own.write_text("old")
    assert _prepared(here, own, NOW) == own
    with pytest.raises(UsageError, match="is no regular file"):
        _prepared(here, Path("/dev/null"), NOW)
    with pytest.raises(PyglueError) as caught:
        _prepared(here, own / "below.tsv", NOW)
    assert "can't write the truth" in caught.value.message


def test_no_history_beyond_what_druid_keeps(tmp_path: Path) -> None:
    """Its rows would be dropped; the rules say how long they are kept."""
    file = tmp_path / "druid" / "retention.json"
    file.parent.mkdir()
    file.write_text('[{"type": "loadByPeriod", "period": "P90D"}, {"type": "dropForever"}]')
    with pytest.raises(UsageError, match="at most 90d"):
        write_history(running(tmp_path, tmp_path), 1.0, None, 1, 90 * 86_400 + 1, None)
    file.write_text('[{"type": "loadForever"}]')
    with pytest.raises(UsageError, match="at most 3650d"):
        write_history(running(tmp_path, tmp_path), 1.0, None, 1, 1e12, None)


def test_a_full_disk_is_told() -> None:
    """Where the truth is written, in words and with the next command."""
    with pytest.raises(PyglueError) as caught, _written(Path("/dev/full")) as out:
        out.write("x" * 100_000)
    assert "No space left on device" in caught.value.message
    assert caught.value.try_ == "df -h"
