"""The sinks of a configuration: which of them are made, and what each needs.

A sink is made if its type is switched on in `divolte.global` and a mapping feeds it. The settings of any other are
looked at by their types alone, as Divolte does. What this collector can't do (Hadoop, Google) is refused only where a
sink that would be made needs it. Divolte's sink type `hdfs` on local paths is the file sink here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyglue.collector.config.configured import FileSink, KafkaSink
from pyglue.collector.config.settings import Section
from pyglue.collector.sinks import kafka_settings

TYPES = ("hdfs", "gcs", "kafka", "gcps")
DEFAULT = {"hdfs": "hdfs", "kafka": "kafka", "gcps": "gcps"}

_LONG_MAX = 2**63 - 1
_SHORT_MAX = 2**15 - 1
_MINUTE_MS = 60_000
_TOPIC = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,249}\Z")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LOCAL_URI = re.compile(r"file:(?://)?(?=/(?!/))", re.IGNORECASE)
# Of Hadoop's client: what says where plain paths lie, and what matters to a cluster or to the kind of local file alone.
_HADOOP_ROOT = ("fs.defaultFS", "fs.default.name")
_HADOOP_WITHOUT_EFFECT = ("dfs.", "fs.file.", "fs.hdfs.", "hadoop.security.", "io.file.buffer.size", "ipc.")


class SinkTypes:
    """The blocks `divolte.global.hdfs`, `.gcs`, `.kafka` and `.gcps`; `enabled` tells which are switched on."""

    def __init__(self, world: Section, environment: Mapping[str, str]) -> None:
        self._sections = {type_: world.section(type_) for type_ in TYPES}
        self._environment = environment
        self.enabled = {
            type_: section.truth("enabled", type_ == "hdfs") for type_, section in self._sections.items()
        }
        for section in self._sections.values():
            section.number("threads", 2, least=1)
            section.number("buffer_size", 1_048_576, least=1)
        self._client = self._sections["hdfs"].section("client")
        self._client_settings = self._client.flat()
        self._producer = self._sections["kafka"].section("producer")
        self._producer_settings = self._producer.flat()
        project = self._sections["gcps"].optional_text("project_id")
        named = project or environment.get("GOOGLE_CLOUD_PROJECT") or environment.get("GCLOUD_PROJECT")
        if self.enabled["gcps"] and not named:
            self._sections["gcps"].problem(
                "project_id", "Pub/Sub is enabled, so it needs a Google Cloud project"
            )
        for section in self._sections.values():
            section.done()

    def check_hadoop_client(self) -> None:
        """Note every setting of Hadoop's client that would make more of a path than a local directory."""
        for name, value in self._client_settings.items():
            if name in _HADOOP_ROOT and not _LOCAL_URI.match(value.text):
                message = f"there is no Hadoop client here, only local directories: expected file:///, found {value.text!r}"
                self._client.problem_at(value.place, name, message)
            elif not name.startswith((*_HADOOP_ROOT, *_HADOOP_WITHOUT_EFFECT)):
                message = "there is no Hadoop client here that would heed it; leave it out"
                self._client.problem_at(value.place, name, message)

    def kafka_producer(self) -> dict[str, str]:
        """librdkafka's settings; notes every setting that is refused."""
        given = {
            "bootstrap.servers": self._environment.get("DIVOLTE_KAFKA_BROKER_LIST", "localhost:9092"),
            "client.id": self._environment.get("DIVOLTE_KAFKA_CLIENT_ID", "divolte.collector"),
            "compression.type": "lz4",
            **{name: value.text for name, value in self._producer_settings.items()},
        }
        settings, problems = kafka_settings.translate(given)
        for name, message in problems.items():
            value = self._producer_settings.get(name)
            if value is None:
                self._producer.problem(name, message)
            else:
                self._producer.problem_at(value.place, name, message)
        return settings

    def kafka_linger_ms(self) -> int | None:
        """`linger.ms` of the producer, None if it is not there or no number (which `kafka_producer` notes)."""
        value = self._producer_settings.get("linger.ms")
        return int(value.text) if value is not None and re.fullmatch(r"[0-9]{1,9}", value.text) else None


@dataclass(frozen=True)
class ReadSink:
    """A sink as it is configured, None if it is Google's, and whether it is made."""

    sink: KafkaSink | FileSink | None
    made: bool


def read_sink(name: str, section: Section, types: SinkTypes, *, fed: bool) -> ReadSink:
    """The sink called `name`. `fed` tells whether a mapping feeds it."""
    type_ = section.kind(TYPES)
    if type_ is None:
        return ReadSink(None, made=False)
    made = fed and types.enabled[type_]
    sink: KafkaSink | FileSink | None = None
    if type_ == "kafka":
        sink = _kafka(name, section)
    elif type_ == "hdfs":
        section.number("replication", 3, least=-_SHORT_MAX - 1, most=_SHORT_MAX)
        sink = _files(name, section, made=made)
    elif type_ == "gcs":
        _google_storage(section)
    else:
        _google_topic(section)
    section.done()
    if made and sink is None:
        section.problem(
            "type",
            f"there is no Google Cloud client here; use a sink of type kafka or hdfs (local files), or switch this "
            f"one off with divolte.global.{type_}.enabled = false",
        )
    return ReadSink(sink, made)


def _kafka(name: str, section: Section) -> KafkaSink:
    topic = section.text("topic", "divolte")
    if not _TOPIC.match(topic):
        section.problem("topic", "expected a topic's name: letters, digits, '.', '_' and '-'")
    return KafkaSink(name, topic, section.choice("mode", "naked", ("naked", "confluent")) == "confluent")


def _files(name: str, section: Section, *, made: bool) -> FileSink:
    strategy = section.section("file_strategy")
    sink = FileSink(
        name=name,
        working_dir=_directory(strategy, "working_dir", made=made),
        publish_dir=_directory(strategy, "publish_dir", made=made),
        roll_every_ms=strategy.milliseconds("roll_every", 60 * _MINUTE_MS),
        sync_after_records=strategy.number("sync_file_after_records", 1000),
        sync_after_ms=strategy.milliseconds("sync_file_after_duration", 30_000),
    )
    strategy.done()
    return sink


def _directory(strategy: Section, key: str, *, made: bool) -> Path:
    text = strategy.text(key, "/tmp")  # noqa: S108 - Divolte's default
    local = _LOCAL_URI.match(text)
    if made and not local and (not text or _URI.match(text)):
        strategy.problem(
            key,
            f"there is no Hadoop client here, only local directories: expected a path or file:///PATH, found {text!r}",
        )
    return Path(text[local.end() :] if local else text)


def _google_storage(section: Section) -> None:
    if section.optional_text("bucket") is None:
        section.problem("bucket", "expected a bucket's name")
    _files("", section, made=False)
    retry = _retries(section)
    retry.milliseconds("jitter_delay", 1000)
    retry.decimal("jitter_factor", 0.0)
    if "jitter_delay" in retry and "jitter_factor" in retry:
        retry.problem("jitter_factor", "jitter_delay is there already; only one of them can count")
    retry.done()


def _google_topic(section: Section) -> None:
    section.text("topic", "divolte")
    retry = _retries(section)
    retry.milliseconds("initial_rpc_timeout", 15_000)
    retry.decimal("rpc_timeout_multiplier", 2.0)
    retry.milliseconds("max_rpc_timeout", 15_000)
    retry.done()
    batching = section.section("batching_settings")
    batching.number("element_count_threshold", 100, most=_LONG_MAX)
    batching.number("request_bytes_threshold", 1000, most=_LONG_MAX)
    batching.milliseconds("delay_threshold", 1)
    batching.done()


def _retries(section: Section) -> Section:
    retry = section.section("retry_settings")
    retry.number("max_attempts", 0)
    retry.milliseconds("total_timeout", 10 * _MINUTE_MS)
    retry.milliseconds("initial_retry_delay", 1000)
    retry.decimal("retry_delay_multiplier", 2.0)
    retry.milliseconds("max_retry_delay", _MINUTE_MS)
    return retry
