"""The collector's figures in the tables, and the way nginx gets into the environment."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bench import report
from bench.collector.kinds import KINDS
from bench.targets import COLLECTOR, STAGE, TARGETS, TRAFFIC

MACHINE = {"cores": "2"}


def measured(*runs: dict[str, float]) -> report.Results:
    """Results of some runs."""
    results: report.Results = {}
    for figures in runs:
        report.add(results, "collector", MACHINE, figures)
    return results


def rows(results: report.Results, begin: str) -> list[list[str]]:
    """The cells of the rows that begin so."""
    lines = report.markdown(results).splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith(f"| {begin}")]


def test_every_traffic_has_its_target() -> None:
    """What is sent, what is named and what must be reached are one list."""
    assert [kind.name for kind in KINDS] == list(TRAFFIC)
    keys = [target.key for target in TARGETS if target.bench == "collector"]
    assert keys[: len(TRAFFIC)] == [f"{COLLECTOR}{name}.per_cpu" for name in TRAFFIC]


@pytest.mark.parametrize(
    ("rate", "shown"), [(30_000, " (aim reached)"), (29_999, ""), (20_000, ""), (19_999, " (must missed)")]
)
def test_more_events_per_cpu_second_are_better(rate: float, shown: str) -> None:
    """The tag's own traffic must reach 20,000 and should reach 30,000."""
    (cells,) = rows(measured({"collector.tag.per_cpu": rate}), "collector: the tag's own traffic")
    assert cells[1] == f"{rate:,.0f} events per CPU-s{shown}"
    assert cells[4:] == ["20,000 events per CPU-s", "30,000 events per CPU-s"]


def test_a_traffic_is_one_row() -> None:
    """Median and spread of each figure; a dash where there is none; no row for what was not measured."""
    results = measured(
        {"collector.nginx.cpu": 7.84, "collector.tag.cpu": 34.2, "collector.tag.p99": 39.4},
        {"collector.nginx.cpu": 7.96, "collector.tag.cpu": 36.0, "collector.tag.p99": 41.0},
        {"collector.nginx.cpu": 8.2, "collector.tag.cpu": 35.0, "collector.tag.p99": 40.0},
    )
    (nginx,) = rows(results, "nginx")
    assert nginx[1:3] == ["7.96 µs (7.84 to 8.20)", "-"]
    (tag,) = rows(results, "the tag's own traffic |")
    assert (tag[1], tag[5]) == ("35.0 µs (34.2 to 36.0)", "40 ms (39 to 41)")
    assert rows(results, "a JSON source |") == []
    assert "35.0 µs (34.2 to 36.0)" in report.text(results)


def test_stages_are_listed_in_their_order() -> None:
    """Single steps of the work have a table of their own."""
    results = measured({f"{STAGE}read": 3.0, f"{STAGE}a record": 5.0, f"{STAGE}Kafka": 4.0})
    shown = report.markdown(results)
    assert (
        0
        < shown.index("| read | 3.00 µs")
        < shown.index("| a record | 5.00 µs")
        < shown.index("| Kafka | 4.00 µs")
    )
    assert "CPU per event" not in shown


def test_nginx_is_taken_out_of_its_package_and_not_installed(checkout: Path, tmp_path: Path) -> None:
    """Who is not root gets it, too; nothing but the program is kept, and what is there is not fetched again."""
    script = tmp_path / "checkout" / "pyglue" / "bootstrap.sh"
    tools, environment = tmp_path / "bin", tmp_path / "checkout" / ".venv"
    for folder in (script.parent, tools, environment / "bin"):
        folder.mkdir(parents=True)
    shutil.copy(checkout / "pyglue" / "bootstrap.sh", script)
    for name in ("pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        (script.parent.parent / name).write_text("", encoding="utf-8")
    for name in (
        "bash",
        "cat",
        "cut",
        "dirname",
        "mkdir",
        "mktemp",
        "mv",
        "rm",
        "sed",
        "sha256sum",
        "tail",
        "touch",
    ):
        path = shutil.which(name)
        assert path is not None
        (tools / name).symlink_to(path)
    for name, body in {
        "python3.12": "exit 0",
        "javac": "echo javac 21.0.4",
        "mvn": "exit 0",
        "id": "echo 1000",
        "apt-get": '[[ "$*" == *"download nginx" ]] && touch nginx_1_amd64.deb',
        "dpkg-deb": '[[ "$1 $2" == "-x nginx_1_amd64.deb" ]] && mkdir -p "$3/usr/sbin" && touch "$3/usr/sbin/nginx"',
    }.items():
        (tools / name).write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    empty = subprocess.run([tools / "sha256sum"], input=b"", capture_output=True, check=True).stdout.split()[
        0
    ]
    (environment / "pyglue-lock").write_bytes(empty + b"\n")
    command = [str(tools / "bash"), str(script), "bench"]
    answer = subprocess.run(
        command,
        env={"PATH": str(tools), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stderr) == (0, "Fetching nginx\n")
    program = environment / "bin" / "nginx"
    assert program.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "checkout"]
    program.chmod(0o755)
    again = subprocess.run(command, env={"PATH": str(tools)}, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stderr) == (0, "")
