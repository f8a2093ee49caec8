"""Several workers of a collector, as processes on a free port: what is killed is replaced, and nothing answered is lost."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from pyglue.collector.avro.records import decode as decoder
from pyglue.collector.counting.counts import added, read_lines
from pyglue.collector.spool.entries import Entry, read
from tests.collector import certificates
from tests.collector.processes import ROOT, Collector, send, status, until

SCHEMA = ROOT / "pyglue" / "collector" / "defaults" / "DefaultEventRecord.avsc"

STALLING = """
divolte.sources.api { type = json, event_path = /api }
divolte.mappings.clicks.sources = [browser, api]
"""
BEGUN = b"POST /api?p=0:lq1a7c3k:x HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
WITHOUT_PROCESSES = """
import os, sys
from itertools import count
from pyglue.collector.__main__ import main
fork, numbers = os.fork, count(1)
def scarce():
    if next(numbers) in {failing}:
        raise BlockingIOError(11, "no process left")
    return fork()
os.fork = scarce
raise SystemExit(main(sys.argv[1:]))
"""
WITH_A_DISK_THAT_HANGS = """
import os, sys
from pyglue.collector.__main__ import main
from pyglue.collector.sinks import opening
def hang(*_):
    print("a worker hangs", file=sys.stderr, flush=True)
    nothing, _ = os.pipe()
    os.read(nothing, 1)
opening.Files = hang
raise SystemExit(main(sys.argv[1:]))
"""


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    """One with two workers, not started."""
    made = Collector(tmp_path)
    yield made
    made.clean()


def spooled(folder: Path) -> list[Entry]:
    """All that lies in the spool, in whatever folder."""
    found = []
    for path in sorted((folder / "spool").rglob("*.spool")):
        with path.open("rb") as file:
            found += [entry for entry, _ in read(file, 0, path.stat().st_size)]
    return found


def refuses(port: int) -> bool:
    """Whether nobody listens."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


def test_a_worker_that_is_killed_is_replaced_and_nobody_is_turned_away(collector: Collector) -> None:
    """Events go on, one memory knows a repeated one at whichever worker, and every scrape adds up and never falls."""
    collector.up()
    with collector.connect(0) as one, collector.connect(1) as other:
        for client, event in ((one, "a"), (other, "b"), (other, "a"), (one, "b"), (one, "c")):
            send(client, event)
            assert status(client) == 200
        scrapes = [collector.scrape()]
        os.kill(collector.pids()[1], signal.SIGKILL)
        assert status(other) == 0
        for number in range(20):
            with collector.connect() as new:
                send(new, f"meanwhile {number}")
                assert status(new) == 200
            scrapes.append(collector.scrape())
    until(lambda: len(collector.pids()) == 2 and collector.scrape().value("workers") == 2)
    with collector.connect(1) as other:
        send(other, "c")
        assert status(other) == 200
    scrapes.append(collector.scrape())
    assert [scrape.fates for scrape in scrapes if not scrape.adds_up()] == []
    for before, after in pairwise(scrapes):
        assert all(after.fates[fate] >= count for fate, count in before.fates.items() if fate != "in flight")
    assert scrapes[0].received == 5
    last = scrapes[-1]
    assert (last.value("workers"), last.value("workers_replaced_total")) == (2, 1)
    assert (last.received, last.value("events_discarded_total", reason="duplicate")) == (26, 3)
    assert last.by_label("records_acknowledged_total") == {str(collector.folder / "files"): 23}
    assert last.value("event_answer_seconds_count", code="200") == 26


def test_what_a_killed_worker_had_under_way_is_no_duplicate_when_it_comes_again(tmp_path: Path) -> None:
    """It was not answered; the ledger has it as refused. What was answered from the spool is sent by the next worker."""
    collector = Collector(tmp_path, spooling=True)
    try:
        collector.up()
        with collector.connect(1) as client:
            send(client, "safe")
            assert status(client) == 200
            send(client, "under way")
            until(lambda: collector.scrape().value("events_in_flight") == 1)
            os.kill(collector.pids()[1], signal.SIGKILL)
            assert status(client) == 0
        until(lambda: collector.scrape().value("workers_replaced_total") == 1)
        with collector.connect(0) as client:
            for event in ("under way", "safe"):
                send(client, event)
                assert status(client) == 200
        found = collector.scrape()
        assert found.fates == {
            "acknowledged": 2,
            "in flight": 0,
            "discarded: duplicate": 1,
            "refused: worker died": 1,
        }
        assert found.adds_up()
        until(lambda: collector.scrape().value("spool_records") == 2)
        decode = decoder(SCHEMA)
        assert [decode(entry.value)["detectedDuplicate"] for entry in spooled(tmp_path)] == [False, False]
        assert "worker 1: the spool has 1 record of before" in collector.log
    finally:
        collector.clean()


def test_all_workers_end_in_order(tmp_path: Path) -> None:
    """After one signal to the parent each event under way gets its answer, and all is counted on disk, by the minute."""
    collector = Collector(tmp_path, spooling=True)
    try:
        collector.up()
        with collector.connect(0) as one, collector.connect(1) as other:
            for client in (one, other):
                send(client, f"{client.getsockname()}")
            until(lambda: collector.scrape().value("events_in_flight") == 2)
            os.kill(collector.parent, signal.SIGTERM)
            until(lambda: refuses(collector.port))
            assert all(psutil.pid_exists(pid) for pid in collector.pids().values())
            assert [status(one), status(other)] == [200, 200]
        assert collector.ended() == 0
        assert len(spooled(tmp_path)) == 2
        (day,) = (tmp_path / "counts").iterdir()
        lines, torn = read_lines(day.read_text(encoding="utf-8"))
        minutes = added(lines).values()
        assert (sum(one.received for one in minutes), sum(one.spooled for one in minutes), torn) == (2, 2, [])
        assert all(one.complete for one in minutes)
    finally:
        collector.clean()


def test_a_signal_to_a_worker_alone_ends_nothing(collector: Collector) -> None:
    """As from a terminal, or a supervisor that sends it to all: the parent's word counts, and everybody is served."""
    collector.up()
    for pid, kind in zip(collector.pids().values(), (signal.SIGTERM, signal.SIGINT), strict=True):
        os.kill(pid, kind)
    time.sleep(0.2)
    for number in range(20):
        with collector.connect() as client:
            client.settimeout(2)
            send(client, f"{number}")
            assert status(client) == 200
    assert "takes its place" not in collector.log
    os.kill(collector.parent, signal.SIGTERM)
    assert collector.ended() == 0


def test_workers_of_a_parent_that_is_killed_finish_and_end(tmp_path: Path) -> None:
    """What is under way is answered, whatever a client holds up; the next collector takes over all that is spooled."""
    collector = Collector(tmp_path, spooling=True)
    collector.more = STALLING
    try:
        collector.up()
        workers = [psutil.Process(pid) for pid in collector.pids().values()]
        with collector.connect(0) as one, collector.connect(1) as other, collector.connect(0) as stalled:
            stalled.sendall(BEGUN)
            for client in (one, other):
                send(client, f"{client.getsockname()}")
            until(lambda: collector.scrape().value("events_in_flight") == 2)
            os.kill(collector.parent, signal.SIGKILL)
            collector.ended()
            collector.workers = 1
            collector.start()
            assert [status(one), status(other), status(stalled)] == [200, 200, 0]
        _, alive = psutil.wait_procs(workers, 10)
        assert alive == []
        until(lambda: "listening on" in collector.log.partition("of the spool went to")[2])
        until(lambda: collector.scrape().value("spool_records") == 2)
        assert [path.parent for path in (tmp_path / "spool").rglob("*.spool")] == [tmp_path / "spool"] * 2
    finally:
        collector.clean()


def test_workers_that_hang_at_their_start_end_when_their_parent_is_killed(collector: Collector) -> None:
    """As their disk may make them: they hold nothing that the next collector needs."""
    collector.python = ["-c", WITH_A_DISK_THAT_HANGS]
    collector.start()
    until(lambda: collector.log.count("a worker hangs") == 2)
    workers = [psutil.Process(pid) for pid in collector.pids().values()]
    os.kill(collector.parent, signal.SIGKILL)
    collector.ended()
    _, alive = psutil.wait_procs(workers, 10)
    assert alive == []


def test_a_port_that_is_taken(collector: Collector) -> None:
    """By one who would share it, as another collector would: it is told once, and nothing is started."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", collector.port))
        other.listen()
        collector.start()
        assert collector.ended() == 1
    wanted = f"can't listen on 127.0.0.1:{collector.port}: error while attempting to bind on address"
    assert collector.log.count(wanted) == 1
    assert "is process" not in collector.log


def test_a_worker_that_can_not_begin_ends_the_collector(collector: Collector) -> None:
    """With the error that a single process has, told once."""
    (collector.folder / "files").rmdir()
    collector.start()
    assert collector.ended() == 1
    assert collector.log.count("is no directory that this user can write to") == 2  # one for each key
    assert collector.log.count("error: ") == 1


def test_all_workers_read_a_renewed_certificate(collector: Collector, tmp_path: Path) -> None:
    """On SIGHUP to the parent, and go on."""
    tls = certificates.make(tmp_path)
    collector.more = f'pyglue.collector.tls {{ certificate = "{tls.certificate}", key = "{tls.key}" }}'
    collector.up()
    os.kill(collector.parent, signal.SIGHUP)
    until(lambda: collector.log.count("the certificate was read anew") == 2)
    with certificates.trusting(tls).wrap_socket(collector.connect(), server_hostname="localhost") as client:
        send(client, "a")
        assert status(client) == 200


def test_workers_that_die_again_and_again_end_the_collector(collector: Collector) -> None:
    """After five deaths, with the reason."""
    collector.up()
    began = time.monotonic()
    for _ in range(5):
        collector.kill(0)
    assert collector.ended() == 1
    assert "workers die again and again: 5 within 10 s; the last one was killed by SIGKILL" in collector.log
    assert 0.7 < time.monotonic() - began < 10


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    """A worker that hangs costs a scrape a second, and is killed, which is told."""
    collector = Collector(tmp_path, spooling=True)
    try:
        collector.up()
        os.kill(collector.pids()[1], signal.SIGSTOP)
        found = collector.scrape()
        assert (found.value("workers"), found.value("ready"), found.adds_up()) == (2, 1, True)
        os.kill(collector.parent, signal.SIGTERM)
        until(lambda: not psutil.pid_exists(collector.pids()[0]))
        os.kill(collector.parent, signal.SIGTERM)
        assert collector.ended() == 1
        assert "workers that had not ended were killed: 1\n" in collector.log
    finally:
        collector.clean()


def test_a_worker_that_the_system_has_no_process_for_comes_later(collector: Collector) -> None:
    """It is told and tried again, while the others serve; it counts as replaced once it is there."""
    collector.python = ["-c", WITHOUT_PROCESSES.format(failing={3})]
    collector.up()
    os.kill(collector.pids()[1], signal.SIGKILL)
    until(lambda: "worker 1 can't be started (no process left); next try in 1 s" in collector.log)
    found = collector.scrape()
    assert (found.value("workers"), found.value("workers_replaced_total")) == (1, 0)
    until(lambda: collector.scrape().value("workers") == 2)
    assert collector.scrape().value("workers_replaced_total") == 1
    os.kill(collector.parent, signal.SIGTERM)
    assert collector.ended() == 0


@pytest.mark.parametrize("failing", [1, 2])
def test_without_processes_for_all_workers_nothing_is_begun(collector: Collector, failing: int) -> None:
    """The error is told, and those that were started end."""
    collector.python = ["-c", WITHOUT_PROCESSES.format(failing={failing})]
    collector.start()
    assert collector.ended() == 1
    assert f"error: worker {failing - 1} can't be started: no process left\n" in collector.log
    assert "Traceback" not in collector.log
    assert not any(psutil.pid_exists(pid) for pid in collector.pids().values())


def test_a_worker_that_dies_at_the_end_is_told(tmp_path: Path) -> None:
    """What it had under way was not answered: the collector did not end in order."""
    collector = Collector(tmp_path, spooling=True)
    try:
        collector.up()
        pid = collector.pids()[1]
        os.kill(pid, signal.SIGSTOP)
        os.kill(collector.parent, signal.SIGTERM)
        until(lambda: not psutil.pid_exists(collector.pids()[0]))
        os.kill(pid, signal.SIGKILL)
        assert collector.ended() == 1
        assert collector.log.count("worker 1 was killed by SIGKILL, while the collector ended\n") == 2
    finally:
        collector.clean()
