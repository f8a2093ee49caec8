"""What goes wrong in a round, drawn from a seed. Each fault begins under load and leaves everything running again."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.soak.disk import Disk
from bench.soak.world import World

KILLED_TOO = 0.3  # of the times that the disk fails
LONG_SECONDS = 600.0
END_SECONDS = 30.0  # within which a collector must end after SIGTERM


@dataclass(frozen=True)
class Fault:
    """What happens, in words, and the act. `disk`: the spool must have a file system of its own."""

    name: str
    act: Callable[[World, random.Random], None]
    disk: bool = False


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
        time.sleep(chance.uniform(5.0, 20.0))


def kafka_hangs_long(world: World, _: random.Random) -> None:
    """For as long as somebody takes who is called in the night."""
    with _hanging_kafka(world):
        time.sleep(LONG_SECONDS)


def half_open(world: World, chance: random.Random) -> None:
    """The connections to Kafka go nowhere; new ones would."""
    time.sleep(chance.uniform(0.3, 1.0))
    world.passage.hang()
    time.sleep(chance.uniform(1.0, 5.0))
    if chance.random() < KILLED_TOO:
        world.collector.signal(signal.SIGKILL)
        world.collector.begin()


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
    time.sleep(chance.uniform(0.3, 1.0))
    with _hanging_kafka(world):
        time.sleep(chance.uniform(0.1, 1.0))
        with _disk(world).full():
            time.sleep(chance.uniform(0.5, 3.0))
            if chance.random() < KILLED_TOO:
                world.collector.signal(signal.SIGKILL)
                world.collector.begin()


def disk_slow(world: World, chance: random.Random) -> None:
    """While Kafka hangs, the spool's disk stands still again and again; sometimes the collector is killed meanwhile."""
    time.sleep(chance.uniform(0.3, 1.0))
    with _hanging_kafka(world):
        killed = chance.random() < KILLED_TOO
        end = time.monotonic() + chance.uniform(2.0, 5.0)
        while time.monotonic() < end:
            with _disk(world).frozen():
                time.sleep(chance.uniform(0.05, 1.0))
            time.sleep(chance.uniform(0.01, 0.1))
        if killed:
            world.collector.signal(signal.SIGKILL)
            world.collector.begin()


def _disk(world: World) -> Disk:
    if world.disk is None:
        raise ValueError("the spool has no disk of its own")
    return world.disk


@contextmanager
def _hanging_kafka(world: World) -> Iterator[None]:
    """Inside, Kafka holds its connections open and answers nobody."""
    world.kafka.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        world.kafka.signal(signal.SIGCONT)


FAULTS = (
    Fault("collector killed", collector_killed),
    Fault("Kafka killed", kafka_killed),
    Fault("Kafka hangs", kafka_hangs),
    Fault("collector killed while Kafka hangs", killed_in_an_outage),
    Fault("collector ended while Kafka is away", ended_in_an_outage),
    Fault("both killed", both_killed),
    Fault("connections to Kafka half-open", half_open),
    Fault("disk of the spool full", disk_full, disk=True),
    Fault("disk of the spool slow", disk_slow, disk=True),
)
LONG = Fault("Kafka hangs for ten minutes", kafka_hangs_long)
