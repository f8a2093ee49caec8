"""The demonstration, and the dashboards as a stakeholder sees them: in a browser, full, and right."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

from pyglue.superset.dashboards import read
from tests.e2e.live import TOOL, LiveStack, eventually

pytestmark = [pytest.mark.e2e]
SLUGS = ("clickstream", "audience", "data-quality")
DRAWN = "canvas, table, .header-line"
RENDER_SECONDS = 60_000  # milliseconds: what is tested is that it renders


@pytest.fixture(scope="module")
def demo(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """`pyglue demo` that goes on; the addresses that it opened in a browser."""
    folder = tmp_path_factory.mktemp("browser")
    opened, program = folder / "opened", folder / "browser"
    program.write_text(f'#!/bin/bash\necho "$1" >> {opened}\n')
    program.chmod(0o755)
    process = subprocess.Popen(
        [*TOOL, "demo", "--backfill", "3d", "--rate", "0.4"],
        cwd=stack.directory,
        env={**stack.environment, "BROWSER": str(program)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        eventually(lambda: opened.exists() or process.poll() is not None, "an opened browser", 300)
        assert process.poll() is None, process.stdout and process.stdout.read()
        yield opened.read_text().splitlines()
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0, out
        assert "answered with success" in out
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def page(stack: LiveStack, browser: Browser) -> Iterator[Page]:
    """A page of somebody who has logged in to Superset, high enough for a whole dashboard."""
    superset = stack.superset()
    password = superset._password
    superset.http.close()
    page = browser.new_page(viewport={"width": 1440, "height": 2600})
    page.goto(f"http://localhost:{stack.ports['SUPERSET_PORT']}/login/")
    page.locator("input#username").fill("admin")
    page.locator("input#password").fill(password)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("welcome"))
    yield page
    page.close()


def test_the_demo_opens_the_dashboard(stack: LiveStack, demo: list[str]) -> None:
    """The address that it opens is the live dashboard's."""
    assert demo == [f"http://localhost:{stack.ports['SUPERSET_PORT']}/superset/dashboard/clickstream/"]


@pytest.mark.browser
@pytest.mark.parametrize("slug", SLUGS)
def test_every_chart_is_drawn(stack: LiveStack, demo: list[str], page: Page, slug: str) -> None:
    """No error, no chart without data, and no request leaves this machine."""
    assert demo
    outside: list[str] = []
    blocked: list[str] = []
    page.on("request", lambda asked: outside.append(asked.url) if _is_outside(asked.url) else None)
    # Superset's page has a tracking pixel compiled in; the content security policy must keep it from being asked.
    page.on("requestfailed", lambda asked: blocked.append(asked.url) if asked.failure == "csp" else None)
    page.goto(f"http://localhost:{stack.ports['SUPERSET_PORT']}/superset/dashboard/{slug}/")
    board = read(stack.directory / "superset" / "dashboards" / slug)
    for chart in board.charts.values():
        shown = _chart(page, str(chart["slice_name"]))
        shown.locator(DRAWN).first.wait_for(timeout=RENDER_SECONDS)
    text = page.locator("body").inner_text()
    for trouble in ("Unexpected error", "Data error", "No results", "No data", "timed out"):
        assert trouble not in text
    assert page.locator(".dashboard-chart").count() == len(board.charts)
    assert sorted(outside) == sorted(blocked)


def test_what_they_show_is_what_happened(stack: LiveStack, demo: list[str]) -> None:
    """While the traffic goes on: Druid and every chart agree with the truth of the history and of this minute."""
    assert demo
    verified = stack.run("traffic", "verify", timeout=300)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert verified.stderr.count("events compared") >= 2
    tested = stack.run("dashboards", "test", "--slow", "30", timeout=300)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    charts = sum(len(read(folder).charts) for folder in _folders(stack))
    assert len(re.findall(r"\.ok +\d", tested.stderr)) == charts


def test_a_second_demo_adds_no_second_history(stack: LiveStack, demo: list[str]) -> None:
    """Nothing is written twice."""
    assert demo
    before = len(list((stack.directory / ".pyglue" / "traffic").glob("*.tsv")))
    done = stack.run("demo", "--no-browser", "--duration", "1s", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The history is there already" in done.stderr
    assert len(list((stack.directory / ".pyglue" / "traffic").glob("*.tsv"))) == before + 1


def test_a_chart_that_is_wrong_fails(stack: LiveStack, demo: list[str]) -> None:
    """A chart with a column that is gone, and one that nothing can be in: each is named, exit code 1."""
    assert demo
    superset = stack.superset()
    try:
        wrong = {
            "Corrupt": ("detectedCorruption", "gone"),
            "Problems by browser": ("pyglue-probe", "pyglue-probe"),
        }
        before = {}
        for name, (old, new) in wrong.items():
            number = superset.find("chart", slice_name=name)
            assert number
            chart = superset.get(f"chart/{number['id']}")["result"]
            before[number["id"]] = chart["query_context"]
            changed = chart["query_context"].replace(old.replace('"', '\\"'), new.replace('"', '\\"'))
            if name == "Problems by browser":
                changed = changed.replace('"op": "!=", "val": "pyglue-probe"', '"op": "==", "val": "nothing"')
            assert changed != chart["query_context"]
            superset.put(f"chart/{number['id']}", {"query_context": changed})
        done = stack.run("dashboards", "test", "data-quality", "--slow", "30", timeout=300)
        for number, context in before.items():
            superset.put(f"chart/{number}", {"query_context": context})
    finally:
        superset.http.close()
    assert done.returncode == 1
    failed = re.findall(r"data-quality: ([\w ]+?)\.+failed", done.stderr)
    assert sorted(failed) == sorted(wrong), done.stderr
    assert "gone" in done.stderr
    assert "the answer is empty" in done.stderr


def test_a_number_that_the_truth_contradicts(stack: LiveStack, demo: list[str]) -> None:
    """A history in which nothing was corrupt, beside charts that show some: they are named, exit code 1."""
    assert demo
    files = sorted((stack.directory / ".pyglue" / "traffic").glob("*.tsv"))
    history = next(file for file in files if '"history":true' in file.read_text()[:300])
    other = stack.directory / "other.tsv"
    other.write_text(history.read_text().replace("\tcorrupt\t", "\t\t"))
    words = ("dashboards", "test", "data-quality", "--slow", "30", "--truth", str(other))
    done = stack.run(*words, timeout=300)
    assert done.returncode == 1
    assert re.search(r"other\.tsv: Corrupt: expected 0\.0, found 0\.\d+", done.stderr), done.stderr
    failed = re.findall(r"data-quality: ([\w ]+?)\.+failed", done.stderr)
    assert sorted(failed) == ["Corrupt", "Problems by browser", "Problems per hour"]


def _folders(stack: LiveStack) -> list[Path]:
    return [folder for folder in (stack.directory / "superset" / "dashboards").iterdir() if folder.is_dir()]


def _chart(page: Page, name: str) -> Locator:
    return page.locator(f'[data-test-chart-name="{name}"]').first


def _is_outside(url: str) -> bool:
    return not re.match(r"(https?|ws)://(localhost|127\.0\.0\.1)[:/]|data:|blob:", url)
