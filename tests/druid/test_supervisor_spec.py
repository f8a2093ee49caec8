"""The shipped supervisor-spec.json: complete for a plain `curl`, and in step with the shipped schema."""

import json
from pathlib import Path
from typing import Any

import avro.schema
import pytest

ROOT = Path(__file__).parents[2]
SPEC: dict[str, Any] = json.loads((ROOT / "supervisor-spec.json").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((ROOT / "divolte/DefaultEventRecord.avsc").read_text(encoding="utf-8"))

DIVOLTE_FIELDS = """
    detectedDuplicate detectedCorruption firstInSession timestamp clientTimestamp remoteHost referer location
    viewportPixelWidth viewportPixelHeight screenPixelWidth screenPixelHeight partyId sessionId pageViewId
    eventType userAgentString userAgentName userAgentFamily userAgentVendor userAgentType userAgentVersion
    userAgentDeviceCategory userAgentOsFamily userAgentOsVersion userAgentOsVendor
"""
OUR_FIELDS = """
    eventId technology path referrerHost campaignSource campaignMedium campaignName variant botReason bot eventParameters
"""
MADE_BY_DRUID = [
    {"type": "auto", "name": "newVisitor"},
    {"type": "long", "name": "sessionSeconds"},
    {"type": "string", "name": "viewportClass"},
    {"type": "long", "name": "partyKey"},
    {"type": "long", "name": "sessionKey"},
    {"type": "long", "name": "sessionPhase"},
    {"type": "long", "name": "transitMillis"},
]
REQUIRED = {
    "bot": "boolean",
    "detectedDuplicate": "boolean",
    "detectedCorruption": "boolean",
    "firstInSession": "boolean",
    "timestamp": "long",
    "clientTimestamp": "long",
    "remoteHost": "string",
    "eventType": "string",
}


def at(path: str) -> Any:
    """The value in the spec at a path of names with dots."""
    value: Any = SPEC["spec"]
    for name in path.split("."):
        value = value[name]
    return value


def plain_type(field: dict[str, Any]) -> str:
    """A field's Avro type, without the null of an optional one."""
    kind = field["type"]
    kind = kind[1] if isinstance(kind, list) else kind
    return str(kind["type"] if isinstance(kind, dict) else kind)


def test_schema_is_divoltes_default_and_more() -> None:
    """The shipped schema is Divolte's default record, in its order, with fields of ours at the end."""
    assert (SCHEMA["namespace"], SCHEMA["name"]) == ("io.divolte.record", "DefaultEventRecord")
    assert [field["name"] for field in SCHEMA["fields"]] == [
        *DIVOLTE_FIELDS.split(),
        *OUR_FIELDS.split(),
    ]


def test_schema_types() -> None:
    """Fields that every event has are required; all others are null unless they are set."""
    for field in SCHEMA["fields"]:
        if field["name"] in REQUIRED:
            assert field["type"] == REQUIRED[field["name"]]
        elif field["name"] == "eventParameters":
            assert field["type"] == ["null", {"type": "map", "values": ["null", "string"]}]
            assert field["default"] is None
        else:
            assert field["type"] == ["null", "int" if "Pixel" in field["name"] else "string"]
            assert field["default"] is None
    defaults = {
        field["name"]: field["default"] for field in SCHEMA["fields"] if field.get("default") is not None
    }
    assert defaults == {"eventType": "unknown", "bot": False}


def test_schema_is_valid_for_apaches_library() -> None:
    """Apache's own Avro library accepts the schema."""
    assert avro.schema.parse(json.dumps(SCHEMA)).type == "record"


def test_spec_reads_records_with_the_shipped_schema() -> None:
    """Druid decodes with just the schema that the collector writes."""
    assert at("ioConfig.inputFormat") == {
        "type": "avro_stream",
        "avroBytesDecoder": {"type": "schema_inline", "schema": SCHEMA},
    }


def test_every_field_is_a_typed_dimension() -> None:
    """Every field is a column: text as string, numbers as long, objects as JSON.

    Booleans are 0 and 1 in a column of the type `auto`, which has an index: most charts ask for one of the two.
    """
    types = {"string": "string", "map": "json", "boolean": "auto"}
    wanted = [
        {"type": types.get(plain_type(field), "long"), "name": field["name"]} for field in SCHEMA["fields"]
    ]
    assert at("dataSchema.dimensionsSpec") == {"dimensions": [*wanted, *MADE_BY_DRUID]}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("dataSchema.dataSource", "divolte-clickstream"),
        ("dataSchema.timestampSpec", {"column": "timestamp", "format": "millis"}),
        ("dataSchema.granularitySpec.segmentGranularity", "DAY"),
        ("dataSchema.granularitySpec.rollup", False),
        ("ioConfig.topic", "divolte"),
        ("ioConfig.consumerProperties", {"bootstrap.servers": "kafka:29092"}),
        ("ioConfig.useEarliestOffset", True),
        ("ioConfig.taskDuration", "PT5M"),
        ("tuningConfig.logParseExceptions", True),
    ],
)
def test_what_users_and_texts_rely_on(path: str, value: object) -> None:
    """The names, the topic, the address inside the compose stack and the promises of the pipeline stay as they are."""
    assert SPEC["type"] == "kafka"
    assert at(path) == value


def test_bad_events_are_kept() -> None:
    """Unreadable events never stop the task, and some of them are kept to be looked at."""
    assert at("tuningConfig.maxParseExceptions") == 2**31 - 1
    assert at("tuningConfig.maxSavedParseExceptions") > 0


def test_druid_keeps_rows_as_long_as_the_docs_say() -> None:
    """Rows of the last 90 days, and none before."""
    kept, dropped = json.loads((ROOT / "druid" / "retention.json").read_text(encoding="utf-8"))
    assert (kept["type"], kept["period"], dropped) == ("loadByPeriod", "P90D", {"type": "dropForever"})
    assert "Druid for 90 days" in (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
