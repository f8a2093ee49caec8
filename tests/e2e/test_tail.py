"""`pyglue tail` on a real topic: what was sent is what it shows, and an outage of Kafka is outlasted."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.e2e.live import TOOL, LiveStack, eventually

pytestmark = [pytest.mark.e2e]


@contextmanager
def following(stack: LiveStack, folder: Path, *words: str) -> Iterator[tuple[Path, Path]]:
    """While inside, `pyglue tail` runs; the files of its data and its talk. SIGTERM ends it as Ctrl-C does, with 130."""
    out, err = folder / "out", folder / "err"
    with out.open("w") as data, err.open("w") as talk:
        process = subprocess.Popen(
            [*TOOL, "tail", "--json", *words],
            cwd=stack.directory,
            env=stack.environment,
            stdin=subprocess.DEVNULL,
            stdout=data,
            stderr=talk,
        )
    try:
        yield out, err
        process.send_signal(signal.SIGTERM)  # SIGINT is ignored below whatever a shell runs in the background
        assert process.wait(20) == 130
    finally:
        process.kill()
        process.wait()


def ids(file: Path) -> list[str]:
    return [json.loads(line)["eventId"] for line in file.read_text().splitlines()]


def test_what_is_sent_is_shown_also_after_an_outage(stack: LiveStack, tmp_path: Path) -> None:
    """Events appear while it follows; Kafka is killed, which is told once, and what comes afterwards appears, too."""
    words = ("--since", "1m", "--where", "eventType=tailed", "--fields", "eventId")
    with following(stack, tmp_path, *words) as (out, err):
        sent = [f"tailed-{number}" for number in range(3)]
        assert stack.send("other", "not-tailed") == 200
        for name in sent:
            assert stack.send(name, "tailed") == 200
        eventually(lambda: sorted(ids(out)) == sent, "the events")
        stack.signal("kafka", signal.SIGKILL)
        eventually(lambda: "Kafka is back" in err.read_text(), "Kafka, which is started anew")
        eventually(lambda: stack.send("tailed-after", "tailed") == 200, "a collector that takes events again")
        eventually(lambda: "tailed-after" in ids(out), "the event after the outage")
        assert err.read_text().count("Kafka does not answer") == 1
    eventually(lambda: stack.ids("tailed").count("tailed-after") > 0, "Druid, which reads again")


def test_the_last_the_recent_and_all(stack: LiveStack) -> None:
    """`-n` is by time across partitions, `--since` by Kafka's clock; with --no-follow each ends by itself."""
    for number in range(3):
        assert stack.send(f"last-{number}", "last") == 200
    last = stack.run("tail", "-n", "3", "--no-follow", "--json", timeout=60)
    assert last.returncode == 0, last.stderr
    assert [json.loads(line)["eventId"] for line in last.stdout.splitlines()] == [
        f"last-{n}" for n in range(3)
    ]
    recent = ("tail", "--no-follow", "--json", "--where", "eventType=last", "--since")
    assert len(stack.run(*recent, "5m", timeout=60).stdout.splitlines()) == 3
    statistics = json.loads(stack.run("tail", "--no-follow", "--stats", "--json", timeout=60).stdout)
    assert statistics["events"] + statistics["undecodable"] == stack.kafka.state("divolte").records
    assert statistics["fields"]["eventType"]["filled"] == statistics["events"]


def test_rubbish_is_found_by_bad(stack: LiveStack) -> None:
    """Bytes that are no record: one line of talk in an ordinary run, and data with --bad."""
    producer = Producer({"bootstrap.servers": stack.kafka.servers})
    producer.produce("divolte", b"\xff\xfe no record")
    assert producer.flush(10) == 0
    bad = stack.run("tail", "-n", "1", "--no-follow", "--bad", "--json", timeout=60)
    lines = map(json.loads, bad.stdout.splitlines())
    (found,) = (
        line for line in lines if "_kept" not in line
    )  # other tests may have made events that are kept
    assert (found["_size"], found["_first"][:5]) == (12, "ff fe")
    plain = stack.run("tail", "-n", "1", "--no-follow", timeout=60)
    assert (plain.returncode, plain.stdout) == (0, "")
    assert f"partition {found['_partition']}, offset {found['_offset']}, 12 bytes" in plain.stderr


def test_bad_events_are_rows_once_the_mapping_is_mended(stack: LiveStack) -> None:
    """Events that lack a value are answered, shown by --bad, and sent again once each after the mapping is mended."""
    mapping = stack.directory / "mapping.groovy"
    good, line = mapping.read_text(), "map timestamp() onto 'timestamp'"
    assert line in good
    sent = [f"mended-{number}" for number in range(3)]
    try:
        mapping.write_text(
            good.replace(
                line, "def at = parse eventParameters().value('at') to int64\n  map at onto 'timestamp'"
            )
        )
        assert stack.run("restart", "divolte", timeout=60).returncode == 0
        for name in sent:
            assert stack.send(name, "mended") == 200
        words = ("tail", "--bad", "--since", "5m", "--no-follow", "--json")

        def bad() -> list[str]:
            found = map(json.loads, stack.run(*words, timeout=60).stdout.splitlines())
            return sorted(one["_parameters"]["e"] for one in found if one.get("_kind") == "schema")

        eventually(lambda: bad() == sent, "the bad events")
        traced = stack.run("trace", sent[0], timeout=60)
        assert (traced.returncode, "docs/errors.md#event-kept" in traced.stderr) == (1, True), traced.stderr
        replay = ("replay", "--reason", "schema")  # other tests of this stack made events bad that stay so
        still = stack.run(*replay, timeout=60)
        assert (still.returncode, "3  no value for field timestamp" in still.stderr) == (1, True), (
            still.stderr
        )
    finally:
        mapping.write_text(good)
    assert stack.run("restart", "divolte", timeout=60).returncode == 0
    again = stack.run(*replay, "--json", timeout=60)
    assert (again.returncode, json.loads(again.stdout)["records"]) == (0, 3), again.stderr
    eventually(lambda: sorted(stack.ids("mended")) == sent, "their rows")
    assert bad() == []
    assert json.loads(stack.run(*replay, "--json", timeout=60).stdout)["events"] == 0
    assert stack.send("mended-after", "mended") == 200
    eventually(lambda: sorted(stack.ids("mended")) == sorted([*sent, "mended-after"]), "all rows, each once")
