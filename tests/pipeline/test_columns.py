"""Dimensions against the fields of the mapping and the schema, by changing the shipped files."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from pyglue.checks import same_schema
from pyglue.collector.loading import LoadedMapping, load
from pyglue.errors import InputError
from pyglue.pipeline import columns
from pyglue.pipeline import spec as specs
from tests.collector.support import CONF, MAPPING, ROOT, SCHEMA
from tests.shaped import misshapen

SPEC = (ROOT / "supervisor-spec.json").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def mappings() -> list[LoadedMapping]:
    """The shipped mapping, which feeds the topic."""
    setup = load(CONF, {"DIVOLTE_SCHEMA": str(SCHEMA), "DIVOLTE_MAPPING": str(MAPPING)})
    found = setup.feeding("divolte")
    assert len(found) == 1
    assert setup.feeding("another") == []
    return found


def changed(**data_schema: Any) -> dict[str, Any]:
    """The shipped spec with other parts in its dataSchema."""
    spec: dict[str, Any] = copy.deepcopy(json.loads(SPEC))
    spec["spec"]["dataSchema"] |= data_schema
    return spec


def dimensions(*left_out: str, **types: str) -> dict[str, Any]:
    """The shipped dimensions but for some; with others, or other types."""
    shipped = json.loads(SPEC)["spec"]["dataSchema"]["dimensionsSpec"]["dimensions"]
    by_name = {item["name"]: item["type"] for item in shipped} | types
    return {
        "dimensions": [
            {"name": name, "type": type_} for name, type_ in by_name.items() if name not in left_out
        ]
    }


def messages(spec: dict[str, Any], mappings: list[LoadedMapping]) -> list[str]:
    """What is wrong with it."""
    return [problem.message for problem in columns.problems(spec, SPEC, mappings)]


def test_the_shipped_files_fit(mappings: list[LoadedMapping]) -> None:
    """Every field is a dimension of its type."""
    assert messages(json.loads(SPEC), mappings) == []


def test_a_mapped_field_without_dimension_is_lost(mappings: list[LoadedMapping]) -> None:
    """It is told where it is mapped, with the dimension to add."""
    spec = changed(dimensionsSpec=dimensions("technology", "screenPixelWidth"))
    found = list(columns.problems(spec, SPEC, mappings))
    lines = MAPPING.read_text(encoding="utf-8").splitlines()
    assert [Path(problem.file) for problem in found] == [MAPPING, MAPPING]
    assert ["'screenPixelWidth'" in lines[(problem.line or 0) - 1] for problem in found] == [True, False]
    assert '{"type": "long", "name": "screenPixelWidth"}' in found[0].message
    assert '{"type": "string", "name": "technology"}' in found[1].message


@pytest.mark.parametrize(
    "more",
    [
        {"dimensionsSpec": dimensions("technology") | {"dimensionExclusions": ["technology"]}},
        {
            "dimensionsSpec": dimensions("technology"),
            "metricsSpec": [{"type": "HLLSketchBuild", "name": "technologies", "fieldName": "technology"}],
        },
        {
            "dimensionsSpec": dimensions("technology", tech="string"),
            "transformSpec": {
                "transforms": [
                    *json.loads(SPEC)["spec"]["dataSchema"]["transformSpec"]["transforms"],
                    {"type": "expression", "name": "tech", "expression": "upper(technology)"},
                ]
            },
        },
        {"dimensionsSpec": {"useSchemaDiscovery": True}},
        {"dimensionsSpec": {"dimensions": []}},
    ],
)
def test_a_field_may_be_used_otherwise(mappings: list[LoadedMapping], more: dict[str, Any]) -> None:
    """Left out by name, in a metric, in a transform; and where Druid finds the columns nothing can be told."""
    assert messages(changed(**more), mappings) == []


def test_a_dimension_that_nothing_feeds(mappings: list[LoadedMapping]) -> None:
    """It would be empty for ever."""
    (found,) = messages(changed(dimensionsSpec=dimensions(price="double")), mappings)
    assert "'price' would stay empty" in found


@pytest.mark.parametrize(
    ("name", "type_", "fits"),
    [
        ("timestamp", "string", True),
        ("timestamp", "double", True),
        ("timestamp", "float", False),
        ("technology", "long", False),
        ("technology", "auto", True),
        ("detectedCorruption", "long", True),
        ("screenPixelWidth", "float", False),
    ],
)
def test_types(mappings: list[LoadedMapping], name: str, type_: str, fits: bool) -> None:
    """A dimension holds all that its field may have, or is told with its line."""
    spec = changed(dimensionsSpec=dimensions(**{name: type_}))
    found = list(columns.problems(spec, SPEC, mappings))
    assert bool(found) is not fits
    if found:
        assert f'"name": "{name}"' in SPEC.splitlines()[(found[0].line or 0) - 1]


def test_a_type_that_druid_does_not_have() -> None:
    """Druid would take it for a string without a word; it is told with its line and those that there are."""
    assert list(columns.types(json.loads(SPEC), SPEC)) == []
    spec = changed(dimensionsSpec=dimensions(path="strnig"))
    (found,) = columns.types(spec, SPEC, "mine.json")
    at = SPEC.index('"name": "path"', SPEC.index('"dimensions"'))
    assert (found.file, found.line) == ("mine.json", SPEC.count("\n", 0, at) + 1)
    assert "'path' is strnig, which Druid takes for string; types are string, long," in found.message


def test_a_spec_of_another_shape_is_refused_or_read(tmp_path: Path, mappings: list[LoadedMapping]) -> None:
    """Whatever stands where: it is a problem of the file, never a crash."""
    spec = changed(
        dimensionsSpec={"dimensions": ["a", {"name": "b", "type": "long"}], "dimensionExclusions": ["c"]},
        metricsSpec=[{"type": "count", "name": "events"}],
        transformSpec={"transforms": [{"type": "expression", "name": "t", "expression": "a"}]},
    )
    spec["spec"]["ioConfig"]["inputFormat"]["flattenSpec"] = {"fields": ["f", {"name": "g"}]}
    file = tmp_path / "supervisor-spec.json"
    refused = 0
    for wrong in misshapen(spec):
        file.write_text(json.dumps(wrong))
        try:
            read = specs.read(file)
        except InputError:
            refused += 1
            continue
        list(columns.problems(read, SPEC, mappings))
        columns.names(read)
        same_schema(read, SCHEMA)
    assert refused > 100


def test_the_columns_of_the_datasource() -> None:
    """Time, dimensions and metrics; unknown where Druid finds them."""
    spec = changed(metricsSpec=[{"type": "count", "name": "events"}], dimensionsSpec={"dimensions": ["a"]})
    assert columns.names(spec) == {"__time", "a", "events"}
    assert columns.names(changed(dimensionsSpec={})) is None
