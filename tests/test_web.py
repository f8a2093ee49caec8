"""The HTTP door against a real local server: what is returned, and how each failure is told."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from pyglue.errors import BadAnswer, PyglueError, Unreachable
from pyglue.web import BODY_SHOWN, Client
from tests.local_server import Reply, serve


def fails(reply: Reply, **kwargs: Any) -> tuple[PyglueError, str]:
    """The error that an answer leads to, and the server's URL."""
    with serve(lambda _: reply) as server, Client(server.url, "druid-broker", timeout=0.3) as client:
        with pytest.raises((BadAnswer, Unreachable)) as caught:
            client.json("GET", "/status", **kwargs)
        return caught.value, server.url


def test_an_answer_is_returned_as_json() -> None:
    """Method, path, body and parameters arrive; the JSON comes back."""
    with serve(lambda asked: Reply(body=asked.body or b"[1]")) as server:
        with Client(server.url + "/", "x") as client:
            assert client.json("GET", "/a", params={"q": "ü &"}) == [1]
            assert client.json("POST", "/b", json={"k": "v"}) == {"k": "v"}
        assert server.paths() == ["GET /a?q=%C3%BC+%26", "POST /b"]


def test_headers_and_cookies_are_kept_between_calls() -> None:
    """A session is what logging in to Superset needs."""
    with serve(lambda _: Reply(headers={"Set-Cookie": "session=s3; Path=/"})) as server:
        with Client(server.url, "x") as client:
            client.headers["Authorization"] = "Bearer t"
            client.request("GET", "/one")
            client.request("GET", "/two")
        last = server.asked[-1].headers
        assert last["Authorization"] == "Bearer t"
        assert last["Cookie"] == "session=s3"


def test_statuses_that_are_expected_are_no_failure() -> None:
    """The caller says which statuses are answers."""
    with serve(lambda _: Reply(404, b'"none"')) as server, Client(server.url, "x") as client:
        assert client.json("GET", "/", expect=(200, 404)) == "none"


def test_another_status_says_what_was_asked_and_what_came_back() -> None:
    """The error has the status, the request, the answer's text and the next command."""
    error, url = fails(Reply(503, b"no  leader\nyet"))
    assert isinstance(error, BadAnswer)
    assert error.status == 503
    assert error.message == "druid-broker answered 503 Service Unavailable"
    assert error.details == [f"asked      GET {url}/status", "came back  no leader yet"]
    assert error.try_ == "pyglue logs druid-broker"


def test_a_redirect_is_not_followed() -> None:
    """A coordinator without a leader redirects to itself, for ever: one request, one error."""
    with serve(lambda asked: Reply(307, headers={"Location": asked.path})) as server:
        with Client(server.url, "x") as client, pytest.raises(BadAnswer) as caught:
            client.request("POST", "/druid/indexer/v1/supervisor", json={})
        assert caught.value.status == 307
        assert len(server.asked) == 1


@pytest.mark.parametrize("body", [b"<html>login</html>", b"", b"{"])
def test_what_is_no_json_is_told(body: bytes) -> None:
    """A page where data was expected is a bad answer without a status."""
    error, _ = fails(Reply(body=body))
    assert isinstance(error, BadAnswer)
    assert error.status is None
    assert error.message == "druid-broker answered with something that is no JSON"
    assert error.details[1] == f"came back  {body.decode() or 'nothing more'}"


def test_a_long_answer_is_cut() -> None:
    """An error is read by a person."""
    error, _ = fails(Reply(500, b"x" * 10_000))
    assert len(error.details[1]) < BODY_SHOWN + 50
    assert error.details[1].endswith(" ...")


def test_hanging_up_is_told() -> None:
    """A connection that ends without an answer is a service that does not answer."""
    error, url = fails(Reply(hang_up=True))
    assert isinstance(error, Unreachable)
    assert error.message == "druid-broker does not answer"
    assert error.details == [f"asked      GET {url}/status", "came back  remote end closed connection"]


def test_an_answer_that_breaks_off_is_told() -> None:
    """Fewer bytes than announced are no answer."""
    error, _ = fails(Reply(headers={"Content-Length": "100", "Connection": "close"}, body=b"{}"))
    assert isinstance(error, Unreachable)
    assert "time-out" not in error.details[1]


def test_silence_is_told_after_the_time_out() -> None:
    """Every call has an end."""
    error, _ = fails(Reply(wait=True))
    assert isinstance(error, Unreachable)
    assert error.details[1] == "came back  nothing within 0.3 s"


def test_a_call_may_have_its_own_time_out() -> None:
    """The caller's seconds go before the client's."""
    with (
        serve(lambda _: Reply(wait=True)) as server,
        Client(server.url, "x", timeout=1000) as client,
        pytest.raises(Unreachable),
    ):
        client.request("GET", "/", timeout=0.1)


def test_a_refused_connection_is_told_in_few_words() -> None:
    """No stack of a library's names, but the reason."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with Client(url, "kafka", try_="look") as client, pytest.raises(Unreachable) as caught:
        client.request("GET", "/x")
    assert caught.value.details == [
        f"asked      GET http://127.0.0.1:{port}/x",
        "came back  connection refused",
    ]
    assert caught.value.try_ == "look"


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between pyglue and a loopback service there is no proxy, whatever the environment says."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serve(lambda _: Reply()) as server, Client(server.url, "x") as client:
        assert client.json("GET", "/") == {}
