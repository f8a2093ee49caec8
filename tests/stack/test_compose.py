"""docker-compose.yml -> Stack: what is obeyed, what is refused, with its line and all at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pyglue.errors import InputError
from pyglue.stack import compose
from pyglue.stack.model import Health, Mount, Service, Stack
from pyglue.stack.reading import FILE

NOTHING: Mapping[str, str] = {}

FULL = """\
name: shop
volumes:
  state:
services:
  second:
    build: {context: ., dockerfile: two/Dockerfile}
    depends_on:
      first: {condition: service_healthy}
  first:
    build: ./one
    image: some/image
    command: [run, "${PORT:-80}", 3]
    environment:
      TEXT: a ${PORT:-80} b
      NUMBER: 7
      RATIO: 1.5
      DAY: 2026-01-02
    ports: ["127.0.0.1:${PORT:-80}:${PORT:-80}"]
    expose: [81, "82", "${PORT:-80}"]
    volumes:
      - state:/data
      - ./file.conf:/etc/file.conf:ro
    networks: {default: {aliases: [also, so]}}
    restart: on-failure
    stop_grace_period: 1m
    mem_limit: 1g
    healthcheck:
      test: [CMD, /service/healthy, broker]
      interval: 2s
      timeout: 5s
      retries: ${RETRIES:-60}
      start_period: 1m
"""


def one(text: str, *, project: Path, variables: Mapping[str, str] = NOTHING) -> Service:
    """The service `first` with these lines in its block (the first of them is line 4 of the file)."""
    return parse(service(text), project, variables).services["first"]


def service(text: str) -> str:
    return "services:\n  first:\n    build: one\n" + "".join(f"    {line}\n" for line in text.splitlines())


def parse(text: str, project: Path, variables: Mapping[str, str] = NOTHING) -> Stack:
    return compose.parse(text, project, variables)


def problems(
    text: str, project: Path, variables: Mapping[str, str] = NOTHING
) -> list[tuple[int | None, str]]:
    """(line, message) of everything that is refused."""
    with pytest.raises(InputError) as caught:
        compose.parse(text, project, variables)
    assert {problem.file for problem in caught.value.problems} == {"docker-compose.yml"}
    return [(problem.line, problem.message) for problem in caught.value.problems]


def test_every_obeyed_key_arrives(project: Path) -> None:
    """Each key that the native engine obeys is found in the service's values."""
    stack = parse(FULL, project, {"RETRIES": "30"})
    assert stack.name == "shop"
    assert stack.directory == project
    assert list(stack.services) == ["first", "second"]
    assert stack.folders() == ("one", "two")
    assert stack.services["second"].depends_on == {"first": "service_healthy"}
    assert stack.services["first"] == Service(
        name="first",
        line=9,
        folder="one",
        image="some/image",
        arguments=("run", "80", "3"),
        environment={"TEXT": "a 80 b", "NUMBER": "7", "RATIO": "1.5", "DAY": "2026-01-02"},
        published=(80,),
        exposed=(81, 82),
        mounts=(Mount("state", "/data", False), Mount("./file.conf", "/etc/file.conf", True)),
        health=Health(("broker",), timeout=5.0, deadline=120.0),
        restart="on-failure",
        stop_grace=60.0,
        memory_limit="1g",
        aliases=("also", "so"),
    )
    assert stack.services["first"].ports == (80, 81, 82)
    assert stack.setting("first", "NUMBER") == "7"


def test_what_is_not_said_has_composes_defaults(project: Path) -> None:
    """A service with nothing but its folder is not restarted, has ten seconds to stop and no health check."""
    found = one("", project=project)
    assert (found.restart, found.stop_grace, found.health) == ("no", 10.0, None)
    health = one("healthcheck: {test: [CMD, /service/healthy]}", project=project).health
    assert health == Health((), timeout=30.0, deadline=90.0)


def test_the_shipped_file_is_fine(checkout: Path) -> None:
    """The docker-compose.yml of this checkout is read without a problem, each service after what it needs."""
    stack = compose.read(checkout, NOTHING)
    done: set[str] = set()
    for found in stack.services.values():
        assert set(found.depends_on) <= done
        done.add(found.name)
    assert done >= {"zookeeper", "kafka", "divolte", "druid-broker", "superset", "sample-app"}


def test_every_tunable_of_the_shipped_file_has_a_default(checkout: Path) -> None:
    """Without any variable set the ports are those that every text about this stack names."""
    stack = compose.read(checkout, NOTHING)
    expected = {"divolte": 8290, "druid-coordinator": 8081, "druid-router": 8888, "superset": 8088}
    assert {name: stack.services[name].ports[0] for name in expected} == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("environment: [A=1, B=x=y, C=]", {"A": "1", "B": "x=y", "C": ""}),
        ("environment:\n  A: ''\n  B: 'true'", {"A": "", "B": "true"}),
        ("environment: {A: '50% \"quoted\" it''s'}", {"A": '50% "quoted" it\'s'}),
        ("environment:", {}),
    ],
)
def test_forms_of_environment(project: Path, lines: str, expected: dict[str, str]) -> None:
    """A map or a list gives the same texts, whatever characters they hold."""
    assert one(lines, project=project).environment == expected


@pytest.mark.parametrize("value", ["no", "'no'", "false"])
def test_restart_no_without_quotes(project: Path, value: str) -> None:
    """YAML takes an unquoted `no` for a boolean; it still means `no`."""
    assert one(f"restart: {value}", project=project).restart == "no"


def test_a_list_of_dependencies_means_started(project: Path) -> None:
    """The short form of depends_on is the condition service_started."""
    text = service("depends_on: [other]") + "  other: {build: two}\n"
    assert parse(text, project).services["first"].depends_on == {"other": "service_started"}


def test_merge_keys_and_extensions(project: Path) -> None:
    """`x-` blocks are free for anchors, and what they merge into a service is obeyed."""
    text = "x-base: &base\n  restart: always\n  x-note: anything\n" + service("<<: *base\nx-mine: 1")
    assert parse(text, project).services["first"].restart == "always"


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        (None, ["first"]),
        ("", ["first"]),
        ("batch", ["first", "job"]),
        ("x,batch", ["first", "job"]),
        ("x", ["first"]),
    ],
)
def test_profiles(project: Path, chosen: str | None, names: list[str]) -> None:
    """A service with profiles is there only where COMPOSE_PROFILES names one of them."""
    text = service("") + "  job: {build: two, profiles: [batch, night]}\n"
    variables = {} if chosen is None else {"COMPOSE_PROFILES": chosen}
    assert list(parse(text, project, variables).services) == names


@pytest.mark.parametrize(
    "key",
    [
        "pids_limit: 5",
        "init: true",
        "cap_drop: [ALL]",
        "logging: {driver: x}",
        "user: '1'",
        "tmpfs: [/t]",
    ],
)
def test_what_describes_the_container_is_passed_over(project: Path, key: str) -> None:
    """A key that is known as meaningless natively changes nothing."""
    assert one(key, project=project) == one("", project=project)


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        (
            "entrypoint: [x]",
            4,
            "the key `entrypoint` in the service first is not one that the native engine can obey",
        ),
        ("env_file: [x]", 4, "the key `env_file`"),
        ("command: run", 4, "`command` must be a list of words, as in [run]"),
        ("command:\n  - yes", 5, "a word must be a text; put it in quotes"),
        ("command: [{a: b}]", 4, "a word must be a text"),
        ("environment: text", 4, "`environment` must be a map"),
        ("environment:\n  A: 1\n  B: true", 6, "the value of B must be a text; put it in quotes"),
        ("environment:\n  A:", 5, "the value of A must be a text"),
        ("environment:\n  A: [1]", 5, "the value of A must be a text"),
        ("environment:\n  A: 'x\n\n    y'", 5, "the value of A may not hold a line break"),
        ('environment: ["A=x\\ny"]', 4, "the value of A may not hold a line break"),
        ("environment: [A]", 4, "expected NAME=value, found 'A'"),
        ("ports: 80", 4, "`ports` must be a list"),
        ("ports:\n  - 127.0.0.1:80:80\n  - '81:81'", 6, "the native engine listens on 127.0.0.1 only"),
        ("ports: ['0.0.0.0:80:80']", 4, "write 127.0.0.1:80:..."),
        ("ports: ['127.0.0.1:80:81']", 4, "a port must have the same number inside and outside"),
        ("ports: ['127.0.0.1:80:80/tcp']", 4, "expected 127.0.0.1:PORT:PORT"),
        ("ports: ['127.0.0.1:70000:70000']", 4, "expected a port from 1 to 65535, found '70000'"),
        ("ports: [{target: 80}]", 4, "expected 127.0.0.1:PORT:PORT"),
        ("expose: [0]", 4, "expected a port from 1 to 65535, found 0"),
        ("expose: ['²']", 4, "expected a port from 1 to 65535"),
        ("expose: [x]", 4, "expected a port from 1 to 65535, found 'x'"),
        ("volumes: [nothing:/data]", 4, "the volume nothing is not declared under `volumes`"),
        ("volumes: [./missing:/x:ro]", 4, "./missing does not exist"),
        ("volumes: [./file.conf:/x]", 4, "must be mounted read-only (`:ro`)"),
        ("volumes: [./file.conf:/x:rw]", 4, "must be mounted read-only (`:ro`)"),
        ("volumes: [./file.conf:x:ro]", 4, "a mount's target is an absolute path, found 'x'"),
        ("volumes: [/data]", 4, "expected SOURCE:/target"),
        ("volumes: [./file.conf:/x:ro:z]", 4, "expected SOURCE:/target"),
        ("volumes: [./file.conf:/x:ro, ./one:/x:ro]", 4, "two mounts have the target /x"),
        ("depends_on: other", 4, "`depends_on` must be a map or a list"),
        ("depends_on: [other]", 2, "first depends on other, which is no service here"),
        (
            "depends_on:\n  first: {condition: service_completed_successfully}",
            5,
            "expected {condition: service_started or service_healthy} for first",
        ),
        ("depends_on:\n  first: {condition: service_healthy, restart: true}", 5, "expected {condition:"),
        ("depends_on: [first]", 2, "these services depend on each other in a circle: first"),
        (
            "restart: sometimes",
            4,
            "expected one of no, on-failure, always, unless-stopped; found 'sometimes'",
        ),
        ("stop_grace_period: 10", 4, "`stop_grace_period`: '10' is no span of time"),
        ("healthcheck: text", 4, "`healthcheck` must be a map"),
        ("healthcheck: {disable: true}", 4, "the key `disable` in the health check of first"),
        ("healthcheck: {interval: 1s}", 4, "expected test: [CMD, /service/healthy, ARGUMENT...]"),
        ("healthcheck:\n  test: curl -f localhost", 5, "`test` must be a list of words"),
        ("healthcheck:\n  test: [CMD-SHELL, x]", 5, "expected test: [CMD, /service/healthy, ARGUMENT...]"),
        ("healthcheck:\n  test: [CMD, /service/healthy]\n  retries: few", 6, "expected a number of retries"),
        (
            "healthcheck:\n  test: [CMD, /service/healthy]\n  timeout: 5",
            6,
            "`timeout`: '5' is no span of time",
        ),
        ("profiles: batch", 4, "`profiles` must be a list"),
        ("networks: {default: {aliases: name}}", 4, "`aliases` must be a list"),
        ("deploy: {replicas: 3}", 4, "the key `replicas` in `deploy` of first"),
        ("environment: {A: '$NOWHERE'}", 4, "NOWHERE is not set and has no default"),
    ],
)
def test_what_is_refused_in_a_service(project: Path, lines: str, line: int, said: str) -> None:
    """What the native engine can't obey is one problem with its line, before anything is started."""
    found = problems(service(lines), project)
    assert [row for row, message in found if said in message] == [line], found


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[]", 1, "expected a map with the key `services`"),
        ("services: []", 1, "expected a map with the key `services`"),
        ("", 1, "expected a map with the key `services`"),
        ("services: {}", 1, "there is no service to run"),
        ("services:\n  a: {build: one, profiles: [x]}", 1, "there is no service to run"),
        ("secrets: {}\n" + service(""), 1, "the key `secrets` at the top"),
        ("include: [x]\n" + service(""), 1, "the key `include` at the top"),
        ("volumes: [a]\n" + service(""), 1, "`volumes` must be a map"),
        ("volumes:\n  a: {driver: nfs}\n" + service(""), 2, "the key `driver` in the volume a"),
        ("volumes:\n  a: text\n" + service(""), 2, "the volume a must be a map or empty"),
        ("services:\n  a:\n  b: {build: one}", 2, "the service a must be a map"),
        ("services:\n  Big: {build: one}", 2, "a service's name is made of a-z"),
        ("services:\n  a: {image: x}", 2, "the service a has no `build`"),
        ("services:\n  a: {build: three}", 2, "the folder three/ of the service a has no file `start`"),
        ("services:\n  a:\n    build: {context: ., dockerfile: one/Dockerfile, ssh: [x]}", 3, "the key `ssh` in `build`"),
        (
            "services:\n  a: {build: one, expose: [90]}\n  b: {build: two, expose: [90]}",
            3,
            "the port 90 of b is that of a, too",
        ),
        (
            "services:\n  a: {build: one, depends_on: [b]}\n  b: {build: one, depends_on: [a]}\n  c: {build: one}",
            2,
            "these services depend on each other in a circle: a, b",
        ),
    ],
)  # fmt: skip
def test_what_is_refused_elsewhere(project: Path, text: str, line: int, said: str) -> None:
    """The same holds at the top, in volumes, for names, folders, ports and circles."""
    found = problems(text, project)
    assert [row for row, message in found if said in message] == [line], found


def test_a_script_that_is_not_executable_is_refused(project: Path) -> None:
    """Better said before the start than found in a log."""
    (project / "one/healthy").chmod(0o644)
    assert problems(service(""), project) == [(3, "one/healthy is not executable; chmod +x makes it so")]


def test_all_problems_come_together_in_the_order_of_lines(project: Path) -> None:
    """A user sees everything at once: variables, keys, values and wiring."""
    text = service("ports: [x]\nrestart: never\ncommand: ['$A']\nvolumes: [gone:/data]\nlinks: [b]")
    lines = [line for line, _ in problems(text, project)]
    assert lines == [4, 5, 6, 7, 8]


def test_a_problem_in_an_anchor_is_told_once(project: Path) -> None:
    """Two services that merge the same block have one problem, at the block's line."""
    text = "x-base: &base\n  restart: ${HOW}\nservices:\n"
    text += "  a: {<<: *base, build: one}\n  b: {<<: *base, build: two}\n"
    found = problems(text, project)
    assert [line for line, message in found if "HOW is not set" in message] == [2]
    assert len(found) == len(set(found))


def test_a_file_that_is_no_yaml_is_one_problem(project: Path) -> None:
    """The YAML parser's line and column are handed on."""
    assert [line for line, _ in problems("services:\n  a: [\n", project)] == [3]


def test_a_missing_file_says_how_to_find_the_checkout(tmp_path: Path) -> None:
    """Outside a checkout the error names the option that helps."""
    with pytest.raises(InputError) as caught:
        compose.read(tmp_path, NOTHING)
    assert "--project-dir" in caught.value.problems[0].message


def test_a_file_that_is_no_utf8_is_a_problem(tmp_path: Path) -> None:
    """Bytes that are no text are the file's trouble, not a bug."""
    (tmp_path / FILE).write_bytes(b"name: \xff\n")
    with pytest.raises(InputError, match=r"1 problem in docker-compose\.yml"):
        compose.read(tmp_path, NOTHING)
