"""Posting, trying and operating the supervisor for real; each test leaves it running for the next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.live import LiveStack, eventually

pytestmark = [pytest.mark.e2e]

ENGINES = ("native",)  # containers differ in nothing that is asked here
NAME = "divolte-clickstream"


def status(stack: LiveStack) -> dict[str, Any]:
    """`pyglue supervisor status --json`, which must succeed."""
    done = stack.run("supervisor", "status", "--json", timeout=60)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def spec_with(stack: LiveStack, file: str, change: Any) -> Path:
    """A file beside the shipped spec in which `change` altered (the parts of) it."""
    spec = json.loads((stack.directory / "supervisor-spec.json").read_text())
    change(spec["spec"])
    path = stack.directory / file
    path.write_text(json.dumps(spec, indent=2))
    return path


def test_the_shipped_spec_is_kept_and_reported(stack: LiveStack) -> None:
    """Nothing differs from what runs, although Druid shows it in another form; lag and counts are told."""
    done = stack.run("submit-spec", "--json", timeout=90)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["outcome"], told["changes"], told["new"]) == ("kept", [], False)
    assert told["status"]["state"] == "RUNNING"
    assert isinstance(told["status"]["lag"], int)
    (stack.directory / ".pyglue/supervisors" / f"{NAME}.json").unlink()
    made = stack.run("submit-spec", timeout=120)
    assert made.returncode == 0, made.stderr
    assert "No difference to what runs." in made.stderr


def test_a_dry_run_shows_the_rows_as_they_will_be(stack: LiveStack) -> None:
    """A new dimension has its values in the rows of real records; nothing is posted."""
    assert stack.send("for-the-sampler") == 200

    def change(spec: dict[str, Any]) -> None:
        transforms = spec["dataSchema"]["transformSpec"]["transforms"]
        transforms.append({"type": "expression", "name": "shout", "expression": "upper(eventType)"})
        spec["dataSchema"]["dimensionsSpec"]["dimensions"].append({"type": "string", "name": "shout"})

    before = len(history(stack))
    file = spec_with(stack, "shout.json", change)
    done = stack.run("submit-spec", "--dry-run", "--json", file.name, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert {place["path"].rpartition(".")[2] for place in told["changes"]} == {"shout"}
    assert told["sample"]["unread"] == []
    assert all(row["shout"] == row["eventType"].upper() for row in told["sample"]["rows"])
    assert told["sample"]["rows"]
    assert len(history(stack)) == before


def history(stack: LiveStack) -> list[dict[str, Any]]:
    """`pyglue supervisor history --json`."""
    answer: list[dict[str, Any]] = json.loads(stack.run("supervisor", "history", "--json", timeout=60).stdout)
    return answer


def test_a_spec_that_druid_refuses_changes_nothing(stack: LiveStack) -> None:
    """Its reason, the next command, code 1; what ran goes on."""

    def change(spec: dict[str, Any]) -> None:
        spec["ioConfig"]["inputFormat"]["type"] = "avro_nix"

    before = len(history(stack))
    file = spec_with(stack, "nix.json", change)
    for words in (["submit-spec", file.name], ["submit-spec", "--dry-run", file.name]):
        done = stack.run(*words, timeout=90)
        assert done.returncode == 1
        assert "avro_nix" in done.stderr
        assert "docs/errors.md#spec-refused" in done.stderr
    assert len(history(stack)) == before
    assert status(stack)["state"] == "RUNNING"


def test_a_wrong_address_of_kafka_is_refused(stack: LiveStack) -> None:
    """Before anything is posted; where Druid alone can tell, it is asked."""
    done = stack.run("submit-spec", timeout=90, environment={"PYGLUE_KAFKA": "127.0.0.1:1"})
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr
    assert "docs/errors.md#kafka-address" in done.stderr
    assert status(stack)["state"] == "RUNNING"


def test_suspended_resumed_and_reset(stack: LiveStack) -> None:
    """While it is suspended events wait in Kafka; each command is harmless twice, and history tells of them."""
    assert "stopped" in stack.run("supervisor", "suspend", timeout=90).stderr
    assert "kept" in stack.run("supervisor", "suspend", timeout=90).stderr
    assert status(stack)["state"] == "SUSPENDED"
    assert stack.send("while-suspended", "while-suspended") == 200
    assert "ok" in stack.run("supervisor", "resume", timeout=90).stderr
    assert "kept" in stack.run("supervisor", "resume", timeout=90).stderr
    eventually(lambda: stack.ids("while-suspended") == ["while-suspended"], "the event in Druid")
    assert [version["kind"] for version in history(stack)[:2]] == ["resumed", "suspended"]


def test_a_second_supervisor_comes_and_goes(stack: LiveStack) -> None:
    """Another datasource over the same topic: reset reads it anew, terminate ends it, and both are said."""

    def change(spec: dict[str, Any]) -> None:
        spec["dataSchema"]["dataSource"] = "second"

    file = spec_with(stack, "second.json", change)
    done = stack.run("submit-spec", file.name, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "it was not compared with this checkout's mapping" in done.stderr
    assert "all of it is new" in done.stderr
    listed = json.loads(stack.run("supervisor", "list", "--json", timeout=60).stdout)
    assert [entry["name"] for entry in listed] == [NAME, "second"]
    refused = stack.run("supervisor", "reset", "second", timeout=60)  # nobody answers the question
    assert refused.returncode != 0
    assert "rows that are there may come twice" in refused.stderr
    assert stack.run("supervisor", "reset", "second", "--yes", timeout=120).returncode == 0
    assert stack.run("supervisor", "terminate", "second", "--yes", timeout=120).returncode == 0
    gone = stack.run("supervisor", "status", "second", timeout=60)
    assert gone.returncode == 1
    assert "the supervisor second was terminated" in gone.stderr
    (stack.directory / ".pyglue/supervisors/second.json").unlink()
    assert stack.status()["healthy"]
