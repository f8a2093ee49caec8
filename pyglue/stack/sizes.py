"""Sizes of memory in docker-compose.yml, and what a service may come to use by them.

The heap and the direct memory of a JVM are the service's `..._HEAP` and `..._DIRECT`; the rest of it is the same for all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pyglue.stack.model import Service

# Bytes that a JVM needs beside heap and direct memory: classes, code, threads; seen: 60 to 100 MiB.
BESIDE = 110 * 2**20
SIZE = re.compile(r"([1-9][0-9]*)\s*([kmgKMG]?)[bB]?")
UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}


@dataclass(frozen=True)
class Need:
    """What one service may come to use, in bytes. What is not known, or not there, is None.

    `limit` is that of its container. What is no JVM may use its limit, for nothing else is said of it.
    """

    service: str
    heap: int | None
    direct: int | None
    beside: int | None
    limit: int | None

    @property
    def total(self) -> int | None:
        """Heap, direct memory and what comes on top; else the limit."""
        parts = [part for part in (self.heap, self.direct, self.beside) if part is not None]
        return sum(parts) if parts else self.limit


def need(service: Service) -> Need:
    """By what docker-compose.yml says of a service."""
    told = of_jvm(service)
    heap = [size for name, size in told.items() if name.endswith("_HEAP")]
    direct = [size for name, size in told.items() if name.endswith("_DIRECT")]
    return Need(
        service.name,
        sum(heap) if heap else None,
        sum(direct) if direct else None,
        BESIDE if told else None,
        in_bytes(service.memory_limit),
    )


def of_jvm(service: Service) -> dict[str, int]:
    """The variables that tell a service's JVM how much it may use, in bytes; none for what is no JVM."""
    return {
        name: size
        for name, value in service.environment.items()
        if name.endswith(("_HEAP", "_DIRECT")) and (size := in_bytes(value)) is not None
    }


def in_bytes(text: str) -> int | None:
    """A size such as 256m or 1g, as JVMs and Compose write them; None for what is none."""
    match = SIZE.fullmatch(text.strip())
    return int(match[1]) * UNITS[match[2].lower()] if match else None
