"""From the configuration's files to mappings that are ready to write records; all their problems together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from pyglue.collector.app import Ping, Place, Ready
from pyglue.collector.avro import schema
from pyglue.collector.avro.schema import RecordSchema
from pyglue.collector.bad.keeping import HeadersKept
from pyglue.collector.config import conf_file
from pyglue.collector.config.configured import (
    BrowserSource,
    Config,
    FileSink,
    KafkaSink,
    MappingFiles,
    Privacy,
)
from pyglue.collector.events.privacy import unread_headers
from pyglue.collector.events.useragent import AgentCache
from pyglue.collector.http import tls
from pyglue.collector.http.answers import Tag
from pyglue.collector.http.page import TestPage
from pyglue.collector.mapping.compiler import Compiled, compile_mapping
from pyglue.collector.mapping.tokens import Source
from pyglue.collector.sinks.sink import Outlet
from pyglue.collector.sources import EventsAt, JsonEventsAt, Pipeline
from pyglue.collector.tag import render
from pyglue.collector.values.geo import Database
from pyglue.errors import InputError, Problem

_DEFAULTS = "pyglue.collector.defaults"
DEFAULT_SCHEMA = "DefaultEventRecord.avsc"
DEFAULT_MAPPING = "default-mapping.groovy"


@dataclass(frozen=True)
class LoadedMapping:
    """A mapping of the configuration with what its files hold."""

    files: MappingFiles
    schema: RecordSchema
    compiled: Compiled


@dataclass(frozen=True)
class Setup:
    """A configuration with everything that its files hold."""

    config: Config
    mappings: tuple[LoadedMapping, ...]
    tags: Mapping[str, Tag]

    @property
    def topics(self) -> list[str]:
        """The topics that records go to."""
        return sorted({sink.topic for sink in self.config.sinks if isinstance(sink, KafkaSink)})

    def feeding(self, topic: str) -> list[LoadedMapping]:
        """The mappings whose records go to the topic."""
        sinks = {
            sink.name for sink in self.config.sinks if isinstance(sink, KafkaSink) and sink.topic == topic
        }
        return [mapping for mapping in self.mappings if sinks & set(mapping.files.sinks)]

    @property
    def warnings(self) -> list[Problem]:
        """What will drop events, though nothing keeps the collector from starting."""
        return [warning for mapping in self.mappings for warning in mapping.compiled.warnings]

    @property
    def headers_read(self) -> HeadersKept:
        """What the mappings read of a request's headers."""
        compiled = [mapping.compiled for mapping in self.mappings]
        return HeadersKept(
            {name for one in compiled for name in one.headers},
            {name for one in compiled for name in one.cookies},
        )

    def schema_of(self, sink: FileSink) -> RecordSchema:
        """The schema of the records that go to `sink`; all its mappings share one."""
        return next(mapping.schema for mapping in self.mappings if sink.name in mapping.files.sinks)

    def table(self, outlet: Callable[[KafkaSink | FileSink, MappingFiles], Outlet]) -> dict[str, Place]:
        """What lies at which path; `outlet` gives the way into a sink for the records of a mapping."""
        sinks = {sink.name: sink for sink in self.config.sinks}
        pipelines: dict[str, list[Pipeline]] = {}
        for mapping in self.mappings:
            pipeline = Pipeline(
                mapping.compiled.encode,
                tuple(outlet(sinks[name], mapping.files) for name in mapping.files.sinks),
                mapping.files.discard_corrupted,
                mapping.files.discard_duplicates,
                mapping.files.name,
            )
            for name in mapping.files.sources:
                pipelines.setdefault(name, []).append(pipeline)
        table: dict[str, Place] = {"/ready": Ready()}  # Divolte has no such path: whoever claims it has it
        if self.config.serve_static_resources:
            table["/"] = table["/index.html"] = TestPage()
        for source in self.config.sources:
            fed = tuple(pipelines.get(source.name, ()))
            if isinstance(source, BrowserSource):
                table[source.prefix + source.event_suffix] = EventsAt(fed, source.response_delay_ms)
                table[source.prefix + source.script_name] = self.tags[source.name]
            else:
                table[source.event_path] = JsonEventsAt(fed, source.party_parameter, source.maximum_body_size)
        table["/ping"] = Ping()  # the last one has a path that several claim
        return table


def load(conf: Path, environment: Mapping[str, str], script: Path | None = None) -> Setup:
    """Read the configuration file and all that it names; raises InputError with the problems of all of them.

    `script` is a mapping to read in place of every configured one.
    """
    config = conf_file.read(conf, environment)
    agents = AgentCache(config.user_agent_cache_size)
    problems: list[Problem] = []
    geo: Database | None = None
    if config.ip2geo_database is not None:
        try:
            geo = Database(config.ip2geo_database)
        except InputError as error:
            problems += error.problems
    if config.tls is not None:
        try:
            tls.load(config.tls)
        except InputError as error:
            problems += error.problems
    loaded = []
    for configured in config.mappings:
        mapping = configured if script is None else replace(configured, script_file=script)
        try:
            loaded.append(_load(mapping, agents, geo, config.privacy))
        except InputError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise InputError(problems)
    tags = {
        source.name: Tag(_script(source, config.privacy))
        for source in config.sources
        if isinstance(source, BrowserSource)
    }
    return Setup(config, tuple(loaded), tags)


def _load(mapping: MappingFiles, agents: AgentCache, geo: Database | None, privacy: Privacy) -> LoadedMapping:
    record = (
        schema.read(mapping.schema_file)
        if mapping.schema_file is not None
        else schema.parse(_default(DEFAULT_SCHEMA), DEFAULT_SCHEMA)
    )
    if mapping.script_file is None:
        source = Source(_default(DEFAULT_MAPPING), DEFAULT_MAPPING)
    else:
        file = str(mapping.script_file)
        try:
            source = Source(mapping.script_file.read_text(encoding="utf-8"), file)
        except (OSError, ValueError) as error:
            raise InputError([Problem(file, None, None, f"can't be read: {schema.reason(error)}")]) from error
    compiled = compile_mapping(source, record, agents, geo, unread=unread_headers(privacy))
    return LoadedMapping(mapping, record, compiled)


def _default(name: str) -> str:
    return files(_DEFAULTS).joinpath(name).read_text(encoding="utf-8")


def _script(source: BrowserSource, privacy: Privacy) -> bytes:
    return render(
        script_name=source.script_name,
        event_suffix=source.event_suffix,
        party_cookie=source.party_cookie,
        party_timeout_s=source.party_timeout_ms // 1000,
        session_cookie=source.session_cookie,
        session_timeout_s=source.session_timeout_ms // 1000,
        cookie_domain=source.cookie_domain,
        event_timeout_ms=source.event_timeout_ms,
        auto_page_view=source.auto_page_view,
        logging=source.logging,
        debug=source.debug,
        privacy=privacy,
    )
