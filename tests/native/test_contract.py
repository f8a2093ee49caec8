"""Service -> Program: names, mounts, the environment, and what counts as a change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pyglue.layout import Layout
from pyglue.native.contract import Program, program
from pyglue.stack.model import Health, Mount, Service, Stack

HOME = Path("/cache/kafka-1")
OUTSIDE = {"PATH": "/bin", "HOME": "/home/u", "LANG": "de_DE.ISO-8859-1", "SECRET": "no", "JAVA_HOME": "/jdk"}
MOUNTS = (
    Mount("kafka-data", "/data", False),
    Mount("segments", "/segments", False),
    Mount("./mapping.groovy", "/etc/pyglue/mapping.groovy", True),
    Mount("./conf", "/etc/pyglue", True),
    Mount("./conf/deep", "/etc/pyglue/deep", True),
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with a service folder and files to mount."""
    for name in ("kafka/start", "kafka/healthy", "kafka/server.properties", "kafka/module/pom.xml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for name in ("mapping.groovy", "conf/a.conf", "conf/deep/b.conf", "pyglue/collector/app.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def stack_of(project: Path, service: Service) -> Stack:
    """A stack in which the names of the shipped one exist."""
    others = {name: Service(name, 1, "kafka") for name in ("divolte", "druid-broker", "druid", "superset")}
    others["druid-broker"] = replace(others["druid-broker"], aliases=("docker-druid",))
    return Stack("pyglue", project, {**others, service.name: service})


def made(project: Path, service: Service | None = None, outside: dict[str, str] | None = None) -> Program:
    service = service or Service("kafka", 1, "kafka", mounts=MOUNTS)
    layout = Layout(project)
    return program(stack_of(project, service), service, layout, HOME, OUTSIDE if outside is None else outside)


def translated(project: Path, value: str) -> str:
    """What a value of the environment becomes."""
    return made(project, Service("kafka", 1, "kafka", environment={"V": value}, mounts=MOUNTS)).environment[
        "V"
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("kafka:29092", "127.0.0.1:29092"),
        ("kafka:29092,kafka:29093", "127.0.0.1:29092,127.0.0.1:29093"),
        ("INTERNAL://kafka:29092,HOST://127.0.0.1:9092", "INTERNAL://127.0.0.1:29092,HOST://127.0.0.1:9092"),
        ("http://druid-broker:8082/druid/v2", "http://127.0.0.1:8082/druid/v2"),
        ("druid://docker-druid:8082/druid/v2/sql/", "druid://127.0.0.1:8082/druid/v2/sql/"),
        ("http://user:secret@kafka:1/", "http://user:secret@127.0.0.1:1/"),
        ("divolte", "divolte"),
        ("kafka", "kafka"),
        ("druid://localhost:8082", "druid://localhost:8082"),
        ("topic divolte: 4", "topic divolte: 4"),
        ("my-kafka:9092", "my-kafka:9092"),
        ("kafka.example.org:9092", "kafka.example.org:9092"),
        ("my.kafka:9092", "my.kafka:9092"),
        ("kafka2:9092", "kafka2:9092"),
        ("kafka:port", "kafka:port"),
        ("jdbc:mysql://kafka:1234@db:3306", "jdbc:mysql://kafka:1234@db:3306"),
        ("kafka:9x", "kafka:9x"),
        ("", ""),
    ],
)
def test_a_name_is_replaced_only_as_a_host(project: Path, value: str, expected: str) -> None:
    """A service's name or alias becomes 127.0.0.1 before a port; as topic, scheme, user or part it stays."""
    assert translated(project, value) == expected


def test_a_program_is_read_as_it_was_written(project: Path) -> None:
    """What an earlier version wrote has no ports; of what is damaged nothing is known."""
    whole = made(project, Service("kafka", 1, "kafka", published=(1,), exposed=(2,)))
    assert Program.from_json(whole.to_json()) == whole
    assert whole.ports == (1, 2)
    content = json.loads(whole.to_json())
    del content["ports"]
    assert Program.from_json(json.dumps(content)) == replace(whole, ports=())
    for text in ("", "{", "[]", "7", '{"name": "kafka"}', json.dumps({**content, "argv": 7})):
        assert Program.from_json(text) is None


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("/etc/pyglue/mapping.groovy", "mapping.groovy"),
        ("/etc/pyglue/a.conf", "conf/a.conf"),
        ("/etc/pyglue", "conf"),
        ("/etc/pyglue/deep/b.conf", "conf/deep/b.conf"),
        ("/segments", ".pyglue/data/segments"),
        ("/segments/x", ".pyglue/data/segments/x"),
        ("/data/log", ".pyglue/data/kafka-data/log"),
    ],
)
def test_a_mounts_target_becomes_a_path_of_this_machine(project: Path, value: str, path: str) -> None:
    """A value that begins with a target is a path: the checkout's file or a folder of the state; the longest wins."""
    assert translated(project, value) == str(project / path)


@pytest.mark.parametrize(
    "value", ["/segments2", "x/segments", "file:/segments", "/etc/pyglue2/a.conf", "/etc"]
)
def test_what_only_looks_like_a_target_stays(project: Path, value: str) -> None:
    """A longer word, or a target inside a value, is left alone."""
    assert translated(project, value) == value


def test_the_environment_is_exactly_the_contract(project: Path) -> None:
    """A service sees its own variables, the contract's, a few of the caller's, and nothing else."""
    service = Service("kafka", 1, "kafka", environment={"KAFKA_PORT": "9092"}, mounts=MOUNTS)
    environment = dict(made(project, service).environment)
    assert environment == {
        "KAFKA_PORT": "9092",
        "PATH": "/bin",
        "HOME": "/home/u",
        "JAVA_HOME": "/jdk",
        "LANG": "C.UTF-8",
        "SERVICE_HOME": "/cache/kafka-1",
        "DATA_DIR": str(project / ".pyglue/data/kafka-data"),
        "RUN_DIR": str(Layout(project).run / "kafka"),
        "BIND_ADDRESS": "127.0.0.1",
        "PYTHONUNBUFFERED": "1",
        "PYGLUE_STACK": Layout(project).identity,
    }


def test_a_service_cannot_take_the_contracts_names(project: Path) -> None:
    """What docker-compose.yml says of BIND_ADDRESS or DATA_DIR does not count natively."""
    service = Service("kafka", 1, "kafka", environment={"BIND_ADDRESS": "0.0.0.0", "PATH": "/own"})  # noqa: S104
    environment = made(project, service).environment
    assert environment["BIND_ADDRESS"] == "127.0.0.1"
    assert environment["PATH"] == "/own"


def test_state_without_a_volume_has_a_folder_of_its_own(project: Path) -> None:
    """A service that names no volume at /data keeps its state under its own name."""
    result = made(project, Service("kafka", 1, "kafka"))
    assert result.environment["DATA_DIR"] == str(project / ".pyglue/data/kafka")
    assert result.directory == str(project / ".pyglue/data/kafka")


def test_arguments_scripts_and_folders(project: Path) -> None:
    """The folder's scripts are run with translated arguments; the folders of all volumes are made."""
    service = Service(
        "kafka",
        1,
        "kafka",
        arguments=("/etc/pyglue/mapping.groovy", "kafka:1", "x"),
        mounts=MOUNTS,
        health=Health(("superset:2",), 1, 1),
    )
    result = made(project, service)
    assert result.argv == (str(project / "kafka/start"), str(project / "mapping.groovy"), "127.0.0.1:1", "x")
    assert result.healthy == (str(project / "kafka/healthy"), "127.0.0.1:2")
    assert result.makes == (
        str(project / ".pyglue/data/kafka-data"),
        str(Layout(project).run / "kafka"),
        str(project / ".pyglue/data/segments"),
    )


@pytest.mark.parametrize(
    "name", ["kafka/start", "kafka/healthy", "kafka/server.properties", "mapping.groovy", "conf/deep/b.conf"]
)
def test_a_changed_file_is_a_change(project: Path, name: str) -> None:
    """The folder's own files and the bind mounts, folders included, belong to what is run."""
    before = made(project).to_json()
    assert not made(project).differs(before)
    (project / name).write_text("other")
    assert made(project).differs(before)


def test_a_new_and_a_renamed_file_are_changes(project: Path) -> None:
    """Names count as contents do."""
    before = made(project).to_json()
    (project / "kafka/server.properties").rename(project / "kafka/client.properties")
    renamed = made(project)
    assert renamed.differs(before)
    (project / "kafka/new").touch()
    assert made(project).differs(renamed.to_json())


@pytest.mark.parametrize(
    "name",
    [
        "kafka/Dockerfile",
        "kafka/README.md",
        "kafka/pom.xml",
        "kafka/artifacts.lock",
        "kafka/requirements.in",
        "kafka/requirements.txt",
        "kafka/prepare",
        "kafka/module/pom.xml",
        "kafka/.start.swp",
        "kafka/start~",
        "conf/.a.conf.swp",
        "docker-compose.yml",
        "pyglue/collector/app.py",
    ],
)
def test_what_the_start_does_not_read_is_no_change(project: Path, name: str) -> None:
    """Pins (they change SERVICE_HOME), sub-folders, documents and editors' scraps restart nothing."""
    before = made(project).to_json()
    (project / name).write_text("other")
    assert not made(project).differs(before)


def test_the_collectors_own_code_is_a_change_of_the_collector(project: Path) -> None:
    """A service made of pyglue's code is restarted when that changes; another one is not."""
    (project / "divolte").mkdir()
    service = Service("divolte", 1, "divolte")
    before = made(project, service).to_json()
    (project / "pyglue/collector/app.py").write_text("other")
    assert made(project, service).differs(before)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"PATH": "/other"}, False),
        ({"HOME": "/other"}, False),
        ({"LANG": "C"}, False),
        ({"SECRET": "other"}, False),
        ({"JAVA_HOME": "/other"}, True),
        ({"TZ": "Europe/Vienna"}, True),
    ],
)
def test_another_shell_is_no_change(project: Path, changed: dict[str, str], expected: bool) -> None:
    """`up` from another shell, or with an activated environment, keeps what runs; another JDK does not."""
    before = made(project).to_json()
    assert made(project, outside={**OUTSIDE, **changed}).differs(before) is expected


def test_values_and_artefacts_are_changes(project: Path) -> None:
    """Another argument, value or SERVICE_HOME is another process."""
    before = made(project)
    assert replace(before, argv=(*before.argv, "x")).differs(before.to_json())
    assert replace(before, environment={**before.environment, "A": "1"}).differs(before.to_json())
    assert replace(before, environment={**before.environment, "SERVICE_HOME": "/b"}).differs(before.to_json())


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"environment": 1}', json.dumps("x")])
def test_a_damaged_record_only_means_a_restart(project: Path, text: str) -> None:
    """What can't be read is taken for another process."""
    assert made(project).differs(text)
