"""Choosing among the fields of a record: what `--where` and `--fields` of `pyglue tail` mean.

A name is a field of the schema, or what Kafka knows of a record (`_partition`, `_offset`, `_kafkaTime`), or, of a map or
record, FIELD.KEY. A value is compared as JSON would write it; `null` is no value.
"""

from __future__ import annotations

import difflib
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyglue.collector.avro.schema import RecordSchema
from pyglue.errors import UsageError

OF_KAFKA = ("_partition", "_offset", "_kafkaTime")
NESTED = ("map", "record", "union")
_CONDITION = re.compile(
    r"\s*([A-Za-z_][A-Za-z0-9_]*(?:\.[^=!~<>]+?)?)\s*(!=|==|<=|>=|=|~|<|>)(.*)", re.DOTALL
)

Row = Mapping[str, Any]
Test = Callable[[Any], bool]


@dataclass(frozen=True)
class Name:
    """A field, and of a map or record the key in it."""

    field: str
    key: str | None = None

    def __str__(self) -> str:
        return self.field if self.key is None else f"{self.field}.{self.key}"

    def of(self, row: Row) -> Any:
        """The value in a record's fields; None if there is none."""
        value = row.get(self.field)
        if self.key is None:
            return value
        return value.get(self.key) if isinstance(value, dict) else None


@dataclass(frozen=True)
class Condition:
    """A test of one field's value."""

    name: Name
    test: Test

    def holds(self, row: Row) -> bool:
        """Whether the record passes."""
        return self.test(self.name.of(row))


def name(text: str, schema: RecordSchema) -> Name:
    """The field called so; raises UsageError with names that are near it if the schema has none."""
    field, _, key = text.strip().partition(".")
    known = {found.name: found.kind for found in schema.fields}
    if field not in known and field not in OF_KAFKA:
        names = [*known, *OF_KAFKA]
        lower = {one.lower(): one for one in names}
        near = [lower[one] for one in difflib.get_close_matches(field.lower(), lower, 3)]
        told = f"near it are {', '.join(near)}" if near else f"there are {', '.join(names)}"
        raise UsageError(f"the schema has no field {field or repr(text)}", details=[told])
    if key and known.get(field) not in NESTED:
        raise UsageError(f"the field {field} has no keys: it is a {known.get(field, 'long')}")
    return Name(field, key or None)


def names(text: str, schema: RecordSchema) -> tuple[Name, ...]:
    """Names with commas between them; raises UsageError for one that is none."""
    return tuple(name(one, schema) for one in text.split(","))


def condition(text: str, schema: RecordSchema) -> Condition:
    """FIELD=VALUE (or ==), FIELD!=VALUE, FIELD~PATTERN, FIELD<NUMBER (or >, <=, >=); raises UsageError for all else."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise UsageError(
            f"{text!r} is no condition",
            details=[
                "known are FIELD=VALUE, FIELD!=VALUE, FIELD~PATTERN, FIELD<NUMBER, >NUMBER, <=NUMBER, >=NUMBER"
            ],
        )
    return Condition(name(found[1], schema), _TESTS[found[2]](found[3]))


def matches(conditions: Sequence[Condition], row: Row) -> bool:
    """Whether all conditions hold."""
    return all(one.holds(row) for one in conditions)


def shown(value: Any) -> str:
    """A value as a condition has it, and people read it: texts bare, everything else as JSON."""
    return value if isinstance(value, str) else as_json(value)


def as_json(value: Any) -> str:
    """JSON on one line; bytes as Avro's JSON has them, numbers that are none as texts."""
    try:
        return json.dumps(value, default=_latin, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), default=_latin)


def _latin(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return str(value) if isinstance(value, float) and value - value != 0 else value


def _equal(wanted: str) -> Test:
    number = _number(wanted)

    def test(value: Any) -> bool:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value == number
        return shown(value) == wanted

    return test


def _unequal(wanted: str) -> Test:
    equal = _equal(wanted)
    return lambda value: not equal(value)


def _like(pattern: str) -> Test:
    try:
        search = re.compile(pattern).search
    except re.error as error:
        raise UsageError(f"{pattern!r} is no regular expression: {error}") from error
    return lambda value: value is not None and search(shown(value)) is not None


def _compared(holds: Callable[[Any, Any], bool]) -> Callable[[str], Test]:
    """Numbers that are so to another; texts that are numbers count, too."""

    def make(wanted: str) -> Test:
        limit = _number(wanted)
        if limit is None:
            raise UsageError(f"{wanted.strip() or 'nothing'} is no number to compare with")

        def test(value: Any) -> bool:
            number = _number(value)
            return number is not None and holds(number, limit)

        return test

    return make


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"\s*[+-]?[0-9.]+(?:[eE][+-]?[0-9]{1,3})?\s*", value):
        return None
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return None


_TESTS: dict[str, Callable[[str], Test]] = {
    "=": _equal,
    "==": _equal,
    "!=": _unequal,
    "~": _like,
    "<": _compared(operator.lt),
    ">": _compared(operator.gt),
    "<=": _compared(operator.le),
    ">=": _compared(operator.ge),
}
