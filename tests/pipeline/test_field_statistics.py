"""Statistics of fields against records whose figures are known."""

from __future__ import annotations

from typing import Any

from pyglue.pipeline.field_statistics import HEAD, MOST, MOST_KEYS, Statistics, short
from pyglue.pipeline.filters import Name


def of(rows: list[dict[str, Any]], *names: str, batch: int = 2) -> dict[str, Any]:
    """The fields' figures, counted in batches."""
    statistics = Statistics([Name(name) for name in names])
    for at in range(0, len(rows), batch):
        statistics.add(rows[at : at + batch])
    found = statistics.to_json(0)
    assert found["events"] == len(rows)
    fields: dict[str, Any] = found["fields"]
    return fields


def test_filled_null_distinct_and_the_commonest() -> None:
    """Over all batches; a field that a record lacks is null there."""
    rows = [{"a": text} for text in ("x", "y", None, "y", "z", "y", "x")] + [{}]
    assert of(rows, "a") == {
        "a": {
            "filled": 6,
            "null": 2,
            "distinct": 3,
            "exact": True,
            "min": None,
            "max": None,
            "top": [{"value": "y", "count": 3}, {"value": "x", "count": 2}, {"value": "z", "count": 1}],
        }
    }


def test_least_and_greatest_are_of_numbers() -> None:
    """Not of texts or booleans; what is no number hurts nothing."""
    found = of([{"n": n, "b": n > 0, "t": str(n)} for n in (3, -2, 7.5, 1)], *"nbt")
    assert (found["n"]["min"], found["n"]["max"]) == (-2, 7.5)
    mixed = of([{"n": float("nan")}, {"n": 3}, {"n": float("nan")}, {"n": 5}], "n")["n"]
    assert (mixed["min"], mixed["max"]) == (3, 5)
    assert found["b"]["min"] is None
    assert found["t"]["max"] is None
    assert found["b"]["top"] == [{"value": True, "count": 3}, {"value": False, "count": 1}]


def test_keys_of_a_map_have_figures_of_their_own() -> None:
    """Behind the map; records without the key count as null; the number of keys is bounded."""
    found = of([{"m": {"b": "1", "a": None}}, {"m": {"b": "2", "c": "1"}}, {"m": None}], "m")
    assert list(found) == ["m", "m.b", "m.c"]
    assert (found["m"]["filled"], found["m"]["distinct"]) == (2, 2)
    assert [(found[name]["filled"], found[name]["null"]) for name in ("m.b", "m.c")] == [(2, 1), (1, 2)]
    assert len(of([{"m": {f"k{number}": "x"}} for number in range(MOST_KEYS + 50)], "m")) == MOST_KEYS + 1


def test_too_many_values_are_told() -> None:
    """The count stops at a bound and says so; what was there before goes on being counted, and nothing else."""
    rows = [{"a": "same"}] + [{"a": number} for number in range(MOST + 600)] + [{"a": "same"}] * 7
    rows += [{"a": "late"}] * 20
    found = of(rows, "a", batch=500)["a"]
    assert (found["filled"], found["distinct"], found["exact"]) == (len(rows), MOST, False)
    assert found["top"][0] == {"value": "same", "count": 8}
    exact = of([{"a": number} for number in range(MOST)], "a", batch=500)["a"]
    assert (exact["distinct"], exact["exact"]) == (MOST, True)


def test_the_table() -> None:
    """A head, a row for each field, figures with commas, long values cut."""
    statistics = Statistics([Name("a"), Name("n"), Name("none")])
    statistics.add([{"a": "v" * 50, "n": number} for number in range(1200)])
    head, a, n, none = statistics.table()
    assert head == HEAD
    assert a == ("a", "1,200", "0", "1", "-", "-", "v" * 29 + "... (1,200)")
    assert n[:6] == ("n", "1,200", "0", "1,200", "0", "1199")
    assert none == ("none", "0", "1,200", "0", "-", "-", "-")


def test_a_value_can_not_move_the_cursor() -> None:
    """What a terminal would obey is written out: events come from anybody."""
    assert short("a\x1b[31m\nb", 40) == "a\\u001b[31m\\nb"
    assert short("récord ✓", 40) == "récord ✓"
    assert len(short("\x1b" * 100, 20)) == 20
