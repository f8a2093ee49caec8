"""The door to the daemon, with an HTTP server that plays one, well or badly."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pyglue.docker import daemon
from pyglue.docker.daemon import Container, Daemon, End, Host, NoDaemon
from pyglue.errors import PyglueError
from tests.docker.fakes import container
from tests.local_server import Asked, Reply, serve

LISTED = [
    {
        "Id": "abc",
        "Names": ["/shop-kafka-1"],
        "Labels": {
            "com.docker.compose.project": "shop",
            "com.docker.compose.project.working_dir": "/home/shop",
        },
    }
]
INSPECTED = {
    "Id": "abc",
    "Name": "/shop-kafka-1",
    "State": {
        "Status": "exited",
        "Pid": 0,
        "ExitCode": 137,
        "Error": "",
        "StartedAt": "2026-01-02T03:04:05.123456789Z",
    },
    "Config": {"Labels": {"com.docker.compose.service": "kafka"}},
    "HostConfig": {"Memory": 1024},
}


@contextmanager
def connected(answer: Callable[[Asked], Reply], monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """A daemon that says which version it is, and beside that what `answer` says."""

    def reply(asked: Asked) -> Reply:
        if asked.path == "/version":
            return Reply(body=b'{"ApiVersion": "1.41"}', headers={"Content-Type": "application/json"})
        if asked.path.endswith("/_ping"):
            return Reply(body=b"OK")
        return answer(asked)

    monkeypatch.setattr(daemon, "TIMEOUT", 5)
    with serve(reply) as server:
        yield Daemon.connect({"DOCKER_HOST": server.url.replace("http://", "tcp://")})


def told(content: object) -> Reply:
    return Reply(body=json.dumps(content).encode(), headers={"Content-Type": "application/json"})


def test_containers_are_found_by_their_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one project and one folder, without those of `docker compose run`; what is gone meanwhile is left out."""
    asked: list[str] = []

    def answer(request: Asked) -> Reply:
        asked.append(request.path)
        if "/containers/json" in request.path:
            return told([*LISTED, {**LISTED[0], "Id": "gone"}])
        return told(INSPECTED) if "/abc/" in request.path else Reply(404, b'{"message": "No such container"}')

    with connected(answer, monkeypatch) as found:
        assert found.containers(project="shop", checkout="/home/shop") == [
            Container(
                id="abc",
                name="shop-kafka-1",
                service="kafka",
                state="exited",
                healthy=False,
                pid=None,
                started="2026-01-02T03:04:05.123456789Z",
                exit_code=137,
                memory_limit=1024,
                error="",
            )
        ]
        assert [owner.checkout for owner in found.owners(project="shop")] == ["/home/shop"] * 2
        assert found.owners(checkout="/home/other") == []
    for label in ("oneoff%3DFalse", "project%3Dshop"):
        assert label in asked[0]


def test_what_was_paused_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon refuses to start it."""
    asked: list[str] = []

    def answer(request: Asked) -> Reply:
        asked.append(request.path.rpartition("/")[2])
        return Reply(204, b"")

    with connected(answer, monkeypatch) as found:
        found.start(container("kafka", state="paused"))
        found.start(container("kafka", state="exited"))
    assert asked == ["unpause", "start"]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(500, b'{"message": "no space left on device"}'), "no space left on device"),
        (Reply(503, b"<html>busy</html>"), "busy"),
        (Reply(hang_up=True), "Remote end closed connection"),
    ],
)
def test_what_a_daemon_refuses_is_told(monkeypatch: pytest.MonkeyPatch, reply: Reply, reason: str) -> None:
    """What was asked, what came back, and the next command; never a trace."""
    with connected(lambda _asked: reply, monkeypatch) as found, pytest.raises(PyglueError) as caught:
        found.start(container("kafka"))
    assert caught.value.message == "Docker did not do what it was asked"
    assert caught.value.details[0].startswith("asked      to start shop-kafka-1 (tcp://127.0.0.1:")
    assert reason in caught.value.details[1]
    assert caught.value.try_ == "docker info"


def test_nobody_answers(tmp_path: Path) -> None:
    """No socket, nobody behind an address, something that is no daemon: each says so in a few words."""
    nowhere = f"unix://{tmp_path}/docker.sock"
    with pytest.raises(NoDaemon) as caught:
        Daemon.connect({"DOCKER_HOST": nowhere})
    assert caught.value.message == f"no Docker daemon answers: {nowhere}"
    with pytest.raises(NoDaemon, match=r"no Docker daemon answers: tcp://127.0.0.1:9 \(connection refused\)"):
        Daemon.connect({"DOCKER_HOST": "tcp://127.0.0.1:9"})
    with pytest.raises(NoDaemon, match="no Docker daemon answers: nonsense"):
        Daemon.connect({"DOCKER_HOST": "nonsense://x"})
    with serve(lambda _asked: Reply(200, b"<html>a web server</html>")) as server, pytest.raises(NoDaemon):
        Daemon.connect({"DOCKER_HOST": server.url.replace("http://", "tcp://")})


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([("oom", {}), ("die", {"exitCode": "137"}), ("start", {})], End(137, True)),
        ([("die", {"exitCode": "1"}), ("oom", {}), ("die", {"exitCode": "3"})], End(3, False)),
        ([("die", {"exitCode": "137"})], End(137, False)),
        ([], None),
    ],
)
def test_how_a_life_ended_is_known_though_another_began(
    monkeypatch: pytest.MonkeyPatch, events: list[tuple[str, dict[str, str]]], expected: End | None
) -> None:
    """From the daemon's events, the last one counts."""
    told = [{"Action": action, "Actor": {"Attributes": attributes}} for action, attributes in events]
    with connected(lambda _asked: Reply(500), monkeypatch) as found:
        monkeypatch.setattr(found._client.api, "events", lambda *_, **__: iter(told))
        assert found.last_end(container("kafka")) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("1000\nanon 3\ninactive_file 300\nactive_file 5", 700),  # version 2 of control groups
        ("1000\ncache 3\ninactive_file 0\ntotal_inactive_file 400", 600),  # version 1
        ("cat: memory.current: No such file", None),
    ],
)
def test_memory_is_what_a_container_would_not_give_back(
    monkeypatch: pytest.MonkeyPatch, output: str, expected: int | None
) -> None:
    """Files that the kernel may drop do not count; where nothing is told, there is no figure."""
    with connected(lambda _asked: Reply(500), monkeypatch) as found:
        monkeypatch.setattr(found, "run_in", lambda _container, _words: (0, output))
        assert found.memory(container("kafka")) == expected


def test_the_context_in_use_names_the_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without DOCKER_HOST it is what `docker context use` chose; one that does not exist is said."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(NoDaemon, match="there is no Docker context 'nobody'"):
        Daemon.connect({"DOCKER_CONTEXT": "nobody"})


def test_the_machine_of_a_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be another one than ours."""
    info = {
        "OSType": "linux",
        "Architecture": "aarch64",
        "NCPU": 2,
        "MemTotal": 4096,
        "DockerRootDir": "/var/docker",
    }
    with connected(lambda _asked: told(info), monkeypatch) as found:
        assert found.host() == Host(False, "Linux", "aarch64", 2, 4096, "/var/docker")


def test_a_file_is_read_out_of_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon hands it over in an archive; one that is not there is None, and any other refusal an error."""
    content = b"{}\n"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("open.json")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    stat = base64.b64encode(b'{"name": "open.json"}').decode()
    replies = {
        "there": Reply(body=archive.getvalue(), headers={"X-Docker-Container-Path-Stat": stat}),
        "missing": Reply(404, b'{"message": "no such file"}'),
        "broken": Reply(500, b'{"message": "no room"}'),
    }

    def answer(request: Asked) -> Reply:
        return next(reply for name, reply in replies.items() if name in request.path)

    with connected(answer, monkeypatch) as found:
        assert found.read_file(container("divolte"), "/data/there") == content
        assert found.read_file(container("divolte"), "/data/missing") is None
        with pytest.raises(PyglueError) as caught:
            found.read_file(container("divolte"), "/data/broken")
    assert "no room" in caught.value.details[1]


def test_the_files_of_a_folder_are_read_out_of_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one archive, in the order of their names; of a folder that is not there there are none."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        folder = tarfile.TarInfo("bad")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in (("b.jsonl", b""), ("a.jsonl", b"{}")):
            entry = tarfile.TarInfo(f"bad/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    stat = base64.b64encode(b'{"name": "bad"}').decode()
    there = Reply(body=archive.getvalue(), headers={"X-Docker-Container-Path-Stat": stat})
    gone = Reply(404, b'{"message": "no such file"}')
    with connected(lambda asked: there if "bad" in asked.path else gone, monkeypatch) as found:
        files = list(found.read_folder(container("divolte"), "/data/bad"))
        assert files == [("a.jsonl", b"{}"), ("b.jsonl", b"")]
        assert list(found.read_folder(container("divolte"), "/data/missing")) == []
