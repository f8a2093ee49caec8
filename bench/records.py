"""Events as the collector would have written them, made up and written to Kafka at once."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
from confluent_kafka import Producer

from pyglue.collector.avro import schema
from pyglue.collector.events import base36
from pyglue.errors import Unreachable

VISITORS = 5000
TECHNOLOGIES = ("Divolte", "Kafka", "Druid", "Superset", "Airflow", "Spark", "MariaDB", "Python", None)
BROWSERS = (
    ("Firefox", "128.0", "Windows", "10"),
    ("Chrome", "126.0", "Linux", None),
    ("Safari", "17.4", "OS X", "14"),
)
SPAN = 300_000  # milliseconds over which the events are spread
FLUSH_SECONDS = 120.0


def events(count: int, newest_ms: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """So many events of the shipped schema, the last at `newest_ms` (milliseconds since 1970)."""
    chance = random.Random(seed)  # noqa: S311 - no secret; the same events every time
    for number in range(count):
        at = newest_ms - SPAN + SPAN * (number + 1) // count
        visitor = chance.randrange(VISITORS)
        browser, version, system, system_version = BROWSERS[visitor % len(BROWSERS)]
        click = chance.random() < 0.6
        page = chance.randrange(50)
        technology = chance.choice(TECHNOLOGIES) if click else None
        yield {
            "detectedDuplicate": False,
            "detectedCorruption": False,
            "firstInSession": chance.random() < 0.1,
            "timestamp": at,
            "clientTimestamp": at - chance.randrange(200),
            "remoteHost": f"10.0.{visitor % 250}.{visitor // 250}",
            "referer": None if click else "https://search.example.net/?q=streaming",
            "location": f"http://localhost:8090/page/{page}",
            "viewportPixelWidth": 1280 + visitor % 640,
            "viewportPixelHeight": 720 + visitor % 360,
            "screenPixelWidth": 1920,
            "screenPixelHeight": 1080,
            "partyId": f"0:lq1a7c3k:visitor{visitor:025d}",
            "sessionId": f"0:lq1a9zzz:session{visitor * 3 + chance.randrange(3):025d}",
            "pageViewId": f"0:page{number // 4:028d}",
            "eventType": "click" if click else "pageView",
            "userAgentString": f"Mozilla/5.0 ({system}) {browser}/{version} build {visitor % 20}",
            "userAgentName": browser,
            "userAgentFamily": browser,
            "userAgentVendor": None,
            "userAgentType": "Browser",
            "userAgentVersion": version,
            "userAgentDeviceCategory": "Personal computer",
            "userAgentOsFamily": system,
            "userAgentOsVersion": system_version,
            "userAgentOsVendor": None,
            "eventId": f"{base36.render(at)}-{number}",
            "technology": technology,
            "path": f"/page/{page}",
            "referrerHost": None if click else "search.example.net",
            "campaignSource": None if visitor % 5 else "newsletter",
            "campaignMedium": None if visitor % 5 else "email",
            "campaignName": None if visitor % 5 else "autumn",
            "variant": "AB"[visitor % 2] if click else None,
            "botReason": None if visitor % 25 else "user agent",
            "bot": not visitor % 25,
            "eventParameters": {"technology": technology, "variant": "AB"[visitor % 2]} if click else None,
        }


def encoded(schema_file: Path, made: Iterator[dict[str, Any]]) -> Iterator[tuple[str, bytes]]:
    """(key, bare Avro record) of each event by the schema in the file; raises InputError if that is broken."""
    parsed = schema.read(schema_file).parsed
    for event in made:
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, parsed, event)
        yield event["partyId"], stream.getvalue()


def write(servers: str, topic: str, records: Iterator[tuple[str, bytes]]) -> int:
    """Write records to a topic and wait for Kafka's acknowledgement; returns their bytes. Raises Unreachable."""
    producer = Producer({"bootstrap.servers": servers, "acks": "all", "linger.ms": 20, "log_level": 0})
    size = 0
    for key, value in records:
        size += len(value)
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:  # the queue is full: let some out
                producer.poll(0.1)
    left = producer.flush(FLUSH_SECONDS)
    if left:
        raise Unreachable(f"Kafka did not take {left} records within {FLUSH_SECONDS:g} s")
    return size
