"""`python -m bench.soak [--rounds N] [--seed N] [--rate N]`: the promise under faults, round by round.

Exit code 1 if an answered event is not in Kafka, or there twice, or the collector's ledger did not add up at a scrape.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from bench.copies import Source
from bench.soak.audit import Audit
from bench.soak.faults import FAULTS, LONG, Fault
from bench.soak.scrapes import Scrapes
from bench.soak.sender import Sender
from bench.soak.world import TOPIC, World
from pyglue.errors import PyglueError

ROUNDS, RATE = 100, 2000.0
AFTER_SECONDS = 1.0  # of load when everything runs again
QUIET_SECONDS = 40.0  # within which the spool is empty again
LONG_EVERY = 100  # rounds


def main() -> int:
    """Do the rounds; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=RATE, help="events per second")
    options = parser.parse_args()
    chance = random.Random(options.seed)  # noqa: S311 - no secret
    totals: Counter[str] = Counter()
    with Source(Path.cwd(), os.environ).copy() as copy:
        copy.pyglue("install", "kafka")
        with World(copy) as world, Scrapes(world.metrics) as scrapes:
            audit = Audit(world.brokers, TOPIC)
            faults = [fault for fault in FAULTS if world.disk is not None or not fault.disk]
            for fault in FAULTS:
                if fault not in faults:
                    print(f"left out, for want of root and a loop device: {fault.name}")
            for number in range(1, options.rounds + 1):
                fault = chance.choice(faults) if number % LONG_EVERY else LONG
                totals += _round(world, audit, fault, number, chance, options.rate)
    told = ", ".join(f"{name} {totals[name]}" for name in ("answered", "lost", "doubled"))
    wrong = len(scrapes.wrong)
    print(f"{options.rounds} rounds, seed {options.seed}: {told}; ledgers {scrapes.count}, wrong {wrong}")
    for ledger in scrapes.wrong[:5]:
        print(f"    {ledger}")
    return 1 if totals["lost"] or totals["doubled"] or wrong or not scrapes.count else 0


def _round(
    world: World, audit: Audit, fault: Fault, number: int, chance: random.Random, rate: float
) -> Counter[str]:
    sender = Sender(world.port, f"soak-{number:04}-", number)
    began = time.monotonic()
    over = threading.Event()
    # The fault has this thread: what it starts ends with the thread that started it.
    load = threading.Thread(target=lambda: asyncio.run(sender.send(rate, over)))
    load.start()
    try:
        fault.act(world, chance)
        time.sleep(AFTER_SECONDS)
    finally:
        over.set()
        load.join()
    deadline = time.monotonic() + QUIET_SECONDS
    while world.spooled():
        if time.monotonic() > deadline:
            raise PyglueError(
                f"round {number}, {fault.name}: the spool is not empty after {QUIET_SECONDS:g} s",
                details=[*world.collector.last_words(), *world.kafka.last_words()],
            )
        time.sleep(0.05)
    audit.read()
    verdict = audit.verdict(sender.answered)
    told = ", ".join(f"{name} {count}" for name, count in sorted(sender.outcomes.items()))
    print(
        f"{number:3} {fault.name:36} {time.monotonic() - began:5.1f} s  answered {verdict.answered}, "
        f"lost {len(verdict.lost)}, doubled {len(verdict.doubled)}  ({told})",
        flush=True,
    )
    for kind, names in (("lost", verdict.lost), ("doubled", verdict.doubled)):
        if names:
            print(f"    {kind}: {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}")
    return Counter(answered=verdict.answered, lost=len(verdict.lost), doubled=len(verdict.doubled))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PyglueError as error:
        print(f"error: {error.message}", *error.details, sep="\n  ", file=sys.stderr)
        sys.exit(1)
