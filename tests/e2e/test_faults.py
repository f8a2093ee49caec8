"""Faults brought about for real: status, trace and reconcile name the hop, and what they say to type mends it.

Each test breaks the stack, asks, types the remedy, and leaves the stack healthy for the next. Natively only: containers
differ in how a process is kept and a disk is filled, not in what is told.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from confluent_kafka.admin import AdminClient

from pyglue.diagnosis.findings import YOUNG
from pyglue.layout import Layout
from pyglue.native.supervisord import Supervisord
from tests.e2e.live import LiveStack, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("mended")]

ENGINES = ("native",)
TOPIC = "divolte"
SUPERVISOR = "divolte-clickstream"


def kill(stack: LiveStack, service: str) -> None:
    """Kill a service's processes with -9, and keep it from being started again: an operator's fault."""
    stack.signal(service, signal.SIGKILL)
    Supervisord(Layout(stack.directory)).stop(service)


def restart(stack: LiveStack, service: str) -> None:
    """Have a service killed and started again by what keeps it, with the files as they are now."""
    before = stack.pids()[service]
    stack.signal(service, signal.SIGKILL)
    eventually(lambda: stack.pids().get(service) != before, f"another process of {service}")


def ask(stack: LiveStack, *words: str) -> dict[str, Any]:
    """What a command says as JSON; it must say that something is wrong."""
    done = stack.run(*words, "--json", timeout=120)
    assert done.returncode == 1, f"{words}: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def named(stack: LiveStack, code: str, hop: str, message: str = "") -> str:
    """All three commands must name this fault first, with its hop; returns what they say to type."""
    status = ask(stack, "status")["problems"]
    traced = ask(stack, "trace", "--timeout", "3")
    counted = ask(stack, "reconcile", "--since", "5m")
    assert traced["hop"] == hop, traced
    for problems in (status, traced["problems"], counted["problems"]):
        assert (problems[0]["code"], problems[0]["hop"]) == (code, hop), problems
        assert message in problems[0]["message"]
    return str(status[0]["try"])


def type_remedy(stack: LiveStack, remedy: str) -> None:
    """Type the command that was told, and see the stack healthy with an event through all hops."""
    for command in re.findall(r"`(pyglue [^`]+)`", remedy) or [remedy]:
        words = command.split()
        assert words[0] == "pyglue", remedy
        if words[1] == "check":  # it looks into what is to be mended by hand
            continue
        done = stack.run(*words[1:])
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    done = stack.run("trace", timeout=120)
    assert done.returncode == 0, done.stderr  # an event through all hops, and nothing else is wrong


@contextmanager
def edited(file: Path, change: Callable[[str], str]) -> Iterator[None]:
    """A file with other content for a while."""
    before = file.read_text()
    after = change(before)
    assert after != before
    file.write_text(after)
    try:
        yield
    finally:
        file.write_text(before)


def test_a_shell_without_the_ports_of_the_stack(stack: LiveStack) -> None:
    """One finding in place of broken services; whatever asks the stack says the same, and what is typed mends it."""
    other = {"KAFKA_PORT": "9092", "DRUID_BROKER_PORT": "8082", "SUPERSET_PORT": "8088"}
    status = json.loads(stack.run("status", "--json", timeout=60, environment=other).stdout)
    assert [problem["code"] for problem in status["problems"]] == ["ports-differ"]
    assert all(service["healthy"] for service in status["services"])
    for command in ("trace", "smoke-test", "restart kafka", "supervisor status"):
        done = stack.run(*command.split(), timeout=60, environment=other)
        assert done.returncode == 1
        assert "see: docs/errors.md#ports-differ" in done.stderr
    exports = status["problems"][0]["try"].removeprefix("export ").split()
    assert sorted(export.partition("=")[0] for export in exports) == sorted(other)
    typed = dict(export.split("=") for export in exports)
    done = stack.run("trace", timeout=120, environment={**other, **typed})
    assert done.returncode == 0, done.stderr


def test_a_wrong_broker_address_in_the_spec(stack: LiveStack) -> None:
    """Somebody posted a spec that points elsewhere: both addresses are told, and `pyglue submit-spec` mends it."""
    overlord = stack.url("DRUID_COORDINATOR_PORT") + "/druid/indexer/v1/supervisor"
    spec = requests.get(f"{overlord}/{SUPERVISOR}", timeout=30).json()
    # With the client's own time-out of a minute Druid needs 80 s to stop this supervisor, and the test nothing more.
    elsewhere = {"bootstrap.servers": "127.0.0.1:1", "default.api.timeout.ms": 3000}
    spec["spec"]["ioConfig"]["consumerProperties"] = elsewhere
    requests.post(overlord, json=spec, timeout=90).raise_for_status()
    remedy = named(stack, "supervisor-wrong-kafka", "druid", "127.0.0.1:1")
    assert remedy == "pyglue submit-spec"
    type_remedy(stack, remedy)


def test_a_topic_that_was_made_anew(stack: LiveStack) -> None:
    """Druid's offsets lie beyond its end: said so, and `pyglue up` lets Druid begin anew."""
    events = [f"before-{number}" for number in range(20)]
    for event in events:
        assert stack.send(event, "before") == 200
    eventually(lambda: len(stack.ids("before")) == len(events), "Druid to have read everything")
    admin = AdminClient({"bootstrap.servers": stack.kafka.servers})
    admin.delete_topics([TOPIC])[TOPIC].result()
    eventually(lambda: TOPIC not in admin.list_topics(timeout=10).topics, "the topic to be gone")
    stack.kafka.ensure_topic(TOPIC)
    # Druid reports its offsets every few seconds.
    eventually(lambda: not stack.status()["healthy"], "Druid's offsets")
    type_remedy(stack, named(stack, "topic-recreated", "druid", TOPIC))
    assert sorted(stack.ids("before")) == sorted(events)  # rows of the old topic stay


def test_a_renamed_field_of_the_schema(stack: LiveStack) -> None:
    """The collector writes with a schema that Druid does not read with: the field is named, before a value is lost."""
    avsc, mapping = stack.directory / "divolte/DefaultEventRecord.avsc", stack.directory / "mapping.groovy"

    def renamed(text: str) -> str:
        return text.replace('"technology"', '"technologie"').replace(
            "onto 'technology'", "onto 'technologie'"
        )

    with edited(avsc, renamed), edited(mapping, renamed):
        restart(stack, "divolte")
        eventually(lambda: stack.send("renamed") == 200, "the collector")
        remedy = named(stack, "schema-differs", "druid", "technologie")
        check = stack.run("check", timeout=60)
        assert check.returncode == 1
        assert "technologie" in check.stderr
    type_remedy(stack, remedy)


def test_a_password_that_was_changed_in_superset(stack: LiveStack) -> None:
    """Superset no longer takes that of .env: said so, and `pyglue up` brings it back."""
    database = next((stack.directory / ".pyglue/data").glob("*/superset.db"))
    with sqlite3.connect(database) as tables:
        key = hashlib.scrypt(b"another password", salt=b"salt", n=1024, r=8, p=1)
        changed = f"scrypt:1024:8:1$salt${key.hex()}"
        tables.execute("UPDATE ab_user SET password = ? WHERE username = 'admin'", (changed,))
    tables.close()
    type_remedy(stack, named(stack, "superset-password", "superset"))


def test_a_service_that_hangs(stack: LiveStack) -> None:
    """Kafka was stopped in mid-air: it runs and answers nothing, and is named; the remedy replaces it."""
    eventually(lambda: seconds_up(stack, "kafka") > YOUNG, "Kafka to be old enough to be missed", 2 * YOUNG)
    before = psutil.Process(stack.pids()["kafka"])
    stack.signal("kafka", signal.SIGSTOP)
    try:
        remedy = named(stack, "service-unhealthy", "kafka", "kafka is not healthy")
        assert remedy == "pyglue restart kafka"
        type_remedy(stack, remedy)
        assert not before.is_running()
    finally:
        with suppress(psutil.NoSuchProcess):
            before.send_signal(signal.SIGCONT)


def seconds_up(stack: LiveStack, service: str) -> float:
    """How long ago a service was started."""
    return next(float(one["up"] or 0) for one in stack.status()["services"] if one["name"] == service)


@pytest.mark.parametrize(("service", "hop"), [("kafka", "kafka"), ("druid-indexer", "druid")])
def test_a_killed_service(stack: LiveStack, service: str, hop: str) -> None:
    """The service is named, and `pyglue up` brings it back."""
    kill(stack, service)
    remedy = named(stack, "service-stopped", hop, service)
    shown = stack.run("trace", "--timeout", "3", timeout=120)
    assert f"error: at {hop}: {service} is stopped" in shown.stderr
    assert "try: pyglue up" in shown.stderr
    assert "see: docs/errors.md#service-stopped" in shown.stderr
    assert remedy == "pyglue up"
    type_remedy(stack, remedy)


def test_a_port_that_is_taken(stack: LiveStack) -> None:
    """The collector died and another program took its port: the process is named; once it has ended `pyglue up` mends it."""
    port = int(stack.ports["DIVOLTE_PORT"])
    taken = threading.Event()
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def take() -> None:
        while not taken.is_set():
            try:
                holder.bind(("127.0.0.1", port))
            except OSError:
                time.sleep(0.001)
            else:
                holder.listen()
                taken.set()

    thief = threading.Thread(target=take)
    thief.start()
    try:
        stack.signal("divolte", signal.SIGKILL)
        assert taken.wait(30)
        remedy = named(stack, "port-taken", "collector", f"process {os.getpid()}")
    finally:
        taken.set()
        thief.join()
        holder.close()
    type_remedy(stack, remedy)


def test_a_broken_mapping_with_which_the_collector_was_restarted(stack: LiveStack) -> None:
    """File and line are told as `pyglue check` tells them; mended, `pyglue up` starts the collector."""
    mapping = stack.directory / "mapping.groovy"
    with edited(mapping, lambda text: text.replace("map duplicate() onto", "map duplicat() onto", 1)):
        stack.signal("divolte", signal.SIGKILL)
        line = mapping.read_text().partition("map duplicat()")[0].count("\n") + 1
        remedy = named(stack, "bad-input", "collector", f"mapping.groovy:{line}:")
    type_remedy(stack, remedy)


def test_a_data_directory_that_is_full(stack: LiveStack) -> None:
    """Kafka's disk has no room left: it is told before Kafka, which died of it; with room `pyglue up` mends it."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    data = next(
        path for path in (stack.directory / ".pyglue/data").iterdir() if path.name.startswith("kafka")
    )
    kept = stack.directory / "kafka-data-before"
    supervisord = Supervisord(Layout(stack.directory))
    kill(stack, "kafka")
    copy(data, kept)
    room = sum(path.stat().st_blocks * 512 for path in kept.rglob("*")) + (128 << 20)
    mount("-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(data))
    try:
        copy(kept, data)
        supervisord.start("kafka")
        eventually(lambda: healthy(stack, "kafka"), "Kafka on its new disk")
        fill(data / "filler")
        with suppress(KeyError, psutil.NoSuchProcess):  # it may have died of it already
            stack.signal("kafka", signal.SIGKILL)  # what it needs at its start has no room
        eventually(lambda: not healthy(stack, "kafka"), "Kafka to be ill", 60)
        remedy = named(stack, "disk-full", "kafka", str(data))
        (data / "filler").unlink()
        type_remedy(stack, remedy)
    finally:
        supervisord.stop("kafka")
        eventually(lambda: "kafka" not in stack.pids(), "Kafka to have stopped")
        shutil.rmtree(kept)
        copy(data, kept)
        subprocess.run(["umount", str(data)], check=True)
        copy(kept, data)
        shutil.rmtree(kept)
        stack.up()


def copy(source: Path, into: Path) -> None:
    """Copy a folder's content; holes, of which Kafka's index files mostly consist, stay holes."""
    into.mkdir(exist_ok=True)
    subprocess.run(["cp", "-a", "--sparse=always", f"{source}/.", str(into)], check=True)


def mount(*words: str) -> None:
    """Mount a file system."""
    subprocess.run(["mount", *words], check=True)


def fill(file: Path) -> None:
    """Write until there is no room."""
    with file.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(b"\0" * (1 << 16))
        except OSError:
            return


def healthy(stack: LiveStack, service: str) -> bool:
    """Whether a service is healthy."""
    return any(one["name"] == service and one["healthy"] for one in stack.status()["services"])
