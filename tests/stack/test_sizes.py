"""What a service may come to use, from docker-compose.yml."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue.stack import compose
from pyglue.stack.model import Service
from pyglue.stack.sizes import BESIDE, Need, in_bytes, need

MIB = 2**20


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256m", 256 * MIB),
        ("1g", 2**30),
        ("1GB", 2**30),
        ("64 k", 65536),
        ("7", 7),
        ("", None),
        ("much", None),
    ],
)
def test_sizes(text: str, size: int | None) -> None:
    """As JVMs and Compose write them."""
    assert in_bytes(text) == size


def test_a_jvm_needs_more_than_it_is_told() -> None:
    """Heap and direct memory, and what comes on top."""
    environment = {"DRUID_HEAP": "192m", "DRUID_DIRECT": "200m", "DRUID_TASKS": "3"}
    found = need(Service("broker", 1, "druid", environment=environment, memory_limit="768m"))
    assert found == Need("broker", 192 * MIB, 200 * MIB, BESIDE, 768 * MIB)
    assert found.total == (192 + 200) * MIB + BESIDE


def test_what_is_no_jvm_may_use_its_limit() -> None:
    """Without a limit nothing is known."""
    assert need(Service("app", 1, "app", memory_limit="128m")).total == 128 * MIB
    assert need(Service("app", 1, "app")).total is None


def test_every_shipped_service_has_a_need(checkout: Path) -> None:
    """So that the sum is one of all."""
    needs = [need(service) for service in compose.read(checkout, {}).services.values()]
    assert all(found.total for found in needs)
