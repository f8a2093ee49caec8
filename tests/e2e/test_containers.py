"""What is special about containers: who they run as, what they may do, what they leave alone, and Compose by hand.

The tests of this file change the stack; each leaves it up and healthy for the next.
"""

from __future__ import annotations

import json
import re
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import AdminClient

from pyglue.web import Client
from tests.e2e.counts import lived_through_a_kill, reconciled, this_minute
from tests.e2e.live import LiveStack, eventually

pytestmark = [pytest.mark.e2e]
ENGINES = ("docker",)
# ZooKeeper is the last to be restarted: the overlord's life begins anew with it. If the indexer's did after that, Druid
# would take more than a minute to find out what became of its tasks (Druid.replace_lost, which tests/pipeline tests).
SERVICES = (
    "druid-indexer",
    "druid-coordinator",
    "druid-broker",
    "druid-historical",
    "druid-router",
    "superset",
    "sample-app",
    "divolte",
    "kafka",
    "zookeeper",
)


@pytest.fixture(scope="module", autouse=True)
def killed(stack: LiveStack) -> tuple[int, int]:
    """The first and last minute of a kill of the collector: done before all else, for they are over when asked of."""
    first = this_minute()
    lived_through_a_kill(stack)
    return first, this_minute()


def inspected(stack: LiveStack, service: str) -> dict[str, Any]:
    """What the daemon knows of a service's container."""
    found: list[dict[str, Any]] = json.loads(stack.docker("inspect", stack.container(service)))
    return found[0]


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_can_do_no_more_than_it_needs(stack: LiveStack, service: str) -> None:
    """Not root, no capability, no new privileges, a read-only root, limits, an init, and logs that end."""
    container = inspected(stack, service)
    host = container["HostConfig"]
    assert container["Config"]["User"] == "10001:10001"
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["ReadonlyRootfs"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert host["Init"]
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    # And the kernel's own word for it: of every process, the user and the capabilities that it could ever have.
    script = "cat /proc/[0-9]*/status | grep -E '^(Uid|CapBnd|NoNewPrivs):' | sort -u"
    said = [line.split() for line in stack.docker("exec", container["Id"], "bash", "-c", script).splitlines()]
    assert said == [
        ["CapBnd:", "0000000000000000"],
        ["NoNewPrivs:", "1"],
        ["Uid:", "10001", "10001", "10001", "10001"],
    ]


@pytest.mark.parametrize("service", ["kafka", "druid-broker", "divolte", "superset", "sample-app"])
def test_an_image_has_no_tools_to_build_with(stack: LiveStack, service: str) -> None:
    """Neither compiler nor installer nor a download tool, and nobody's certificates."""
    script = (
        "command -v gcc make javac mvn pip pip3 uv curl wget git; ls /usr/local/share/ca-certificates 2>/dev/null; "
        "ls -d /opt/service/lib/python3*/site-packages/{pip,uv} 2>/dev/null; true"
    )
    assert stack.docker("exec", stack.container(service), "bash", "-c", script) == ""


def test_only_loopback_is_published_and_only_what_users_need(stack: LiveStack) -> None:
    """ZooKeeper, historical and indexer are on a network without a way out or in; what is published is on 127.0.0.1."""
    backend = f"{stack.project}_backend"
    assert json.loads(stack.docker("network", "inspect", backend))[0]["Internal"]
    for service in ("zookeeper", "druid-historical", "druid-indexer"):
        container = inspected(stack, service)
        assert list(container["NetworkSettings"]["Networks"]) == [backend]
        assert not container["HostConfig"]["PortBindings"]
    broker = inspected(stack, "druid-broker")["NetworkSettings"]["Networks"][backend]
    assert "docker-druid" in broker["Aliases"]
    # The names of the world do not reach further than the network.
    script = "exec 3<>/dev/tcp/docker-druid/$1"
    port = stack.ports["DRUID_BROKER_PORT"]
    stack.docker("exec", stack.container("superset"), "bash", "-c", script, "-", port)


def test_kafka_is_advertised_under_the_name_that_its_clients_use(stack: LiveStack) -> None:
    """Clients on this machine are sent to 127.0.0.1, clients in containers to `kafka`; both reach it."""
    outside = AdminClient({"bootstrap.servers": stack.kafka.servers}).list_topics(timeout=10)
    assert {(str(broker.host), str(broker.port)) for broker in outside.brokers.values()} == {
        ("127.0.0.1", stack.ports["KAFKA_PORT"])
    }
    script = (
        "import sys; from confluent_kafka.admin import AdminClient as A; "
        "found = A({'bootstrap.servers': sys.argv[1]}).list_topics(timeout=10); "
        "print([(b.host, b.port) for b in found.brokers.values()], 'divolte' in found.topics)"
    )
    port = stack.ports["KAFKA_INTERNAL_PORT"]
    python = ("/opt/service/bin/python", "-c", script, f"kafka:{port}")
    assert stack.docker("exec", stack.container("divolte"), *python) == f"[('kafka', {port})] True"


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_that_is_restarted_comes_back(stack: LiveStack, service: str) -> None:
    """`docker restart` of any one: a while later its services are healthy, and `up` sees an event through."""
    before = inspected(stack, service)["State"]["StartedAt"]
    stack.docker("restart", stack.container(service))
    assert inspected(stack, service)["State"]["StartedAt"] != before
    # Of the services: that Druid's supervisor calls itself healthy takes a task that ended well.
    healthy = lambda: all(found["healthy"] for found in stack.status()["services"])  # noqa: E731
    eventually(healthy, f"healthy services after {service} was restarted", 120)
    stack.up()


def test_data_outlives_the_containers(stack: LiveStack) -> None:
    """`down` removes every container; after `up` the events are there, and the charts of Superset."""
    event = f"kept-{secrets.token_hex(4)}"
    assert stack.send(event, "kept") == 200
    eventually(lambda: event in stack.ids("kept"), "the event in Druid")
    assert stack.run("down", timeout=60).returncode == 0
    assert stack.left() == []
    done = stack.up()
    eventually(lambda: event in stack.ids("kept"), "the event after `up`")
    dashboard = next(line for line in done.stderr.splitlines() if line.startswith("Import dashboard"))
    assert "kept" in dashboard


def test_a_changed_mapping_restarts_the_collector_alone(stack: LiveStack) -> None:
    """A mounted file is no part of a container's description, and still its change takes effect."""
    pids = stack.pids()
    mapping = stack.directory / "mapping.groovy"
    good = mapping.read_text()
    mapping.write_text(good + "// a comment\n")
    done = stack.up()
    assert "Stop what changed: divolte." in done.stderr
    after = stack.pids()
    assert [name for name in pids if pids[name] != after[name]] == ["divolte"]
    text = stack.docker("exec", stack.container("divolte"), "cat", "/etc/pyglue/mapping.groovy")
    assert text.endswith("// a comment")
    mapping.write_text(good)
    stack.up()


def test_a_file_that_a_container_could_not_read_is_told_first(stack: LiveStack) -> None:
    """With a private mapping nothing is touched, and the remedy is named."""
    pids = stack.pids()
    mapping = stack.directory / "mapping.groovy"
    mode = mapping.stat().st_mode
    mapping.chmod(0o600)
    try:
        done = stack.run("up", timeout=60)
    finally:
        mapping.chmod(mode)
    assert done.returncode == 1
    assert "try: chmod o+rX mapping.groovy" in done.stderr
    assert stack.pids() == pids


def test_a_container_out_of_memory_is_told_as_that(stack: LiveStack) -> None:
    """The limit, its variable and the next command, not only `killed`."""
    done = stack.run("up", environment={"DIVOLTE_MEMORY": "20m"})
    assert done.returncode == 1
    assert "divolte stopped" in done.stderr
    assert "wanted more memory than its limit of 20 MiB" in done.stderr
    assert "try: DIVOLTE_MEMORY=" in done.stderr
    stack.up()


def test_without_a_choice_docker_is_chosen_and_the_reason_told(
    stack: LiveStack, checkout: Path, tmp_path: Path
) -> None:
    """`auto` takes the daemon that answers; without one it goes native, and says why."""
    done = stack.run("status", environment={"PYGLUE_ENGINE": "auto"}, timeout=60)
    assert done.returncode == 0, done.stdout
    assert done.stderr.startswith(f"docker engine, project {stack.project} (a daemon answers: ")
    nobody = {"PYGLUE_ENGINE": "auto", "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    for command in ("status", "down"):  # it runs in containers, and they are not taken for nothing
        done = stack.run(command, environment=nobody, timeout=60)
        assert done.returncode == 1
        assert "no Docker daemon answers: unix:///nowhere/docker.sock" in done.stderr
        assert "may run there still" in done.stderr
    other = LiveStack.create(checkout, tmp_path / "other", "docker")
    done = other.run("status", environment=nobody, timeout=60)
    assert done.stderr.startswith(
        f"native engine, project {other.project} (no Docker daemon answers: unix:///nowhere/docker.sock)"
    )
    done = stack.run("up", environment={**nobody, "PYGLUE_ENGINE": "docker"}, timeout=60)
    assert done.returncode == 1
    assert "try: pyglue --engine native up" in done.stderr


def test_a_paused_container_goes_on_with_up(stack: LiveStack) -> None:
    """`status` names it and the command, and the command helps."""
    stack.docker("pause", stack.container("sample-app"))
    done = stack.run("status", timeout=90)
    assert done.returncode == 1
    assert "sample-app is paused\n   try: pyglue up\n" in done.stdout
    stack.up()


def test_another_checkout_of_the_same_name_touches_nothing(
    stack: LiveStack, checkout: Path, tmp_path: Path
) -> None:
    """A second checkout that would be the same project is refused, and shows nothing of the first."""
    other = LiveStack.create(checkout, tmp_path / "other", "docker")
    other.settings["PYGLUE_PROJECT"] = stack.project
    pids = stack.pids()
    done = other.run("up", timeout=60)
    assert done.returncode == 1
    assert "belongs to another checkout" in done.stderr
    assert other.pids() == {}
    assert other.run("down", timeout=60).returncode == 0
    assert "belongs to another checkout" in other.run("reset", "--yes", timeout=60).stderr
    assert stack.pids() == pids
    # And while the first is down, its data is still not the second's.
    assert stack.run("down", timeout=60).returncode == 0
    for command in (("up",), ("reset", "--yes")):
        done = other.run(*command, timeout=60)
        assert done.returncode == 1
        assert "never up from here" in done.stderr
    stack.up()


def test_a_kill_loses_no_event_and_is_said(stack: LiveStack, killed: tuple[int, int]) -> None:
    """As natively: each hop has counted the same, the collector in its volume; and a kill is said."""
    first, last = killed
    reconciled(stack, first, until=last).shows_a_kill()


@pytest.fixture
def foreign(stack: LiveStack) -> Iterator[str]:
    """A container and a volume of somebody else, in the same daemon."""
    name = f"{stack.project}-not"  # the same beginning, and not the same name
    label = ("--label", f"com.docker.compose.project={name}")
    image = inspected(stack, "sample-app")["Image"]
    stack.docker("volume", "create", *label, name)
    stack.docker("create", "--name", name, *label, "--volume", f"{name}:/data", image)
    yield name
    stack.docker("rm", "--force", name)
    stack.docker("volume", "rm", name)


def test_reset_wipes_what_is_ours_and_nothing_else(stack: LiveStack, foreign: str) -> None:
    """All volumes of the project are gone, those of others are there; the next `up` begins from nothing."""
    assert stack.send("wiped", "wiped") == 200
    ours = ("volume", "ls", "--quiet", "--filter", f"label=com.docker.compose.project={stack.project}")
    assert len(stack.docker(*ours).splitlines()) == 10
    assert stack.run("reset", "--yes", timeout=90).returncode == 0
    assert stack.docker(*ours) == ""
    assert stack.left() == []
    assert stack.docker("volume", "ls", "--quiet", "--filter", f"name={foreign}") == foreign
    assert stack.docker("ps", "--all", "--quiet", "--filter", f"name={foreign}") != ""
    stack.up()
    assert stack.ids("wiped") == []


def test_compose_by_hand_and_then_pyglue(stack: LiveStack, checkout: Path, tmp_path: Path) -> None:
    """`docker compose up` alone brings healthy services with secrets of their own; single commands do the rest.

    `pyglue up` goes on from there with the same password and the same containers.
    """
    hand = LiveStack.create(checkout, tmp_path / "hand", "docker")
    try:
        hand.compose("up", "--detach", "--build")
        format_ = ("ps", "--format", "{{.Service}} {{.Health}}")
        healthy = {f"{service} healthy" for service in SERVICES}
        eventually(lambda: set(hand.compose(*format_).splitlines()) == healthy, "healthy containers", 120)
        assert not (hand.directory / ".env").exists()
        for command in ("submit-spec", "register-cluster"):
            assert hand.run(command, timeout=120).returncode == 0
        assert hand.send("by-hand", "by-hand") == 200
        eventually(lambda: hand.ids("by-hand") == ["by-hand"], "the event in Druid")
        assert hand.run("refresh-datasources", timeout=120).returncode == 0
        assert hand.run("smoke-test", timeout=120).returncode == 0
        password = hand.docker("exec", hand.container("superset"), "cat", "/data/admin_password")
        assert len(password) >= 20
        assert log_in(hand, password)
        assert not log_in(hand, "admin")
        done = hand.up()
        assert f"SUPERSET_ADMIN_PASSWORD={password}\n" in (hand.directory / ".env").read_text()
        assert "Post supervisor divolte-clickstream.........................kept" in done.stderr
        assert log_in(hand, password)
    finally:
        down = hand.run("down", timeout=60)
        left = hand.left()
        hand.remove()
    assert down.returncode == 0, down.stderr
    assert left == []


def log_in(stack: LiveStack, password: str) -> bool:
    """Whether Superset takes it for the password of admin."""
    client = Client(stack.url("SUPERSET_PORT"), "superset")
    body = {"username": "admin", "password": password, "provider": "db"}
    try:
        return (
            client.request("POST", "/api/v1/security/login", json=body, expect=(200, 401)).status_code == 200
        )
    finally:
        client.close()


def test_compose_has_nothing_to_warn_of(stack: LiveStack) -> None:
    """`docker compose config` is silent: no key that it does not know, no variable that is not set."""
    command = ["docker", "compose", "config", "--quiet"]
    environment = {name: value for name, value in stack.environment.items() if name not in stack.ports}
    done = subprocess.run(
        command, cwd=stack.directory, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_divolte_itself_gets_the_same_configuration(stack: LiveStack) -> None:
    """divolte/upstream.yml: the image of Divolte Collector with our configuration, mapping and schema where it looks.

    The image can't be pulled on every machine, so the rendered configuration is what is tested.
    """
    text = stack.compose("--file", "docker-compose.yml", "--file", "divolte/upstream.yml", "config")
    service = yaml.safe_load(text)["services"]["divolte"]
    assert service["image"] == "divolte/divolte-collector:0.9.0"
    assert service["platform"] == "linux/amd64"
    assert not {"build", "command", "entrypoint", "read_only", "user"} & set(service)
    mounts = {mount["target"]: Path(mount["source"]) for mount in service["volumes"]}
    conf = stack.directory / "divolte" / "divolte-collector.conf"
    assert mounts["/opt/divolte/divolte-collector/conf/divolte-collector.conf"] == conf
    assert mounts[service["environment"]["DIVOLTE_SCHEMA"]] == conf.with_name("DefaultEventRecord.avsc")
    assert mounts[service["environment"]["DIVOLTE_MAPPING"]] == stack.directory / "mapping.groovy"
    assert service["environment"]["BIND_ADDRESS"] == "0.0.0.0"  # noqa: S104 - inside a container
    kafka = f"kafka:{stack.ports['KAFKA_INTERNAL_PORT']}"
    assert service["environment"]["DIVOLTE_KAFKA_BROKER_LIST"] == kafka
    assert [port["host_ip"] for port in service["ports"]] == ["127.0.0.1"]
    # Every variable that the configuration asks for is one that the service has; its last block Divolte does not read.
    read, _, _ = conf.read_text().partition("\npyglue {")
    asked = set(re.findall(r"^[^/]*\$\{\?(\w+)\}", read, re.MULTILINE))
    assert asked
    assert asked <= set(service["environment"])
