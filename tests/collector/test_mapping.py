"""mapping.groovy: what is understood, what it means for an event, and how the rest is refused."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.avro import schema
from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.events.event import Event
from pyglue.collector.events.useragent import AgentCache
from pyglue.collector.mapping.compiler import compile_mapping
from pyglue.collector.mapping.parser import parse
from pyglue.collector.mapping.tokens import Source
from pyglue.errors import InputError
from tests.collector.support import MAPPING, NOW, SCHEMA, browser_event, encoder, event_query

RECORD = schema.parse(
    """{"type": "record", "name": "R", "fields": [
      {"name": "text", "type": ["null", "string"], "default": null},   // a comment
      {"name": "yes", "type": "boolean", "default": false},
      {"name": "small", "type": ["int", "null"], "default": 7},
      {"name": "large", "type": "long", "default": 0},
      {"name": "half", "type": "float", "default": 0},
      {"name": "whole", "type": "double", "default": 0},
      {"name": "data", "type": ["null", "bytes"], "default": null},
      {"name": "many", "type": {"type": "array", "items": "string"}, "default": ["a"]},
      {"name": "lists", "type": ["null", {"type": "map", "values": {"type": "array", "items": "string"}}],
       "default": null},
      {"name": "three", "type": ["null", "string", "int"], "default": null}
    ]}""",
    "s.avsc",
)
DEFAULTS: dict[str, object] = {
    "text": None,
    "yes": False,
    "small": 7,
    "large": 0,
    "half": 0.0,
    "whole": 0.0,
    "data": None,
    "many": ["a"],
    "lists": None,
    "three": None,
}
HEADERS = [
    (b"user-agent", b"curl/8.0"),
    (b"cookie", b"a=1; b=two"),
    (b"x-list", b"p, q"),
    (b"x-list", b"r"),
]
URL = "http://shop.example:81/a%20b/c?q=1&q=2&n=7#top"


def event(**changes: Any) -> Event:
    """An event as the tag would send it, with `changes` of its values."""
    return browser_event(event_query(**changes).encode(), HEADERS, b"h")


def record(mapping: str, **changes: Any) -> dict[str, object]:
    """The fields that `mapping` sets for an event, those with their defaults left out."""
    encoded = encoder(mapping, RECORD)(event(**changes))
    stream = io.BytesIO(encoded)
    found = fastavro.schemaless_reader(stream, RECORD.parsed, None)
    assert stream.read() == b""
    assert isinstance(found, dict)
    return {name: value for name, value in found.items() if value != DEFAULTS[name]}


@pytest.mark.parametrize(
    ("statement", "fields"),
    [
        # ways to write it
        ("map eventType() onto 'text'", {"text": "click"}),
        ("map(eventType()).onto('text')", {"text": "click"}),
        ("map (eventType()) onto 'text'", {"text": "click"}),
        ("map { eventType() } onto 'text'", {"text": "click"}),
        ("map({ eventType() }).onto('text')", {"text": "click"}),
        ("map { -> eventType() } onto 'text'", {"text": "click"}),
        ("map { def t = eventType(); return t } onto 'text'", {"text": "click"}),
        ("map eventType() onto('text');", {"text": "click"}),
        ('map userAgent()\n  .name() onto "text"', {"text": "cURL"}),
        ("/* two\nlines */ map location() onto 'text'", {}),
        ("", {}),
        # literals
        ("map 'a\\'\\u00e9\\n' onto 'text'", {"text": "a'é\n"}),
        ("map '''a'b''' onto 'text'", {"text": "a'b"}),
        ("map(/a\\d\\/b/).onto('text')", {"text": "a\\d/b"}),
        ("map true onto 'yes'", {"yes": True}),
        ("map 42 onto 'small'", {"small": 42}),
        ("map(-42) onto 'small'", {"small": -42}),
        ("map 0x1F onto 'small'", {"small": 31}),
        ("map 42L onto 'large'; map 1_000.5d onto 'whole'", {"large": 42, "whole": 1000.5}),
        ("map 1.5f onto 'half'", {"half": 1.5}),
        ("map timestamp() onto 'large' // when", {"large": NOW}),
        # the later one that has a value wins
        ("map 'x' onto 'text'\nmap location() onto 'text'", {"text": "x"}),
        ("map 'x' onto 'text'\nmap eventType() onto 'text'", {"text": "click"}),
        # variables
        ("def t = eventType()\nmap t onto 'text'", {"text": "click"}),
        ("t = eventType()\nmap t onto 'text'", {"text": "click"}),
        ("String f = 'text'\nmap eventType() onto f", {"text": "click"}),
        ("final f = 'x'\nmap f onto 'text'", {"text": "x"}),
        ("def t = 'a'; when eventType().isPresent() apply { t = 'b' }; map t onto 'text'", {"text": "b"}),
        ("def t = 'a'; when eventType().isPresent() apply { def t = 'b' }; map t onto 'text'", {"text": "a"}),
        # event parameters
        ("map eventParameters().value('n') onto 'text'", {"text": "5"}),
        ("map eventParameters().value('zz') onto 'text'", {"text": ""}),
        ("map eventParameter('n') onto 'text'", {"text": "5"}),
        ("map eventParameters().path('$.n') onto 'large'", {"large": 5}),
        ("map eventParameters().path('$[\\'n\\']') onto 'whole'", {"whole": 5.0}),
        ("map eventParameters().path('$.zz') onto 'small'", {}),
        ("map eventParameters().path('$..zz') onto 'many'", {"many": []}),
        ("map 'x' onto 'text'; map eventParameters().path('$.zz') onto 'text'", {"text": "x"}),
        ("map eventParameters().path('$.zz').isAbsent() onto 'yes'", {"yes": True}),
        # conditions
        ("when eventType().equalTo('click') apply { map 1 onto 'small' }", {"small": 1}),
        ("when { eventType().equalTo('x') } apply { map 1 onto 'small' }", {}),
        ("when(eventType().isPresent()).apply { map 1 onto 'small' }", {"small": 1}),
        ("when { not location().isPresent() } apply { map 1 onto 'small' }", {"small": 1}),
        ("when location().isAbsent().and(corrupt()) apply { map 1 onto 'small' }", {}),
        ("when location().isAbsent().or(corrupt()) apply { map 1 onto 'small' }", {"small": 1}),
        ("map location().equalTo(referer()) onto 'yes'", {"yes": True}),
        ("map timestamp().equalTo(5) onto 'yes'", {}),
        ("map timestamp().equalTo(1700000000000L) onto 'yes'", {"yes": True}),
        ("def c = parse location() to bool\nwhen c apply { map 1 onto 'small' }", {}),
        ("def c = parse location() to bool\nwhen c.negate() apply { map 1 onto 'small' }", {}),
        ("def c = parse location() to bool\nwhen { c.or(eventType().isPresent()) } stop()\nmap 1 onto 'small'",
         {"small": 1}),
        # leaving
        ("map 1 onto 'small'; stop(); map 2 onto 'small'", {"small": 1}),
        ("map 1 onto 'small'; exit(); map 2 onto 'small'", {"small": 1}),
        ("when eventType().isPresent() exit()\nmap 2 onto 'small'", {}),
        ("when eventType().isPresent() stop()\nmap 2 onto 'small'", {}),
        ("section { map 1 onto 'small'; exit(); map 2 onto 'small' }; map 3 onto 'whole'", None),
        ("section { map 1 onto 'small'; exit(); map 2 onto 'small' }; map 3L onto 'large'",
         {"small": 1, "large": 3}),
        ("section { section { when eventType().isPresent() exit(); map 2 onto 'small' }; map 3L onto 'large' }",
         {"large": 3}),
        ("section { section { stop() }; map 3L onto 'large' }; map 1 onto 'small'", {}),
        ("section { when eventType().isPresent() apply { section { exit() }; map 1 onto 'small'; exit() }\n"
         "map 2 onto 'small' }\nmap 'end' onto 'text'", {"small": 1, "text": "end"}),
        ("section { }; when corrupt() apply { }; map 1 onto 'small'", {"small": 1}),
        # requests
        ("map cookie('b') onto 'text'", {"text": "two"}),
        ("map cookie('c') onto 'text'", {}),
        ("map header('X-LIST') onto 'many'", {"many": ["p", "q", "r"]}),
        ("map header('X-List').first() onto 'text'", {"text": "p"}),
        ("map header('X-List').get(-1) onto 'text'", {"text": "r"}),
        ("map header('X-List').get(3) onto 'text'", {}),
        ("map header('X-List').commaSeparated() onto 'text'", {"text": "p,q,r"}),
        ("map header('nope') onto 'many'", {}),
        ("map userAgentString() onto 'text'", {"text": "curl/8.0"}),
        ("map remoteHost() onto 'text'", {"text": "h"}),
        # texts
        ("def n = parse cookie('a') to int32\nmap n onto 'small'", {"small": 1}),
        ("map { parse cookie('b') to int32 } onto 'small'", {}),
        ("map { parse cookie('a') to fp64 } onto 'whole'", {"whole": 1.0}),
        ("def m = match 'c(l.*)' against eventType()\nmap m.group(1) onto 'text'", {"text": "lick"}),
        ("def m = match 'c(?<rest>.*)' against eventType()\nmap m.group('rest') onto 'text'",
         {"text": "lick"}),
        ("def m = match 'c' against eventType()\nmap m.group(0) onto 'text'", {}),
        ("def m = match 'c.*' against eventType()\nmap m.matches() onto 'yes'", {"yes": True}),
        ("def m = match 'c' against location()\nmap m.matches().isAbsent() onto 'yes'", {"yes": True}),
        # digests
        ("map digest('md5').add(eventType()).add('').toHexLower() onto 'text'",
         {"text": "a8affc088cbca89fa20dbd98c91362e4"}),
        ("map digest('SHA-1').add('a').add('a').result() onto 'data'",
         {"data": bytes.fromhex("86f7e437faa5a7fce15d1ddcb9eaeaea377667b8")}),
        ("def d = digest('md5')\nd.add('a')\nmap d.toBase64() onto 'text'", {"text": "DMF1ucDxtqgxw5niaXcmYQ=="}),
        ("map digest('md5').add(location()).toHexUpper() onto 'text'", {"text": "D41D8CD98F00B204E9800998ECF8427E"}),
    ],
)  # fmt: skip
def test_statements(statement: str, fields: dict[str, object] | None) -> None:
    """Each construct sets what it should and leaves the other fields at their defaults."""
    mapping = f"#!groovy\nmapping {{\n{statement}\n}}\n"
    if fields is None:
        with pytest.raises(InputError):
            record(mapping)
    else:
        assert record(mapping, parameters={"n": "5"}) == fields


def test_uris() -> None:
    """Parts of a location go where their types fit."""
    mapping = """
    def u = parse location() to uri
    mapping {
      def u = parse location() to uri
      map u.host() onto 'text'
      map u.port() onto 'small'
      map u.query() onto 'lists'
      map u.query().valueList('q') onto 'many'
      map { parse u.query().value('n') to int64 } onto 'large'
    }
    """.replace("    def u = parse location() to uri\n    mapping", "    mapping")
    assert record(mapping, location=URL) == {
        "text": "shop.example",
        "small": 81,
        "lists": {"q": ["1", "2"], "n": ["7"]},
        "many": ["1", "2"],
        "large": 7,
    }


# Closures that use the one before twice.
DOUBLED = "def a0 = { corrupt() }\n" + "".join(
    f"def a{n + 1} = {{ not(a{n})\nnot(a{n}) }}\n" for n in range(30)
)


@pytest.mark.parametrize(
    ("mapping", "line", "column", "message"),
    [
        ("mapping {\n  map partyId() onot 'text'\n}", 2, 17, "needs onto and a field's name; found 'onot'"),
        ("mapping {\n  map partyId()\n}", 2, 3, "'map' is not complete"),
        ("mapping {\n  map foo() onto 'text'\n}", 2, 7, "'foo' is not a function"),
        ("mapping {\n  map foo onto 'text'\n}", 2, 7, "unknown name 'foo'"),
        ("mapping {\n  map partyId onto 'text'\n}", 2, 7, "needs brackets: partyId()"),
        ("mapping {\n  map userAgent().nme() onto 'text'\n}", 2, 19, "it has name()"),
        ("mapping {\n  map userAgent() onto 'text'\n}", 2, 24, "no value that can be written"),
        ("mapping {\n  map partyId() onto 'txt'\n}", 2, 22, "the schema s.avsc has no field 'txt'"),
        ("mapping {\n  map partyId() onto 'large'\n}", 2, 22, "field 'large': is long, but this is string"),
        ("mapping {\n  map partyId() onto 'three'\n}", 2, 22, "nothing goes onto a union"),
        ("mapping {\n  map eventParameters() onto 'three'\n}", 2, 30, "union"),
        ("mapping {\n  map 42 onto 'large'\n}", 2, 15, "this is int"),
        ("mapping {\n  map null onto 'text'\n}", 2, 17, "null"),
        ("mapping {\n  map 42.0 onto 'whole'\n}", 2, 7, "BigDecimal"),
        ("mapping {\n  map 2147483648i onto 'small'\n}", 2, 7, "does not fit into type int"),
        ("mapping {\n  map 1e999d onto 'whole'\n}", 2, 7, "does not fit into type double"),
        (f"mapping {{\n  map {'9' * 5000} onto 'large'\n}}", 2, 7, "does not fit into type long"),
        (f"mapping {{\n  map {'9' * 5000}a onto 'large'\n}}", 2, 7, "'9' is Groovy"),
        ("mapping { }\n/*\n/* two", 2, 1, "this comment does not end"),
        (f"mapping {{\n{DOUBLED}when a30 apply {{ }}\n}}", 4, 1, "more statements than"),
        ("mapping {\n  map 012 onto 'small'\n}", 2, 7, "octal"),
        ("mapping {\n  map eventParameters().path('$.[') onto 'text'\n}", 2, 30, "JsonPath"),
        (
            "mapping {\n  map eventParameters().value() onto 'text'\n}",
            2,
            25,
            "value takes 1 argument, found 0",
        ),
        ("mapping {\n  map partyId('a') onto 'text'\n}", 2, 7, "partyId takes no argument, found 1"),
        ("mapping {\n  map \"a$b\" onto 'text'\n}", 2, 7, "'$' in a string with double quotes"),
        ("mapping {\n  map 'abc onto text\n}", 2, 7, "does not end on its line"),
        ("mapping {\n  map partyId() onto 'text' map\n}", 2, 32, "expected what 'map' is about"),
        ("mapping {\n  map partyId() onto 'text'\n", 3, 1, "expected '}', found the end of the file"),
        ("mapping { mapping { } }", 1, 11, "mapping stands within mapping"),
        ("map partyId() onto 'text'", 1, 1, "'map' stands outside of mapping"),
        ("/* endless", 1, 1, "this comment does not end"),
        ("mapping {\n  map partyId() + 1 onto 'text'\n}", 2, 17, "'+' is Groovy"),
        ("mapping {\n  if (true) { map partyId() onto 'text' }\n}", 2, 3, "'if' is Groovy"),
        ("import a.b.C\nmapping { }", 1, 1, "'import' is Groovy"),
        ("mapping {\n  map (parse location() to uri).path() onto 'text'\n}", 2, 14, "inside brackets"),
        ("mapping {\n  def u = parse location() to url\n}", 2, 31, "int32"),
        ("mapping {\n  def u = parse timestamp() to uri\n}", 2, 17, "parse takes a text"),
        ("mapping {\n  map ip2geo().cityName() onto 'text'\n}", 2, 7, "ip2geo_database"),
        ("mapping {\n  map digest('sha-3000').add('a').result() onto 'data'\n}", 2, 35, "sha-3000"),
        ("mapping {\n  map digest('md5') onto 'data'\n}", 2, 7, "a digest is no value yet"),
        ("mapping {\n  when true apply { }\n}", 2, 8, "a condition that an event decides"),
        ("mapping {\n  map not(partyId()) onto 'yes'\n}", 2, 11, "not takes a condition"),
        ("mapping {\n  section\n}", 2, 3, "needs brackets"),
        ("mapping {\n  def x\n}", 3, 1, ""),
    ],
)
def test_refusals(mapping: str, line: int, column: int, message: str) -> None:
    """What is not understood is refused at its line and column, with what was expected."""
    with pytest.raises(InputError) as refused:
        encoder(mapping, RECORD)
    problem = refused.value.problems[0]
    assert message in problem.message
    if message:
        assert (problem.file, problem.line, problem.column) == ("m.groovy", line, column)


def test_all_problems_are_told_together_with_carets() -> None:
    """Wrong words, wrong types and unknown fields come in one error, each with its line and a caret."""
    mapping = "mapping {\n\tmap partyId() onot 'text'\n  map foo() onto 'bar'\n  map 1 onto 'baz'\n}"
    with pytest.raises(InputError) as refused:
        encoder(mapping, RECORD)
    assert [problem.line for problem in refused.value.problems] == [2, 3, 4]
    assert refused.value.problems[0].message.split("\n")[1:] == [
        "    \tmap partyId() onot 'text'",
        "    \t              ^",
    ]


def test_a_variable_that_failed_is_told_once() -> None:
    """What uses a variable whose value was refused says nothing more."""
    with pytest.raises(InputError) as refused:
        encoder("mapping {\n def u = foo()\n map u onto 'text'\n map u.x() onto 'text'\n}", RECORD)
    assert [problem.line for problem in refused.value.problems] == [2]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("def m = match '(' against eventType()\nmap m.matches() onto 'yes'", "broken regular expression"),
        ("def m = match 'c.*' against eventType()\nmap m.group(3) onto 'text'",
         "no such group in a regular expression"),
        ("def m = match 'c.*' against eventType()\nmap m.group('x') onto 'text'",
         "no such group in a regular expression"),
        ("when eventType() apply { }", "when on a text"),
    ],
)  # fmt: skip
def test_what_divolte_finds_out_late(statement: str, reason: str) -> None:
    """It is a warning at the start; an event that reaches it is dropped alone, one that does not is recorded."""
    compiled = compile_mapping(Source(f"mapping {{\n{statement}\n}}", "m.groovy"), RECORD, AgentCache(10))
    assert [warning.line for warning in compiled.warnings]
    with pytest.raises(DroppedEvent) as dropped:
        compiled.encode(event())
    assert dropped.value.reason == reason
    without = event()
    without.event_type = None
    assert compiled.encode(without)


def test_the_headers_and_cookies_that_a_mapping_reads_are_known() -> None:
    """Names of headers in lower case; that of a user agent counts however it is read."""
    for statement, headers, cookies in (
        ("map eventType() onto 'text'", set(), set()),
        ("map header('X-Shop').first() onto 'text'", {b"x-shop"}, set()),
        ("map cookie('group') onto 'text'", set(), {"group"}),
        ("map userAgent().name() onto 'text'", {b"user-agent"}, set()),
        ("map userAgentString() onto 'text'", {b"user-agent"}, set()),
    ):
        compiled = compile_mapping(Source(f"mapping {{ {statement} }}", "m.groovy"), RECORD, AgentCache(10))
        assert (set(compiled.headers), set(compiled.cookies)) == (headers, cookies)


def test_a_warning_is_told_once() -> None:
    """However the value is written, and however deep it stands."""
    inner = "m.group(9)" + ".equalTo(m.group(8)).equalTo(corrupt().equalTo(m.group(7).isPresent()))"
    mapping = f"mapping {{\n def m = match 'c' against eventType()\n map {inner} onto 'yes'\n}}"
    compiled = compile_mapping(Source(mapping, "m.groovy"), RECORD, AgentCache(10))
    assert len(compiled.warnings) == 3


def test_required_fields_that_nothing_fills() -> None:
    """A field without default that nothing is mapped onto is warned of at start, and drops every event."""
    required = schema.parse('{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}', "s.avsc")
    compiled = compile_mapping(Source("mapping { }", "m.groovy"), required, AgentCache(10))
    assert "nothing is mapped onto 'a'" in compiled.warnings[0].message
    with pytest.raises(DroppedEvent, match="no value for field a"):
        compiled.encode(event())


def test_the_shipped_mapping_sets_every_field_of_the_shipped_schema() -> None:
    """No column of the shipped schema stays empty for want of a mapping."""
    record_schema = schema.read(SCHEMA)
    source = Source(MAPPING.read_text(encoding="utf-8"), "mapping.groovy")
    compiled = compile_mapping(source, record_schema, AgentCache(10))
    assert compiled.warnings == ()
    assert {entry.field for entry in compiled.mapped} == {field.name for field in record_schema.fields}


@given(st.text(alphabet="map onto(){}'\"\\.,;\n/*#$0123ldfe$xé-=", max_size=60))
def test_the_parser_never_crashes(text: str) -> None:
    """Any text is a mapping or refused with a place in it."""
    source = Source("mapping {" + text, "m")
    _, problems = parse(source)
    lines = source.text.split("\n")
    for problem in problems:
        assert problem.line is not None
        assert problem.column is not None
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1


WORDS = st.sampled_from(
    "map onto when apply section exit() stop() def x = parse to uri match against 'text' 'a' ( ) { } , . 1 location() "  # noqa: SIM905 - a list of words reads best as one
    "not digest .add( .equalTo( .isPresent() eventParameters() .path( '$.a' header( .group( mapping ; return".split()
)


@given(st.lists(WORDS, max_size=30))
def test_any_words_are_a_mapping_or_refused(words: list[str]) -> None:
    """Whatever the words of the language say together, the collector starts with it or says what is wrong."""
    source = Source("mapping { " + " ".join(words) + " }", "m")
    try:
        compiled = compile_mapping(source, RECORD, AgentCache(10))
    except InputError:
        return
    try:
        compiled.encode(event())
    except DroppedEvent:
        assert compiled.warnings


def test_the_shipped_mapping_cut_at_every_byte() -> None:
    """A mapping that ends early is refused, wherever it ends."""
    text = MAPPING.read_text(encoding="utf-8").rstrip()
    for end in range(text.index("mapping {") + 9, len(text), 7):
        _, problems = parse(Source(text[:end], "m"))
        assert problems


def test_empty_blocks_and_long_chains() -> None:
    """A section without statements is nothing, wherever it stands; a very long chain is taken or refused in words."""
    assert record(
        "mapping { when eventType().isPresent() apply { section { /* later */ } }; map 1 onto 'small' }"
    ) == {"small": 1}
    assert record("mapping {\n def t =\n  eventType()\n map { it -> t } onto 'text'\n}") == {"text": "click"}
    chain = "eventType().equalTo('a')" + ".or(eventType().equalTo('b'))" * 200
    assert record(f"mapping {{ when {chain} apply {{ map 1 onto 'small' }} }}") == {}
    try:
        record(f"mapping {{ when {chain}{'.or(corrupt())' * 3000} apply {{ map 1 onto 'small' }} }}")
    except InputError as error:
        assert "nested too deeply" in error.details[0]  # noqa: PT017 - either is fine
    doubled = "def a0 = corrupt()\n" + "".join(f"def a{n + 1} = a{n}.and(a{n})\n" for n in range(40))
    assert record(f"mapping {{\n{doubled}\nmap a40 onto 'yes' }}") == {}
    again = doubled.replace("a", "b").replace("corrupt().bnd", "corrupt().and").replace(".bnd", ".and")
    assert record(f"mapping {{\n{doubled}{again}\nmap a40 onto 'yes'; map b40 onto 'yes' }}") == {}


def test_a_long_line_is_shown_around_the_problem() -> None:
    """What a program wrote on one line is not told whole for each of its problems."""
    with pytest.raises(InputError) as refused:
        encoder("mapping {" + "); " * 1000 + "}", RECORD)
    message = refused.value.problems[500].message.split("\n")
    assert max(map(len, message)) < 200
    assert message[1][message[2].index("^")] == ")"
