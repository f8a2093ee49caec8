"""Services that answer wrongly: one server that plays the collector, Druid and Superset, well until it is told not to."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pyglue.superset import dashboards
from pyglue.superset.client import Superset
from pyglue.superset.register import DATABASE, SCHEMA, TABLE, Dataset, Outcome
from pyglue.web import Client
from tests.fake_overlord import Overlord
from tests.local_server import Asked, Reply, serve
from tests.superset.fake import PASSWORD, FakeSuperset

EVENT = "0:an:event"
TIME_MS = 1_767_225_600_000  # 2026-01-01
GIF = Reply(200, b"GIF89a", {"Content-Type": "image/gif"})
HTML = b"<html><head><title>Welcome to nginx!</title></head><body>It works.</body></html>"
Bad = Callable[[Asked], Reply]


def _html(status: int) -> Bad:
    return lambda _: Reply(status, HTML, {"Content-Type": "text/html"})


def _json(text: str) -> Bad:
    return lambda _: Reply(200, text.encode(), {"Content-Type": "application/json"})


# What may come back in place of an answer.
ANSWERS: dict[str, Bad] = {
    "html": _html(200),
    "401": _html(401),
    "403": _html(403),
    "404": _html(404),
    "500": _html(500),
    "503": _html(503),
    "307 to itself": lambda asked: Reply(307, b"", {"Location": asked.path}),
    "307 to nowhere": lambda _: Reply(307, b"", {"Location": "http://[half"}),
    "half": lambda _: Reply(200, b'{"result": [', {"Content-Length": "400"}, half=True),
    "hung up": lambda _: Reply(hang_up=True),
}
# JSON of another shape than any service's answer has.
SHAPES: dict[str, Bad] = {
    text: _json(text)
    for text in (
        "null",
        "{}",
        "[]",
        "7",
        '"OK"',
        "[null]",
        "[7]",
        "[{}]",
        "[[]]",
        '{"result": null}',
        '{"result": {}}',
        '{"result": []}',
        '{"result": [{}]}',
        '{"result": [7]}',
        '{"result": {"id": 1, "columns": [{}]}}',
        '{"result": {"id": "x", "slug": 7, "position_json": "{", "query_context": "["}}',
        '{"result": [{"id": 1, "data": null, "form_data": 7}]}',
        '{"payload": null}',
        '{"payload": {}}',
        '{"payload": {"state": "RUNNING", "activeTasks": [7], "recentErrors": {}}}',
        '{"spec": null}',
        '{"spec": {"ioConfig": []}}',
        '[{"id": "divolte-clickstream", "spec": [], "n": "x", "name": 7}]',
        '[{"n": null, "name": null, "version": 7, "spec": 7}]',
        '{"errors": 7, "message": 7}',
        "[" * 20_000,
    )
}


@dataclass
class Services:
    """All services of a pipeline that is well; after so many `good` answers, what `bad` says.

    `record` puts an event with this id into Kafka.
    """

    overlord: Overlord
    superset: FakeSuperset
    record: Callable[[str], None] = lambda _: None
    bad: Bad | None = None
    good: int = 0
    count: int = 0

    def misled(self, bad: Bad | None, good: int) -> Services:
        """The same, with a state of its own, which answers well so many times and then this."""
        return Services(copy.deepcopy(self.overlord), copy.deepcopy(self.superset), self.record, bad, good)

    def __call__(self, asked: Asked) -> Reply:
        """The answer."""
        self.count += 1
        return self.bad(asked) if self.bad is not None and self.count > self.good else self._well(asked)

    def _well(self, asked: Asked) -> Reply:
        if asked.path.startswith("/api/"):
            url = urlsplit(asked.path)
            found = self.superset.answer(asked.method, url.path, url.query, asked.headers, asked.body)
            body = found.body.encode() if isinstance(found.body, str) else found.body
            return Reply(found.status, body, {"Content-Type": found.content_type})
        if asked.path.startswith("/druid/v2/sql"):
            return Reply(200, json.dumps(_rows(json.loads(asked.body)["query"])).encode())
        if asked.path.startswith("/druid/"):
            return self.overlord(asked)
        self.record(parse_qs(asked.path.partition("?")[2])["e"][0])
        return GIF


def with_all(spec: dict[str, Any], board: Path, record: Callable[[str], None] = lambda _: None) -> Services:
    """Services that are well, with a supervisor of this spec, and the dashboard of this folder in Superset."""
    overlord = Overlord()
    overlord.post(spec)
    services = Services(overlord, _superset_with_druid(), record)
    with serve(services) as server, Client(server.url, "superset") as http:
        dataset = Dataset(1, "u", TABLE, Outcome.KEPT, 2)
        dashboards.import_dashboard(Superset(http, PASSWORD), dashboards.read(board), dataset)
    return services


def _superset_with_druid() -> FakeSuperset:
    """One with Druid registered, at an old address, and the dataset; a chart's query finds an event."""
    superset = FakeSuperset(
        tables={TABLE: {"__time": "T", "eventId": "T"}},
        databases={1: {"id": 1, "database_name": DATABASE, "sqlalchemy_uri": "druid://elsewhere/"}},
        rows=[{"__time": TIME_MS, "events": 1, "eventId": EVENT}],
    )
    superset.datasets[1] = {
        "id": 1,
        "uuid": "u",
        "table_name": TABLE,
        "schema": SCHEMA,
        "database": 1,
        "main_dttm_col": "__time",
        "columns": [
            {"column_name": name, "type": "T", "verbose_name": "N"} for name in ("__time", "eventId")
        ],
    }
    return superset


def _rows(query: str) -> list[dict[str, Any]]:
    """What Druid's broker says of a datasource with one row."""
    if "COLUMNS" in query:
        return [{"name": "__time"}, {"name": "eventId"}]
    if "FLOOR" in query:
        return [{"minute": TIME_MS, "n": 1}]
    if "COUNT" in query:
        return [{"n": 1, "newest": TIME_MS}]
    return [{"__time": "2026-01-01T00:00:00.000Z", "eventId": EVENT, "partyId": "0:p:1"}]
