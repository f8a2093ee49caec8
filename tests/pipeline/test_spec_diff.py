"""Differences between specs: by name where there are names, without what Druid adds, without secrets."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from pyglue.pipeline import spec_diff
from pyglue.pipeline.spec import Posted

OURS: dict[str, Any] = {
    "type": "kafka",
    "spec": {
        "dataSchema": {
            "dimensionsSpec": {"dimensions": ["page", {"type": "long", "name": "width"}]},
            "metricsSpec": [],
        },
        "ioConfig": {
            "taskDuration": "PT5M",
            "useEarliestOffset": True,
            "consumerProperties": {"bootstrap.servers": "a:1", "sasl.jaas.config": "hush"},
            "fields": [{"name": "x", "type": ["null", "string"]}],
        },
    },
}
# As Druid shows it: defaults, spans of time in seconds, bare dimensions spelled out, copies at the top.
_SPEC: dict[str, Any] = {
    "dataSchema": {
        "dimensionsSpec": {
            "dimensions": [
                {"type": "string", "name": "page", "createBitmapIndex": True},
                {"type": "long", "name": "width"},
            ],
            "dimensionExclusions": ["__time"],
        },
    },
    "ioConfig": {**OURS["spec"]["ioConfig"], "taskDuration": "PT300S", "pollTimeout": 100},
}
DRUIDS: dict[str, Any] = {"type": "kafka", "spec": _SPEC, **_SPEC, "context": None, "suspended": False}


def lines(found: list[spec_diff.Change]) -> list[str]:
    return [str(change) for change in found]


def changed(spec: dict[str, Any]) -> Any:
    """A copy to work on: its dataSchema and ioConfig."""
    whole = copy.deepcopy(spec)
    return whole, whole["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"], whole["spec"]["ioConfig"]


def test_druids_own_form_is_no_difference() -> None:
    """Defaults, rewritten spans of time and copies don't show."""
    assert spec_diff.with_running(DRUIDS, OURS) == []


def test_a_changed_value() -> None:
    """The path, before and after; true is not 1."""
    new, _, io = changed(OURS)
    io["taskDuration"], io["useEarliestOffset"] = "PT6M", 1
    expected = [
        'spec.ioConfig.taskDuration: "PT5M" -> "PT6M"',
        "spec.ioConfig.useEarliestOffset: true -> 1",
    ]
    assert lines(spec_diff.changes(OURS, new)) == expected
    assert lines(spec_diff.with_running(DRUIDS, new)) == [
        expected[0].replace("PT5M", "PT300S"),
        expected[1],
    ]


@pytest.mark.parametrize(("compare", "old"), [(spec_diff.changes, OURS), (spec_diff.with_running, DRUIDS)])
def test_dimensions_go_by_name(compare: Any, old: Any) -> None:
    """Added, removed and retyped ones are named."""
    new, dimensions, _ = changed(OURS)
    dimensions[:] = [{"type": "double", "name": "width"}, {"type": "string", "name": "price"}]
    prefix = "spec.dataSchema.dimensionsSpec.dimensions"
    assert lines(compare(old, new)) == [
        f"{prefix}.page: removed",
        f'{prefix}.width.type: "long" -> "double"',
        f'{prefix}.price: added {{"type": "string"}}',
    ]


def test_another_order_is_a_difference() -> None:
    """Druid sorts rows by it."""
    new, dimensions, _ = changed(OURS)
    dimensions.reverse()
    found = lines(spec_diff.changes(OURS, new))
    assert found == [
        'spec.dataSchema.dimensionsSpec.dimensions (order): ["page", "width"] -> ["width", "page"]'
    ]


def test_a_key_taken_out_shows_between_specs_of_ours() -> None:
    """Against Druid's form it can't be told from a default."""
    new, _, io = changed(OURS)
    del io["taskDuration"]
    assert lines(spec_diff.changes(OURS, new)) == ["spec.ioConfig.taskDuration: removed"]
    assert spec_diff.with_running(DRUIDS, new) == []


def test_a_suspended_supervisor_would_run_again() -> None:
    """Although our spec doesn't say so."""
    assert lines(spec_diff.with_running({**DRUIDS, "suspended": True}, OURS)) == ["suspended: true -> false"]


def test_our_last_post_counts_only_while_it_is_what_runs() -> None:
    """It shows a key that was taken out; what somebody else posted meanwhile is compared with itself."""
    new, _, io = changed(OURS)
    del io["useEarliestOffset"]
    posted = Posted.of(OURS, DRUIDS)
    assert lines(spec_diff.pending(posted, DRUIDS, new)) == ["spec.ioConfig.useEarliestOffset: removed"]
    assert spec_diff.pending(None, DRUIDS, new) == []
    theirs, dimensions, _ = changed(DRUIDS)
    dimensions.pop()
    assert lines(spec_diff.pending(posted, theirs, OURS)) == [
        'spec.dataSchema.dimensionsSpec.dimensions.width: added {"type": "long"}'
    ]


def test_types_of_a_schema_are_one_value() -> None:
    """A union is no list of named things."""
    new, _, io = changed(OURS)
    io["fields"][0]["type"] = ["null", "long"]
    assert lines(spec_diff.changes(OURS, new)) == [
        'spec.ioConfig.fields.x.type: ["null", "string"] -> ["null", "long"]'
    ]


def test_secrets_are_not_shown() -> None:
    """That one changed is shown, what it is isn't; neither as text nor as JSON."""
    new, _, io = changed(OURS)
    io["consumerProperties"] |= {"sasl.jaas.config": "loud", "ssl.keystore.password": "loud"}
    found = spec_diff.changes(OURS, new)
    assert lines(found) == [
        "spec.ioConfig.consumerProperties.sasl.jaas.config: *** -> ***",
        "spec.ioConfig.consumerProperties.ssl.keystore.password: added ***",
    ]
    assert "loud" not in json.dumps([change.to_json() for change in found])


def test_a_spec_is_shown_without_secrets() -> None:
    """Under a key that has to do with passwords nothing is seen, and in a text not what looks so; the rest is as it is."""
    new, _, io = changed(OURS)
    io["consumerProperties"] = {
        "sasl.jaas.config": 'PlainLoginModule required username="u" password="loud";',
        "ssl.key.password": {"type": "default", "password": "loud"},
        "sasl.oauthbearer.options": 'clientSecret="loud" scope="read"',
        "ssl.truststore.password": None,
    }
    shown = spec_diff.masked(new)
    assert "loud" not in json.dumps(shown)
    hidden = shown["spec"]["ioConfig"].pop("consumerProperties")
    assert hidden["sasl.jaas.config"] == hidden["ssl.key.password"] == "***"
    assert hidden["sasl.oauthbearer.options"] == 'clientSecret="***" scope="read"'
    assert hidden["ssl.truststore.password"] is None
    io.pop("consumerProperties")
    assert shown == new


def test_long_values_are_cut_and_json_has_them_whole() -> None:
    """A line stays a line; what was not there has no key."""
    new, _, io = changed(OURS)
    io["more"] = "x" * 500
    (found,) = spec_diff.changes(OURS, new)
    assert len(str(found)) < 200
    assert found.to_json() == {"path": "spec.ioConfig.more", "new": "x" * 500}
