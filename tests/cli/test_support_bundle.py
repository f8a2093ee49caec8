"""`pyglue support-bundle`: everything that helps, no secret, whatever is broken."""

from __future__ import annotations

import json
import stat
import tarfile
from pathlib import Path

import pytest

from pyglue.layout import Layout
from tests.cli.ended import Run

PLANTED = (
    "env-planted-1",
    "of-the-shell-2",
    "logged-planted-3",
    "cookie-planted-4",
    "hard-coded-5",
    "203.0.113.9",
)
VISITOR = "0:kx2v9qz1:WqZzABCDEFGhWqZzABCDEFGhWqZzABCD"


def unpacked(file: Path) -> dict[str, str]:
    """The texts of an archive, by their names below its one folder."""
    with tarfile.open(file) as archive:
        found = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {
            name.partition("/")[2]: content.read().decode()
            for name, content in found.items()
            if content is not None
        }


@pytest.fixture
def planted(project: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project with secrets in `.env`, in the environment, in its configuration and in logs."""
    env, shell, logged, cookie, coded, client = PLANTED
    (project / ".env").write_text(f"KAFKA_PORT=9099\nMY_OWN={env}\n# MY_OWN was {env}\n")
    monkeypatch.setenv("SOME_TOKEN", shell)
    mapping = project / "mapping.groovy"
    mapping.write_text(f"{mapping.read_text()}\n// password: {coded}\n")
    layout.logs.mkdir(parents=True)
    layout.log("kafka").write_text(
        f"{client} - GET /?p={VISITOR}\nconnecting with {env} and {shell}\npassword={logged}\n"
        f"Cookie: session={cookie}\nAuthorization: Basic {logged}\nthe end of it\n"
    )
    return project


def test_nothing_secret_is_in_it(pyglue: Run, planted: Path) -> None:
    """Neither a planted secret nor a visitor stands anywhere; the rest of the log and of `.env` does."""
    ended = pyglue("support-bundle", "out.tar.gz")
    assert (ended.code, ended.out) == (0, "out.tar.gz\n")
    texts = unpacked(planted / "out.tar.gz")
    for name, text in texts.items():
        for secret in (*PLANTED, VISITOR, "WqZz"):
            assert secret not in text, name
    assert not any(secret in ended.err for secret in PLANTED)
    assert texts["configuration/env.txt"] == "KAFKA_PORT=9099\nMY_OWN=***\n"
    assert "connecting with *** and ***\n" in texts["logs/kafka.log"]
    assert texts["logs/kafka.log"].endswith("the end of it\n")


def test_what_is_in_it_is_told(pyglue: Run, planted: Path) -> None:
    """On the screen and in the archive; it is for its owner only, and one is not written over."""
    ended = pyglue("support-bundle", "out.tar.gz")
    texts = unpacked(planted / "out.tar.gz")
    for name in texts.keys() - {"README.txt"}:
        assert name in ended.err
        assert name in texts["README.txt"]
    assert "Look through it before you send it" in ended.err
    assert json.loads(texts["status.json"])["problems"][0]["code"] == "nothing-runs"
    assert "kafka-clients-" in texts["versions/kafka.txt"]
    assert ".pyglue/log" in texts["data.txt"]
    assert {"versions.txt", "machine.txt", "configuration/docker-compose.yml"} <= texts.keys()
    assert "logs/divolte.log: there is nothing in it" in texts["README.txt"]
    assert stat.S_IMODE((planted / "out.tar.gz").stat().st_mode) == 0o600
    assert pyglue("support-bundle", "out.tar.gz").code == 2


def test_it_works_with_broken_files(pyglue: Run, planted: Path) -> None:
    """The reason stands in its place, without the secret that the broken line holds; logs come from the files."""
    env = PLANTED[0]
    (planted / ".env").write_text(f'MY_OWN="{env}\n')
    (planted / "docker-compose.yml").write_text("services: [")
    (planted / "supervisor-spec.json").unlink()
    ended = pyglue("support-bundle")
    assert ended.code == 0
    texts = unpacked(planted / ended.out.strip())
    assert "status.json: 1 problem in .env" in texts["README.txt"]
    assert "configuration/supervisor-spec.json: FileNotFoundError" in texts["README.txt"]
    assert "the end of it" in texts["logs/kafka.log"]
    assert all(env not in text for text in texts.values())


def test_a_place_that_cant_be_written_to(pyglue: Run, planted: Path) -> None:
    """Code 1, and nothing half is left behind."""
    ended = pyglue("support-bundle", "nowhere/out.tar.gz")
    assert ended.code == 1
    assert "see: docs/errors.md#cannot-write" in ended.err
    assert not list(planted.rglob("*.part"))
