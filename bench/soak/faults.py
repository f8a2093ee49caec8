"""What goes wrong in a round, drawn from a seed. Each fault begins under load and leaves everything running again."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.soak.world import World

END_SECONDS = 30.0  # within which a collector must end after SIGTERM


@dataclass(frozen=True)
class Fault:
    """What happens, in words, and the act."""

    name: str
    act: Callable[[World, random.Random], None]


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
    world.kafka.signal(signal.SIGSTOP)
    try:
        time.sleep(chance.uniform(1.0, 5.0))
    finally:
        world.kafka.signal(signal.SIGCONT)


def killed_in_an_outage(world: World, chance: random.Random) -> None:
    """The collector dies while Kafka hangs, and comes back before Kafka does."""
    time.sleep(chance.uniform(0.3, 1.0))
    world.kafka.signal(signal.SIGSTOP)
    try:
        time.sleep(chance.uniform(0.1, 3.0))
        world.collector.signal(signal.SIGKILL)
        world.collector.begin()
        time.sleep(chance.uniform(0.1, 2.0))
    finally:
        world.kafka.signal(signal.SIGCONT)


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


FAULTS = (
    Fault("collector killed", collector_killed),
    Fault("Kafka killed", kafka_killed),
    Fault("Kafka hangs", kafka_hangs),
    Fault("collector killed while Kafka hangs", killed_in_an_outage),
    Fault("collector ended while Kafka is away", ended_in_an_outage),
    Fault("both killed", both_killed),
)
