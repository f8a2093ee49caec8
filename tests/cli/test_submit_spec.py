"""`pyglue submit-spec` against an overlord that a test holds in its hand, and librdkafka's own mock of Kafka."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka.admin import AdminClient

from pyglue.cli.submit_spec import Work, look_at_kafka
from pyglue.errors import PyglueError
from pyglue.layout import Layout
from pyglue.pipeline import spec as specs
from pyglue.pipeline import supervisors
from pyglue.pipeline.druid import Druid
from pyglue.pipeline.kafka import Kafka
from pyglue.screen import Screen
from tests.cli.ended import Run
from tests.fake_overlord import Overlord
from tests.local_server import LocalServer, Reply, serve

NAME = "divolte-clickstream"


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    """A Kafka with the topic divolte; its address."""
    mock = AdminClient({"bootstrap.servers": "", "test.mock.num.brokers": "1"})
    (broker,) = mock.list_topics("divolte", timeout=10).brokers.values()  # which makes the topic
    yield f"{broker.host}:{broker.port}"
    del mock


@pytest.fixture
def overlord() -> Overlord:
    """One without supervisors; Kafka holds no records here."""
    return Overlord(offsets={"0": 0, "1": 0})


@pytest.fixture
def server(
    overlord: Overlord, kafka: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalServer]:
    """The overlord and Kafka as this machine's pyglue finds them."""
    assert project
    with serve(overlord) as local:
        monkeypatch.setenv("PYGLUE_DRUID_URL", local.url)
        monkeypatch.setenv("PYGLUE_DRUID_BROKER_URL", local.url)
        monkeypatch.setenv("PYGLUE_KAFKA", kafka)
        yield local


def changed(project: Path, name: str, **places: Any) -> str:
    """Write another spec; `places` are set in its dataSchema, ioConfig or tuningConfig, wherever the key is."""
    spec = json.loads((project / "supervisor-spec.json").read_text())
    for key, value in places.items():
        part = next((part for part in spec["spec"].values() if key in part), spec["spec"]["tuningConfig"])
        part[key] = value
    (project / name).write_text(json.dumps(spec, indent=1))
    return name


def posts(server: LocalServer) -> list[str]:
    """What was posted, without the questions."""
    return [path for path in server.paths() if path.startswith("POST")]


@pytest.mark.usefixtures("server")
def test_a_spec_is_posted_once_and_reported(pyglue: Run, overlord: Overlord, kafka: str) -> None:
    """Made, then kept, both 0, with lag and counts; only the address of Kafka is replaced."""
    overlord.unread = [{"details": ["half a record"]}]
    ended = pyglue("submit-spec")
    assert ended.code == 0
    assert f"No supervisor {NAME} runs: all of it is new." in ended.err
    assert f"Post supervisor {NAME}" in ended.err
    assert ".made" in ended.err
    assert "12 processed, 1 of them with error, 1 unparseable, 3 thrown away" in ended.out
    assert "half a record" in ended.out
    properties = overlord.specs[NAME]["spec"]["ioConfig"]["consumerProperties"]
    assert properties == {"bootstrap.servers": kafka}
    again = pyglue("submit-spec")
    assert again.code == 0
    assert "No difference to what runs." in again.err
    assert ".kept" in again.err
    assert len(overlord.histories[NAME]) == 1


@pytest.mark.usefixtures("server")
def test_what_changes_is_shown(pyglue: Run, overlord: Overlord, project: Path) -> None:
    """Since the last post from here; without a record of it, in what runs, but never Druid's own defaults."""
    pyglue("submit-spec")
    changed(project, "supervisor-spec.json", maxRowsInMemory=7)
    line = "  spec.tuningConfig.maxRowsInMemory: 50000 -> 7\n"
    assert line in pyglue("submit-spec").err
    changed(project, "supervisor-spec.json", maxRowsInMemory=8)
    (project / specs.POSTED / f"{NAME}.json").unlink()
    overlord.specs[NAME]["spec"]["tuningConfig"]["druidsOwn"] = True
    ended = pyglue("submit-spec", "--json")
    told = json.loads(ended.out)
    assert told["changes"] == [{"path": "spec.tuningConfig.maxRowsInMemory", "old": 7, "new": 8}]
    assert (told["outcome"], told["new"], told["status"]["lag"]) == ("made", False, 1)


def test_a_dry_run_shows_rows_and_posts_nothing(
    pyglue: Run, overlord: Overlord, server: LocalServer, project: Path
) -> None:
    """Rows side by side, columns that stay empty, what can't be read and how often; code 0 as long as there are rows."""
    overlord.sample = {
        "data": [
            {"parsed": {"__time": 1767225600000, "path": "/a", "bot": None, "gone": None}},
            {"parsed": {"__time": 1767225600001, "path": None, "bot": True, "gone": None}},
            {"unparseable": True, "error": f"Unable to parse [{'A' * 99}]"},
            {"unparseable": True, "error": f"Unable to parse [{'B' * 99}]"},
        ]
    }
    ended = pyglue("submit-spec", "--dry-run")
    assert ended.code == 0
    assert "Druid makes 2 rows; 2 are unparseable" in ended.out
    rows = [line.split() for line in ended.out.splitlines()]
    assert ["path", "/a", "-"] in rows
    assert ["bot", "-", "true"] in rows
    assert "Empty in all 2 rows: gone" in ended.out
    assert "unparseable, 2 times: Unable to parse [...]" in ended.out
    assert posts(server) == ["POST /druid/indexer/v1/sampler"]
    assert not (project / specs.POSTED).exists()
    told = json.loads(pyglue("submit-spec", "--dry-run", "--json").out)
    assert (told["new"], told["refused"], told["sample"]["read"]) == (True, False, 4)
    assert told["sample"]["rows"][0]["path"] == "/a"


@pytest.mark.usefixtures("server")
def test_a_dry_run_over_an_empty_topic_says_so(pyglue: Run) -> None:
    """There is nothing to try, which is no trouble."""
    ended = pyglue("submit-spec", "--dry-run")
    assert ended.code == 0
    assert "The topic divolte is empty" in ended.out


def test_a_dry_run_without_a_readable_record_is_1(
    pyglue: Run, overlord: Overlord, server: LocalServer
) -> None:
    """As it would be after the post."""
    overlord.sample = {"data": [{"unparseable": True, "error": "half a record"}]}
    assert pyglue("submit-spec", "--dry-run").code == 1
    assert server.asked


@pytest.mark.parametrize(
    ("reason", "message", "code"),
    [
        ("Failed to parse expression: if((", "Druid can't read with this spec", "spec-refused"),
        (
            "No resolvable bootstrap urls given in bootstrap.servers",
            "Druid can't reach Kafka at",
            "kafka-address",
        ),
        ("Timeout expired while fetching topic metadata", "Druid can't reach Kafka at", "kafka-address"),
    ],
)
@pytest.mark.usefixtures("server")
def test_the_samplers_refusal_is_told(
    pyglue: Run, overlord: Overlord, reason: str, message: str, code: str
) -> None:
    """In Druid's words, and apart for a Kafka that Druid can't reach."""
    overlord.sample = reason
    ended = pyglue("submit-spec", "--dry-run")
    assert ended.code == 1
    assert f"error: {message}" in ended.err
    assert reason in ended.err
    assert f"docs/errors.md#{code}" in ended.err


def test_druids_refusal_is_told(pyglue: Run, overlord: Overlord, server: LocalServer, project: Path) -> None:
    """A 400 on the post, with its reason; the next try posts again."""
    overlord.refusal = "Could not resolve type id 'avro_nix'"
    ended = pyglue("submit-spec")
    assert (ended.code, ended.out) == (1, "")
    assert "error: Druid refuses the supervisor spec" in ended.err
    assert "avro_nix" in ended.err
    assert "try: pyglue submit-spec --print" in ended.err
    assert posts(server) == ["POST /druid/indexer/v1/supervisor"]
    assert not (project / specs.POSTED / f"{NAME}.json").exists()


@pytest.mark.usefixtures("server")
def test_a_supervisor_that_becomes_unhealthy_is_told(pyglue: Run, overlord: Overlord) -> None:
    """With its errors and their times, and the command that shows more; the next try posts again."""
    overlord.after_post = "UNHEALTHY_SUPERVISOR"
    overlord.errors = [{"timestamp": "2026-01-02T03:04:05.000Z", "message": "no such host"}]
    ended = pyglue("submit-spec")
    assert (ended.code, ended.out) == (1, "")
    assert f"the supervisor {NAME} does not run: UNHEALTHY_SUPERVISOR" in ended.err
    assert "2026-01-02T03:04:05.000Z  no such host" in ended.err
    assert f"try: pyglue supervisor status {NAME}\n" in ended.err
    overlord.after_post, overlord.errors = "RUNNING", []
    assert ".made" in pyglue("submit-spec").err


@pytest.mark.usefixtures("server")
def test_one_that_runs_but_does_not_read_is_told(
    pyglue: Run, overlord: Overlord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Druid calls it running, but no task of it reads; that is trouble for a spec that is kept, too."""
    monkeypatch.setattr(supervisors, "RUNNING_SECONDS", 0.2)
    pyglue("submit-spec")
    overlord.reads = False
    overlord.details[NAME] = "CONNECTING_TO_STREAM"
    ended = pyglue("submit-spec")
    assert ended.code == 1
    assert f"the supervisor {NAME} does not read: CONNECTING_TO_STREAM" in ended.err


def test_a_spec_of_another_datasource(
    pyglue: Run, overlord: Overlord, server: LocalServer, project: Path
) -> None:
    """It may leave out what this checkout's mapping fills; that it was not compared is said."""
    pyglue("submit-spec")
    other = changed(project, "other.json", dataSource="pages", dimensionsSpec={"dimensions": ["path"]})
    ended = pyglue("submit-spec", other)
    assert ended.code == 0
    assert "other.json is for the datasource pages, this checkout for divolte-clickstream" in ended.err
    assert sorted(overlord.specs) == [NAME, "pages"]
    assert posts(server) == ["POST /druid/indexer/v1/supervisor"] * 2


def test_another_topic_must_be_there(pyglue: Run, server: LocalServer, project: Path) -> None:
    """Told with the topics that there are, before anything is posted."""
    other = changed(project, "other.json", dataSource="pages", topic="nix")
    ended = pyglue("submit-spec", other)
    assert (ended.code, ended.out) == (1, "")
    assert "error: Kafka has no topic nix" in ended.err
    assert "there are  divolte" in ended.err
    assert "try: pyglue submit-spec other.json" in ended.err
    assert posts(server) == []


def test_another_topic_or_schema_is_refused(
    pyglue: Run, overlord: Overlord, server: LocalServer, project: Path
) -> None:
    """Records that are not yet read would be lost; a dry run foretells it, what runs stays."""
    changed(project, "other.json", dataSource="pages")
    pyglue("submit-spec", "other.json")
    spec = json.loads((project / "other.json").read_text())
    spec["spec"]["ioConfig"]["inputFormat"]["avroBytesDecoder"]["schema"]["name"] = "Another"
    (project / "other.json").write_text(json.dumps(spec))
    before = json.dumps(overlord.specs)
    ended = pyglue("submit-spec", "other.json")
    assert ended.code == 1
    assert "is not the one that runs" in ended.err
    assert "try: pyglue up" in ended.err
    assert json.dumps(overlord.specs) == before
    assert len(posts(server)) == 1
    dry = pyglue("submit-spec", "other.json", "--dry-run", "--json")
    assert (dry.code, json.loads(dry.out)["refused"]) == (1, True)


@pytest.mark.parametrize(
    ("places", "told"),
    [
        ({"dimensionsSpec": {"dimensions": ["path"]}}, "would never reach Druid: add the dimension"),
        (
            {"dimensionsSpec": {"dimensions": [{"name": "path", "type": "strnig"}]}},
            "the dimension 'path' is strnig",
        ),
        ({"suspended": True}, None),
    ],
)
def test_a_bad_spec_is_refused_offline(
    pyglue: Run, server: LocalServer, project: Path, places: dict[str, Any], told: str | None
) -> None:
    """All problems with their lines, and no service is asked."""
    name = changed(project, "mine.json", **places)
    if told is None:
        spec = json.loads((project / name).read_text())
        (project / name).write_text(json.dumps({**spec, "suspended": True}))
    ended = pyglue("submit-spec", name)
    assert (ended.code, ended.out) == (1, "")
    assert (told or "mine.json: it is suspended") in ended.err
    assert "mine.json" in ended.err
    assert server.asked == []


def test_broken_json_has_line_and_column(pyglue: Run, server: LocalServer, project: Path) -> None:
    """As every other file."""
    (project / "mine.json").write_text('{\n "type": "kafka",\n "spec": {,}\n}')
    ended = pyglue("submit-spec", "mine.json")
    assert ended.code == 1
    assert "mine.json:3:11: " in ended.err
    assert server.asked == []


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "nonsense", "kafka.invalid:9092", "127.0.0.1:1,127.0.0.1:2"]
)
def test_an_address_where_nothing_answers_is_refused(
    pyglue: Run, server: LocalServer, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Druid would wait there in vain; nothing is posted."""
    monkeypatch.setenv("PYGLUE_KAFKA", address)
    ended = pyglue("submit-spec")
    assert (ended.code, ended.out) == (1, "")
    assert f"Druid would be told that Kafka is at {address}, where nothing answers" in ended.err
    assert f"asked      {address.split(',', maxsplit=1)[0]}" in ended.err
    assert "docs/errors.md#kafka-address" in ended.err
    assert posts(server) == []


def test_with_containers_druid_is_asked_whether_it_reaches_kafka(
    overlord: Overlord, server: LocalServer, kafka: str, project: Path
) -> None:
    """An address inside a network of containers can't be tried from here."""
    wanted = specs.addressed(specs.read(project / specs.FILE), "kafka:29092")
    druid = Druid(server.url, server.url, lambda _: None)
    clients = cast(Any, SimpleNamespace(kafka=Kafka(kafka), druid=druid))
    work = Work(Screen(), clients, wanted, project, None, False)
    look_at_kafka(work, None)
    assert posts(server) == ["POST /druid/indexer/v1/sampler"]
    overlord.sample = "No resolvable bootstrap urls given in bootstrap.servers"
    with pytest.raises(PyglueError, match="Druid can't reach Kafka at kafka:29092"):
        look_at_kafka(work, None)
    druid.close()


def test_where_nothing_runs_up_is_the_remedy(pyglue: Run, project: Path, layout: Layout) -> None:
    """Rather than a refused connection."""
    ended = pyglue("submit-spec")
    assert project
    layout.run.rmdir()
    assert ended.code == 1
    assert "error: nothing runs here\n  try: pyglue up\n" in ended.err


@pytest.mark.parametrize(
    "answer",
    [
        Reply(500, b"<html>oops</html>"),
        Reply(200, b"<html>hello</html>"),
        Reply(401, b"who?"),
        Reply(403, b"no"),
        Reply(200, b'{"id": "x", "pay'),
        Reply(200, b"[]"),
        Reply(hang_up=True),
    ],
    ids=["500", "html", "401", "403", "half", "list", "hangs-up"],
)
@pytest.mark.parametrize("words", [["submit-spec"], ["submit-spec", "--dry-run"]], ids=["post", "dry-run"])
def test_bad_answers_are_told(pyglue: Run, server: LocalServer, answer: Reply, words: list[str]) -> None:
    """Known trouble with the next command, whatever Druid's port answers."""
    server.answer = lambda _: answer
    ended = pyglue(*words)
    assert (ended.code, ended.out) == (1, "")
    assert "error: " in ended.err
