"""From the configuration's files to pipelines that are ready to write records; all their problems together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyglue.collector import config as configuration
from pyglue.collector import schema
from pyglue.collector.answers import Tag
from pyglue.collector.app import EventsAt, Ping, Pipeline, Place
from pyglue.collector.config import BrowserSource, Config, MappingFiles
from pyglue.collector.mapping.compiler import compile_mapping
from pyglue.collector.mapping.tokens import Source
from pyglue.collector.tag import render
from pyglue.collector.useragent import AgentCache
from pyglue.errors import InputError, Problem


@dataclass(frozen=True)
class Setup:
    """A configuration with everything that its files hold."""

    config: Config
    table: Mapping[str, Place]

    @property
    def topics(self) -> list[str]:
        """The topics that records go to."""
        return sorted({topic for mapping in self.config.mappings for topic in mapping.topics})


def load(conf: Path, environment: Mapping[str, str]) -> Setup:
    """Read the configuration file and all that it names; raises InputError with the problems of all of them."""
    config = configuration.read(conf, environment)
    agents = AgentCache(config.user_agent_cache_size)
    problems: list[Problem] = []
    pipelines: dict[str, list[Pipeline]] = {}
    for mapping in config.mappings:
        try:
            pipeline = _pipeline(mapping, agents)
        except InputError as error:
            problems += [problem for problem in error.problems if problem not in problems]
            continue
        for name in mapping.sources:
            pipelines.setdefault(name, []).append(pipeline)
    if problems:
        raise InputError(problems)
    table: dict[str, Place] = {}
    for source in config.sources:
        table[source.prefix + source.event_suffix] = EventsAt(tuple(pipelines.get(source.name, ())))
        table[source.prefix + source.script_name] = Tag(_script(source))
    table["/ping"] = Ping()
    return Setup(config, table)


def _pipeline(mapping: MappingFiles, agents: AgentCache) -> Pipeline:
    record = schema.read(mapping.schema_file)
    file = str(mapping.script_file)
    try:
        text = mapping.script_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Problem(file, None, None, f"can't be read: {schema.reason(error)}")]) from error
    encode = compile_mapping(Source(text, file), record, agents)
    return Pipeline(encode, mapping.topics, mapping.discard_corrupted, mapping.discard_duplicates)


def _script(source: BrowserSource) -> bytes:
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
    )
