"""Results: kept, shown, and put into the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import report
from bench.machine import cpu_model
from bench.targets import BENCHES, TARGETS
from pyglue.errors import InputError

MACHINE = {"cores": "2", "CPU": "Abacus"}


def measured(bench: str, key: str, *values: float) -> report.Results:
    """Results of one figure."""
    results: report.Results = {}
    for value in values:
        report.add(results, bench, MACHINE, {key: value})
    return results


def row(results: report.Results, key: str) -> list[str]:
    """The cells of a target's row in the page."""
    what = next(target.what for target in TARGETS if target.key == key)
    lines = report.markdown(results).splitlines()
    return next(line.strip("| ").split(" | ") for line in lines if line.startswith(f"| {what} |"))


def test_a_row_is_median_and_spread() -> None:
    """The middle of the runs, the smallest and the largest, how many there were, and the two limits."""
    cells = row(measured("up", "up.cold", 30.0, 28.04, 50.0, 31.0, 29.0), "up.cold")
    assert cells[1:] == ["30.0 s", "28.0 to 50.0 s", "5", "45 s", "25 s"]


@pytest.mark.parametrize(
    ("bench", "key", "value", "shown"),
    [
        ("up", "up.cold", 24.0, "24.0 s (aim reached)"),
        ("up", "up.cold", 45.1, "45.1 s (must missed)"),
        ("up", "up.second", 1.256, "1.26 s"),
        ("up", "up.down", 3.0, "3.00 s"),
        ("ingest", "ingest.rate", 41000.0, "41,000 events/s (aim reached)"),
        ("ingest", "ingest.rate", 14999.0, "14,999 events/s (must missed)"),
        ("latency", "latency.row_p50", 60.4, "60 ms"),
        ("latency", "latency.chart_p50", 1e6, "1,000,000 ms"),
    ],
)
def test_limits_are_compared_with(bench: str, key: str, value: float, shown: str) -> None:
    """The median says whether it reaches the aim or misses the must; for a rate, more is better."""
    assert row(measured(bench, key, value), key)[1] == shown


def test_the_page_names_what_was_not_measured() -> None:
    """Every target has its row, measured or not; no figure is left out in silence."""
    page = report.markdown({})
    assert page.count("not measured") == len(TARGETS)


def test_the_screen_shows_what_was_asked() -> None:
    """The table on the screen is of the benches that ran, without marks, and with the machine."""
    shown = report.text(measured("up", "up.cold", 30.0))
    assert "30.0 s" in shown
    assert "CPU: Abacus" in shown
    assert "ingest" not in shown
    assert "`" not in shown


def test_services_are_listed_heaviest_first() -> None:
    """The memory of each service has a row of its own."""
    results: report.Results = {}
    figures = {"memory.sum": 300.0, "memory.service.small": 100.0, "memory.service.big": 200.0}
    report.add(results, "memory", MACHINE, figures)
    shown = report.markdown(results)
    assert 0 < shown.index("| big | 200 MiB |") < shown.index("| small | 100 MiB |")


def test_machines_share_a_column_where_they_are_the_same() -> None:
    """Benches that were measured together are named together, others beside them."""
    results = {**measured("up", "up.cold", 1.0), **measured("memory", "memory.sum", 1.0)}
    report.add(results, "first", {**MACHINE, "cores": "64"}, {"first.up": 1.0})
    shown = report.markdown(results)
    assert "|  | up, memory | first |" in shown
    assert "| cores | 2 | 64 |" in shown


def test_only_the_middle_of_a_page_is_replaced() -> None:
    """What stands around the marks stays, and twice is harmless."""
    page = f"before\n{report.BEGIN}\nformer text\n{report.END}\nafter\n"
    once = report.into_page(page, measured("up", "up.cold", 30.0))
    assert once.startswith(f"before\n{report.BEGIN}\n")
    assert once.endswith(f"{report.END}\nafter\n")
    assert "former text" not in once
    assert report.into_page(once, measured("up", "up.cold", 30.0)) == once


@pytest.mark.parametrize("page", ["", report.BEGIN, f"{report.END} {report.BEGIN}"])
def test_a_page_without_marks_is_refused(page: str) -> None:
    """Tables are never put at a place that was not marked."""
    with pytest.raises(InputError) as caught:
        report.into_page(page, {})
    assert report.BEGIN in caught.value.details[0]


def test_results_come_back_as_they_were_saved(tmp_path: Path) -> None:
    """A file of results is read as it was written, benches in their order."""
    results = {**measured("first", "first.up", 1.0), **measured("up", "up.cold", 2.0)}
    report.save(tmp_path / "results.json", results)
    assert report.load(tmp_path / "results.json") == results
    assert list(report.load(tmp_path / "results.json")) == [name for name in BENCHES if name in results]


@pytest.mark.parametrize("text", ["", "[]", '{"else": {}}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    """A file that holds no results is named, not overwritten."""
    (tmp_path / "file.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"file\.json"):
        report.load(tmp_path / "file.json")


def test_the_cpu_is_named() -> None:
    """The model's name comes from the kernel's table; without one, the machine's kind stands there."""
    assert cpu_model("processor\t: 0\nmodel name\t: Abacus 9 @ 1 Hz\nflags\t: x\n") == "Abacus 9 @ 1 Hz"
    assert cpu_model("processor\t: 0\n")


def test_the_docs_hold_what_was_measured(checkout: Path) -> None:
    """docs/numbers.md is made from bench/results.json, never typed by hand."""
    page = (checkout / "docs" / "numbers.md").read_text(encoding="utf-8")
    assert report.into_page(page, report.load(checkout / "bench" / "results.json")) == page


def test_the_docs_describe_every_bench(checkout: Path) -> None:
    """Each bench has its row in docs/numbers.md that says what happens."""
    page = (checkout / "docs" / "numbers.md").read_text(encoding="utf-8")
    assert [name for name in BENCHES if f"| `{name}` |" not in page] == []
