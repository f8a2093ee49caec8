from __future__ import annotations

import pytest

from pyglue.errors import BadAnswer
from pyglue.superset.chart_data import chart_rows, count_by_minute, find_event
from pyglue.superset.client import Superset
from tests.superset.fake import Answer, FakeSuperset

PATH = "/api/v1/chart/data"


def test_an_event_is_asked_for_by_its_id_and_past_the_cache(fake: FakeSuperset, superset: Superset) -> None:
    """The query names the event id, is forced, and its row comes back."""
    fake.rows = [{"eventId": "e1", "__time": 1}]
    assert find_event(superset, 7, "e1") == {"eventId": "e1", "__time": 1}
    [body] = fake.calls("POST", PATH)
    assert body["force"] is True
    assert body["datasource"] == {"id": 7, "type": "table"}
    assert body["queries"][0]["filters"] == [{"col": "eventId", "op": "==", "val": "e1"}]


def test_an_event_that_is_not_there(fake: FakeSuperset, superset: Superset) -> None:
    """No row is None, not an error: it may still come."""
    assert find_event(superset, 7, "e1") is None


def test_the_rows_of_a_saved_chart(fake: FakeSuperset, superset: Superset) -> None:
    """A chart is found by its name and asked for its own data."""
    fake.charts[4] = {"id": 4, "slice_name": "Clicks by technology"}
    fake.rows = [{"technology": "Kafka", "Clicks": 3}]
    assert chart_rows(superset, "Clicks by technology") == [{"technology": "Kafka", "Clicks": 3}]
    assert ("GET", "/api/v1/chart/4/data/") in [(method, path) for method, path, _ in fake.asked]


def test_a_chart_that_is_not_there(fake: FakeSuperset, superset: Superset) -> None:
    """An unknown chart is named."""
    with pytest.raises(BadAnswer, match="no chart called Nothing"):
        chart_rows(superset, "Nothing")


@pytest.mark.parametrize("body", ['{"result": []}', "{}", "[]", '{"result": [{"error": "broken"}]}'])
def test_an_answer_without_data(fake: FakeSuperset, superset: Superset, body: str) -> None:
    """A 200 that carries no rows at all is an error that shows what came."""
    fake.fail("POST", PATH, Answer(200, body))
    with pytest.raises(BadAnswer, match="without data") as caught:
        find_event(superset, 7, "e1")
    assert PATH in caught.value.details[0]


def test_a_count_by_minute_has_no_filter(fake: FakeSuperset, superset: Superset) -> None:
    """All rows of the span, past the cache, by the minute in which they came."""
    fake.rows = [{"__time": 29_000_480 * 60_000.0, "events": 3}]
    assert count_by_minute(superset, 7, 29_000_480, 29_000_540) == {29_000_480: 3}
    [body] = fake.calls("POST", PATH)
    (query,) = body["queries"]
    assert body["force"] is True
    assert query["filters"] == [
        {"col": "__time", "op": "TEMPORAL_RANGE", "val": "2025-02-20T05:20:00 : 2025-02-20T06:20:00"}
    ]
