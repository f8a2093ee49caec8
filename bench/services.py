"""A copy's running services, by the same clients that pyglue itself uses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.copies import Copy
from pyglue.checks import check
from pyglue.engines import choose
from pyglue.pipeline import spec as specs
from pyglue.pipeline.addresses import Addresses, of_stack
from pyglue.pipeline.clients import Clients
from pyglue.settings import Settings


@dataclass(frozen=True)
class Services:
    """Connections, and what the copy's files say. `schema` is the Avro schema's file."""

    clients: Clients
    addresses: Addresses
    spec: dict[str, Any]
    schema: Path

    @property
    def datasource(self) -> str:
        return specs.datasource(self.spec)


@contextmanager
def connected(copy: Copy) -> Iterator[Services]:
    """The services of a copy whose stack runs; the connections are closed at the end."""
    settings = Settings.read(copy.project, None, copy.environment)
    checked = check(settings)
    addresses = of_stack(checked.stack, settings.variables, choose(settings, checked.stack).engine.inside)
    clients = Clients.of(addresses, settings.variables, time.sleep)
    try:
        yield Services(clients, addresses, checked.spec, checked.schema)
    finally:
        clients.close()
