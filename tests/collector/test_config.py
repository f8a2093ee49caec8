"""divolte-collector.conf: HOCON, Divolte's keys and ours, all problems together."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector import check, config, hocon
from pyglue.collector.__main__ import main
from pyglue.collector.hocon import Items, Node, Tree
from pyglue.errors import InputError
from tests.collector.support import CONF, MAPPING, SCHEMA

ENVIRONMENT = {"DIVOLTE_SCHEMA": str(SCHEMA), "DIVOLTE_MAPPING": str(MAPPING)}


def plain(node: Node) -> object:
    """The tree as dicts, lists and texts."""
    if isinstance(node, Tree):
        return {name: plain(value) for name, value in node.values.items()}
    return [plain(value) for value in node.values] if isinstance(node, Items) else node.text


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        (
            "a = 1, b : x y # c\nc.d { e = [1, 2\n3] } // f",
            {"a": "1", "b": "x y", "c": {"d": {"e": ["1", "2", "3"]}}},
        ),
        ('{ "a" : "b\\n", "c.d": """e"f""" }', {"a": "b\n", "c.d": 'e"f'}),
        ("a { b = 1 }, a { c = 2 }, a.b = 3", {"a": {"b": "3", "c": "2"}}),
        ("a = 1, a = ${?NOPE}, b = ${?YES}, c = ${?NOPE}", {"a": "1", "b": "yes"}),
        ("a = [${?NOPE}, ${?YES}], b = x-${YES}-${c}, c = 5", {"a": ["yes"], "b": "x-yes-5", "c": "5"}),
        ("a = ${b}, b { c = 1 }", {"a": {"c": "1"}, "b": {"c": "1"}}),
        ("a = http://x, ", None),
        ('url = "http://"x/y', {"url": "http://x/y"}),
        ("", {}),
    ],
)
def test_hocon(source: str, tree: object) -> None:
    """Configurations mean what the HOCON specification says."""
    if tree is not None:
        assert plain(hocon.read(source, "f", {"YES": "yes"})) == tree


@pytest.mark.parametrize(
    ("source", "place", "message"),
    [
        ("a = ", (1, 5), "expected a value"),
        ("a {\n b = 1", (2, 7), "expected a key"),
        ("a = [1", (1, 7), "expected ']'"),
        ("a b", (1, 4), "expected '=' or '{'"),
        ("a = ${NOPE}", (1, 5), "neither in this file nor in the environment"),
        ("a = ${b}, b = ${a}", (1, 5), "refers to itself"),
        ("a += 1", (1, 3), "found +="),
        ('include "x"', (1, 12), "include is not supported"),
        ("a = 1 }", (1, 7), "found }"),
        ('a = "x', (1, 5), "not expected here"),
        ("a {} b = 1 c", (1, 6), "expected a comma or a new line"),
        ("a = ${}", (1, 5), "names nothing"),
        ("a = " + "[" * 100, (1, 69), "nested deeper"),
    ],
)
def test_hocon_refusals(source: str, place: tuple[int, int], message: str) -> None:
    """What is no HOCON is refused at its place."""
    with pytest.raises(InputError) as refused:
        hocon.read(source, "f", {})
    (problem,) = refused.value.problems
    assert (problem.line, problem.column) == place
    assert message in problem.message


@given(st.text(alphabet='ab.={}[],:"\\\n #/$?+1é ', max_size=40))
def test_hocon_never_crashes(source: str) -> None:
    """Any text is a tree or refused."""
    with suppress(InputError):
        hocon.read(source, "f", {})


def test_the_shipped_configuration() -> None:
    """The shipped file has one source, one topic, and takes its addresses from the environment."""
    environment = {
        **ENVIRONMENT,
        "BIND_ADDRESS": "192.0.2.1",
        "DIVOLTE_PORT": "1234",
        "DIVOLTE_TOPIC": "clicks",
        "DIVOLTE_KAFKA_BROKER_LIST": "a:1, b:2",
    }
    found = config.read(CONF, environment)
    assert (found.host, found.port) == ("192.0.2.1", 1234)
    assert found.producer["bootstrap.servers"] == "a:1,b:2"
    (source,) = found.sources
    assert (source.prefix, source.event_suffix, source.script_name) == ("/", "csc-event", "divolte.js")
    assert (source.party_timeout_ms, source.session_timeout_ms) == (63_072_000_000, 1_800_000)
    (mapping,) = found.mappings
    assert (mapping.sources, mapping.topics) == (("browser",), ("clicks",))
    assert (mapping.schema_file, mapping.script_file) == (SCHEMA, MAPPING)
    assert check.problems(CONF, environment) == []


MINIMAL = """
divolte {
  global { kafka.enabled = true %s }
  sources { web { type = browser %s } }
  sinks { out { type = kafka %s } }
  mappings { m { sources = [web], sinks = [out], schema_file = s, mapping_script_file = m %s } }
}
"""


def test_defaults_are_divoltes() -> None:
    """What the file does not say has Divolte's default."""
    found = config.parse(MINIMAL % ("", "", "", ""), "c.conf", {})
    assert (found.host, found.port, found.duplicate_memory_size) == ("127.0.0.1", 8290, 1_000_000)
    assert found.sources[0].event_timeout_ms == 750
    assert found.mappings[0].topics == ("divolte",)
    assert found.producer["bootstrap.servers"] == "localhost:9092"


@pytest.mark.parametrize(
    ("world", "source", "sink", "mapping", "message"),
    [
        (
            ", server.prot = 1",
            "",
            "",
            "",
            "unknown key divolte.global.server.prot; known here: debug_requests, host, port",
        ),
        (
            ", server.port = 70000",
            "",
            "",
            "",
            "divolte.global.server.port: expected a whole number from 0 to 65535, found '70000'",
        ),
        (", server.use_x_forwarded_for = yes", "", "", "", "expected true or false, found 'yes'"),
        (", server.serve_static_resources = true", "", "", "", "is not supported here"),
        (", server.shutdown_delay = 5", "", "", "", "expected a duration with its unit"),
        (", kafka.producer.foo.bar = 1", "", "", "", "unknown setting foo.bar"),
        ("", ", event_sufix = a", "", "", "unknown key divolte.sources.web.event_sufix"),
        ("", ", javascript.name = a.css", "", "", "ending in .js"),
        ("", ", session_timeout = 30 fortnights", "", "", "expected a duration"),
        ("", "", ", mode = confluent", "", "expected naked"),
        ("", "", ', topic = "a b"', "", "expected a topic's name"),
        ("", "", "", ", sinks = [other]", "there is no 'other' among the sinks: out"),
        ("", "", "", ', schema_file = ""', "expected the name of a file"),
    ],
)
def test_refused_settings(world: str, source: str, sink: str, mapping: str, message: str) -> None:
    """Unknown keys and wrong values are refused by their path, at their line."""
    with pytest.raises(InputError) as refused:
        config.parse(MINIMAL % (world, source, sink, mapping), "c.conf", {})
    assert any(message in problem.message and problem.line for problem in refused.value.problems)


def test_all_settings_are_judged_together() -> None:
    """Three mistakes in three blocks are told at once, in the order of their lines."""
    with pytest.raises(InputError) as refused:
        config.parse(MINIMAL % (", server.port = x", ", type = json", "", ", foo = 1"), "c.conf", {})
    assert [problem.line for problem in refused.value.problems] == [3, 4, 6]


def test_sinks_that_can_not_be_served() -> None:
    """A sink of another type is refused, unless its type is switched off."""
    source = (MINIMAL % ("", "", "", "")).replace(
        "sinks { ", "sinks { files { type = hdfs, replication = 1 }, "
    )
    with pytest.raises(InputError, match=r"1 problem"):
        config.parse(source, "c.conf", {})
    assert config.parse(source.replace("global {", "global { hdfs.enabled = false,"), "c.conf", {}).mappings


def test_a_topic_has_one_schema() -> None:
    """Two mappings with different schemas may not feed one topic."""
    second = "n { sources = [web], sinks = [out], schema_file = other, mapping_script_file = m }"
    source = (MINIMAL % ("", "", "", "")).replace("mappings { ", f"mappings {{ {second}, ")
    with pytest.raises(InputError) as refused:
        config.parse(source, "c.conf", {})
    assert "writes s to topic divolte, another mapping other" in refused.value.problems[0].message


@pytest.mark.parametrize(
    ("schema", "place", "message"),
    [
        ('{"type": "record",\n "name": "R" "fields": []}', (2, 14), "no JSON"),
        (
            '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "lang"}]}',
            (None, None),
            "no Avro schema",
        ),
        ('"string"', (None, None), "expected a schema of type record"),
        (
            '{"type": "record", "name": "R", "fields": [\n'
            '  {"name": "a", "type": {"type": "array", "items": "int"}, "default": ["x"]}]}',
            (2, 4),
            "field 'a': its default does not fit its type",
        ),
        (None, (None, None), "can't be read: no such file"),
    ],
)
def test_broken_schemas(
    tmp_path: Path, schema: str | None, place: tuple[int | None, int | None], message: str
) -> None:
    """A broken schema is a problem of that file, with its place where it has one."""
    path = tmp_path / "s.avsc"
    if schema is not None:
        path.write_text(schema)
    problems = check.problems(CONF, {**ENVIRONMENT, "DIVOLTE_SCHEMA": str(path)})
    assert [(problem.file, problem.line, problem.column) for problem in problems] == [(str(path), *place)]
    assert message in problems[0].message


def test_the_command_checks(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--check` says fine and 0, or every problem on stderr and 1; wrong usage is 2."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert main(["--check", str(CONF)]) == 0
    assert capsys.readouterr().out == f"{CONF}: fine\n"
    broken = tmp_path / "m.groovy"
    broken.write_text("mapping {\n  map partyId() onot 'partyId'\n  map foo() onto 'bar'\n}\n")
    monkeypatch.setenv("DIVOLTE_MAPPING", str(broken))
    assert main(["--check", str(CONF)]) == 1
    errors = capsys.readouterr().err
    assert f"{broken}:2:17: expected 'onto', found onot" in errors
    assert f"{broken}:3:7: 'foo' is not a function" in errors
    assert main([]) == 2
    assert main(["--help"]) == 2
