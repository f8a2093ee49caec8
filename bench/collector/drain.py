"""How fast a full spool gets to Kafka: what a collector that was killed in a long outage has left.

Its files are written as the collector writes them, beforehand. The clock runs from the collector's start until the spool
is empty, so it has in it what a crash costs beside: the start, counting, and looking for what Kafka has already.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from bench.collector import kinds, servers
from bench.collector.kinds import KINDS
from bench.copies import Copy
from pyglue.collector.spool.entries import MAGIC, Entry
from pyglue.collector.spool.store import FILE_BYTES
from pyglue.errors import PyglueError
from pyglue.pipeline.kafka import Kafka

RECORDS = 1_000_000
SECONDS = 120.0
TOPIC = "bench-drain"


def measure(copy: Copy, brokers: str, records: Sequence[tuple[bytes, bytes]]) -> dict[str, float]:
    """Records per second, and the most memory that it took (MB of RSS); `records` are keys and values to repeat."""
    kafka = Kafka(brokers)
    kafka.ensure_topic(TOPIC)
    spool = copy.root / "spool-drain"
    fill(spool, records, RECORDS)
    files = kinds.files(KINDS[0], copy.project, copy.root)
    settings = {
        "DIVOLTE_KAFKA_BROKER_LIST": brokers,
        "DIVOLTE_TOPIC": TOPIC,
        "DIVOLTE_SCHEMA": str(files.schema),
        "DIVOLTE_MAPPING": str(files.mapping),
        "DIVOLTE_SPOOL": str(spool),
    }
    began = time.monotonic()
    with servers.collector(copy, "collector-drain", files.conf, settings) as (pid, _):
        most = 0
        while any(spool.rglob("*.spool")):
            if time.monotonic() - began > SECONDS:
                raise PyglueError(f"the spool is not empty after {SECONDS:g} s")
            most = max(most, servers.memory(pid)[1])
            time.sleep(0.05)
        took = time.monotonic() - began
    arrived = sum(kafka.ends(TOPIC).values())
    if arrived != RECORDS:
        raise PyglueError(f"the spool had {RECORDS} records, Kafka holds {arrived}")
    return {"rate": RECORDS / took, "rss": most / 2**20}


def fill(folder: Path, records: Sequence[tuple[bytes, bytes]], count: int) -> None:
    """Write a spool of so many records, each a millisecond after the one before."""
    folder.mkdir(mode=0o700)
    known = cycle(records)
    now = time.time_ns() // 1_000_000 - count
    content = bytearray(MAGIC)
    number = 1
    for at in range(count):
        key, value = next(known)
        content += Entry(TOPIC, key, value, now + at, queued=False).encoded()
        if len(content) >= FILE_BYTES or at == count - 1:
            (folder / f"{number:012}.spool").write_bytes(content)
            content = bytearray(MAGIC)
            number += 1
