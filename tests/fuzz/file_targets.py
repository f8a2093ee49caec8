"""Targets of files: configurations and mappings, which their owner writes, the spool's entries, and records of a topic."""

from __future__ import annotations

import io
import struct
import zlib

from pyglue.collector.avro import records, schema
from pyglue.collector.config import conf_file
from pyglue.collector.config.configured import Config
from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.events.event import Event, of_json, of_parameters
from pyglue.collector.events.useragent import AgentCache
from pyglue.collector.http.query import parameters
from pyglue.collector.mapping.compiler import Compiled, compile_mapping
from pyglue.collector.mapping.tokens import Source
from pyglue.collector.spool import entries
from pyglue.collector.spool.entries import Entry
from pyglue.errors import BadAnswer, InputError
from tests.collector.http_fakes import JSON_EVENT, NOW, PARTY
from tests.collector.support import SCHEMA, event_query, shipped_encoder
from tests.fuzz import seeds
from tests.fuzz.targets import KIB, Target, outline, words
from tests.fuzz.text_targets import SLOWER

_HOCON_WORDS = (
    *words(
        '{ } [ ] = : , += ${ ${? ${a} ${?a} ${a.b} a.b a= a:1 "" """ \\ // # include null true'
        ' 750ms 1 1e9 -1 "8290" a{ a.b{ x.0='
    ),
    *words(
        "divolte divolte.global.server.port pyglue.collector.spool.directory"
        " divolte.sources divolte.sinks divolte.mappings"
    ),
    *(
        b"\n",
        b" ",
        b"a=1\n",
        b"a=${a}[1]\n",
        b"a=${b}${b}\n",
        b"b=${c}${c}\n",
        b"a={b=1}\n",
        b"x+=1\n",
        b"a.b=",
        b'"\\ud800"',
    ),
)
_MAPPING_WORDS = (
    *words(
        "mapping { } ( ) . , ; - -> def map onto when apply section exit()"
        " stop() not match against parse to int32 fp32 uri bool"
    ),
    *words(
        "'eventId' \"a\" /a/ ''' partyId() eventType() location() eventParameters().path('$.a') eventParameters().value('a')"
    ),
    *words(
        "header('a').first() cookie('a') userAgent().name() corrupt()"
        " .equalTo( .and( .or( .negate() .isPresent() .isAbsent()"
    ),
    *words(
        "digest('md5') .add( .result() .toHexLower() m.matches() m.group(1)"
        " 1 -1 0x7f 1L 1.5d true null 0777 1g \\u0041 \\ud800"
    ),
    *(
        b"\n",
        b" ",
        b"map eventId() onto 'eventId'\n",
        b"def a = ",
        b"when corrupt() apply {",
        b"/*\n",
        b"//",
        b"'",
        b"match '(a|b)*c'",
    ),
    *(
        b"parse location() to uri\n",
        b"(a+)+",
        b"def u = parse location() to uri\nmap u.host() onto 'location'\n",
        b"onto '",
    ),
)


# configurations


def _read_config(data: bytes) -> Config | InputError:
    try:
        return conf_file.parse(data.decode("utf-8", "replace"), "a.conf", {"HOME": "/tmp"})  # noqa: S108 - a value
    except InputError as error:
        return error


def _check_config(_data: bytes, result: Config | InputError) -> str:
    return _told(result) if isinstance(result, InputError) else "fine"


def _told(error: InputError) -> str:
    """What a refusal says; it can be printed."""
    assert error.details
    for line in error.details:
        line.encode()
    return outline(error.details[0].partition("\n")[0].partition(": ")[2])


# mappings


def _events() -> list[Event]:
    """Events with everything, with nothing, and with odd things."""
    odd = (
        JSON_EVENT[:-1]
        + b', "event_type": "\\ud800", "parameters": {"a": [[1.5e300, null, {"a": "x"}]], "v": "\\udfff"}}'
    )
    query = event_query(
        location="http://[::1]:80/a?b=c&b=%ED%A0%80#d", parameters={"a": "1", "v": "x!~"}
    ).encode()
    found = [of_parameters(parameters(query)), of_json(PARTY, JSON_EVENT), of_json(PARTY, odd)]
    lines = (
        (b"cookie", b'a=b; flag="true"'),
        (b"x-list", b'a, "b,c", d'),
        (b"user-agent", b"curl/8.0"),
        (b"a", b"\xff"),
    )
    for event in found:
        event.arrived(lines, NOW, b"192.0.2.1")
    bare = of_parameters(parameters(b"p=0:1:a&s=0:1:b&v=&e=&c=0&n=&f=&u=(da!zz!ja!1e-9!)&l=%"))
    bare.arrived((), NOW, b"::1")
    return [*found, bare]


class _Mappings:
    """Mappings for one schema that has most of the fields that the suites' mappings name."""

    def __init__(self) -> None:
        self._schema = schema.read(SCHEMA)
        self._suite = seeds.suite_schema("conditions")
        self._events = _events()
        self._agents = AgentCache(10)

    def read(self, data: bytes) -> Compiled | InputError:
        """The compiled mapping; its records of all events."""
        source = Source(data.decode("utf-8", "replace"), "a.groovy")
        try:
            compiled = compile_mapping(
                source, self._suite if b"caseId" in data else self._schema, self._agents
            )
        except InputError as error:
            return error
        return compiled

    def check(self, data: bytes, result: Compiled | InputError) -> str:
        """A mapping that compiles writes whole records, or tells why not."""
        if isinstance(result, InputError):
            return _told(result)
        outcomes = set()
        read = records.reader(self._suite if b"caseId" in data else self._schema)
        for event in self._events:
            try:
                record = result.encode(event)
            except DroppedEvent as dropped:
                outcomes.add(outline(dropped.reason))
            else:
                read(record)
                outcomes.add("record")
        for warning in result.warnings:
            str(warning).encode()
        return f"{sorted(outcomes)} {min(len(result.mapped), 4)} {len(result.warnings) > 0}"


# the spool


def _entries() -> list[Entry]:
    made = [
        Entry("divolte", b"0:1:%d" % at, b"value %d" % at * (at % 7), NOW + at, at % 2 == 0)
        for at in range(20)
    ]
    return [*made, Entry("", b"", b"", -1, False), Entry("é" * 100, b"\0" * 30, b"\xff" * 500, 2**62, True)]


def _read_spool(data: bytes) -> list[tuple[Entry, int]]:
    return list(entries.read(io.BytesIO(data), 0, len(data)))


class _Spool:
    """Files of a spool, whole, torn and damaged."""

    def __init__(self) -> None:
        self._written = _entries()
        self.files = [
            entries.MAGIC + b"".join(entry.encoded() for entry in self._written[at : at + 5])
            for at in range(20)
        ]
        self.words = (entries.MAGIC, *(entry.encoded() for entry in self._written[:3]), struct.pack("<II", 0, 0),
                      struct.pack("<II", 15, zlib.crc32(b"\0" * 15)) + b"\0" * 15)  # fmt: skip

    def check(self, data: bytes, result: list[tuple[Entry, int]]) -> str:
        """Each entry that is read was written so; reading on from any place gives the rest."""
        for entry, _ in result:
            assert entry in self._written or entry == Entry("", b"", b"", 0, False), (
                f"{entry!r} was never written"
            )
        if result:
            middle = result[len(result) // 2][1]
            rest = [found for found in result if found[1] > middle]
            assert list(entries.read(io.BytesIO(data), middle, len(data))) == rest
        return f"{min(len(result), 6)} {bool(result) and result[-1][1] == len(data)}"


# records


class _Records:
    """Bytes in a topic, taken for records."""

    def __init__(self) -> None:
        encode = shipped_encoder()
        self._readers = [records.decode(SCHEMA), records.reader(seeds.suite_schema("json-scalars-api"))]
        self.seeds = [encode(event) for event in _events()]

    def read(self, data: bytes) -> list[object]:
        """What each reader takes them for."""
        found: list[object] = []
        for read in self._readers:
            try:
                found.append(read(data))
            except BadAnswer as bad:
                found.append(bad)
        return found


def _check_records(_data: bytes, found: list[object]) -> str:
    return str([outline(str(fields)) if isinstance(fields, BadAnswer) else "record" for fields in found])


def targets() -> list[Target]:
    """The targets of this module."""
    mappings, spool, topic = _Mappings(), _Spool(), _Records()
    return [
        # Their owner writes these, and they are read at the start alone: time and memory must grow as the file does,
        # that is all.
        Target("configurations", seeds.configurations(), _HOCON_WORDS, _read_config, _check_config,
               milliseconds_per_kib=SLOWER, least_milliseconds=400.0, share=30, bytes_per_byte=2 * KIB),
        Target("mappings", seeds.mappings(), _MAPPING_WORDS, mappings.read, mappings.check,
               milliseconds_per_kib=SLOWER, least_milliseconds=400.0, share=30, bytes_per_byte=4 * KIB),
        Target("spool", spool.files, spool.words, _read_spool, spool.check),
        Target("records", topic.seeds, (b"\0", b"\2", b"\x80", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", b"\x01"),
               topic.read, _check_records),
    ]  # fmt: skip
