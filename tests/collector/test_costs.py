"""Requests that are made to be expensive: what they cost grows with their size, not with its square."""

from __future__ import annotations

import json
import time
from typing import Final
from urllib.parse import quote

import pytest

from pyglue.collector.app import App
from pyglue.collector.counting.counters import Counters
from pyglue.collector.duplicates import DuplicateMemory
from pyglue.collector.http.connection import Connection
from pyglue.collector.http.room import Room
from pyglue.collector.loading import load
from tests.collector.http.test_connection import Wire
from tests.collector.http_fakes import JSON_EVENT, NOW, FakeOutlet, Timer, event_query, json_request

SIZE: Final = 200_000
PIECE: Final = 1 << 16
# Ten times what the worst of these takes on two slow cores; a square would take a thousand times as much.
MS_PER_KIB: Final = 10.0
MS: Final = 30.0
FIELDS: Final = {
    **dict.fromkeys(("host", "q", "c", "d", "e", "name"), "string"),
    "i": {"type": "array", "items": "string"},
    "m": {"type": "map", "values": {"type": "array", "items": "string"}},
    "n": "int",
    "g": "double",
    "l": "long",
    "b": "bytes",
}
MAPPING: Final = r"""mapping {
  def page = parse location() to uri
  map page.host() onto 'host'
  map page.query().value('q') onto 'q'
  map page.query() onto 'm'
  map eventParameters().path('$..x') onto 'i'
  map eventParameters().path('$.n') onto 'n'
  map eventParameters().path('$.n') onto 'g'
  map eventParameters().path('$.n') onto 'l'
  map eventParameters().path('$.n') onto 'b'
  map eventParameters().value('n') onto 'c'
  map cookie('z') onto 'd'
  map header('Accept').commaSeparated() onto 'e'
  map userAgent().name() onto 'name'
}"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    """A collector whose mapping looks at everything."""
    folder = tmp_path_factory.mktemp("costs")
    fields = [{"name": name, "type": ["null", kind], "default": None} for name, kind in FIELDS.items()]
    (folder / "r.avsc").write_text(json.dumps({"type": "record", "name": "R", "fields": fields}))
    (folder / "m.groovy").write_text(MAPPING)
    mapping = f'schema_file = "{folder}/r.avsc", mapping_script_file = "{folder}/m.groovy"'
    (folder / "c.conf").write_text(
        "divolte { global { hdfs.enabled = false, kafka.enabled = true, server.use_x_forwarded_for = true }\n"
        "sources { web { type = browser }, app { type = json, event_path = /json, maximum_body_size = 1000000 } }\n"
        "sinks { kafka { type = kafka } }\n"
        f"mappings {{ m {{ sources = [web, app], sinks = [kafka], {mapping} }} }} }}"
    )
    outlet = FakeOutlet()
    outlet.max_bytes = 10**9
    return App(
        load(folder / "c.conf", {}).table(lambda *_: outlet),
        DuplicateMemory(1000),
        Counters(),
        clock=lambda: NOW,
        later=Timer().later,
        retry_after_s=1,
        use_x_forwarded_for=True,
    )


def repeated(text: str) -> str:
    """`text` until it has SIZE."""
    return text * (SIZE // len(text))


def event(lines: str = "", **values: str) -> bytes:
    """An event with other values, and further header lines; values are escaped."""
    parts = [part for part in event_query().split("&") if part.partition("=")[0] not in values]
    parts += [f"{name}={value}" for name, value in values.items()]
    return f"GET /csc-event?{'&'.join(parts)} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode("latin-1")


def parameters(mincode: str) -> bytes:
    """An event with these parameters."""
    return event(u=quote(mincode, safe="()!~."))


def posted(parameters: str) -> bytes:
    """A JSON event with these parameters."""
    return json_request(JSON_EVENT[:-1] + b', "parameters": ' + parameters.encode() + b"}")


def head(lines: str) -> bytes:
    """A ping with these header lines."""
    return f"GET /ping HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


EXPENSIVE: Final = {
    "a target without end": b"GET /" + b"a" * SIZE,
    "tiny headers": head(repeated("a:b\r\n")),
    "tiny plain headers": head(repeated("a: b\r\n")),
    "folded lines": head("a: b" + repeated("\r\n ") + "\r\n"),
    "folded lengths": head(repeated("content-length:\r\n ") + "\r\n"),
    "line ends": repeated("\r\n").encode(),
    "carriage returns": head("a: " + repeated("\r") + "\r\n"),
    "parameters": event(a=repeated("b&a=")),
    "segments": b"GET " + repeated("/a").encode() + b" HTTP/1.1\r\n\r\n",
    "ways up": b"GET " + repeated("/..").encode() + b" HTTP/1.1\r\n\r\n",
    "escapes": event(l=repeated("%41")),
    "broken text": event(l=repeated("%ed%a0%80")),
    "a query in the location": event(l="http://a/?" + repeated("q%3Da%26")),
    "a host of labels": event(l="http://" + repeated("a.")),
    "a host of brackets": event(l="http://[" + repeated(":") + "]/"),
    "a number in base 36": event(c="z" * SIZE),
    "a size in base 36": event(w="z" * SIZE),
    "an identifier": event(p=f"0:{'z' * SIZE}:a"),
    "digits of other scripts": event(s=f"0:{repeated('%d9%a3')}:a"),
    "nested objects": parameters(repeated("(n!")),
    "nested and closed": parameters("(" + "(n!" * 30_000 + ")" * 30_001),
    "nested arrays": parameters("(an!" + "a" * 30_000 + "." * 30_000 + ")"),
    "names": parameters("(" + "".join(f"s{number}!b!" for number in range(20_000)) + ")"),
    "escaped text": parameters("(sn!" + repeated("~~") + "!)"),
    "text without an end": parameters("(sn!" + repeated("~")),
    "a power": parameters("(jn!1e999999999!)"),
    "a small power": parameters("(jn!1e-999999999!)"),
    "powers": parameters("(an!" + "j1e999999999!" * 2000 + ".)"),
    "long numbers": parameters("(" + ("jn!" + "9" * 900 + "!") * 100 + ")"),
    "a text of digits": parameters("(sn!" + "9" * SIZE + "!)"),
    "a text of zeros": parameters("(sn!" + "0" * SIZE + "!)"),
    "a fraction": parameters("(sn!" + "9" * SIZE + ".5!)"),
    "blanks": parameters("(sn!" + repeated("%20") + "x!)"),
    "base 64": parameters("(sn!" + repeated("AAAA ") + "!)"),
    "an agent": event("User-Agent: " + repeated("Mozilla/5.0 (") + "\r\n"),
    "cookies": event("Cookie: " + repeated('z="a') + "\r\n"),
    "quotes": event("Accept: " + repeated('"') + "\r\n"),
    "escaped quotes": event("Accept: " + repeated('"\\') + "\r\n"),
    "tabs": event("Accept: a" + repeated(" \t") + "b\r\n"),
    "addresses": event("X-Forwarded-For: " + repeated("::,") + repeated(":") + "\r\n"),
    "tags": event("If-None-Match: " + repeated("W/") + "\r\n"),
    "nested JSON": posted("[" * SIZE),
    "nested and closed JSON": posted('{"x":' * 400 + "1" + "}" * 400),
    "a long number of JSON": posted(f'{{"n": {"9" * SIZE}}}'),
    "a long fraction of JSON": posted(f'{{"n": 0.{"9" * SIZE}}}'),
    "least numbers of JSON": posted('{"a": [' + '{"x": 5e-324},' * 10_000 + "1]}"),
    "a name again and again": json_request(JSON_EVENT[:-1] + b', "event_id": "a"' * 10_000 + b"}"),
    "escapes of JSON": posted('{"n": "' + "\\ud800" * 30_000 + '"}'),
    "a time": json_request(JSON_EVENT.replace(b"12:34:56Z", b"12:34:56." + b"1" * SIZE + b"Z")),
    "chunks": json_request(JSON_EVENT[:-1] + b', "parameters": "' + b"x" * 30_000 + b'"}', chunk=1),
}


@pytest.mark.parametrize("request_", EXPENSIVE.values(), ids=EXPENSIVE)
def test_what_a_request_costs_grows_with_its_size(app: App, request_: bytes) -> None:
    """Nothing that a client can write takes much longer than an honest request of the size, or is a bug of ours."""
    connection = Connection(app, Room(), lambda: 0.0)
    connection.connection_made(Wire())
    began = time.thread_time()
    for at in range(0, len(request_), PIECE):
        connection.data_received(request_[at : at + PIECE])
    taken = (time.thread_time() - began) * 1000
    assert taken < MS + MS_PER_KIB * len(request_) / 1024
    assert app.counters["internal error"] == 0


def test_a_byte_at_a_time_costs_no_more(app: App) -> None:
    """What came before is not looked at again."""
    connection = Connection(app, Room(), lambda: 0.0)
    connection.connection_made(Wire())
    began = time.thread_time()
    for byte in head("a: " + "b" * 50_000 + "\r\n"):
        connection.data_received(bytes([byte]))
    assert (time.thread_time() - began) * 1000 < MS_PER_KIB * 50
