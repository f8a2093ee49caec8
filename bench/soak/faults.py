"""What goes wrong in a round, drawn from a seed. Each fault begins under load and leaves everything running again."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.soak.world import World

KILLED_TOO = 0.3  # of the times that the disk is full
END_SECONDS = 30.0  # within which a collector must end after SIGTERM


@dataclass(frozen=True)
class Fault:
    """What happens, in words, and the act. `small_disk`: the spool must have a file system of its own."""

    name: str
    act: Callable[[World, random.Random], None]
    small_disk: bool = False


def collector_killed(world: World, chance: random.Random) -> None:
    """In the middle of everything, and at once again."""
    time.sleep(chance.uniform(0.5, 2.0))
    world.collector.signal(signal.SIGKILL)
    world.collector.begin()


def kafka_killed(world: World, chance: random.Random) -> None:
    """Away for a while."""
    time.sleep(chance.uniform(0.3, 1.0))
    world.kafka.signal(signal.SIGKILL)
    world.kafka.end()
    time.sleep(chance.uniform(0.5, 3.0))
    world.kafka.start()


def kafka_hangs(world: World, chance: random.Random) -> None:
    """Connections stay open and nobody answers."""
    time.sleep(chance.uniform(0.3, 1.0))
    with _hanging_kafka(world):
        time.sleep(chance.uniform(1.0, 5.0))


def killed_in_an_outage(world: World, chance: random.Random) -> None:
    """The collector dies while Kafka hangs, and comes back before Kafka does."""
    time.sleep(chance.uniform(0.3, 1.0))
    with _hanging_kafka(world):
        time.sleep(chance.uniform(0.1, 3.0))
        world.collector.signal(signal.SIGKILL)
        world.collector.begin()
        time.sleep(chance.uniform(0.1, 2.0))


def ended_in_an_outage(world: World, chance: random.Random) -> None:
    """SIGTERM while Kafka is gone."""
    time.sleep(chance.uniform(0.3, 1.0))
    world.kafka.signal(signal.SIGKILL)
    world.kafka.end()
    time.sleep(chance.uniform(0.1, 3.0))
    world.collector.signal(signal.SIGTERM)
    world.collector.gone(END_SECONDS)
    world.collector.begin()
    world.kafka.start()


def both_killed(world: World, chance: random.Random) -> None:
    """At the same time."""
    time.sleep(chance.uniform(0.5, 1.5))
    world.kafka.signal(signal.SIGKILL)
    world.collector.signal(signal.SIGKILL)
    world.kafka.end()
    world.collector.begin()
    world.kafka.start()


def disk_full(world: World, chance: random.Random) -> None:
    """No room for the spool while Kafka hangs; sometimes the collector is killed meanwhile."""
    filler = world.disk / "filler"
    time.sleep(chance.uniform(0.3, 1.0))
    with _hanging_kafka(world):
        try:
            time.sleep(chance.uniform(0.1, 1.0))
            _fill(filler)
            time.sleep(chance.uniform(0.5, 3.0))
            if chance.random() < KILLED_TOO:
                world.collector.signal(signal.SIGKILL)
                world.collector.begin()
        finally:
            filler.unlink(missing_ok=True)


@contextmanager
def _hanging_kafka(world: World) -> Iterator[None]:
    """Inside, Kafka holds its connections open and answers nobody."""
    world.kafka.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        world.kafka.signal(signal.SIGCONT)


def _fill(file: Path) -> None:
    """Up to the last byte."""
    with suppress(OSError), file.open("wb", buffering=0) as filler:
        for size in (2**20, 2**12, 1):
            with suppress(OSError):
                while True:
                    filler.write(bytes(size))


FAULTS = (
    Fault("collector killed", collector_killed),
    Fault("Kafka killed", kafka_killed),
    Fault("Kafka hangs", kafka_hangs),
    Fault("collector killed while Kafka hangs", killed_in_an_outage),
    Fault("collector ended while Kafka is away", ended_in_an_outage),
    Fault("both killed", both_killed),
    Fault("disk of the spool full", disk_full, small_disk=True),
)
