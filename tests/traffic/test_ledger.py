"""The truth as a table: its rows are those that the collector and Druid would make, and its SQL is Druid's."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import fastavro
import pytest

from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.events.event import of_parameters, of_tag
from pyglue.collector.http import query
from pyglue.collector.loading import load
from pyglue.traffic import crowd, faults, ledger, truth, wire
from pyglue.traffic.faults import Delivery
from pyglue.traffic.ledger import CantTell, Ledger, differences
from pyglue.traffic.truth import Made, Sent
from tests.collector.support import CONF, MAPPING, SCHEMA

NOW = 1_760_000_000_000
MADE = Made("run01x", 1, 20.0, 5000, NOW, history=True)
TABLE = '"druid"."divolte-clickstream"'
SHARES = dict.fromkeys(faults.SHARES, 0.05)


def requests() -> list[tuple[Delivery, Sent]]:
    """Ten minutes of visitors with many faults."""
    found = faults.deliveries(crowd.actions(4, 5000, NOW, NOW + 600_000, 20.0, run="run01x"), 4, SHARES)
    return [(one, parsed(truth.line(one, one.at_ms, one.at_ms, 200))) for one in found]


def parsed(line: str) -> Sent:
    """A line of the file."""
    return truth._sent(Path("x"), 3, line)


MANY = requests()


@pytest.fixture(scope="module")
def table() -> Ledger:
    return Ledger("divolte-clickstream", (sent for _, sent in MANY if sent.recorded), MADE)


def records() -> list[tuple[dict[str, Any], Sent]]:
    """What the shipped mapping makes of each request, beside its line; dropped ones are left out."""
    environment = {"DIVOLTE_SCHEMA": str(SCHEMA), "DIVOLTE_MAPPING": str(MAPPING)}
    mapping = load(CONF, environment).feeding("divolte")[0]
    memory = DuplicateMemory(1_000_000)
    found = []
    for delivery, sent in MANY:
        raw = delivery.query.encode()
        try:
            event = of_tag(raw) or of_parameters(query.parameters(raw))
        except DroppedEvent:
            assert not sent.recorded
            continue
        assert sent.recorded
        headers = wire.headers(delivery.action, "x").items()
        event.arrived(
            [(name.lower().encode(), value.encode()) for name, value in headers], sent.sent_ms, b"::1"
        )
        event.duplicate = memory.remember(event.party, event.session, event.event_id)[0]
        record = fastavro.schemaless_reader(
            io.BytesIO(mapping.compiled.encode(event)), mapping.schema.parsed, None
        )
        assert isinstance(record, dict)
        found.append((record, sent))
    return found


def test_rows_are_what_the_collector_makes() -> None:
    """Field by field, for every fault, browser and robot; what Druid itself makes is left out here."""
    compared = records()
    assert len(compared) > 10_000
    for record, sent in compared:
        row = dict(zip(ledger.COLUMNS, ledger.row(sent), strict=True))
        wanted = {name: record[name] for name in ledger.COLUMNS if name in record}
        assert {name: row[name] for name in wanted} == wanted
    assert set(ledger.COLUMNS) - set(compared[0][0]) == {
        "__time",
        "newVisitor",
        "sessionSeconds",
        "viewportClass",
        "partyKey",
        "sessionKey",
        "sessionPhase",
        "transitMillis",
    }


def test_it_answers_in_druids_sql(table: Ledger) -> None:
    """Moments, sketches and case of letters as Druid has them."""
    total = table.ask(f"SELECT COUNT(*) AS n FROM {TABLE}")[0]["n"]
    assert total == sum(sent.recorded for _, sent in MANY)
    parties = {sent.party for _, sent in MANY if sent.recorded}
    sketch = 'APPROX_COUNT_DISTINCT_DS_HLL("partyId")'
    assert table.ask(f"SELECT {sketch} AS n FROM {TABLE}") == [{"n": len(parties)}]
    minutes = table.ask(
        f"SELECT TIME_FLOOR(\"__time\", 'PT1M') AS m, COUNT(*) AS n FROM {TABLE} GROUP BY 1 ORDER BY 1"
    )
    assert minutes[0]["m"] == NOW - NOW % 60_000
    assert sum(minute["n"] for minute in minutes) == total
    assert table.ask(f"SELECT COUNT(*) AS n FROM {TABLE} WHERE \"partyId\" LIKE '0:%:RUN01X%'") == [{"n": 0}]
    late = f"SELECT COUNT(*) AS n FROM {TABLE} WHERE \"__time\" >= TIME_PARSE('2025-10-09T08:54:20')"
    assert 0 < table.ask(late)[0]["n"] < total


def test_what_it_does_not_know(table: Ledger) -> None:
    """A column that the truth lacks, a function that nobody gave it."""
    for sql in (
        f'SELECT "userAgentVersion" FROM {TABLE}',
        f'SELECT "userAgentVersion" AS "userAgentVersion", COUNT(*) AS "n" FROM {TABLE} GROUP BY "userAgentVersion"',
        f"SELECT IP_PARSE(1) FROM {TABLE}",
    ):
        with pytest.raises(CantTell):
            table.ask(sql)


def test_quantiles_are_ranges(table: Ledger) -> None:
    """What a sketch may answer lies around the true value."""
    answer = table.ask(
        f'SELECT APPROX_QUANTILE_DS("viewportPixelWidth", 0.5) AS q, AVG("viewportPixelWidth") AS a FROM {TABLE}'
    )
    widths = sorted(sent.width for _, sent in MANY if sent.recorded)
    middle = widths[len(widths) // 2]
    assert list(differences(answer, [{"q": middle, "a": answer[0]["a"]}], (), {})) == []
    assert list(differences(answer, [{"q": widths[-1], "a": answer[0]["a"]}], (), {}))


@pytest.mark.parametrize(
    ("sql", "slack"),
    [
        ("COUNT(*)", 0.0),
        ('SUM("bot")', 0.0),
        ('COUNT(DISTINCT "partyId")', 3 * 0.0163),
        ('APPROX_COUNT_DISTINCT_DS_HLL("partyId")', 3 * 0.0163),
        ('APPROX_COUNT_DISTINCT_DS_THETA("partyId")', 3 / 128),
        ('100.0 * APPROX_COUNT_DISTINCT_DS_THETA("partyId") / COUNT(*)', 12 / 128),
    ],
)
def test_only_sketches_have_slack(sql: str, slack: float) -> None:
    """As much as is stated, and more in arithmetic."""
    assert ledger.slack(sql) == pytest.approx(slack)


ROWS: list[dict[str, Any]] = [{"k": "a", "n": 3}, {"k": None, "n": 5}]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([{"k": None, "n": 5}, {"k": "a", "n": 3}], []),
        ([{"k": None, "n": 5.0}, {"k": "a", "n": 3}], []),
        ([{"k": "a", "n": 4}, {"k": None, "n": 5}], ["a: n: expected 3, found 4"]),
        ([{"k": "a", "n": None}, {"k": None, "n": 5}], ["a: n: expected 3, found None"]),
        ([{"k": "a", "n": 3}], ["none: expected n 5, found nothing"]),
        ([*ROWS, {"k": "b", "n": 1}], ["b: nothing expected, found n 1"]),
        ([], ["a: expected n 3, found nothing", "none: expected n 5, found nothing"]),
    ],
)
def test_differences(found: list[dict[str, Any]], said: list[str]) -> None:
    """Rows in any order; a number that is off, a row too few, a row too many."""
    assert sorted(differences(ROWS, found, ("k",), {})) == sorted(said)


def test_moments_are_compared_as_such() -> None:
    """Druid answers with a text."""
    found: list[dict[str, Any]] = [{"m": "2025-10-09T08:53:20.001Z"}]
    assert list(differences([{"m": NOW + 1}], found, (), {})) == []
    assert list(differences([{"m": NOW}], found, (), {}))
    assert list(differences([{"m": NOW}], found, (), {}, blur_ms=1)) == []


def test_the_way_of_an_answer_blurs_latencies() -> None:
    """A range is wider by what nobody knows."""
    found: list[dict[str, Any]] = [{"q": 224.0}]
    assert list(differences([{"q": "[156, 223]"}], found, (), {}))
    assert list(differences([{"q": "[156, 223]"}], found, (), {}, blur_ms=2)) == []


@pytest.mark.parametrize("found", ["NaN", "Infinity", "-Infinity", 0, 0.0, None])
def test_nothing_is_no_number(found: str | float | None) -> None:
    """Of no rows Druid makes zero, or what comes of a division by it, and the truth null; any other number is wrong."""
    assert list(differences([{"part": None}], [{"part": found}], (), {})) == []
    assert list(differences([{"part": None}], [{"part": 0.5}], (), {}))
    assert list(differences([{"part": 0.5}], [{"part": found}], (), {}))


def test_slack_is_taken_for_its_column_only() -> None:
    """Three in a hundred off is nothing where it is allowed."""
    found: list[dict[str, Any]] = [{"k": "a", "n": 103}]
    assert list(differences([{"k": "a", "n": 100}], found, ("k",), {"n": 0.031})) == []
    assert list(differences([{"k": "a", "n": 100}], found, ("k",), {"m": 0.031}))
