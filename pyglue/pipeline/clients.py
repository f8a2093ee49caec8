"""Connections to the running services, as the commands share them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyglue.pipeline import spec as specs
from pyglue.pipeline.addresses import Addresses
from pyglue.pipeline.druid import LEADER_SECONDS, Druid
from pyglue.pipeline.kafka import Kafka
from pyglue.pipeline.smoke import Pipeline
from pyglue.superset.client import Superset
from pyglue.web import TIMEOUT, Client

COLLECTOR = "divolte"


@dataclass(frozen=True)
class Clients:
    """Connections to the running services, for the steps of one command."""

    kafka: Kafka
    druid: Druid
    superset: Superset
    collector: Client
    metrics: Client | None  # the collector's

    @classmethod
    def of(
        cls,
        addresses: Addresses,
        variables: Mapping[str, str],
        wait: Callable[[float], None],
        patience: float | None = None,
    ) -> Clients:
        """For these addresses; `variables` hold Superset's password. `patience`: seconds for one answer at most."""
        timeout, leader = (TIMEOUT, LEADER_SECONDS) if patience is None else (patience, patience)
        password = variables.get("SUPERSET_ADMIN_PASSWORD", "")
        return cls(
            Kafka(addresses.kafka, timeout),
            Druid(addresses.druid, addresses.broker, wait, timeout, leader),
            Superset(Client(addresses.superset, "superset", timeout=timeout), password),
            Client(addresses.collector, COLLECTOR, timeout=timeout),
            None if addresses.metrics is None else Client(addresses.metrics, COLLECTOR, timeout=timeout),
        )

    def close(self) -> None:
        """Close every connection."""
        self.druid.close()
        self.superset.http.close()
        self.collector.close()
        if self.metrics is not None:
            self.metrics.close()

    def pipeline(self, spec: dict[str, Any], schema: Path) -> Pipeline:
        """The hops that an event passes."""
        return Pipeline(
            self.collector,
            self.kafka,
            self.druid,
            self.superset,
            specs.topic(spec),
            specs.datasource(spec),
            schema,
        )
