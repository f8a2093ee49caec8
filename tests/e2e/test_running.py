"""Running the stack: twice is harmless, only what changed restarts, nothing that was accepted is lost.

The tests of this file change the stack; each leaves it up and healthy for the next.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import AdminClient

from pyglue.layout import Layout
from tests.e2e.live import LiveStack, eventually

pytestmark = [pytest.mark.e2e]


class Load:
    """Sends events one after the other in a thread, and keeps the ids of those that were answered with success."""

    def __init__(self, stack: LiveStack, event_type: str) -> None:
        self.stack = stack
        self.event_type = event_type
        self.answered: list[str] = []
        self.refused = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.01) and number < 20_000:
            number += 1
            status = self.stack.send(f"{self.event_type}-{number}", self.event_type)
            if status == 200:
                self.answered.append(f"{self.event_type}-{number}")
            else:
                self.refused += 1

    def more(self, count: int) -> None:
        """Wait until that many further events were answered with success."""
        goal = len(self.answered) + count
        eventually(lambda: len(self.answered) >= goal, f"{count} further answers", 120)

    def missing(self) -> list[str]:
        """Answered events that are not in Druid."""
        there = set(self.stack.ids(self.event_type))
        return [event for event in self.answered if event not in there]


def test_a_second_up_changes_nothing(stack: LiveStack) -> None:
    """`up` on a running stack says `kept` for everything and starts no process."""
    pids = stack.pids()
    done = stack.up()
    verdicts = [line for line in done.stderr.splitlines() if "....." in line]
    assert len(verdicts) >= 16
    assert [line for line in verdicts if "kept" not in line and "reached Druid" not in line] == []
    assert stack.pids() == pids


def test_only_what_changed_is_restarted(stack: LiveStack) -> None:
    """A changed variable of one service restarts that one; taking it back restarts it again."""
    pids = stack.pids()
    stack.settings["KAFKA_RETENTION_HOURS"] = "24"
    stack.up()
    after = stack.pids()
    assert [name for name in pids if pids[name] != after[name]] == ["kafka"]


def test_a_second_up_at_once_is_refused(stack: LiveStack) -> None:
    """While one pyglue changes the stack, another is told who is at work."""
    with Layout(stack.directory).locked("up"):
        done = stack.run("up", timeout=60)
    assert done.returncode == 1
    assert f"process {os.getpid()}" in done.stderr


def test_a_killed_service_is_named_and_up_mends_it(stack: LiveStack) -> None:
    """With Superset's process stopped for good, `smoke-test` names the hop and `status` the service; `up` mends it."""
    stack.signal("superset", signal.SIGSTOP)
    done = stack.run("smoke-test", "--json", "--timeout", "3", timeout=90)
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert [(hop["hop"], hop["ok"]) for hop in report["hops"]][-1] == ("superset", False)
    assert "superset" in report["problem"]
    status = stack.status()
    assert not status["healthy"]
    assert any("superset is not healthy" in problem["message"] for problem in status["problems"])
    stack.signal("superset", signal.SIGKILL)
    stack.up()
    assert stack.status()["healthy"]


def test_a_service_that_dies_during_up_is_named_with_its_last_words(stack: LiveStack) -> None:
    """A broker without memory: its name, its last lines and the next command; without the fault `up` goes on."""
    done = stack.run("up", environment={"DRUID_BROKER_HEAP": "3m"})
    assert done.returncode == 1
    assert "error: druid-broker stopped" in done.stderr
    assert "last lines of druid-broker" in done.stderr
    assert "try: pyglue logs druid-broker" in done.stderr
    assert "Traceback" not in done.stderr
    stack.up()


@pytest.mark.parametrize("service", ["divolte", "kafka", "druid-indexer"])
def test_nothing_answered_is_lost_when_a_service_is_killed(stack: LiveStack, service: str) -> None:
    """Events go on coming while a process is killed with -9: each one answered with success is in Druid, once."""
    with Load(stack, f"killed-{service}") as load:
        load.more(50)
        stack.signal(service, signal.SIGKILL)
        load.more(50)
    eventually(lambda: not load.missing(), f"all {len(load.answered)} answered events in Druid", 120)
    ids = stack.ids(load.event_type)
    assert len(ids) == len(set(ids))


def test_nothing_answered_is_lost_over_down_and_up(stack: LiveStack) -> None:
    """Events go on coming while the stack goes down; each one answered with success is in Druid after `up`."""
    with Load(stack, "down-and-up") as load:
        load.more(50)
        began = time.monotonic()
        done = stack.run("down", timeout=60)
        seconds = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert seconds < 30
    assert stack.left() == []
    assert load.refused
    stack.up()
    eventually(lambda: not load.missing(), f"all {len(load.answered)} answered events in Druid")


def test_down_ends_even_a_stuck_jvm(stack: LiveStack) -> None:
    """A stopped JVM does not hear SIGTERM; `down` ends it all the same, within 30 s."""
    pids = stack.pids()
    stack.signal("druid-broker", signal.SIGSTOP)
    done = stack.run("down", timeout=60)
    assert done.returncode == 0, done.stderr
    assert "druid-broker" in done.stderr or stack.engine == "native"
    assert stack.left() == []
    assert not any(psutil.pid_exists(pid) for pid in pids.values())
    stack.up()


def test_a_changed_schema_loses_no_record_of_the_old_one(stack: LiveStack) -> None:
    """Adding a field: `up` lets Druid read what is left, then everything carries on with the new schema."""
    with Load(stack, "old-schema") as load:
        load.more(200)
    add_field(stack.directory)
    stack.up()
    assert not load.missing()
    assert stack.send("with-price", "order", parameters={"price": "9.95"}) == 200
    query = 'SELECT "price" FROM "divolte-clickstream" WHERE "eventId" = \'with-price\''
    eventually(lambda: len(stack.sql(query)) == 1, "the event with the new field")
    assert stack.sql(query) == [{"price": "9.95"}]
    superset = stack.superset()
    dataset = superset.find("dataset", table_name="divolte-clickstream")
    assert dataset is not None
    columns = superset.get(f"dataset/{dataset['id']}")["result"]["columns"]
    superset.http.close()
    assert "price" in {column["column_name"] for column in columns}


def add_field(directory: Path) -> None:
    """What a user does to carry one more value: schema, spec, mapping."""
    field = {"name": "price", "type": ["null", "string"], "default": None}
    avsc = directory / "divolte" / "DefaultEventRecord.avsc"
    schema = json.loads(avsc.read_text())
    schema["fields"].append(field)
    avsc.write_text(json.dumps(schema, indent=2))
    file = directory / "supervisor-spec.json"
    spec = json.loads(file.read_text())
    spec["spec"]["ioConfig"]["inputFormat"]["avroBytesDecoder"]["schema"]["fields"].append(field)
    spec["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"].append({"type": "string", "name": "price"})
    file.write_text(json.dumps(spec, indent=2))
    mapping = directory / "mapping.groovy"
    line = "  map eventParameters().path('$.price') onto 'price'\n}"
    mapping.write_text(mapping.read_text().rstrip().removesuffix("}") + line + "\n")


def test_a_topic_made_anew_is_recognised(stack: LiveStack) -> None:
    """Druid's offsets lie beyond the end of a topic that was deleted: `up` lets it begin anew."""
    admin = AdminClient({"bootstrap.servers": stack.kafka.servers})
    admin.delete_topics(["divolte"])["divolte"].result()
    stack.up()
    assert stack.send("in-the-new-topic", "in-the-new-topic") == 200
    eventually(lambda: stack.ids("in-the-new-topic") == ["in-the-new-topic"], "the event in Druid")


def test_bad_input_is_refused_before_anything_changes(stack: LiveStack) -> None:
    """Broken mapping, schema and spec: all named with file and line, and no process is touched."""
    pids = stack.pids()
    mapping, spec = stack.directory / "mapping.groovy", stack.directory / "supervisor-spec.json"
    good = {file: file.read_text() for file in (mapping, spec)}
    mapping.write_text(good[mapping].replace("map duplicate() onto", "map duplicat() onto", 1))
    spec.write_text(good[spec].replace('"topic"', '"topik"', 1))
    try:
        done = stack.run("up", timeout=60)
    finally:
        for file, text in good.items():
            file.write_text(text)
    assert done.returncode == 1
    assert "2 problems" in done.stderr
    line = good[mapping][: good[mapping].index("map duplicate()")].count("\n") + 1
    assert f"mapping.groovy:{line}:" in done.stderr
    assert "supervisor-spec.json" in done.stderr
    assert stack.pids() == pids


def test_a_second_stack_runs_beside_the_first_and_without_a_network(
    stack: LiveStack, checkout: Path, tmp_path: Path
) -> None:
    """In a network namespace that has nothing but loopback, with everything installed, `up` proves itself.

    Containers have namespaces of their own, so with them it is a second stack and no more.
    """
    if os.getuid() != 0:
        pytest.skip("making a network namespace needs root")
    second = LiveStack.create(checkout, tmp_path / "second", stack.engine)
    script = (
        "import ctypes, fcntl, socket, struct, sys\n"
        "if sys.argv[1] == 'native': assert ctypes.CDLL(None).unshare(0x40000000) == 0\n"  # CLONE_NEWNET
        "s = socket.socket(); fcntl.ioctl(s, 0x8914, struct.pack('16sH14x', b'lo', 1)); s.close()\n"  # IFF_UP
        "from pyglue.cli import run\n"
        "sys.exit(run(['up']))\n"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", script, stack.engine],
            cwd=second.directory,
            env=second.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Everything is up" in done.stderr
        assert stack.status()["healthy"]
    finally:
        down = second.run("down", timeout=60)
        left = second.left()
        second.remove()
    assert down.returncode == 0, down.stderr
    assert left == []
    assert stack.status()["healthy"]
