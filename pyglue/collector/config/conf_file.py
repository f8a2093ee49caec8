"""`divolte-collector.conf` as typed values; everything that is wrong with it is told together.

The block `divolte` is Divolte's own, with its keys, defaults and rules; the block `pyglue { collector { ... } }` is
ours, and Divolte does not read it. What Divolte needs and this collector doesn't (its queues and threads) is accepted
without effect; what would need Hadoop, Google or Java is refused where it would be used, and so is every setting that
would make an event less safe: see `sinks` and `kafka_settings`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pyglue.collector.avro.schema import reason
from pyglue.collector.config import hocon
from pyglue.collector.config.configured import (
    BadKept,
    BrowserSource,
    Config,
    CountsKept,
    Durability,
    FileSink,
    JsonSource,
    KafkaSink,
    Limits,
    MappingFiles,
    MetricsAt,
    Spool,
    Tls,
)
from pyglue.collector.config.privacy import read_privacy
from pyglue.collector.config.settings import Section
from pyglue.collector.config.sinks import DEFAULT as DEFAULT_SINKS
from pyglue.collector.config.sinks import ReadSink, SinkTypes, read_sink
from pyglue.collector.http.room import MOST
from pyglue.collector.workers import processors, share
from pyglue.errors import InputError, Problem

_DAY_MS = 86_400_000
_LOOPBACK = "127.0.0.1"
_LINGER_MS = 5
_AUTO = "auto"
_SPOOL_BYTES = 2**30
_BAD_BYTES = 256 * 2**20  # some 200,000 events of a browser
_SCRIPT_NAME = re.compile(r"[A-Za-z0-9_-]+\.js\Z")
_AGENT_PARSERS = ("non_updating", "online_updating", "caching_and_updating")


def read(path: Path, environment: Mapping[str, str]) -> Config:
    """The configuration in the file; raises InputError with all its problems."""
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError([Problem(str(path), None, None, f"can't be read: {reason(error)}")]) from error
    return parse(source, str(path), environment)


def parse(source: str, file: str, environment: Mapping[str, str]) -> Config:
    """The configuration in `source`; `file` names it in errors (InputError)."""
    problems: list[Problem] = []
    root = Section(hocon.read(source, file, environment), "", file, problems)
    config = _config(root, environment)
    if problems:
        raise InputError(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
    return config


@dataclass(frozen=True)
class _Mapping:
    """A mapping as it is configured: `files` still names all its sinks, made or not."""

    files: MappingFiles
    section: Section


def _config(root: Section, environment: Mapping[str, str]) -> Config:
    divolte = root.section("divolte")
    world = divolte.section("global")
    server = world.section("server")
    mapper = world.section("mapper")
    agents = mapper.section("user_agent_parser")
    types = SinkTypes(world, environment)
    sources = divolte.members("sources", {"browser": "browser"})
    sinks = divolte.members("sinks", DEFAULT_SINKS)
    mappings = _mappings(divolte, [name for name, _ in sources], [name for name, _ in sinks])
    fed = {name for mapping in mappings for name in mapping.files.sinks}
    known = {name: read_sink(name, section, types, fed=name in fed) for name, section in sinks}
    made = {name: read.sink for name, read in known.items() if read.made and read.sink is not None}
    _check_mappings(mappings, known)
    for name, section in sinks:
        if name in dict(sources):
            section.problem("type", f"{name!r} is a source's name, too; each needs one of its own")
    if any(isinstance(sink, FileSink) for sink in made.values()):
        types.check_hadoop_client()
    uses_kafka = any(isinstance(sink, KafkaSink) for sink in made.values())
    own = root.section("pyglue")
    collector = own.section("collector")
    port = _port(server, environment)
    spool = _spool(collector.section("spool"))
    durability = _durability(collector, spool)
    read_sources = tuple(source for name, section in sources if (source := _source(name, section)))
    config = Config(
        host=server.text("host", _LOOPBACK),
        port=port,
        use_x_forwarded_for=server.truth("use_x_forwarded_for", False),
        serve_static_resources=server.truth("serve_static_resources", True),
        debug_requests=server.truth("debug_requests", False),
        shutdown_delay_ms=server.milliseconds("shutdown_delay", 0),
        shutdown_timeout_ms=server.milliseconds("shutdown_timeout", 120_000),
        duplicate_memory_size=mapper.number("duplicate_memory_size", 1_000_000, least=1),
        user_agent_cache_size=agents.number("cache_size", 1000, least=1),
        ip2geo_database=_file(mapper, "ip2geo_database"),
        sources=read_sources,
        sinks=tuple(made.values()),
        mappings=tuple(
            replace(mapping.files, sinks=tuple(name for name in mapping.files.sinks if name in made))
            for mapping in mappings
        ),
        producer=types.kafka_producer() if uses_kafka else {},
        limits=_limits(collector, types.kafka_linger_ms() if uses_kafka else None),
        counts=_counts(collector.section("counts")),
        bad_events=_bad_events(collector.section("bad_events")),
        durability=durability,
        spool=spool,
        metrics=_metrics(collector.section("metrics"), port),
        privacy=read_privacy(collector.section("privacy"), read_sources),
        max_connections=collector.number("max_connections", MOST, least=1, most=1_000_000),
        tls=_tls(collector, collector.section("tls")),
        workers=_workers(collector),
    )
    mapper.number("buffer_size", 1_048_576, least=1)
    mapper.number("threads", 1, least=1)
    agents.choice("type", _AGENT_PARSERS[0], _AGENT_PARSERS, any_case=True)
    for section in (own, collector, server, agents, mapper, world, divolte):
        section.done()
    return config


def _port(server: Section, environment: Mapping[str, str]) -> int:
    port = server.number("port", 8290, most=65535)
    given = environment.get("DIVOLTE_PORT", "")
    if "port" in server or not given:
        return port
    if not re.fullmatch(r"[0-9]{1,5}", given) or int(given) > 65535:
        server.problem("port", f"expected a whole number from 0 to 65535 in DIVOLTE_PORT, found {given!r}")
        return port
    return int(given)


def _limits(collector: Section, kafka_linger_ms: int | None) -> Limits:
    """How long an event lingers may also be said as Java's producer has it (`linger.ms`)."""
    linger_ms = _LINGER_MS if kafka_linger_ms is None else kafka_linger_ms
    limits = Limits(
        acknowledge_timeout_ms=collector.milliseconds("acknowledge_timeout", 2000),
        linger_ms=collector.milliseconds("linger", linger_ms),
        retry_after_s=collector.number("retry_after_seconds", 1, least=1, most=3600),
        max_in_flight=collector.number("max_in_flight", 20_000, least=1, most=1_000_000),
        partitions=collector.number("topic_partitions", 4, least=1, most=10_000),
    )
    if limits.acknowledge_timeout_ms <= limits.linger_ms:
        collector.problem("acknowledge_timeout", "must be longer than linger")
    return limits


def _workers(collector: Section) -> int:
    """One for each processor that may be used, unless it is said; a variable that is empty says nothing."""
    most = min(processors.usable(), share.MOST)
    if collector.text("workers", _AUTO) in ("", _AUTO):
        return most
    workers = collector.number("workers", most, least=1, most=share.MOST, besides=f"{_AUTO} or ")
    if workers > 1 and not processors.SEVERAL:
        collector.problem("workers", "several workers need Linux")
    return workers


def _counts(section: Section) -> CountsKept | None:
    """Where counts are kept; None without a directory."""
    directory = _file(section, "directory")
    keep_days = section.number("keep_days", 30, least=1, most=3650)
    section.done()
    return None if directory is None else CountsKept(directory, keep_days)


def _bad_events(section: Section) -> BadKept | None:
    """Where bad events are kept; None without a directory."""
    directory = _file(section, "directory")
    max_bytes = section.number("max_bytes", _BAD_BYTES, least=2**16, most=2**40)
    keep_days = section.number("keep_days", 7, least=1, most=3650)
    section.done()
    return None if directory is None else BadKept(directory, max_bytes, keep_days)


def _spool(section: Section) -> Spool | None:
    """Where records wait for Kafka; None without a directory."""
    directory = _file(section, "directory")
    max_bytes = section.number("max_bytes", _SPOOL_BYTES, least=2**20, most=2**50)
    section.done()
    return None if directory is None else Spool(directory, max_bytes)


def _durability(collector: Section, spool: Spool | None) -> Durability:
    """The safe one, unless another is asked for: with a spool, spooled."""
    default = Durability.ACKNOWLEDGED if spool is None else Durability.SPOOLED
    durability = Durability(collector.choice("durability", default, tuple(Durability)))
    if durability is Durability.SPOOLED and spool is None:
        collector.problem("durability", "spooled needs pyglue.collector.spool.directory")
    return durability


def _metrics(section: Section, taken: int) -> MetricsAt | None:
    """Where metrics are served, None without a port; events have the port `taken`."""
    metrics = MetricsAt(section.text("host", _LOOPBACK), section.number("port", 0, least=1, most=65535))
    section.done()
    if "port" not in section:
        return None
    if metrics.port == taken:
        section.problem("port", "must differ from divolte.global.server.port: metrics are not for visitors")
    return metrics


def _tls(collector: Section, section: Section) -> Tls | None:
    """With what HTTPS is spoken; None without the block."""
    certificate, key = _file(section, "certificate"), _file(section, "key")
    minimum = section.choice("minimum_version", "1.2", ("1.2", "1.3"))
    section.done()
    if "tls" not in collector:
        return None
    for name, file in (("certificate", certificate), ("key", key)):
        if file is None:
            section.problem(name, "expected the name of a file in PEM")
    return None if certificate is None or key is None else Tls(certificate, key, minimum)


def _source(name: str, section: Section) -> BrowserSource | JsonSource | None:
    kind = section.kind(("browser", "json"))
    if kind is None:
        return None
    source = _browser(name, section) if kind == "browser" else _json(name, section)
    section.done()
    return source


def _browser(name: str, section: Section) -> BrowserSource:
    script = section.section("javascript")
    prefix = section.text("prefix", "/").strip("/")
    source = BrowserSource(
        name=name,
        prefix=f"/{prefix}/" if prefix else "/",
        event_suffix=section.text("event_suffix", "csc-event"),
        script_name=script.text("name", "divolte.js"),
        party_cookie=section.text("party_cookie", "_dvp"),
        party_timeout_ms=section.milliseconds("party_timeout", 730 * _DAY_MS),
        session_cookie=section.text("session_cookie", "_dvs"),
        session_timeout_ms=section.milliseconds("session_timeout", 30 * 60_000),
        cookie_domain=section.optional_text("cookie_domain"),
        response_delay_ms=section.milliseconds("http_response_delay", 0),
        event_timeout_ms=script.milliseconds("event_timeout", 750),
        auto_page_view=script.truth("auto_page_view_event", True),
        logging=script.truth("logging", False),
        debug=script.truth("debug", False),
    )
    if not _SCRIPT_NAME.match(source.script_name):
        message = f"expected letters, digits, '_' and '-', ending in .js, found {source.script_name!r}"
        script.problem("name", message)
    script.done()
    return source


def _json(name: str, section: Section) -> JsonSource:
    return JsonSource(
        name=name,
        event_path="/" + section.text("event_path", "/").strip("/"),
        party_parameter=section.text("party_id_parameter", "p"),
        maximum_body_size=section.number("maximum_body_size", 4096),
    )


def _mappings(divolte: Section, sources: list[str], sinks: list[str]) -> list[_Mapping]:
    found = []
    for name, section in divolte.members("mappings", {}):
        files = MappingFiles(
            name=name,
            sources=_known(section, "sources", sources),
            sinks=_known(section, "sinks", sinks),
            schema_file=_file(section, "schema_file"),
            script_file=_file(section, "mapping_script_file"),
            confluent_id=section.optional_number("confluent_id"),
            discard_corrupted=section.truth("discard_corrupted", False),
            discard_duplicates=section.truth("discard_duplicates", False),
        )
        section.done()
        found.append(_Mapping(files, section))
    if "mappings" not in divolte:
        files = MappingFiles("default", tuple(sources), tuple(sinks), None, None, None, False, False)
        found.append(_Mapping(files, divolte.section("mappings")))
    return found


def _known(section: Section, key: str, known: list[str]) -> tuple[str, ...]:
    names = section.names(key)
    for name in names:
        if name not in known:
            section.problem(key, f"there is no {name!r} among the {key}: {', '.join(known)}")
    return names


def _file(section: Section, key: str) -> Path | None:
    text = section.optional_text(key)
    if text == "":
        section.problem(key, "expected the name of a file")
    return None if text is None else Path(text)


def _check_mappings(mappings: list[_Mapping], sinks: Mapping[str, ReadSink]) -> None:
    """A sink's readers know one schema, so all mappings that feed it must write that one."""
    feeders: dict[str, MappingFiles] = {}
    for mapping in mappings:
        files, section = mapping.files, mapping.section
        for name in files.sinks:
            other = feeders.setdefault(name, files)
            sink = sinks[name].sink if name in sinks else None
            if other.schema_file != files.schema_file:
                message = f"sink {name!r} can only have one schema, but mapping {other.name} feeds it, too, and has "
                section.problem("schema_file", message + str(other.schema_file or "the built-in schema"))
            if other.confluent_id != files.confluent_id:
                message = f"sink {name!r} can only have one, but mapping {other.name} feeds it, too, and has "
                section.problem(
                    "confluent_id",
                    message + ("none" if other.confluent_id is None else str(other.confluent_id)),
                )
            if isinstance(sink, KafkaSink) and sink.confluent and files.confluent_id is None:
                section.problem("confluent_id", f"must be given, because sink {name!r} is in mode confluent")
