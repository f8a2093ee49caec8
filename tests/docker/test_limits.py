"""Heaps and the limits around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue.docker.limits import problems
from pyglue.stack import compose


def told(checkout: Path, **variables: str) -> list[str]:
    return [problem.message for problem in problems(compose.read(checkout, variables))]


def test_the_shipped_limits_fit(checkout: Path) -> None:
    """Each container may use what its JVM was told it may, and what a JVM needs beside that."""
    assert told(checkout) == []


def test_a_heap_that_was_raised_alone_is_told_with_the_limit_to_set(checkout: Path) -> None:
    """Heap, direct memory and 110 MiB; with that limit it fits."""
    reason = (
        "druid-broker: DRUID_HEAP 1g and DRUID_DIRECT 200m do not fit into its mem_limit of 768m; "
        "set DRUID_BROKER_MEMORY=1334m"
    )
    assert told(checkout, DRUID_BROKER_HEAP="1g") == [reason]
    assert told(checkout, DRUID_BROKER_HEAP="1g", DRUID_BROKER_MEMORY="1334m") == []


@pytest.mark.parametrize("variables", [{"KAFKA_HEAP": "much"}, {"KAFKA_MEMORY": "0"}])
def test_what_is_no_size_is_somebody_elses_to_refuse(checkout: Path, variables: dict[str, str]) -> None:
    """The service's start, or Compose, says it better."""
    assert told(checkout, **variables) == []
