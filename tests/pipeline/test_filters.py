"""Conditions and names of fields: what they mean, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pyglue.collector.avro import schema
from pyglue.errors import UsageError
from pyglue.pipeline import filters

SCHEMA = schema.parse(
    json.dumps(
        {
            "type": "record",
            "name": "Click",
            "fields": [
                {"name": "eventType", "type": "string"},
                {"name": "width", "type": ["null", "int"], "default": None},
                {"name": "bot", "type": "boolean"},
                {"name": "share", "type": ["null", "double"], "default": None},
                {
                    "name": "parameters",
                    "type": ["null", {"type": "map", "values": "string"}],
                    "default": None,
                },
            ],
        }
    ),
    "click.avsc",
)
ROW: dict[str, Any] = {
    "eventType": "click a=b",
    "width": 1200,
    "bot": False,
    "share": None,
    "parameters": {"step": "3", "the key": "x"},
    "_partition": 2,
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("eventType=click a=b", True),  # the first operator is the condition's
        ("eventType=click", False),
        ("eventType!=click", True),
        ("eventType~^click", True),
        ("eventType~Click", False),
        ("width=1200", True),
        ("width=1200.0", True),
        ("width=wide", False),
        (" width > 1199.5", True),
        ("width>1200", False),
        ("width>=1200", True),
        ("width >= 1201", False),
        ("width<=1200.0", True),
        ("width<=1199", False),
        ("width==1200", True),
        ("eventType==click a=b", True),
        ("eventType===click", False),  # the value is =click
        ("width<1e4", True),
        ("width~^12", True),
        ("bot=false", True),
        ("bot=0", False),
        ("bot<1", False),
        ("share=null", True),
        ("share!=null", False),
        ("share=", False),
        ("share<5", False),  # no value is not 0
        ("share~", False),
        ("parameters.step>2", True),  # a text that is a number
        ("parameters.step=3", True),
        ("parameters.the key=x", True),
        ("parameters.other=null", True),
        ("_partition=2", True),
        ("_offset=null", True),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    """Texts are compared as they are, numbers as numbers; null is no value; FIELD.KEY looks into a map."""
    assert filters.condition(text, SCHEMA).holds(ROW) is holds


def test_all_conditions_must_hold() -> None:
    """One that does not is enough to leave a record out; none at all leaves none out."""
    good, wrong = filters.condition("bot=false", SCHEMA), filters.condition("width=1", SCHEMA)
    assert [filters.matches(some, ROW) for some in ((), (good,), (good, wrong))] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("eventtype=x", "no field eventtype; near it are eventType"),
        ("widht>1", "no field widht; near it are width"),
        ("zzz=1", "no field zzz; there are eventType, width, bot, share, parameters, _partition"),
        ("width", "'width' is no condition; known are FIELD=VALUE"),
        ("=x", "'=x' is no condition"),
        ("width.x=1", "the field width has no keys: it is a int"),
        ("_offset.x=1", "the field _offset has no keys"),
        ("width>wide", "wide is no number to compare with"),
        ("width>=wide", "wide is no number to compare with"),
        ("width<", "nothing is no number to compare with"),
        ("eventType~(", "'(' is no regular expression: "),
    ],
)
def test_what_is_no_condition(text: str, said: str) -> None:
    """It is refused with what would be one; a field that is none with those that are near it."""
    with pytest.raises(UsageError) as caught:
        filters.condition(text, SCHEMA)
    assert said in "; ".join([caught.value.message, *caught.value.details])


def test_names() -> None:
    """Names with commas; a name that is none is refused."""
    assert [str(one) for one in filters.names("bot, parameters.step,_offset", SCHEMA)] == [
        "bot",
        "parameters.step",
        "_offset",
    ]
    for text in ("", "bot,", "bot,nosuch"):
        with pytest.raises(UsageError):
            filters.names(text, SCHEMA)


def test_json_is_always_json() -> None:
    """Bytes and numbers that are none have a text."""
    row = {"b": b"\x00\xff", "n": float("nan"), "l": [float("inf")], "m": {"x": 1.5}}
    assert json.loads(filters.as_json(row)) == {"b": "\x00\xff", "n": "nan", "l": ["inf"], "m": {"x": 1.5}}
