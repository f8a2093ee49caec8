"""How it is with millions of events: writing a history, asking it, looking at it; and live traffic at full speed.

Everything goes by pyglue's own commands, so every event is one of `pyglue traffic` whose truth is known. Queries are
asked of Druid SQL past its caches, one at a time; a dashboard is opened in a headless Chromium on the same machine
until its last chart is drawn.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bench.copies import Copy
from bench.figures import percentile
from bench.services import Services, connected
from pyglue.errors import PyglueError
from pyglue.pipeline.druid import SUPERVISOR
from pyglue.superset.client import ANY
from pyglue.superset.dashboards import read
from pyglue.traffic import truth

SPAN_SECONDS = 14 * 86_400
STEPS = ((1_000_000, "1m"), (5_000_000, "5m"))  # rows in all, and how figures of them are called
REPEATS = 20
RATE, RATE_SECONDS = 5000, 30
AT_REST_SECONDS = 1200.0
COUNTS = (
    "SELECT COUNT(*) FROM {table}",
    'SELECT "technology", COUNT(*) FROM {table} WHERE "eventType" = \'click\' GROUP BY 1',
    "SELECT FLOOR(__time TO HOUR), COUNT(*) FROM {table} GROUP BY 1",
    'SELECT FLOOR(__time TO HOUR), SUM("detectedCorruption"), SUM("bot") FROM {table} GROUP BY 1',
)
DISTINCT = (
    'SELECT APPROX_COUNT_DISTINCT_DS_HLL("partyKey") FROM {table}',
    'SELECT APPROX_COUNT_DISTINCT_DS_HLL("sessionKey") FROM {table}',
    'SELECT FLOOR(__time TO DAY), APPROX_COUNT_DISTINCT_DS_HLL("partyKey") FROM {table} GROUP BY 1',
    'SELECT "userAgentFamily", APPROX_COUNT_DISTINCT_DS_HLL("sessionKey") FROM {table} GROUP BY 1',
)
SIZE = 'SELECT SUM("size") AS s FROM sys.segments WHERE "datasource" = ? AND is_published = 1'
COMPACTION = "/druid/coordinator/v1/compaction"
TASKS = 'SELECT COUNT(*) AS n FROM sys.tasks WHERE "datasource" = ? AND "status" = \'RUNNING\''
PENDING = 'SELECT COUNT(*) AS n FROM sys.segments WHERE "datasource" = ? AND is_realtime = 1'

Told = Callable[[str, str, float], None]


def measure(copy: Copy, told: Told) -> dict[str, float]:
    """All figures of one stack that is up; `told` hears of each part. Raises PyglueError if something is missing."""
    figures: dict[str, float] = {}
    with connected(copy) as services:
        rows = 0
        for wanted, name in STEPS:
            began = time.perf_counter()
            events, written, visible = _history(copy, services, wanted - rows)
            rows += events
            told(
                f"{rows:,} events, {written:.0f} s to Kafka", f"{visible:.0f} s", time.perf_counter() - began
            )
            if name == "1m":
                figures |= {"volume.write": written / events * 1e6, "volume.visible": visible / events * 1e6}
            _until_at_rest(services)
            told(f"{rows:,} rows published and compacted", "ok", time.perf_counter() - began)
            figures |= _queries(services, name)
            told(
                f"{rows:,} rows: counts and series, p95",
                f"{figures[f'volume.counts_{name}']:.0f} ms",
                time.perf_counter() - began,
            )
            size = float(services.clients.druid.sql(SIZE, [services.datasource])[0]["s"] or 0)
            figures[f"volume.bytes_{name}"] = size / rows
        for slug, seconds in _dashboards(copy, services).items():
            figures[f"volume.dashboard_{slug.replace('-', '_')}"] = seconds
            told(f"dashboard {slug}", f"{seconds:.1f} s", seconds)
        figures["volume.traffic"] = _traffic(copy)
        told("live traffic", f"{figures['volume.traffic']:,.0f}/s", RATE_SECONDS)
    return figures


def _history(copy: Copy, services: Services, count: int) -> tuple[int, float, float]:
    """Write about so many events; how many there were, seconds until Kafka had the last and until Druid had."""
    kafka, topic = services.clients.kafka, "divolte"
    grew, before = [time.perf_counter()], [sum(kafka.ends(topic).values())]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            now = sum(kafka.ends(topic).values())
            if now != before[-1]:
                before.append(now)
                grew.append(time.perf_counter())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    try:
        visible = copy.pyglue("traffic", "--backfill", "14d", "--rate", f"{count / SPAN_SECONDS:.6f}")
    finally:
        over.set()
        watcher.join()
    return before[-1] - before[0], grew[-1] - began, visible


def _until_at_rest(services: Services) -> None:
    """Wait until no row is in a task any more and all segments are compacted: so it is on every later day."""
    deadline = time.monotonic() + AT_REST_SECONDS
    overlord = services.clients.druid.coordinator
    early = f"{SUPERVISOR}/{services.datasource}/taskGroups/handoff"
    overlord.request("POST", early, json={"taskGroupIds": [0]}, expect=ANY)  # else when its time is over

    def counted(query: str) -> int:
        return sum(row["n"] for row in services.clients.druid.sql(query, [services.datasource]))

    def at_rest() -> bool:
        if counted(PENDING):
            return False
        overlord.request("POST", f"{COMPACTION}/compact", expect=ANY)  # look now, not within a minute
        if counted(TASKS) > 1:  # beside the one that reads: one that holds days it has read, or compacts
            return False
        status = overlord.json("GET", f"{COMPACTION}/status?dataSource={services.datasource}")
        return not any(one["bytesAwaitingCompaction"] for one in status["latestStatus"])

    while not at_rest():
        if time.monotonic() > deadline:
            raise PyglueError(f"segments were not published and compacted within {AT_REST_SECONDS:g} s")
        time.sleep(2)


def _queries(services: Services, name: str) -> dict[str, float]:
    """The 95th percentile over all repeats, in ms, of either kind of question."""
    table = f'"{services.datasource}"'
    found = {}
    for kind, queries in (("counts", COUNTS), ("distinct", DISTINCT)):
        took = []
        for query in queries:
            sql = query.format(table=table)
            services.clients.druid.sql(sql, timeout=60)  # what is read from disk once
            for _ in range(REPEATS):
                began = time.perf_counter()
                services.clients.druid.sql(sql, timeout=60)
                took.append((time.perf_counter() - began) * 1000)
        found[f"volume.{kind}_{name}"] = percentile(took, 95)
    return found


def _dashboards(copy: Copy, services: Services) -> dict[str, float]:
    """Seconds from the address to the last drawn chart, for each dashboard; the second visit, as files are cached."""
    found = {}
    base = services.addresses.superset
    with _page(base, services.clients.superset._password) as page:
        for folder in sorted((copy.project / "superset" / "dashboards").iterdir()):
            board = read(folder)
            names = [str(chart["slice_name"]) for chart in board.charts.values()]
            for _ in range(2):
                found[board.slug] = _opened(page, f"{base}/superset/dashboard/{board.slug}/", names)
    return found


def _opened(page: Page, address: str, names: list[str]) -> float:
    page.goto("about:blank")
    began = time.perf_counter()
    page.goto(address)
    for name in names:
        chart = page.locator(f'[data-test-chart-name="{name}"]').first
        chart.locator("canvas, table, .header-line").first.wait_for(timeout=60_000)
    return time.perf_counter() - began


@contextmanager
def _page(base: str, password: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        program = next(
            path for path in map(Path, ("/usr/bin/chromium", "/usr/bin/google-chrome")) if path.exists()
        )
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": 1440, "height": 2600})
            page.goto(f"{base}/login/")
            page.locator("input#username").fill("admin")
            page.locator("input#password").fill(password)
            page.keyboard.press("Enter")
            page.wait_for_url("**/welcome/**")
            yield page
        finally:
            browser.close()


def _traffic(copy: Copy) -> float:
    """Events per second that were answered with success, over a live run at full speed."""
    file = copy.root / "fast.tsv"
    copy.pyglue(
        "traffic", "--even", "--rate", str(RATE), "--duration", f"{RATE_SECONDS}s", "--truth", str(file)
    )
    sent = list(truth.read(file).requests())
    seconds = (max(one.answered_ms for one in sent) - min(one.sent_ms for one in sent)) / 1000
    return sum(one.status == 200 for one in sent) / seconds
