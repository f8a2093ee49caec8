"""Whether Druid could reach Kafka: told before anything is posted, with each address and why."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from pyglue.errors import PyglueError, Unreachable
from pyglue.pipeline.kafka import Cluster
from pyglue.pipeline.reachable import check_cluster, check_servers, check_topic, connect


def only(*reachable: str) -> Callable[[str], str | None]:
    """A network in which just these addresses answer."""
    return lambda address: None if address in reachable else "connection refused"


def test_a_port_that_listens_answers() -> None:
    """For real; a port without listener, and what is no address, have their reasons."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert connect(f"127.0.0.1:{port}") is None
    assert connect(f"127.0.0.1:{port}") == "connection refused"
    for nonsense in ("", "kafka", ":9092", "kafka:", "kafka:0", "kafka:99999", "kafka:x"):
        assert connect(nonsense) == "it is no HOST:PORT"


def test_one_of_several_servers_is_enough() -> None:
    """Druid tries them all, too."""
    check_servers("a:1, b:2", "pyglue status", only("b:2"))


def test_no_server_that_answers() -> None:
    """Every address with its reason, and the next command."""
    with pytest.raises(PyglueError, match="Druid would be told that Kafka is at a:1,b:2") as caught:
        check_servers("a:1,b:2", "pyglue status", only())
    assert caught.value.details == [
        "asked      a:1",
        "came back  connection refused",
        "asked      b:2",
        "came back  connection refused",
    ]
    assert (caught.value.try_, caught.value.code) == ("pyglue status", "kafka-address")


def test_an_advertised_address_that_leads_nowhere() -> None:
    """Kafka answers, but sends its clients to where nothing is: what is told is that address."""
    cluster = Cluster(("inside:9092",), ("divolte",))
    with pytest.raises(
        PyglueError, match="Kafka at a:1 sends its clients to addresses where nothing answers"
    ) as caught:
        check_cluster("a:1", lambda: cluster, "pyglue status", only("a:1"))
    assert caught.value.details[0] == "asked      inside:9092"
    assert check_cluster("a:1", lambda: cluster, "pyglue status", only("inside:9092")) == cluster


def test_something_else_than_kafka() -> None:
    """A port that listens is not enough."""

    def ask() -> Cluster:
        raise Unreachable("Kafka does not answer", details=["came back  nonsense"])

    with pytest.raises(PyglueError, match="something else than Kafka answers") as caught:
        check_cluster("a:1", ask, "pyglue status", only("a:1"))
    assert caught.value.details == ["came back  nonsense"]


def test_a_topic_that_is_not_there() -> None:
    """With those that are."""
    check_topic("clicks", Cluster((), ("clicks",)), "a:1", "pyglue up")
    with pytest.raises(PyglueError, match="Kafka has no topic clicks") as caught:
        check_topic("clicks", Cluster((), ("views", "visits")), "a:1", "pyglue up")
    assert caught.value.details == ["asked      a:1", "there are  views, visits"]
    assert caught.value.code == "topic-missing"
