"""The kinds of traffic, the configuration that each meets, and what its records must hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench.collector import traffic
from bench.collector.traffic import Event
from bench.targets import TRAFFIC
from pyglue.collector.loading import DEFAULT_MAPPING, DEFAULT_SCHEMA
from pyglue.errors import PyglueError

# What the bench's mapping has beside Divolte's own default: what the checks of the records need.
PLAIN_FIELDS = {"eventId": "string", "technology": "string"}
PLAIN_LINES = """
  map eventId() onto 'eventId'
  map eventParameters().path('$.technology') onto 'technology'
"""
# What a page's own mapping asks for beside that: a URI, a regular expression, a header, a cookie, parameters.
RICH_FIELDS = {
    "pageHost": "string",
    "pagePath": "string",
    "campaign": "string",
    "article": "string",
    "language": "string",
    "theme": "string",
    "label": "string",
    "position": "int",
}
RICH_LINES = r"""
  def page = parse location() to uri
  map page.host() onto 'pageHost'
  map page.path() onto 'pagePath'
  map page.query().value('campaign') onto 'campaign'
  def article = match '/technology/([0-9]+)' against page.path()
  map article.group(1) onto 'article'
  map header('Accept-Language').first() onto 'language'
  map cookie('theme') onto 'theme'
  map eventParameters().value('label') onto 'label'
  map eventParameters().path('$.position') onto 'position'
"""
JSON_SOURCE = """
divolte.sources.application = {type = json, event_path = "%s"}
divolte.mappings.clickstream.sources = [browser, application]
"""
MEMORY = "\npyglue.collector.durability = memory\n"


@dataclass(frozen=True)
class Kind:
    """One traffic, by its name in TRAFFIC. `json`: it goes to a JSON source.

    `shipped`: it meets the shipped mapping, else Divolte's default; `rich`: the default with more lines. `memory`: an
    event is answered as soon as it is in memory.
    """

    name: str
    requests: Callable[[list[Event]], list[bytes]]
    shipped: bool = False
    rich: bool = False
    json: bool = False
    memory: bool = False

    @property
    def what(self) -> str:
        """The traffic in words."""
        return TRAFFIC[self.name][0]

    @property
    def success(self) -> str:
        """The status with which an event is answered."""
        return "204" if self.json else "200"


KINDS = (
    Kind("tag", traffic.tag_requests),
    Kind("memory", traffic.tag_requests, memory=True),
    Kind("shuffled", traffic.shuffled_requests),
    Kind("shipped", traffic.tag_requests, shipped=True),
    Kind("rich", traffic.tag_requests, rich=True),
    Kind("general", traffic.shuffled_requests, rich=True),
    Kind("json", traffic.json_requests, json=True),
)


@dataclass(frozen=True)
class Files:
    """The configuration that a kind meets."""

    conf: Path
    schema: Path
    mapping: Path


def files(kind: Kind, project: Path, scratch: Path) -> Files:
    """The shipped configuration with the kind's mapping and schema; what differs from the checkout's lies in `scratch`."""
    conf = project / "divolte" / "divolte-collector.conf"
    more = JSON_SOURCE % traffic.JSON_PATH if kind.json else MEMORY if kind.memory else ""
    if more:
        text = conf.read_text(encoding="utf-8") + more
        conf = scratch / f"{kind.name}.conf"
        conf.write_text(text, encoding="utf-8")
    if kind.shipped:
        return Files(conf, project / "divolte" / "DefaultEventRecord.avsc", project / "mapping.groovy")
    defaults = project / "pyglue" / "collector" / "defaults"
    fields, lines = PLAIN_FIELDS, PLAIN_LINES
    if kind.rich:
        fields, lines = fields | RICH_FIELDS, lines + RICH_LINES
    content = json.loads((defaults / DEFAULT_SCHEMA).read_text(encoding="utf-8"))
    content["fields"] += [
        {"name": name, "type": ["null", type_], "default": None} for name, type_ in fields.items()
    ]
    before, brace, after = (defaults / DEFAULT_MAPPING).read_text(encoding="utf-8").rpartition("}")
    name = "rich" if kind.rich else "plain"
    record, mapping = scratch / f"{name}.avsc", scratch / f"{name}.groovy"
    record.write_text(json.dumps(content), encoding="utf-8")
    mapping.write_text(f"{before}{lines}{brace}{after}", encoding="utf-8")
    return Files(conf, record, mapping)


def expected(kind: Kind, event: Event) -> dict[str, Any]:
    """What the record of an event must hold, whatever else it does."""
    values = event.values
    found: dict[str, Any] = {
        "detectedCorruption": False,
        "firstInSession": values["f"] == "t",
        "clientTimestamp": event.happened_ms,
        "partyId": values["p"],
        "sessionId": values["s"],
        "eventType": values["t"],
        "eventId": values["e"],
        "technology": event.technology,
    }
    if not kind.json:
        pixels = {
            "screenPixelWidth": "i",
            "screenPixelHeight": "j",
            "viewportPixelWidth": "w",
            "viewportPixelHeight": "h",
        }
        found |= {"location": event.location, "referer": values["r"], "pageViewId": values["v"]}
        found |= {field: int(values[name], 36) for field, name in pixels.items()}
    if kind.shipped:
        found |= {"path": urlsplit(event.location).path, "referrerHost": "search.example.org", "bot": False}
    if kind.rich:
        path, _, query = event.location.removeprefix("https://www.example.net").partition("?")
        found |= {"pageHost": "www.example.net", "pagePath": path, "article": path.rpartition("/")[2]}
        found |= {"campaign": query.split("&")[0].partition("=")[2]}
        found |= {"label": event.label, "position": event.position}
    return found


def check(kind: Kind, known: Mapping[str, Event], records: Sequence[Mapping[str, Any]]) -> None:
    """Raises PyglueError for a record that is not what its event must become. `known` holds the events by their ids."""
    for record in records:
        event = known.get(record["eventId"])
        if event is None:
            raise PyglueError(f"Kafka holds an event that nobody sent: {record['eventId']}")
        wrong = [
            f"{name}: {record.get(name)!r}, expected {value!r}"
            for name, value in expected(kind, event).items()
            if record.get(name) != value
        ]
        if wrong:
            raise PyglueError(f"a record of the traffic '{kind.what}' is wrong", details=wrong)
