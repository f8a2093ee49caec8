"""What values the fields of many records have: filled, null, distinct, least and greatest, the commonest.

Counted column by column, a batch at a time: that leaves the counting to C. Memory is bounded: once a field has more than
MOST different values, new ones are no longer told apart, and the answer says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from pyglue.pipeline.filters import Name, as_json, shown

MOST = 10_000  # different values of a field: some megabytes for a field of texts
MOST_KEYS = 100  # of a map: a page may send parameters of any name
TOP = 5
SIMPLE = (str, int, float)  # everything else is counted by its JSON: a dict or list is no key
WIDTH = 32  # letters of a value in the table
HEAD = ("FIELD", "FILLED", "NULL", "DISTINCT", "MIN", "MAX", "COMMONEST")


class Column:
    """The values of one field."""

    def __init__(self) -> None:
        self.filled = 0
        self.exact = True
        self.least: int | float | None = None
        self.greatest: int | float | None = None
        self._counts: Counter[Any] = Counter()

    def add(self, values: Sequence[Any]) -> None:
        """Count values, none of them null."""
        self.filled += len(values)
        numbers = [value for value in values if type(value) in (int, float) and value == value]
        if numbers:
            self.least = min(numbers if self.least is None else [self.least, *numbers])
            self.greatest = max(numbers if self.greatest is None else [self.greatest, *numbers])
        keys = [value if isinstance(value, SIMPLE) else as_json(value) for value in values]
        if not self.exact:
            self._counts.update(key for key in keys if key in self._counts)
            return
        self._counts.update(keys)
        self.exact = len(self._counts) <= MOST

    @property
    def distinct(self) -> int:
        """How many different values; there are more if `exact` is false."""
        return len(self._counts) if self.exact else MOST

    def commonest(self) -> list[tuple[Any, int]]:
        """The values that came most often, with how often; the earlier of two that came as often is first."""
        return self._counts.most_common(TOP)

    def to_json(self, records: int) -> dict[str, Any]:
        """As `pyglue tail --stats --json` has a field."""
        return {
            "filled": self.filled,
            "null": records - self.filled,
            "distinct": self.distinct,
            "exact": self.exact,
            "min": self.least,
            "max": self.greatest,
            "top": [{"value": value, "count": count} for value, count in self.commonest()],
        }

    def row(self, name: str, records: int) -> tuple[str, ...]:
        """A row of the table, as HEAD names its cells."""
        more = "" if self.exact else "more than "
        return (
            name,
            f"{self.filled:,}",
            f"{records - self.filled:,}",
            f"{more}{self.distinct:,}",
            "-" if self.least is None else str(self.least),
            "-" if self.greatest is None else str(self.greatest),
            ", ".join(f"{short(value, WIDTH)} ({count:,})" for value, count in self.commonest()) or "-",
        )


class Statistics:
    """Of the fields that are named, and of each key of a map."""

    def __init__(self, names: Iterable[Name]) -> None:
        self.records = 0
        self._names = tuple(names)
        self._columns: dict[str, Column] = {str(name): Column() for name in self._names}
        self._keys: dict[str, dict[str, Column]] = {}

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Count the fields of records."""
        self.records += len(rows)
        for name in self._names:
            values = [value for row in rows if (value := name.of(row)) is not None]
            if not values:
                continue
            self._columns[str(name)].add(values)
            if isinstance(values[0], dict):
                self._add_keys(str(name), values)

    def _add_keys(self, name: str, maps: Sequence[dict[str, Any]]) -> None:
        columns = self._keys.setdefault(name, {})
        found: dict[str, list[Any]] = {}
        for one in maps:
            for key, value in one.items():
                if value is not None:
                    found.setdefault(key, []).append(value)
        for key, values in found.items():
            if key in columns or len(columns) < MOST_KEYS:
                columns.setdefault(key, Column()).add(values)

    def columns(self) -> dict[str, Column]:
        """Every field by its name, those of a map's keys behind the map."""
        found: dict[str, Column] = {}
        for name, column in self._columns.items():
            found[name] = column
            keys = self._keys.get(name, {})
            found |= {f"{name}.{key}": keys[key] for key in sorted(keys)}
        return found

    def to_json(self, undecodable: int) -> dict[str, Any]:
        """What `pyglue tail --stats --json` prints."""
        fields = {name: column.to_json(self.records) for name, column in self.columns().items()}
        return {"events": self.records, "undecodable": undecodable, "fields": fields}

    def table(self) -> list[tuple[str, ...]]:
        """The rows that people read, a head first."""
        rows = [column.row(short(name, 2 * WIDTH), self.records) for name, column in self.columns().items()]
        return [HEAD, *rows]


def short(value: Any, width: int) -> str:
    """A value in no more than so many letters, harmless to a terminal: what moves its cursor is written out."""
    text = shown(value)
    if not text.isprintable():
        text = as_json(text)[1:-1]
    return text if len(text) <= width else text[: width - 3] + "..."
