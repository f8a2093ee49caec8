"""Traffic whose truth is known: what was sent is what Druid and the charts show, whatever happens in between."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.live import TOOL, LiveStack, eventually

pytestmark = [pytest.mark.e2e]
ENGINES = ("native",)  # the demonstration, which writes a history and live traffic, runs with both
HISTORY = ("traffic", "--backfill", "4d", "--rate", "0.29")


def files(stack: LiveStack) -> set[Path]:
    return set((stack.directory / ".pyglue" / "traffic").glob("*.tsv"))


def sent(stack: LiveStack, *words: str) -> Path:
    """Run `pyglue traffic`, which must succeed; its truth file."""
    before = files(stack)
    done = stack.run(*words, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = files(stack) - before
    return file


def test_live_traffic_is_what_druid_shows(stack: LiveStack) -> None:
    """Ten seconds of visitors, sent as browsers send; each comparison is the same."""
    file = sent(stack, "traffic", "--rate", "100", "--even", "--duration", "10s")
    done = stack.run("traffic", "verify", str(file), timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    compared = int(re.search(r"([\d,]+) events compared", done.stderr)[1].replace(",", ""))  # type: ignore[index]
    assert 700 < compared < 1300
    assert "chart Clicks by technology" in done.stderr
    assert "differs" not in done.stderr


def test_a_missing_event_is_found(stack: LiveStack) -> None:
    """A truth with one event that Druid has not, and one that was something else: both are named, exit code 1."""
    file = sent(stack, "traffic", "--rate", "50", "--even", "--duration", "3s", "--seed", "2")
    lines = file.read_text().splitlines(keepends=True)
    assert len(lines) > 20
    other = stack.directory / "changed.tsv"
    views = [number for number, line in enumerate(lines) if "\tpageView\t" in line and "\t200\t\t" in line]
    lines[views[0]] = lines[views[0]].replace("\tpageView\t", "\tclick\t")
    other.write_text("".join(lines))
    done = stack.run("traffic", "verify", str(other), timeout=120)
    assert done.returncode == 1
    assert re.search(r"events by type .*differs", done.stderr)
    assert re.search(r"pageView: events: expected \d+, found \d+", done.stderr)
    lines.insert(views[0], lines[views[0]].replace("0:", "1:", 1))
    other.write_text("".join(lines))
    done = stack.run("traffic", "verify", str(other), "--wait", "1s", timeout=120)
    assert done.returncode == 1
    assert re.search(r"Druid has [\d,]+ of [\d,]+ rows, and for 1 s no new one", done.stderr)


def test_ctrl_c_ends_it_cleanly(stack: LiveStack) -> None:
    """The file is whole, everything in it has its answer, and verify compares all of it while traffic goes on, too."""
    before = files(stack)
    process = subprocess.Popen(
        [*TOOL, "traffic", "--rate", "40", "--even"],
        cwd=stack.directory,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(lambda: bool(files(stack) - before), "a truth file")
        (file,) = files(stack) - before
        eventually(lambda: len(file.read_text().splitlines()) > 950, "24 seconds of traffic")
        during = stack.run("traffic", "verify", str(file), timeout=120)
        assert during.returncode == 0, during.stdout + during.stderr
        assert int(re.search(r"([\d,]+) events compared", during.stderr)[1].replace(",", "")) > 50  # type: ignore[index]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
    assert process.returncode == 0, out + err
    last = file.read_text().splitlines()[-1]
    assert "ended_ms" in json.loads(last.removeprefix("#"))
    done = stack.run("traffic", "verify", str(file), timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_history_survives_a_restart_of_druid(stack: LiveStack) -> None:
    """100,000 events of four days with all the bad kinds, Druid's processes killed in the middle: not one is missing."""
    before = files(stack)
    failed: list[str] = []

    def write() -> None:
        done = stack.run(*HISTORY, timeout=400)
        if done.returncode:
            failed.append(done.stdout + done.stderr)

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(4)
    for service in ("druid-indexer", "druid-coordinator", "druid-historical"):
        stack.signal(service, signal.SIGKILL)
    writer.join()
    assert not failed
    (file,) = files(stack) - before
    text = file.read_text()
    assert text.count("\n") > 95_000
    for fault in ("duplicate", "corrupt", "late", "unreadable"):
        assert text.count(f"\t{fault}\t") > 50, fault
    done = stack.run("traffic", "verify", str(file), "--wait", "3m", timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "differs" not in done.stderr
