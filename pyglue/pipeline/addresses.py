"""Where the services answer, for whoever runs pyglue: the laptop's stack, or a cluster's addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pyglue.errors import UsageError
from pyglue.stack.model import Stack

# What a user sets to speak to something else than the stack of the checkout.
VARIABLES = {
    "collector": "PYGLUE_COLLECTOR_URL",
    "kafka": "PYGLUE_KAFKA",
    "druid": "PYGLUE_DRUID_URL",
    "broker": "PYGLUE_DRUID_BROKER_URL",
    "superset": "PYGLUE_SUPERSET_URL",
}


@dataclass(frozen=True)
class Addresses:
    """As reached by pyglue.

    collector, druid (coordinator and overlord), broker, superset are URLs without a trailing slash; kafka is
    HOST:PORT[,HOST:PORT...]. `metrics` is the collector's, None if it is elsewhere or has none. `kafka_for_druid` and
    `broker_for_superset` are how those two reach them.
    """

    collector: str
    metrics: str | None
    kafka: str
    druid: str
    broker: str
    superset: str
    kafka_for_druid: str
    broker_for_superset: str
    dashboard: str
    sample_app: str
    router: str


def given(variables: Mapping[str, str]) -> bool:
    """Whether some service is said to run elsewhere than in the checkout's stack."""
    return any(variables.get(name) for name in VARIABLES.values())


def all_given(variables: Mapping[str, str]) -> bool:
    """Whether every service is said to run elsewhere."""
    return all(variables.get(name) for name in VARIABLES.values())


def of_stack(stack: Stack, environment: Mapping[str, str], inside: Callable[[str], str]) -> Addresses:
    """The addresses of a checkout's stack, each replaced by the environment's where that has one.

    `inside` turns an address of docker-compose.yml into what the services themselves see. Raises UsageError for a URL
    that is none.
    """

    def port(service: str, variable: str) -> str:
        return stack.setting(service, variable).rpartition(":")[2]

    def url(name: str, service: str, variable: str) -> str:
        given = environment.get(VARIABLES[name])
        if not given:
            return f"http://127.0.0.1:{port(service, variable)}"
        if not _is_url(given):
            raise UsageError(
                f"{VARIABLES[name]} must be a URL such as https://druid.example.org:8081, not {given!r}"
            )
        return given.rstrip("/")

    kafka = environment.get(VARIABLES["kafka"]) or f"127.0.0.1:{port('kafka', 'KAFKA_PORT')}"
    broker = url("broker", "druid-broker", "DRUID_ADVERTISED")
    superset = url("superset", "superset", "SUPERSET_PORT")
    return Addresses(
        collector=url("collector", "divolte", "DIVOLTE_PORT"),
        metrics=None if environment.get(VARIABLES["collector"]) else _metrics(stack),
        kafka=kafka,
        druid=url("druid", "druid-coordinator", "DRUID_ADVERTISED"),
        broker=broker,
        superset=superset,
        kafka_for_druid=environment.get(VARIABLES["kafka"])
        or inside(stack.setting("divolte", "DIVOLTE_KAFKA_BROKER_LIST")),
        broker_for_superset=urlsplit(broker).netloc
        if environment.get(VARIABLES["broker"])
        else inside(stack.setting("druid-broker", "DRUID_ADVERTISED")),
        dashboard=f"{_local(superset)}/superset/dashboard/clickstream/",
        sample_app=f"http://localhost:{port('sample-app', 'SAMPLE_APP_PORT')}",
        router=f"http://localhost:{port('druid-router', 'DRUID_ADVERTISED')}",
    )


def _metrics(stack: Stack) -> str | None:
    port = stack.services["divolte"].environment.get("DIVOLTE_METRICS_PORT")
    return f"http://127.0.0.1:{port}" if port else None


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets without an end, a port that is no number
        return False


def _local(url: str) -> str:
    """As a person types it: cookies of 127.0.0.1 and localhost differ, and links say localhost."""
    return url.replace("//127.0.0.1:", "//localhost:")
