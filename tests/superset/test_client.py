from __future__ import annotations

import socket

import pytest

from pyglue.errors import BadAnswer, Unreachable
from pyglue.superset.client import Superset, rison, said
from pyglue.web import Client
from tests.superset.fake import PASSWORD, Answer, FakeSuperset

PATH = "/api/v1/database/"
LOGIN = "/api/v1/security/login"
HTML = "<!doctype html><html><head><title>500: Internal\nserver error | Superset</title></head><body>x</body></html>"


def test_reading_logs_in_once(fake: FakeSuperset, superset: Superset) -> None:
    """However much is read, there is one log-in, and none before the first call."""
    assert fake.logins == 0
    assert superset.get("database/", page_size=1) == {"result": []}
    assert superset.find("database", database_name="x") is None
    assert fake.logins == 1


def test_writing_brings_the_csrf_token(fake: FakeSuperset, superset: Superset) -> None:
    """A write carries the CSRF token, which is fetched once."""
    superset.post("database/", {"database_name": "one"})
    superset.put("database/1", {"database_name": "two"})
    assert fake.databases[1]["database_name"] == "two"
    assert len(fake.calls("GET", "/api/v1/security/csrf_token/")) == 1


def test_what_is_no_json_is_downloaded_as_it_is(fake: FakeSuperset, superset: Superset) -> None:
    """Bytes come back untouched, and an error's answer is told as for any other call."""
    export = "/api/v1/dashboard/export/"
    fake.fail(
        "GET", export, Answer(200, b"PK\x00\xff", "application/zip"), Answer(404, '{"message": "Not found"}')
    )
    assert superset.download("dashboard/export/", [1]) == b"PK\x00\xff"
    with pytest.raises(BadAnswer) as caught:
        superset.download("dashboard/export/", [1])
    assert caught.value.details == [f"asked      GET {fake.base}{export}", "came back  Not found"]


def test_a_token_that_ran_out_is_renewed(fake: FakeSuperset, superset: Superset) -> None:
    """When Superset answers 401, the call is repeated after a new log-in with a new CSRF token."""
    superset.post("database/", {"database_name": "one"})
    fake.tokens.clear()
    superset.post("database/", {"database_name": "two"})
    assert [database["database_name"] for database in fake.databases.values()] == ["one", "two"]
    assert fake.logins == 2


def test_a_401_that_stays_is_an_error(fake: FakeSuperset, superset: Superset) -> None:
    """A second 401 ends the call: nobody logs in for ever."""
    fake.fail("GET", PATH, Answer(401, '{"msg": "no"}'), Answer(401, '{"msg": "no"}'))
    with pytest.raises(BadAnswer) as caught:
        superset.get("database/")
    assert caught.value.status == 401
    assert fake.logins == 2


def test_a_wrong_password_says_where_it_is_set(fake: FakeSuperset) -> None:
    """A refused log-in names the user and the variable, and never the password."""
    with Client(fake.base, "superset") as http, pytest.raises(BadAnswer) as caught:
        Superset(http, "not it").get("database/")
    assert "refused the user admin" in caught.value.message
    assert any("SUPERSET_ADMIN_PASSWORD of .env" in line for line in caught.value.details)
    assert (caught.value.try_, caught.value.code) == ("pyglue up", "superset-password")
    assert "not it" not in str(caught.value.details)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(500, HTML, "text/html"), "500: Internal server error | Superset"),
        (Answer(422, '{"message": {"database_name": ["exists"]}}'), '{"database_name": ["exists"]}'),
        (Answer(400, '{"errors": [{"message": "one"}, {"message": "two"}]}'), "one; two"),
        (Answer(403, '{"message": "Forbidden"}'), "Forbidden"),
        (Answer(502, "Bad Gateway", "text/plain"), "Bad Gateway"),
        (Answer(200, HTML, "text/html"), "a page with the title '500: Internal server error | Superset'"),
    ],
)
def test_what_superset_says_is_told(
    fake: FakeSuperset, superset: Superset, answer: Answer, expected: str
) -> None:
    """Any unexpected answer becomes an error with its status, what was asked and what Superset said."""
    fake.fail("GET", PATH, answer)
    with pytest.raises(BadAnswer) as caught:
        superset.get("database/")
    assert caught.value.status == (answer.status if answer.status != 200 else None)
    assert caught.value.details == [f"asked      GET {fake.base}{PATH}", f"came back  {expected}"]
    assert caught.value.try_ == "pyglue logs superset"


@pytest.mark.parametrize(
    "answer",
    [Answer(502, "<title>Bad</title>"), Answer(200, "[]"), Answer(200, "{}"), Answer(200, "hello")],
)
def test_a_log_in_that_is_none_is_an_error(fake: FakeSuperset, superset: Superset, answer: Answer) -> None:
    """Whatever answers in Superset's place, the log-in's failure is told as one."""
    fake.fail("POST", LOGIN, answer)
    with pytest.raises(BadAnswer) as caught:
        superset.get("database/")
    assert LOGIN in caught.value.details[0]


def test_nobody_there() -> None:
    """A closed port is Unreachable, with the address and the command to look."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}", "superset") as http, pytest.raises(Unreachable) as caught:
        Superset(http, PASSWORD).get("database/")
    assert str(port) in caught.value.details[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "!n"),
        (True, "!t"),
        (False, "!f"),
        (12, "12"),
        ("it's new!", "'it!'s new!!'"),
        ([1, "a"], "!(1,'a')"),
        ({"page": 0, "on": [True]}, "('page':0,'on':!(!t))"),
        ({}, "()"),
    ],
)
def test_rison(value: object, expected: str) -> None:
    """Values are written in Rison, quotes and exclamation marks escaped."""
    assert rison(value) == expected


def test_a_long_answer_is_cut() -> None:
    """A page of text does not fill the screen."""
    assert len(said("word " * 1000)) < 320
