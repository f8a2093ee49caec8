"""`divolte-collector.conf` as typed values; everything that is wrong with it is told together.

The block `divolte` is Divolte's own, with its defaults and its rules; the block `pyglue { collector { ... } }` is
ours, and Divolte does not read it. What Divolte knows and this collector can't do is refused; what Divolte needs and
this collector doesn't (its queues and threads) is accepted without effect. `acks`, `retries` and
`max.in.flight.requests.per.connection` of the producer are accepted, too, but always the safest: an event is
acknowledged by all replicas, once, before the client hears of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyglue.collector import hocon
from pyglue.collector.schema import reason
from pyglue.collector.settings import Section
from pyglue.errors import InputError, Problem

DAY_MS = 86_400_000
_SCRIPT_NAME = re.compile(r"[A-Za-z0-9_-]+\.js\Z")
# What of the producer's settings users set: where Kafka is, how to get in, how to pack.
_PRODUCER_PREFIXES = ("sasl.", "ssl.", "security.", "socket.", "metadata.", "reconnect.")
_PRODUCER_NAMES = ("client.id", "compression.type", "batch.size", "linger.ms", "message.max.bytes")
_PRODUCER_OVERRULED = ("acks", "retries", "max.in.flight.requests.per.connection", "enable.idempotence")


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
    event_timeout_ms: int
    auto_page_view: bool
    logging: bool


@dataclass(frozen=True)
class MappingFiles:
    """A mapping: which sources' events become which records, and the topics that get them."""

    name: str
    sources: tuple[str, ...]
    topics: tuple[str, ...]
    schema_file: Path
    script_file: Path
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
class Config:
    """The whole configuration. `producer` holds librdkafka's names and values."""

    host: str
    port: int
    use_x_forwarded_for: bool
    shutdown_delay_ms: int
    duplicate_memory_size: int
    user_agent_cache_size: int
    sources: tuple[BrowserSource, ...]
    mappings: tuple[MappingFiles, ...]
    producer: Mapping[str, str]
    limits: Limits


def read(path: Path, environment: Mapping[str, str]) -> Config:
    """The configuration in the file; raises InputError with all its problems."""
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Problem(str(path), None, None, f"can't be read: {reason(error)}")]) from error
    return parse(source, str(path), environment)


def parse(source: str, file: str, environment: Mapping[str, str]) -> Config:
    """The configuration in `source`; `file` names it in errors (InputError)."""
    problems: list[Problem] = []
    root = Section(hocon.read(source, file, environment), "", file, problems)
    divolte = root.section("divolte")
    config = _Reader(divolte, root.section("pyglue"), environment).config()
    divolte.done()
    if problems:
        raise InputError(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
    return config


class _Reader:
    def __init__(self, divolte: Section, pyglue: Section, environment: Mapping[str, str]) -> None:
        self._divolte = divolte
        self._pyglue = pyglue
        self._environment = environment

    def config(self) -> Config:
        world = self._divolte.section("global")
        server = world.section("server")
        mapper = world.section("mapper")
        agents = mapper.section("user_agent_parser")
        enabled = self._sink_types(world)
        producer = self._producer(world.section("kafka").section("producer"))
        sources = self._sources()
        config = Config(
            host=server.text("host", "127.0.0.1"),
            port=server.number("port", _number(self._environment.get("DIVOLTE_PORT"), 8290), most=65535),
            use_x_forwarded_for=server.truth("use_x_forwarded_for", False),
            shutdown_delay_ms=server.milliseconds("shutdown_delay", 0),
            duplicate_memory_size=mapper.number("duplicate_memory_size", 1_000_000, least=1),
            user_agent_cache_size=agents.number("cache_size", 1000, least=1),
            sources=sources,
            mappings=self._mappings(tuple(source.name for source in sources), self._topics(enabled)),
            producer=producer,
            limits=self._limits(),
        )
        for name in ("serve_static_resources", "debug_requests"):
            if server.truth(name, False):
                server.problem(name, "is not supported here; expected false")
        if "ip2geo_database" in mapper:
            mapper.problem("ip2geo_database", "is not supported here")
        server.known("shutdown_timeout")
        mapper.known("buffer_size", "threads", "ip2geo_database")
        agents.known("type")
        for section in (server, agents, mapper, world):
            section.done()
        return config

    def _limits(self) -> Limits:
        collector = self._pyglue.section("collector")
        limits = Limits(
            acknowledge_timeout_ms=collector.milliseconds("acknowledge_timeout", 2000),
            linger_ms=collector.milliseconds("linger", 2),
            retry_after_s=collector.number("retry_after_seconds", 1, least=1, most=3600),
            max_in_flight=collector.number("max_in_flight", 20_000, least=1, most=1_000_000),
            partitions=collector.number("topic_partitions", 4, least=1, most=10_000),
        )
        if limits.acknowledge_timeout_ms <= limits.linger_ms:
            collector.problem("acknowledge_timeout", "must be longer than linger")
        collector.done()
        self._pyglue.done()
        return limits

    def _sink_types(self, world: Section) -> dict[str, bool]:
        enabled = {}
        for name, default in (("hdfs", True), ("gcs", False), ("kafka", False), ("gcps", False)):
            section = world.section(name)
            enabled[name] = section.truth("enabled", default)
            section.known(
                "threads", "buffer_size", *{"hdfs": ("client",), "gcps": ("project_id",)}.get(name, ())
            )
            section.known(*(("producer",) if name == "kafka" else ()))
            section.done()
        return enabled

    def _producer(self, section: Section) -> dict[str, str]:
        given = section.flat()
        brokers = self._environment.get("DIVOLTE_KAFKA_BROKER_LIST", "localhost:9092")
        producer = {
            "bootstrap.servers": given.pop("bootstrap.servers", brokers),
            "client.id": self._environment.get("DIVOLTE_KAFKA_CLIENT_ID", "divolte.collector"),
            "compression.type": "lz4",
        }
        for name, value in given.items():
            if name in _PRODUCER_NAMES or name.startswith(_PRODUCER_PREFIXES):
                producer[name] = value
            elif name not in _PRODUCER_OVERRULED:
                expected = ", ".join(
                    ("bootstrap.servers", *_PRODUCER_NAMES, *(f"{p}*" for p in _PRODUCER_PREFIXES))
                )
                section.problem(name.partition(".")[0], f"unknown setting {name}; known: {expected}")
        return producer

    def _sources(self) -> tuple[BrowserSource, ...]:
        if "sources" not in self._divolte:
            self._divolte.known("sources")
            return (_default_source(),)
        return tuple(_source(name, section) for name, section in self._divolte.section("sources").sections())

    def _topics(self, enabled: Mapping[str, bool]) -> dict[str, str | None]:
        """The topic of each sink; None for a sink of a type that is switched off."""
        topics: dict[str, str | None] = {}
        if "sinks" not in self._divolte:
            self._divolte.known("sinks")
            self._divolte.problem("sinks", "expected at least one sink of type kafka")
            return topics
        for name, section in self._divolte.section("sinks").sections():
            type_ = section.text("type", "")
            if type_ not in enabled:
                section.problem("type", "expected kafka (or hdfs, gcs, gcps where they are switched off)")
            elif type_ != "kafka":
                if enabled[type_]:
                    section.problem(
                        "type", f"{type_} is not supported; expected kafka, or global.{type_}.enabled = false"
                    )
                topics[name] = None
                continue
            if section.text("mode", "naked") != "naked":
                section.problem("mode", "expected naked")
            topic = section.text("topic", "divolte")
            if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", topic):
                section.problem("topic", "expected a topic's name: letters, digits, '.', '_' and '-'")
            topics[name] = topic if enabled["kafka"] else None
            section.done()
        return topics

    def _mappings(
        self, sources: tuple[str, ...], topics: Mapping[str, str | None]
    ) -> tuple[MappingFiles, ...]:
        if "mappings" not in self._divolte:
            self._divolte.known("mappings")
            self._divolte.problem(
                "mappings", "expected at least one mapping with its schema_file and mapping_script_file"
            )
            return ()
        found = []
        for name, section in self._divolte.section("mappings").sections():
            for key, known in (("sources", sources), ("sinks", tuple(topics))):
                named = section.texts(key, [])
                if not named:
                    section.problem(key, f"expected a list of {key}")
                for unknown in sorted(set(named) - set(known)):
                    section.problem(key, f"there is no {unknown!r} among the {key}: {', '.join(known)}")
            for key in ("schema_file", "mapping_script_file"):
                if not section.text(key, ""):
                    section.problem(key, "expected the name of a file")
            sinks = [topics.get(sink) for sink in section.texts("sinks", [])]
            found.append(
                MappingFiles(
                    name=name,
                    sources=tuple(section.texts("sources", [])),
                    topics=tuple(topic for topic in sinks if topic is not None),
                    schema_file=Path(section.text("schema_file", "")),
                    script_file=Path(section.text("mapping_script_file", "")),
                    discard_corrupted=section.truth("discard_corrupted", False),
                    discard_duplicates=section.truth("discard_duplicates", False),
                )
            )
            section.known("confluent_id")
            section.done()
        self._cross_check(found)
        if not any(mapping.topics for mapping in found):
            self._divolte.problem(
                "mappings", "no mapping has a Kafka sink that is on; set global.kafka.enabled = true"
            )
        return tuple(found)

    def _cross_check(self, mappings: list[MappingFiles]) -> None:
        """A topic's readers know one schema, so all mappings that feed it must write that one."""
        schemas: dict[str, Path] = {}
        for mapping in mappings:
            for topic in mapping.topics:
                other = schemas.setdefault(topic, mapping.schema_file)
                if other != mapping.schema_file:
                    message = f"{mapping.name} writes {mapping.schema_file} to topic {topic}, another mapping {other}"
                    self._divolte.problem("mappings", message)


def _default_source() -> BrowserSource:
    empty = hocon.Tree({}, {}, hocon.Place(1, 1))
    return _source("browser", Section(empty, "", "", []), type_given=False)


def _source(name: str, section: Section, *, type_given: bool = True) -> BrowserSource:
    if section.text("type", "") != "browser" and type_given:
        section.problem("type", "expected browser")
    script = section.section("javascript")
    prefix = "/" + section.text("prefix", "/").strip("/") + "/"
    source = BrowserSource(
        name=name,
        prefix="/" if prefix == "//" else prefix,
        event_suffix=section.text("event_suffix", "csc-event"),
        script_name=script.text("name", "divolte.js"),
        party_cookie=section.text("party_cookie", "_dvp"),
        party_timeout_ms=section.milliseconds("party_timeout", 730 * DAY_MS),
        session_cookie=section.text("session_cookie", "_dvs"),
        session_timeout_ms=section.milliseconds("session_timeout", 30 * 60_000),
        cookie_domain=section.optional_text("cookie_domain"),
        event_timeout_ms=script.milliseconds("event_timeout", 750),
        auto_page_view=script.truth("auto_page_view_event", True),
        logging=script.truth("logging", False),
    )
    if not _SCRIPT_NAME.match(source.script_name):
        script.problem("name", "expected letters, digits, '_' and '-', ending in .js")
    if section.milliseconds("http_response_delay", 0):
        section.problem("http_response_delay", "is not supported here; expected 0 seconds")
    script.known("debug")
    script.done()
    section.done()
    return source


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else default
