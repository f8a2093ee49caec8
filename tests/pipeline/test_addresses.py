"""Where the services answer: the stack's ports, or what the environment says."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue.errors import UsageError
from pyglue.native.engine import NativeEngine
from pyglue.pipeline.addresses import Addresses, of_stack
from pyglue.stack import compose


def addresses(
    checkout: Path, environment: dict[str, str], variables: dict[str, str] | None = None
) -> Addresses:
    stack = compose.read(checkout, variables or {})
    return of_stack(stack, environment, NativeEngine(stack).inside)


def test_the_stacks_own_addresses(checkout: Path) -> None:
    """The ports that every text about this stack names, and those that a variable chooses."""
    found = addresses(checkout, {}, {"DRUID_BROKER_PORT": "18082", "SUPERSET_PORT": "18088"})
    assert found == Addresses(
        collector="http://127.0.0.1:8290",
        metrics="http://127.0.0.1:8291",
        kafka="127.0.0.1:9092",
        druid="http://127.0.0.1:8081",
        broker="http://127.0.0.1:18082",
        superset="http://127.0.0.1:18088",
        kafka_for_druid="127.0.0.1:29092",
        broker_for_superset="127.0.0.1:18082",
        dashboard="http://localhost:18088/superset/dashboard/clickstream/",
        sample_app="http://localhost:8090",
        router="http://localhost:8888",
    )


def test_a_clusters_addresses_go_before(checkout: Path) -> None:
    """Each can be replaced by itself, for the commands that speak to a cluster."""
    found = addresses(
        checkout,
        {
            "PYGLUE_COLLECTOR_URL": "https://c.example.org/",
            "PYGLUE_KAFKA": "k1:1,k2:2",
            "PYGLUE_DRUID_URL": "https://d.example.org:8281",
            "PYGLUE_DRUID_BROKER_URL": "https://b.example.org:8282",
            "PYGLUE_SUPERSET_URL": "https://s.example.org/x",
        },
    )
    assert found.collector == "https://c.example.org"
    assert (found.kafka, found.kafka_for_druid) == ("k1:1,k2:2", "k1:1,k2:2")
    assert (found.druid, found.broker) == ("https://d.example.org:8281", "https://b.example.org:8282")
    assert found.broker_for_superset == "b.example.org:8282"
    assert found.dashboard == "https://s.example.org/x/superset/dashboard/clickstream/"


@pytest.mark.parametrize("url", ["druid.example.org", "ftp://x", "http://", "http://[::1", "http://x:port"])
def test_what_is_no_url_is_refused(checkout: Path, url: str) -> None:
    """A usage error that names the variable."""
    with pytest.raises(UsageError, match="PYGLUE_DRUID_URL must be a URL"):
        addresses(checkout, {"PYGLUE_DRUID_URL": url})


def test_what_containers_are_told_is_how_containers_see_it(checkout: Path) -> None:
    """Where values stay as docker-compose.yml has them, Druid and Superset get the services' names."""
    found = of_stack(compose.read(checkout, {}), {}, lambda value: value)
    assert (found.kafka, found.kafka_for_druid) == ("127.0.0.1:9092", "kafka:29092")
    assert (found.broker, found.broker_for_superset) == ("http://127.0.0.1:8082", "druid-broker:8082")


def test_the_metrics_of_a_collector_that_is_elsewhere_are_not_known(checkout: Path) -> None:
    """They are not those of the checkout's own."""
    assert addresses(checkout, {"PYGLUE_COLLECTOR_URL": "https://c.example.org/"}).metrics is None
