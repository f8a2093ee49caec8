"""divolte-collector.conf: Divolte's keys and ours, with their defaults and rules, all problems together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pyglue.collector import defaults
from pyglue.collector.config import conf_file
from pyglue.collector.config.configured import (
    AS_DIVOLTE,
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
    Privacy,
    Spool,
    Tls,
)
from pyglue.collector.workers import processors
from pyglue.errors import InputError

ROOT = Path(__file__).parents[3]
CONF = ROOT / "divolte" / "divolte-collector.conf"
DEFAULT_BROWSER = BrowserSource(
    name="browser",
    prefix="/",
    event_suffix="csc-event",
    script_name="divolte.js",
    party_cookie="_dvp",
    party_timeout_ms=63_072_000_000,
    session_cookie="_dvs",
    session_timeout_ms=1_800_000,
    cookie_domain=None,
    response_delay_ms=0,
    event_timeout_ms=750,
    auto_page_view=True,
    logging=False,
    debug=False,
)
DEFAULT_FILES = FileSink("hdfs", Path("/tmp"), Path("/tmp"), 3_600_000, 1000, 30_000)  # noqa: S108
BUILT_IN = MappingFiles("default", ("browser",), ("hdfs",), None, None, None, False, False)


AGENT = ("Name", "Family", "Vendor", "Type", "Version", "DeviceCategory", "OsFamily", "OsVersion", "OsVendor")
TEXT, NUMBER = ["null", "string"], ["null", "int"]
BUILT_IN_FIELDS: list[tuple[str, object]] = [
    *((name, "boolean") for name in ("detectedDuplicate", "detectedCorruption", "firstInSession")),
    *((name, "long") for name in ("timestamp", "clientTimestamp")),
    ("remoteHost", "string"),
    *((name, TEXT) for name in ("referer", "location")),
    *((f"{what}Pixel{side}", NUMBER) for what in ("viewport", "screen") for side in ("Width", "Height")),
    *((name, TEXT) for name in ("partyId", "sessionId", "pageViewId")),
    ("eventType", "string"),
    *((f"userAgent{name}", TEXT) for name in ("String", *AGENT)),
]


def parsed(source: str, **environment: str) -> Config:
    """The configuration in `source`."""
    return conf_file.parse(source, "c.conf", environment)


def problems(source: str, **environment: str) -> list[str]:
    """What is said about `source`."""
    with pytest.raises(InputError) as refused:
        parsed(source, **environment)
    return [problem.message for problem in refused.value.problems]


def test_the_shipped_configuration() -> None:
    """The shipped file has two sources, one topic, and takes its addresses from the environment."""
    environment = {
        "BIND_ADDRESS": "192.0.2.1",
        "DIVOLTE_PORT": "1234",
        "DIVOLTE_TOPIC": "clicks",
        "DIVOLTE_KAFKA_BROKER_LIST": "a:1, b:2",
    }
    found = conf_file.read(CONF, environment)
    assert (found.host, found.port, found.metrics) == ("192.0.2.1", 1234, None)
    served = conf_file.read(CONF, {**environment, "DIVOLTE_METRICS_PORT": "1235"}).metrics
    assert served == MetricsAt("192.0.2.1", 1235)
    assert found.producer["bootstrap.servers"] == "a:1,b:2"
    sources = {source.name: source for source in found.sources}
    assert sources["browser"] == DEFAULT_BROWSER
    assert sources["api"] == JsonSource("api", "/api/events", "p", 16_384)
    assert found.sinks == (KafkaSink("kafka", "clicks", confluent=False),)
    (mapping,) = found.mappings
    assert (mapping.sources, mapping.sinks) == (("browser", "api"), ("kafka",))
    assert (mapping.schema_file, mapping.script_file) == (
        Path("divolte/DefaultEventRecord.avsc"),
        Path("mapping.groovy"),
    )
    assert found.privacy == Privacy(
        truncate_addresses=True,
        honour_do_not_track=True,
        honour_global_privacy_control=True,
        same_site="Lax",
        party_lifetime_ms=395 * 86_400_000,
    )


@pytest.mark.parametrize(
    "source", ["", "divolte {}", "divolte = null", "divolte.sources = null, other.key = 1"]
)
def test_defaults_are_divoltes(source: str) -> None:
    """What the file does not say has Divolte's default; other blocks at the root are not its business."""
    assert parsed(source) == Config(
        host="127.0.0.1",
        port=8290,
        use_x_forwarded_for=False,
        serve_static_resources=True,
        debug_requests=False,
        shutdown_delay_ms=0,
        shutdown_timeout_ms=120_000,
        duplicate_memory_size=1_000_000,
        user_agent_cache_size=1000,
        ip2geo_database=None,
        sources=(DEFAULT_BROWSER,),
        sinks=(DEFAULT_FILES,),
        mappings=(BUILT_IN,),
        producer={},
        limits=Limits(2000, 5, 1, 20_000, 4),
        counts=None,
        bad_events=None,
        durability=Durability.ACKNOWLEDGED,
        spool=None,
        metrics=None,
        privacy=AS_DIVOLTE,
        max_connections=20_000,
        tls=None,
        workers=processors.usable(),
    )


def test_default_sinks_follow_their_types() -> None:
    """Without `sinks` there are hdfs, kafka and gcps, as far as their types are on."""
    found = parsed("divolte.global { kafka.enabled = true }")
    assert found.sinks == (DEFAULT_FILES, KafkaSink("kafka", "divolte", confluent=False))
    assert found.mappings[0].sinks == ("hdfs", "kafka")
    assert parsed("divolte.global { hdfs.enabled = false }").sinks == ()


def test_workers_of_the_environment() -> None:
    """An empty variable means auto; a wrong value is told with the variable's name."""
    workers = "pyglue.collector.workers = ${?DIVOLTE_WORKERS}"
    assert parsed(workers, DIVOLTE_WORKERS="").workers == parsed("").workers
    with pytest.raises(InputError) as refused:
        parsed(workers, DIVOLTE_WORKERS="many")
    (told,) = map(str, refused.value.problems)
    assert told.endswith("found 'many' (from the variable DIVOLTE_WORKERS)")


def test_the_environment_has_defaults() -> None:
    """DIVOLTE_PORT and the two of Kafka count where the file says nothing."""
    environment = {
        "DIVOLTE_PORT": "99",
        "DIVOLTE_KAFKA_BROKER_LIST": "a:1, b:2",
        "DIVOLTE_KAFKA_CLIENT_ID": "me",
    }
    found = parsed("divolte.global.kafka.enabled = true", **environment)
    assert found.port == 99
    assert found.producer == {
        "bootstrap.servers": "a:1,b:2",
        "client.id": "me",
        "compression.type": "lz4",
    }
    given = """divolte.global { server.port = 1, kafka { enabled = true, producer {
        bootstrap.servers = ["c:3", "d:4"], client.id = you, compression.type = none } } }"""
    found = parsed(given, **environment)
    assert found.port == 1
    assert found.producer == {
        "bootstrap.servers": "c:3,d:4",
        "client.id": "you",
        "compression.type": "none",
    }
    assert parsed("", DIVOLTE_PORT="").port == 8290
    assert problems("", DIVOLTE_PORT="x") == [
        "divolte.global.server.port: expected a whole number from 0 to 65535 in DIVOLTE_PORT, found 'x'"
    ]


EVERYTHING = """
divolte {
  global {
    server {
      host = 0.0.0.0, port = "81", use_x_forwarded_for = "true", serve_static_resources = false
      debug_requests = true, shutdown_delay = 1.5 s, shutdown_timeout = "500"
    }
    mapper {
      buffer_size = 1024, threads = 4, duplicate_memory_size = 10, ip2geo_database = geo.mmdb
      user_agent_parser { type = Caching_And_Updating, cache_size = 5 }
    }
    hdfs { enabled = true, threads = 1, buffer_size = 8, client { fs.defaultFS = "file:///", dfs.x = 1 } }
    gcs { enabled = false, threads = 1, buffer_size = 8 }
    gcps { enabled = false, threads = 1, buffer_size = 8, project_id = p }
    kafka { enabled = true, threads = 1, buffer_size = 8, producer { acks = all, linger.ms = 7 } }
  }
  sources {
    web {
      type = browser, prefix = shop, event_suffix = ev, cookie_domain = .a.b, party_cookie = p, party_timeout = 1 day
      session_cookie = s, session_timeout = 2 hours, http_response_delay = 3 ms
      javascript { name = t.js, logging = true, debug = true, auto_page_view_event = false, event_timeout = 1 second }
    }
    app { type = json, event_path = a/b/, party_id_parameter = id, maximum_body_size = 5000 }
  }
  sinks {
    files {
      type = hdfs, replication = 2
      file_strategy {
        working_dir = "file:///w", publish_dir = out/p, roll_every = 2 minutes, sync_file_after_records = 3
        sync_file_after_duration = 4 seconds
      }
    }
    topic { type = kafka, topic = t, mode = confluent }
    bucket {
      type = gcs, bucket = b, file_strategy.working_dir = "gs://x"
      retry_settings {
        max_attempts = 1, total_timeout = 1 s, initial_retry_delay = 1 s, retry_delay_multiplier = 1.5
        max_retry_delay = 1 s, jitter_delay = 1 s
      }
    }
    pubsub {
      type = gcps, topic = t
      retry_settings {
        max_attempts = 1, total_timeout = 1 s, initial_retry_delay = 1 s, retry_delay_multiplier = 2
        max_retry_delay = 1 s, initial_rpc_timeout = 1 s, rpc_timeout_multiplier = 1e0, max_rpc_timeout = 1 s
      }
      batching_settings { element_count_threshold = 1, request_bytes_threshold = 5000000000, delay_threshold = 1 ms }
    }
    unused { type = hdfs, file_strategy.working_dir = "hdfs://far/away" }
  }
  mappings {
    m {
      sources = [web, app, web], sinks { "0" = topic, "1" = pubsub, "2" = files, "3" = bucket }
      schema_file = s.avsc, mapping_script_file = m.groovy
      confluent_id = 12345, discard_corrupted = true, discard_duplicates = true
    }
  }
}
"""


def test_every_key() -> None:
    """Every key of Divolte's is read; sinks of types that are off, or that nobody feeds, are not made."""
    found = parsed(EVERYTHING)
    assert found.sources == (
        JsonSource("app", "/a/b", "id", 5000),
        BrowserSource(
            "web", "/shop/", "ev", "t.js", "p", 86_400_000, "s", 7_200_000, ".a.b", 3, 1000, False, True, True
        ),
    )
    assert set(found.sinks) == {
        FileSink("files", Path("/w"), Path("out/p"), 120_000, 3, 4000),
        KafkaSink("topic", "t", confluent=True),
    }
    assert found.mappings == (
        MappingFiles(
            "m", ("web", "app"), ("topic", "files"), Path("s.avsc"), Path("m.groovy"), 12345, True, True
        ),
    )
    assert (found.host, found.port, found.ip2geo_database) == ("0.0.0.0", 81, Path("geo.mmdb"))  # noqa: S104
    assert (found.use_x_forwarded_for, found.serve_static_resources, found.debug_requests) == (
        True,
        False,
        True,
    )
    assert (found.shutdown_delay_ms, found.shutdown_timeout_ms) == (1500, 500)
    assert (found.duplicate_memory_size, found.user_agent_cache_size) == (10, 5)


def test_an_unknown_key_is_told_for_every_block() -> None:
    """Each object of the configuration that has keys of its own refuses another one, and names those it knows."""
    blocks = {
        "divolte {\n": "divolte",
        "global {\n": "divolte.global",
        "server {\n": "divolte.global.server",
        "mapper {\n": "divolte.global.mapper",
        "user_agent_parser {": "divolte.global.mapper.user_agent_parser",
        " hdfs {": "divolte.global.hdfs",
        " gcs {": "divolte.global.gcs",
        " gcps {": "divolte.global.gcps",
        " kafka {": "divolte.global.kafka",
        "web {\n": "divolte.sources.web",
        "app {": "divolte.sources.app",
        "javascript {": "divolte.sources.web.javascript",
        "files {\n": "divolte.sinks.files",
        "file_strategy {": "divolte.sinks.files.file_strategy",
        "topic {": "divolte.sinks.topic",
        "bucket {\n": "divolte.sinks.bucket",
        "pubsub {\n": "divolte.sinks.pubsub",
        "batching_settings {": "divolte.sinks.pubsub.batching_settings",
        "retry_settings {": "divolte.sinks.bucket.retry_settings",
        "m {\n": "divolte.mappings.m",
    }
    for start, path in blocks.items():
        assert start in EVERYTHING, start
        (message,) = problems(EVERYTHING.replace(start, f"{start} wrong_key = 1, ", 1))
        assert message.startswith(f"unknown key {path}.wrong_key"), message
        assert "known here: " in message


def test_an_unknown_key_by_divoltes_path() -> None:
    """Divolte leaves out the names that the user gave; who searches for its message finds ours."""
    (message,) = problems("divolte.sources.web { type = browser, event_sufix = x }")
    assert message == (
        "unknown key divolte.sources.web.event_sufix (to Divolte: sources.event_sufix); known here: cookie_domain, "
        "event_suffix, http_response_delay, javascript, party_cookie, party_timeout, prefix, session_cookie, "
        "session_timeout, type"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'port = "81"',
            "port = 70000",
            "server.port: expected a whole number from 0 to 65535, found '70000'",
        ),
        ("buffer_size = 1024", "buffer_size = 4K", "mapper.buffer_size: expected a whole number"),
        ('use_x_forwarded_for = "true"', "use_x_forwarded_for = yes", "expected true or false, found 'yes'"),
        ("debug_requests = true", "debug_requests = on", "expected true or false, found 'on'"),
        ("shutdown_delay = 1.5 s", "shutdown_delay = 5", "expected a duration with its unit"),
        ("shutdown_delay = 1.5 s", "shutdown_delay = 5 S", "expected a duration with its unit"),
        ("shutdown_delay = 1.5 s", "shutdown_delay = []", "server.shutdown_delay: expected a duration"),
        ("type = Caching_And_Updating", "type = none", "expected non_updating or online_updating or"),
        ("session_timeout = 2 hours", "session_timeout = 30 fortnights", "expected a duration"),
        ("name = t.js", "name = t.css", "ending in .js, found 't.css'"),
        ("javascript {", "javascript = 1, x {", "javascript: expected an object in braces"),
        ("type = json", "type = mobile", "sources.app.type: expected browser or json, found 'mobile'"),
        ("type = json,", "", "sources.app.type: expected browser or json"),
        ("type = hdfs, r", "type = s3, r", "expected hdfs or gcs or kafka or gcps, found 's3'"),
        ("replication = 2", "replication = 40000", "replication: expected a whole number"),
        ("mode = confluent", "mode = Naked", "expected naked or confluent, found 'Naked'"),
        ("topic = t, mode", 'topic = "a b", mode', "expected a topic's name"),
        ("topic = t, mode", 'topic = "..", mode', "expected a topic's name"),
        ("bucket = b,", "", "sinks.bucket.bucket: expected a bucket's name"),
        ("jitter_delay = 1 s", "jitter_delay = 1 s, jitter_factor = 0.1", "jitter_delay is there already"),
        ("retry_delay_multiplier = 1.5", "retry_delay_multiplier = x", "multiplier: expected a number"),
        ("element_count_threshold = 1", "element_count_threshold = 1.5", "expected a whole number"),
        ("sources = [web, app, web]", "sources = web", "mappings.m.sources: expected a list of names"),
        ("sources = [web, app, web]", "sources = [web, []]", "mappings.m.sources: expected a list of names"),
        ("sources = [web, app, web],", "", "mappings.m.sources: expected a list of names"),
        ("sources = [web, app, web]", "sources = [files]", "no 'files' among the sources: app, web"),
        ('"0" = topic', '"0" = web', "there is no 'web' among the sinks: "),
        ("schema_file = s.avsc", 'schema_file = ""', "mappings.m.schema_file: expected the name of a file"),
        ("confluent_id = 12345,", "", "must be given, because sink 'topic' is in mode confluent"),
        ("confluent_id = 12345", "confluent_id = x", "mappings.m.confluent_id: expected a whole number"),
        ("unused {", "web {", "sinks.web.type: 'web' is a source's name, too"),
        ("linger.ms = 7", "foo.bar = 7", "producer.foo.bar: unknown setting"),
        ("linger.ms = 7", "linger.ms = [{}]", "producer.linger.ms: expected a text or a list of texts"),
        ("acks = all", "acks = 1", "producer.acks: this collector answers an event only after all replicas"),
        ("client {", "client = 1, x {", "hdfs.client: expected an object in braces"),
        ('"file:///"', '"hdfs://a"', "client.fs.defaultFS: there is no Hadoop client here"),
        (
            "dfs.x = 1",
            "fs.permissions.umask-mode = 1",
            "umask-mode: there is no Hadoop client here that would heed",
        ),
        (
            '"file:///w"',
            '"hdfs://a/w"',
            "working_dir: there is no Hadoop client here, only local directories",
        ),
        ('"file:///w"', '"file://a/w"', "expected a path or file:///PATH, found 'file://a/w'"),
        ('"file:///w"', '""', "expected a path or file:///PATH, found ''"),
        (
            "gcs { enabled = false",
            "gcs { enabled = true",
            "sinks.bucket.type: there is no Google Cloud client",
        ),
        ("gcps { enabled = false", "gcps { enabled = true", "divolte.global.gcps.enabled = false"),
    ],
)
def test_refused_settings(old: str, new: str, message: str) -> None:
    """Wrong values, contradictions and what needs Hadoop, Google or Java are refused by their path, at their line."""
    assert old in EVERYTHING
    with pytest.raises(InputError) as refused:
        parsed(EVERYTHING.replace(old, new, 1))
    found = [problem for problem in refused.value.problems if message in problem.message]
    assert [bool(problem.line) for problem in found] == [True], refused.value.details


def test_pub_sub_needs_a_project() -> None:
    """A project is named by the file or the environment, as soon as Pub/Sub is on."""
    source = "divolte { global.gcps.enabled = true, sinks { files { type = hdfs } } }"
    assert problems(source) == [
        "divolte.global.gcps.project_id: Pub/Sub is enabled, so it needs a Google Cloud project"
    ]
    assert parsed(source, GOOGLE_CLOUD_PROJECT="p").sinks
    assert parsed(source.replace("enabled = true", "enabled = true, global.gcps.project_id = p")).sinks


def test_what_is_off_is_only_looked_at() -> None:
    """Settings of a type that is off may ask for what can't be done here, but must be of their types."""
    source = """divolte {
      global { hdfs { enabled = false, client { fs.defaultFS = "hdfs://a" } }, kafka { producer { acks = 1, a.b = 1 } } }
      sinks { far { type = hdfs, file_strategy { working_dir = "hdfs://a", roll_every = %s } }, t { type = kafka } }
      mappings { m { sources = [browser], sinks = [far, t] } }
    }"""
    found = parsed(source % "1 hour")
    assert (found.sinks, found.mappings[0].sinks, found.producer) == ((), (), {})
    assert problems(source % "1") == [
        "divolte.sinks.far.file_strategy.roll_every: expected a duration with its unit, such as 750 ms, found '1'"
    ]


SHARED = """divolte {
  sinks { out { type = hdfs } }
  mappings {
    a { sources = [browser], sinks = [out] %s }
    b { sources = [browser], sinks = [out] %s }
  }
}"""


@pytest.mark.parametrize(
    ("first", "second", "messages"),
    [
        ("", "", []),
        (", schema_file = s", ", schema_file = s", []),
        (", schema_file = s", ", schema_file = t", ["sink 'out' can only have one schema, but mapping"]),
        (", schema_file = s", "", ["sink 'out' can only have one schema, but mapping"]),
        (", confluent_id = 1", ", confluent_id = 2", ["sink 'out' can only have one, but mapping"]),
        (", confluent_id = 0", "", ["sink 'out' can only have one, but mapping"]),
    ],
)
def test_a_sink_has_one_schema(first: str, second: str, messages: list[str]) -> None:
    """Mappings with different schemas, or different numbers for them, may not feed one sink."""
    source = SHARED % (first, second)
    if messages:
        assert [message in said for message, said in zip(messages, problems(source), strict=True)] == [True]
    else:
        assert len(parsed(source).mappings) == 2


def test_all_settings_are_judged_together() -> None:
    """Mistakes in several blocks are told at once, in the order of their lines, each with its place."""
    source = (
        EVERYTHING.replace('port = "81"', "port = x")
        .replace("type = json", "type = j")
        .replace("mode =", "mod =")
    )
    with pytest.raises(InputError) as refused:
        parsed(source.replace("schema_file =", "schema =") + "\npyglue.collector.lingr = 1")
    places = [(problem.file, problem.line, problem.column) for problem in refused.value.problems]
    assert places == [
        ("c.conf", 5, 30),
        ("c.conf", 23, 18),
        ("c.conf", 33, 38),
        ("c.conf", 54, 7),
        ("c.conf", 60, 1),
    ]


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1500 us", 1),
        ("1 ms", 1),
        ("1 s", 1000),
        ("1 second", 1000),
        ("1m", 60_000),
        ("2 hours", 7_200_000),
        ("730 days", 63_072_000_000),
        ('"250"', 250),
        ('" 250 "', 250),
        (".5 s", 500),
        ("1e3 millis", 1000),
        ("2 nanoseconds", 0),
    ],
)
def test_durations(text: str, milliseconds: int) -> None:
    """Durations have Divolte's units; a quoted number is milliseconds."""
    assert parsed(f"divolte.global.server.shutdown_delay = {text}").shutdown_delay_ms == milliseconds


@pytest.mark.parametrize(
    "text", ["5", "5 M", "5 µs", "5 weeks", "s", "-5 s", "5 s s", "1e999 d", "true", "٣ s"]
)
def test_no_durations(text: str) -> None:
    """A bare number, other units and other cases are none."""
    (message,) = problems(f"divolte.global.server.shutdown_delay = {text}")
    assert "expected a duration" in message


def test_sources_come_in_the_order_of_divoltes_map() -> None:
    """Not the file's order: of two that claim one path, the same one has it as in Divolte."""
    members = [f"{name} {{ type = json, event_path = /x }}" for name in ("two", "one")] + [
        "idle.type = browser"
    ]
    for order in (members, members[::-1]):
        found = parsed("divolte.sources {" + ", ".join(order) + "}")
        assert [source.name for source in found.sources] == ["idle", "one", "two"]


def test_our_own_block() -> None:
    """`pyglue.collector` has our limits; Java's linger.ms counts where it says nothing about that."""
    kafka = "divolte.global.kafka { enabled = true, producer.linger.ms = 7 }\n"
    assert parsed(kafka).limits.linger_ms == 7
    assert parsed(kafka + "pyglue.collector.linger = 3 ms").limits.linger_ms == 3
    given = parsed(
        "pyglue { collector { acknowledge_timeout = 1 s, retry_after_seconds = 9, max_in_flight = 5 } }"
    )
    assert given.limits == Limits(1000, 5, 9, 5, 4)
    assert problems("pyglue.collector.linger = 3 s") == [
        "pyglue.collector.acknowledge_timeout: must be longer than linger"
    ]
    assert parsed("pyglue.collector.counts { directory = /x, keep_days = 2 }").counts == CountsKept(
        Path("/x"), 2
    )
    assert parsed("pyglue.collector.counts.keep_days = 2").counts is None
    assert problems("pyglue.collector.counts.folder = /x")[0].startswith(
        "unknown key pyglue.collector.counts.folder"
    )
    assert parsed("pyglue.collector.metrics { host = h, port = 9 }").metrics == MetricsAt("h", 9)
    assert parsed("pyglue.collector.metrics.port = 9").metrics == MetricsAt("127.0.0.1", 9)
    assert parsed("pyglue.collector.metrics.host = x").metrics is None
    assert problems("pyglue.collector.metrics.port = 0") == [
        "pyglue.collector.metrics.port: expected a whole number from 1 to 65535, found '0'"
    ]
    assert problems("pyglue.collector.metrics.port = 8290") == [
        "pyglue.collector.metrics.port: must differ from divolte.global.server.port: metrics are not for visitors"
    ]
    assert parsed("pyglue.collector.max_connections = 5").max_connections == 5
    assert problems("pyglue.collector.max_connections = 0")
    assert parsed("pyglue.collector.tls { certificate = c.pem, key = k.pem }").tls == Tls(
        Path("c.pem"), Path("k.pem"), "1.2"
    )
    newest = parsed("pyglue.collector.tls { certificate = c, key = k, minimum_version = 1.3 }").tls
    assert newest is not None
    assert newest.minimum_version == "1.3"
    assert problems("pyglue.collector.tls { key = k, minimum_version = 1.1, ciphers = a }") == [
        "pyglue.collector.tls.certificate: expected the name of a file in PEM",
        "pyglue.collector.tls.minimum_version: expected 1.2 or 1.3, found '1.1'",
        "unknown key pyglue.collector.tls.ciphers; known here: certificate, key, minimum_version",
    ]
    assert problems("pyglue.colector.linger = 3 s")[0].startswith(
        "unknown key pyglue.colector; known here: collector"
    )


def test_bad_events_are_kept_where_a_folder_is_named() -> None:
    """Without one they are not; the bound and the days have a least and a default."""
    assert parsed("pyglue.collector.bad_events.directory = /x").bad_events == BadKept(
        Path("/x"), 256 * 2**20, 7
    )
    block = "pyglue.collector.bad_events { directory = /x, max_bytes = 65536, keep_days = 2 }"
    assert parsed(block).bad_events == BadKept(Path("/x"), 65_536, 2)
    assert parsed("pyglue.collector.bad_events.keep_days = 2").bad_events is None
    assert "whole number" in problems("pyglue.collector.bad_events.max_bytes = 5")[0]
    assert "whole number" in problems("pyglue.collector.bad_events.keep_days = 0")[0]


def test_a_file_that_is_none(tmp_path: Path) -> None:
    """A configuration that can't be read is a problem of that file."""
    with pytest.raises(InputError, match="1 problem"):
        conf_file.read(tmp_path / "c.conf", {})
    (tmp_path / "c.conf").write_bytes(b"\xff")
    with pytest.raises(InputError) as refused:
        conf_file.read(tmp_path / "c.conf", {})
    assert refused.value.problems[0].message == "can't be read: it is no UTF-8"


def test_the_built_in_schema() -> None:
    """It has Divolte's fields in Divolte's order, and the built-in mapping fills each of them once."""
    folder = Path(defaults.__file__).parent
    schema = json.loads((folder / "DefaultEventRecord.avsc").read_text(encoding="utf-8"))
    assert f"{schema['namespace']}.{schema['name']}" == "io.divolte.record.DefaultEventRecord"
    kinds = dict(BUILT_IN_FIELDS)
    assert [(field["name"], field["type"]) for field in schema["fields"]] == list(kinds.items())
    given = {field["name"]: field["default"] for field in schema["fields"] if "default" in field}
    assert given == {
        name: None if isinstance(kind, list) else "unknown"
        for name, kind in kinds.items()
        if isinstance(kind, list) or name == "eventType"
    }
    mapping = (folder / "default-mapping.groovy").read_text(encoding="utf-8")
    mapped = [line.rpartition("onto '")[2].rstrip("'") for line in mapping.splitlines() if " onto '" in line]
    assert sorted(mapped) == sorted(kinds)


def test_a_mapping_may_name_one_of_its_files() -> None:
    """Of schema and mapping script each may be the built-in one."""
    source = "divolte.mappings.m { sources = [browser], sinks = [hdfs] %s }"
    mapping = replace(BUILT_IN, name="m")
    assert parsed(source % "").mappings == (mapping,)
    assert parsed(source % ", schema_file = s").mappings == (replace(mapping, schema_file=Path("s")),)
    assert parsed(source % ", mapping_script_file = m").mappings == (replace(mapping, script_file=Path("m")),)


def test_durability_is_the_safest_that_there_is_a_place_for() -> None:
    """Without a folder an answer waits for Kafka; spooled without one, or another word, is refused."""
    spool = "pyglue.collector.spool.directory = /data/spool\n"
    assert parsed("").durability is Durability.ACKNOWLEDGED
    assert parsed(spool).durability is Durability.SPOOLED
    assert parsed(spool + "pyglue.collector.durability = memory").durability is Durability.MEMORY
    assert parsed(spool).spool == Spool(Path("/data/spool"), 2**30)
    assert problems("pyglue.collector.durability = spooled") == [
        "pyglue.collector.durability: spooled needs pyglue.collector.spool.directory"
    ]
    assert "acknowledged or spooled or memory" in problems("pyglue.collector.durability = maybe")[0]
    assert "whole number" in problems("pyglue.collector.spool.max_bytes = 5")[0]


def test_workers() -> None:
    """As many as there are processors, or as is said."""
    assert parsed("").workers == parsed("pyglue.collector.workers = auto").workers == processors.usable()
    assert parsed("pyglue.collector.workers = 7").workers == 7
    for number in ("0", "64", "many"):
        assert problems(f"pyglue.collector.workers = {number}") == [
            f"pyglue.collector.workers: expected auto or a whole number from 1 to 63, found {number!r}"
        ]
