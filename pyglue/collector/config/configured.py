"""What a collector's configuration says, as frozen typed values. `conf_file` reads them, everybody else gets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True)
class BrowserSource:
    """Where pages load the tag and send events. `prefix` begins and ends with a slash; times in milliseconds."""

    name: str
    prefix: str
    event_suffix: str
    script_name: str
    party_cookie: str
    party_timeout_ms: int
    session_cookie: str
    session_timeout_ms: int
    cookie_domain: str | None
    response_delay_ms: int
    event_timeout_ms: int
    auto_page_view: bool
    logging: bool
    debug: bool


@dataclass(frozen=True)
class JsonSource:
    """Where programs that are no browsers send events. `event_path` begins with a slash.

    `party_parameter` is the query's parameter that holds the party id; `maximum_body_size` is in bytes, as configured.
    """

    name: str
    event_path: str
    party_parameter: str
    maximum_body_size: int


@dataclass(frozen=True)
class KafkaSink:
    """A topic. With `confluent` each record begins with its schema's number in Confluent's registry."""

    name: str
    topic: str
    confluent: bool


@dataclass(frozen=True)
class FileSink:
    """Avro files, written in one directory and moved to another when they are full; times in milliseconds."""

    name: str
    working_dir: Path
    publish_dir: Path
    roll_every_ms: int
    sync_after_records: int
    sync_after_ms: int


@dataclass(frozen=True)
class MappingFiles:
    """A mapping: which sources' events become which records, and the sinks that get them.

    `sinks` names only those that are made. No `schema_file` or `script_file` means the built-in one.
    """

    name: str
    sources: tuple[str, ...]
    sinks: tuple[str, ...]
    schema_file: Path | None
    script_file: Path | None
    confluent_id: int | None
    discard_corrupted: bool
    discard_duplicates: bool


@dataclass(frozen=True)
class Limits:
    """The block `pyglue.collector`: how long an answer waits for Kafka, and how much may wait (times in ms)."""

    acknowledge_timeout_ms: int
    linger_ms: int
    retry_after_s: int
    max_in_flight: int
    partitions: int


@dataclass(frozen=True)
class CountsKept:
    """The block `pyglue.collector.counts`: where counts per minute are kept, and for how many days."""

    directory: Path
    keep_days: int


@dataclass(frozen=True)
class BadKept:
    """The block `pyglue.collector.bad_events`: where bad events are kept, how much in bytes, and for how many days."""

    directory: Path
    max_bytes: int
    keep_days: int


class Durability(StrEnum):
    """When a record for Kafka counts as safe: once Kafka has it, or its own disk, or its memory."""

    ACKNOWLEDGED = "acknowledged"
    SPOOLED = "spooled"
    MEMORY = "memory"


@dataclass(frozen=True)
class Spool:
    """The block `pyglue.collector.spool`: where answered records wait for Kafka, and how much of them in bytes."""

    directory: Path
    max_bytes: int


@dataclass(frozen=True)
class MetricsAt:
    """The block `pyglue.collector.metrics`: the address at which Prometheus may ask."""

    host: str
    port: int


@dataclass(frozen=True)
class Tls:
    """The block `pyglue.collector.tls`: files in PEM, and the oldest version that is spoken (`1.2` or `1.3`)."""

    certificate: Path
    key: Path
    minimum_version: str


@dataclass(frozen=True)
class Privacy:
    """The block `pyglue.collector.privacy`. Its defaults are what Divolte does. Times in milliseconds.

    `truncate_addresses` keeps so many bits of an address; `cookies` off: the tag keeps its identifiers in the page.
    `same_site` is Lax, Strict, None, or empty: as the browser likes. `party_lifetime_ms` counts from when a visitor's
    identifier was made; without it each visit renews the cookie.
    """

    truncate_addresses: bool = False
    ipv4_bits: int = 24
    ipv6_bits: int = 48
    honour_do_not_track: bool = False
    honour_global_privacy_control: bool = False
    consent: bool = False
    consent_cookie: str = "_dvc"
    consent_timeout_ms: int = 180 * 86_400_000
    cookies: bool = True
    same_site: str = ""
    secure: bool = False
    party_lifetime_ms: int | None = None


AS_DIVOLTE = Privacy()


@dataclass(frozen=True)
class Config:
    """The whole configuration.

    Sources, sinks and mappings are in Divolte's order (of two that claim one path, the later has it); `sinks` are
    those that are switched on and fed by a mapping. `producer` holds librdkafka's names and values, and nothing if
    there is no Kafka sink; `counts` is None if counts are not kept on disk, `bad_events` if bad events are not, `spool`
    if an answer always waits for Kafka, `tls` if HTTP is spoken. `workers` are processes that serve the
    port, `max_connections` are for all together. Times are in milliseconds.
    """

    host: str
    port: int
    use_x_forwarded_for: bool
    serve_static_resources: bool
    debug_requests: bool
    shutdown_delay_ms: int
    shutdown_timeout_ms: int
    duplicate_memory_size: int
    user_agent_cache_size: int
    ip2geo_database: Path | None
    sources: tuple[BrowserSource | JsonSource, ...]
    sinks: tuple[KafkaSink | FileSink, ...]
    mappings: tuple[MappingFiles, ...]
    producer: Mapping[str, str]
    limits: Limits
    counts: CountsKept | None
    bad_events: BadKept | None
    durability: Durability
    spool: Spool | None
    metrics: MetricsAt | None
    privacy: Privacy
    max_connections: int
    tls: Tls | None
    workers: int
