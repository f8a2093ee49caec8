"""supervisor-spec.json: what is refused, what is replaced, and whether it already runs."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from pyglue.errors import InputError
from pyglue.pipeline import spec as specs

SPEC: dict[str, Any] = {
    "type": "kafka",
    "spec": {
        "dataSchema": {"dataSource": "clicks"},
        "ioConfig": {
            "topic": "divolte",
            "consumerProperties": {"bootstrap.servers": "kafka:29092", "x": "y"},
            "inputFormat": {"avroBytesDecoder": {"schema": {"fields": []}}},
        },
    },
}


def test_a_good_spec_is_read(tmp_path: Path) -> None:
    """What stands in the file is what is returned, and its names are found."""
    (tmp_path / "s.json").write_text(json.dumps(SPEC))
    spec = specs.read(tmp_path / "s.json")
    assert spec == SPEC
    assert (specs.datasource(spec), specs.topic(spec), specs.schema(spec)) == (
        "clicks",
        "divolte",
        {"fields": []},
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{\n "type": "kafka",\n}', "s.json:3:1: "),
        ("[]", "s.json: expected an object"),
        ('{\n "type": "index"}', 's.json:2: expected "type": "kafka", found \'index\''),
        ('{"type": "kafka"}', "s.json: expected a text at spec.dataSchema.dataSource"),
        (
            '{"type": "kafka", "spec": {"ioConfig":\n {"topic": 5}}}',
            "s.json:2: expected a text at spec.ioConfig.topic",
        ),
        ('{"type": "kafka", "spec": []}', "s.json: expected a text at spec.ioConfig.topic"),
    ],
)
def test_what_is_no_kafka_supervisor_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """With the line where there is one, and what was expected."""
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(InputError) as caught:
        specs.read(tmp_path / "s.json")
    assert any(str(found).startswith(problem) for found in caught.value.problems), caught.value.problems


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Missing, or no UTF-8."""
    for path in (tmp_path / "missing.json", tmp_path / "binary.json"):
        (tmp_path / "binary.json").write_bytes(b"\xff")
        with pytest.raises(InputError, match="1 problem in"):
            specs.read(path)


def test_only_the_address_is_replaced() -> None:
    """Everything else of the spec is posted as it is written; the spec itself stays."""
    before = copy.deepcopy(SPEC)
    result = specs.addressed(SPEC, "127.0.0.1:1")
    assert before == SPEC
    consumer = result["spec"]["ioConfig"]["consumerProperties"]
    assert consumer == {"bootstrap.servers": "127.0.0.1:1", "x": "y"}
    consumer["bootstrap.servers"] = "kafka:29092"
    assert result == SPEC


def test_a_spec_without_inline_schema_has_none() -> None:
    """Another input format is allowed."""
    assert specs.schema({"spec": {"ioConfig": {"inputFormat": {"type": "json"}}}}) is None
    assert specs.schema({"spec": {"ioConfig": {}}}) is None


def test_whether_a_spec_runs_is_known_from_the_last_post(tmp_path: Path) -> None:
    """The same file and the same running spec are `kept`; a change of either is not, nor a damaged record."""
    file = tmp_path / "deep/posted.json"
    running = {"spec": {"made": "by Druid"}}
    specs.Posted.of(SPEC, running).save(file)
    assert file.stat().st_mode & 0o777 == 0o600  # it may hold a password of Kafka
    assert specs.Posted.load(file) == specs.Posted.of(dict(reversed(SPEC.items())), running)
    assert specs.Posted.load(file) != specs.Posted.of(specs.addressed(SPEC, "other:1"), running)
    assert specs.Posted.load(file) != specs.Posted.of(SPEC, {"spec": {}})
    for damaged in ("", "[]", "{}", '"x"'):
        file.write_text(damaged)
        assert specs.Posted.load(file) is None
    assert specs.Posted.load(tmp_path / "none.json") is None


def test_a_record_of_an_earlier_version_counts_without_its_spec(tmp_path: Path) -> None:
    """It says what runs, but not what was posted."""
    file = tmp_path / "posted.json"
    specs.Posted.of(SPEC, {}).save(file)
    found = specs.Posted.load(file)
    assert found is not None
    assert found.spec == SPEC
    file.write_text(json.dumps({"wanted": found.wanted, "running": found.running}))
    assert specs.Posted.load(file) == found
    file.write_text(json.dumps({"wanted": found.wanted, "running": found.running, "spec": 5}))
    again = specs.Posted.load(file)
    assert again is not None
    assert again.spec is None
