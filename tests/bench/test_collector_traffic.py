"""The requests that the collector's bench sends are what a page with the tag, or an application, would send."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl

import httptools
import mmh3
import pytest

from bench.collector import kinds, traffic
from bench.collector.kinds import KINDS
from bench.collector.traffic import Event
from pyglue.collector.events import base36, mincode
from pyglue.errors import PyglueError


class Parsed:
    """A request as an HTTP parser sees it."""

    def __init__(self, request: bytes) -> None:
        self.url = b""
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.whole = 0
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(request)
        self.method = parser.get_method()
        path, _, query = self.url.decode("ascii").partition("?")
        self.path = path
        self.names = re.findall(r"(?:^|&)([a-z])=", query)
        self.values = dict(parse_qsl(query, keep_blank_values=True))

    def on_url(self, part: bytes) -> None:
        """A piece of the target."""
        self.url += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self.headers.append((name.decode("ascii"), value.decode("ascii")))

    def on_body(self, part: bytes) -> None:
        """A piece of the body."""
        self.body += part

    def on_message_complete(self) -> None:
        """The end of a request."""
        self.whole += 1


@pytest.fixture(scope="module")
def made() -> list[Event]:
    """The bench's events."""
    return list(traffic.events())


def test_every_event_is_another_and_every_run_sends_the_same(made: list[Event]) -> None:
    """No event is a duplicate of another in its round, and nothing is left to chance between two runs."""
    assert len({(e.values["p"], e.values["s"], e.values["e"]) for e in made}) == traffic.EVENTS >= 2000
    assert list(traffic.events(50)) == list(traffic.events(50))
    assert traffic.shuffled_requests(made[:50]) == traffic.shuffled_requests(made[:50])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_request_is_one_of_a_browser(kind: kinds.Kind, made: list[Event]) -> None:
    """Each is one whole request with a browser's thirteen headers, a cookie among them."""
    for request in kind.requests(made[:200]):
        parsed = Parsed(request)
        assert parsed.whole == 1
        names = {name.lower() for name, _ in parsed.headers} - {"content-type", "content-length"}
        assert len(names) == 13
        assert {"host", "user-agent", "cookie", "referer", "accept-language"} <= names
        assert (parsed.method, parsed.path) == (
            (b"POST", traffic.JSON_PATH) if kind.json else (b"GET", traffic.EVENT_PATH)
        )


def test_the_tag_has_its_order_and_its_escapes(made: list[Event]) -> None:
    """The parameters stand as the tag sends them, escaped as encodeURIComponent does."""
    parsed = [Parsed(request) for request in traffic.tag_requests(made[:200])]
    assert {"".join(p.names) for p in parsed} == {"psvecnflrijkwhtux"}
    assert all(re.search(rb"p=0%3A[0-9a-z]+%3A[\w~]{32}&", p.url) for p in parsed)
    assert any(b"~" in p.url for p in parsed)
    assert not any(set(b'+:/ "<>{}|') & set(p.url.partition(b"?")[2]) for p in parsed)


def test_other_orders_are_many_and_say_the_same(made: list[Event]) -> None:
    """Another order for nearly each event; decoded, nothing differs."""
    tag = [Parsed(request) for request in traffic.tag_requests(made[:200])]
    shuffled = [Parsed(request) for request in traffic.shuffled_requests(made[:200])]
    assert len({tuple(p.names) for p in shuffled}) > 190
    assert [p.values for p in shuffled] == [p.values for p in tag]


def test_checksums_are_right(made: list[Event]) -> None:
    """The hash of all other parameters, in the order of their names; the label has signs of every kind."""
    for request in traffic.tag_requests(made[:200]):
        values = Parsed(request).values
        text = "".join(f"{name}={values[name]},;" for name in sorted(values) if name != "x")
        assert base36.parse(values["x"]) == mmh3.hash(text.encode())


def test_custom_parameters_are_three(made: list[Event]) -> None:
    """A text, a number and a text with escapes, as `divolte.signal` writes them."""
    for event, request in zip(made[:200], traffic.tag_requests(made[:200]), strict=True):
        assert mincode.parse(Parsed(request).values["u"]) == event.parameters
        assert len(event.parameters) == 3


def test_bodies_are_what_a_json_source_takes(made: list[Event]) -> None:
    """The same event, its time to the millisecond, its length announced in bytes."""
    for event, request in zip(made[:200], traffic.json_requests(made[:200]), strict=True):
        parsed = Parsed(request)
        body = json.loads(parsed.body)
        assert dict(parsed.headers)["Content-Length"] == str(len(parsed.body))
        assert dict(parsed.headers)["Content-Type"] == "application/json"
        assert parsed.values == {"p": event.values["p"]}
        assert datetime.fromisoformat(body["client_timestamp_iso"]).timestamp() * 1000 == event.happened_ms
        assert body["parameters"] == event.parameters
        assert body["event_id"] == event.values["e"]


def test_only_what_a_kind_needs_differs_from_the_shipped_files(checkout: Path, tmp_path: Path) -> None:
    """One kind meets the shipped files; the mapping of the others is Divolte's default and a little more."""
    shipped = kinds.files(next(kind for kind in KINDS if kind.shipped), checkout, tmp_path)
    assert [
        file.parent.is_relative_to(checkout) for file in (shipped.conf, shipped.schema, shipped.mapping)
    ] == [True] * 3
    assert list(tmp_path.iterdir()) == []
    plain = kinds.files(KINDS[0], checkout, tmp_path)
    rich = kinds.files(next(kind for kind in KINDS if kind.rich), checkout, tmp_path)
    assert rich.conf == plain.conf == shipped.conf
    before, after = plain.mapping.read_text(encoding="utf-8"), rich.mapping.read_text(encoding="utf-8")
    assert after.replace(kinds.RICH_LINES, "") == before
    fields = [
        [field["name"] for field in json.loads(file.read_text())["fields"]]
        for file in (plain.schema, rich.schema)
    ]
    assert fields[1] == fields[0] + list(kinds.RICH_FIELDS)
    posted = kinds.files(KINDS[-1], checkout, tmp_path)
    assert (posted.schema, posted.mapping) == (plain.schema, plain.mapping)
    assert posted.conf.read_text(encoding="utf-8").startswith(shipped.conf.read_text(encoding="utf-8"))


def test_a_wrong_record_is_an_error(made: list[Event]) -> None:
    """Fast, but not what was sent: then there is no figure; nor for an event that nobody sent."""
    kind = next(kind for kind in KINDS if kind.name == "general")
    known = {event.values["e"]: event for event in made}
    good = kinds.expected(kind, made[7])
    kinds.check(kind, known, [{**good, "timestamp": 1}])
    with pytest.raises(PyglueError, match="is wrong") as caught:
        kinds.check(kind, known, [{**good, "campaign": None}])
    assert caught.value.details == [f"campaign: None, expected {good['campaign']!r}"]
    with pytest.raises(PyglueError, match="nobody sent"):
        kinds.check(kind, known, [{**good, "eventId": "other"}])
