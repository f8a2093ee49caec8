"""What Druid's sampler is asked, and what is made of its answers."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pyglue.pipeline import sampler

SPEC: dict[str, Any] = {
    "type": "kafka",
    "spec": {"ioConfig": {"useEarliestOffset": False, "consumerProperties": {"bootstrap.servers": "a:1"}}},
}


@pytest.mark.parametrize(("available", "rows", "timeout"), [(0, 1, 1000), (3, 3, 5000), (10_000, 100, 5000)])
def test_no_more_rows_are_asked_for_than_there_are(available: int, rows: int, timeout: int) -> None:
    """Or the sampler would wait for the rest; an empty topic is tried for a moment."""
    body = sampler.question(SPEC, available)
    assert body["samplerConfig"] == {"numRows": rows, "timeoutMs": timeout}
    assert body["type"] == "kafka"


def test_the_spec_is_tried_as_it_is_but_from_the_beginning() -> None:
    """And with a limit for an address where nothing answers; the spec itself stays."""
    before = copy.deepcopy(SPEC)
    io = sampler.question(SPEC, 5)["spec"]["spec"]["ioConfig"]
    assert before == SPEC
    assert io["useEarliestOffset"] is True
    assert io["consumerProperties"] == {"bootstrap.servers": "a:1", "default.api.timeout.ms": "5000"}


def test_rows_and_what_could_not_be_read_are_told_apart() -> None:
    """A row that a filter leaves out is neither; long bytes of a record are left out of the reason."""
    answer = {
        "data": [
            {"input": {"a": 1}, "parsed": {"__time": 5, "a": 1}},
            {"input": {"a": 1}},
            {"unparseable": True, "error": f"row [{'A' * 80}] is bad"},
            {"unparseable": True, "error": "no time", "input": {"a": 2}, "parsed": None},
            "nonsense",
        ]
    }
    sample = sampler.of_answer(answer)
    assert sample.rows == ({"__time": 5, "a": 1},)
    assert sample.unread == (
        {"reason": "row [...] is bad", "input": None},
        {"reason": "no time", "input": {"a": 2}},
    )
    assert sample.to_json() == {"read": 3, "rows": list(sample.rows), "unread": list(sample.unread)}


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": 5}, {"data": "rows"}])
def test_an_answer_without_rows_is_an_empty_sample(answer: dict[str, Any]) -> None:
    """Whatever stands there."""
    assert sampler.of_answer(answer).read == 0


def test_rows_stand_side_by_side() -> None:
    """A line for each column with a value; null is a dash, an empty text is shown as one, long ones are cut."""
    rows = ({"__time": 0, "a": "x", "b": None, "c": ""}, {"__time": 1, "a": None, "b": None, "c": "y" * 99})
    assert sampler.table(rows) == [
        ("COLUMN", "ROW 1", "ROW 2"),
        ("__time", "1970-01-01T00:00:00.000+00:00", "1970-01-01T00:00:00.001+00:00"),
        ("a", "x", "-"),
        ("c", '""', "y" * 33 + "..."),
    ]
    assert sampler.empty(rows) == ["b"]
    assert sampler.empty(()) == []
