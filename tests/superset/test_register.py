from __future__ import annotations

from typing import Any

import pytest

from pyglue.errors import BadAnswer
from pyglue.superset.client import Superset
from pyglue.superset.register import (
    DATABASE,
    DATABASE_UUID,
    DATASET_UUID,
    TABLE,
    Outcome,
    description,
    refresh_dataset,
    register_cluster,
    sqlalchemy_uri,
    words,
)
from tests.superset.fake import Answer, FakeSuperset

URI = "druid://127.0.0.1:8082/druid/v2/sql/"
COLUMNS = {"__time": "LONG", "eventType": "STRING", "cartValue": "DOUBLE"}


@pytest.fixture
def registered(fake: FakeSuperset, superset: Superset) -> FakeSuperset:
    """A Superset with the database, and a Druid with the table."""
    register_cluster(superset, uri=URI)
    fake.tables[TABLE] = dict(COLUMNS)
    return fake


def names(dataset: dict[str, Any]) -> dict[str, str]:
    return {column["column_name"]: column["verbose_name"] for column in dataset["columns"]}


def test_the_uri_of_a_broker() -> None:
    """A broker's HOST:PORT becomes the address of Druid SQL."""
    assert sqlalchemy_uri("127.0.0.1:8082") == URI


def test_a_cluster_is_made_once(fake: FakeSuperset, superset: Superset) -> None:
    """The first registration makes the database under its fixed UUID, the second keeps it and writes nothing."""
    assert register_cluster(superset, uri=URI) is Outcome.MADE
    assert fake.databases[1]["uuid"] == DATABASE_UUID
    assert register_cluster(superset, uri=URI) is Outcome.KEPT
    assert [method for method, path, _ in fake.asked if method != "GET" and "login" not in path] == ["POST"]


def test_a_cluster_that_moved_is_updated(fake: FakeSuperset, superset: Superset) -> None:
    """Another address replaces the old one."""
    register_cluster(superset, uri=URI)
    assert register_cluster(superset, uri=URI.replace("8082", "9999")) is Outcome.UPDATED
    assert fake.databases[1]["sqlalchemy_uri"] == URI.replace("8082", "9999")


def test_a_second_cluster_has_a_uuid_of_its_own(fake: FakeSuperset, superset: Superset) -> None:
    """The fixed UUID belongs to the fixed name: another name stands beside it."""
    register_cluster(superset, uri=URI)
    assert register_cluster(superset, uri=URI, name="production") is Outcome.MADE
    assert fake.databases[2]["uuid"] != DATABASE_UUID


def test_a_dataset_is_made_and_then_kept(registered: FakeSuperset, superset: Superset) -> None:
    """A missing dataset is made with plain names and Druid's time; refreshing it unchanged says kept."""
    made = refresh_dataset(superset)
    assert (made.outcome, made.uuid, made.columns) == (Outcome.MADE, DATASET_UUID, 3)
    assert made.added == ["__time", "cartValue", "eventType"]
    assert names(registered.datasets[1]) == {
        "__time": "Time (UTC)",
        "eventType": "Event",
        "cartValue": "Cart value",
    }
    assert registered.datasets[1]["main_dttm_col"] == "__time"
    assert registered.datasets[1]["schema"] == "druid"
    kept = refresh_dataset(superset)
    assert (kept.outcome, kept.added, kept.removed, kept.changed) == (Outcome.KEPT, [], [], [])


def test_a_refresh_tells_what_changed(registered: FakeSuperset, superset: Superset) -> None:
    """Columns that came, went or have another type are told by name, and new ones get plain names."""
    refresh_dataset(superset)
    registered.tables[TABLE] = {"__time": "LONG", "cartValue": "STRING", "visitorAge": "LONG"}
    result = refresh_dataset(superset)
    assert result.outcome is Outcome.UPDATED
    assert (result.added, result.removed, result.changed) == (["visitorAge"], ["eventType"], ["cartValue"])
    assert names(registered.datasets[1])["visitorAge"] == "Visitor age"


def test_what_the_spec_still_names_stays(registered: FakeSuperset, superset: Superset) -> None:
    """After a reset Druid shows a column only after its next row; its name comes back with it, and new columns come."""
    refresh_dataset(superset)
    registered.datasets[1]["columns"][2]["verbose_name"] = "Basket"
    registered.tables[TABLE] = {"__time": "LONG", "visitorAge": "LONG"}
    result = refresh_dataset(superset, keep={"cartValue", "visitorAge", "never"})
    assert (result.added, result.removed, result.waiting) == (["visitorAge"], ["eventType"], ["cartValue"])
    assert names(registered.datasets[1])["cartValue"] == "Basket"
    assert refresh_dataset(superset, keep={"cartValue"}).outcome is Outcome.KEPT


def test_a_name_that_a_person_gave_stays(registered: FakeSuperset, superset: Superset) -> None:
    """Refreshing replaces no name that is there."""
    refresh_dataset(superset)
    registered.datasets[1]["columns"][2]["verbose_name"] = "Basket"
    registered.tables[TABLE]["more"] = "STRING"
    refresh_dataset(superset)
    assert names(registered.datasets[1])["cartValue"] == "Basket"


def test_a_table_without_rows_is_explained(registered: FakeSuperset, superset: Superset) -> None:
    """Where Druid does not show the datasource yet, the error says why and what to type."""
    registered.tables.clear()
    with pytest.raises(BadAnswer, match="first row") as caught:
        refresh_dataset(superset)
    assert caught.value.status == 422
    assert caught.value.try_ == "pyglue smoke-test"


def test_another_refusal_is_told_as_it_is(registered: FakeSuperset, superset: Superset) -> None:
    """A 422 for another reason is not taken for a missing table."""
    registered.fail("POST", "/api/v1/dataset/", Answer(422, '{"message": "Owners are invalid"}'))
    with pytest.raises(BadAnswer, match="superset answered 422") as caught:
        refresh_dataset(superset)
    assert "Owners are invalid" in caught.value.details[1]


def test_a_dataset_needs_its_database(fake: FakeSuperset, superset: Superset) -> None:
    """Without the database, the error names it and the command that registers it."""
    with pytest.raises(BadAnswer, match=DATABASE) as caught:
        refresh_dataset(superset)
    assert caught.value.try_ == "pyglue register-cluster"


def test_another_table_gets_a_uuid_of_its_own(registered: FakeSuperset, superset: Superset) -> None:
    """The fixed UUID belongs to the click stream."""
    registered.tables["sales"] = {"price": "DOUBLE"}
    result = refresh_dataset(superset, table="sales")
    assert result.uuid != DATASET_UUID
    assert registered.datasets[1]["main_dttm_col"] is None


def test_nothing_to_write_is_written_not_at_all() -> None:
    """A dataset whose columns have names and whose time is known needs no change."""
    columns = [{"column_name": "__time", "verbose_name": "When", "type": "LONG"}]
    assert description({"columns": columns, "main_dttm_col": "__time"}) == {}


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("cartValue", "Cart value"),
        ("pageURL", "Page URL"),
        ("HTTPStatus", "HTTP status"),
        ("utm_source", "Utm source"),
        ("price", "Price"),
        ("partyId", "Visitor"),
        ("_", "_"),
    ],
)
def test_plain_words(column: str, expected: str) -> None:
    """Names are taken apart into words; known ones say what they mean."""
    assert words(column) == expected
