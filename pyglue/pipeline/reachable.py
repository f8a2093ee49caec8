"""Whether Druid can reach the Kafka that a spec names, and the topic is there: looked at before anything is posted."""

from __future__ import annotations

import socket
from collections.abc import Callable

from pyglue.errors import PyglueError, Unreachable
from pyglue.pipeline.kafka import Cluster

CONNECT_SECONDS = 3.0
Connect = Callable[[str], str | None]


def connect(address: str) -> str | None:
    """Open and close a connection to HOST:PORT; the reason if that is not possible."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        return "it is no HOST:PORT"
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return None


def check_servers(servers: str, try_: str, connect: Connect = connect) -> None:
    """Raises PyglueError if nothing listens at any of these HOST:PORT[,HOST:PORT...]."""
    reasons = {server.strip(): connect(server.strip()) for server in servers.split(",")}
    if all(reasons.values()):
        raise _unreachable(
            f"Druid would be told that Kafka is at {servers}, where nothing answers", reasons, try_
        )


def check_cluster(servers: str, ask: Callable[[], Cluster], try_: str, connect: Connect = connect) -> Cluster:
    """What Kafka says of itself, if that leads Druid to a broker, too; raises PyglueError."""
    try:
        cluster = ask()
    except Unreachable as error:
        raise PyglueError(
            f"Druid would be told that Kafka is at {servers}, where something else than Kafka answers",
            details=error.details,
            try_=try_,
            code="kafka-address",
        ) from error
    reasons = {broker: connect(broker) for broker in cluster.brokers}
    if all(reasons.values()):
        raise _unreachable(
            f"Kafka at {servers} sends its clients to addresses where nothing answers", reasons, try_
        )
    return cluster


def check_topic(topic: str, cluster: Cluster, servers: str, try_: str) -> None:
    """Raises PyglueError if the cluster lacks the topic."""
    if topic not in cluster.topics:
        raise PyglueError(
            f"Kafka has no topic {topic}",
            details=[f"asked      {servers}", f"there are  {', '.join(cluster.topics) or 'none'}"],
            try_=try_,
            code="topic-missing",
        )


def _unreachable(message: str, reasons: dict[str, str | None], try_: str) -> PyglueError:
    details = [line for address, reason in reasons.items() for line in _tried(address, reason)]
    return PyglueError(message, details=details, try_=try_, code="kafka-address")


def _tried(address: str, reason: str | None) -> tuple[str, str]:
    return f"asked      {address}", f"came back  {reason}"
