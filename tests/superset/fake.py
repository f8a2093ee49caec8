"""A Superset small enough to read: it keeps databases, datasets, charts and dashboards, and can be told to fail."""

from __future__ import annotations

import copy
import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
PASSWORD = "a password of the tests"


@dataclass
class Answer:
    """What the server says next instead of the truth."""

    status: int
    body: str | bytes
    content_type: str = "application/json"


@dataclass
class FakeSuperset:
    """The state behind the server, and what it was asked."""

    tables: dict[str, dict[str, str]] = field(default_factory=dict)  # table -> column -> type
    databases: dict[int, dict[str, Any]] = field(default_factory=dict)
    datasets: dict[int, dict[str, Any]] = field(default_factory=dict)
    charts: dict[int, dict[str, Any]] = field(default_factory=dict)
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    table: str = "divolte-clickstream"  # below the charts
    tokens: set[str] = field(default_factory=set)
    logins: int = 0
    asked: list[tuple[str, str, Any]] = field(default_factory=list)  # method, path, body
    instead: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)
    base: str = ""

    def fail(self, method: str, path: str, *answers: Answer) -> None:
        """Answer the next requests for this path like this."""
        self.instead.setdefault((method, path), []).extend(answers)

    def calls(self, method: str, path: str) -> list[Any]:
        """The bodies of all requests for a path."""
        return [body for asked, where, body in self.asked if (asked, where) == (method, path)]

    def answer(self, method: str, path: str, query: str, headers: Any, body: bytes) -> Answer:
        """Superset's answer to a request."""
        content = json.loads(body) if headers.get("Content-Type") == "application/json" else body
        self.asked.append((method, path, content))
        if waiting := self.instead.get((method, path)):
            return waiting.pop(0)
        if path == "/api/v1/security/login":
            return self._login(content)
        if headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return Answer(401, '{"msg": "Token has expired"}')
        if path == "/api/v1/security/csrf_token/":
            return Answer(200, json.dumps({"result": self._csrf}))
        if method != "GET" and headers.get("X-CSRFToken") != self._csrf:
            return Answer(400, '{"errors": [{"message": "400 Bad Request: The CSRF token is missing."}]}')
        found = self._route(method, path, query, content)
        return found if isinstance(found, Answer) else Answer(200, json.dumps(found))

    @property
    def _csrf(self) -> str:
        """The token that belongs to the session of the last log-in."""
        return f"csrf-{self.logins}"

    def _login(self, content: Any) -> Answer:
        self.logins += 1
        if (content["username"], content["password"]) != ("admin", PASSWORD):
            return Answer(401, '{"message": "Not authorized"}')
        self.tokens.add(f"token-{self.logins}")
        return Answer(200, json.dumps({"access_token": f"token-{self.logins}"}))

    def _route(self, method: str, path: str, query: str, content: Any) -> Any:
        parts = path.removeprefix("/api/v1/").strip("/").split("/")
        match (method, *parts):
            case ("GET", "database" | "dataset" | "chart" as kind):
                return {"result": self._select(kind, query)}
            case ("POST", "database"):
                return self._add(self.databases, content)
            case ("GET", "database", number, "connection"):
                return {"result": self.databases[int(number)]}
            case ("PUT", "database", number):
                self.databases[int(number)].update(content)
                return {}
            case ("POST", "dataset"):
                return self._add_dataset(content)
            case ("PUT", "dataset", number, "refresh"):
                self._refresh(self.datasets[int(number)])
                return {}
            case ("PUT", "dataset", number):
                self.datasets[int(number)].update(content)
                return {}
            case ("GET", "dataset", number):
                return {"result": self.datasets[int(number)]}
            case ("GET", "dashboard"):
                return {"result": [{"slug": board["slug"]} for board in self.dashboards.values()]}
            case ("GET", "dashboard", "export"):
                wanted = parse_qs(query)["q"][0].strip("!()")
                return Answer(200, self._export(int(wanted)), "application/zip")
            case ("GET", "dashboard", name):
                by_uuid = {board["uuid"]: board for board in self.dashboards.values()}
                known = self.dashboards.get(name) or by_uuid.get(name)
                return {"result": known} if known else Answer(404, '{"message": "Not found"}')
            case ("GET", "dashboard", slug, "charts"):
                position = json.loads(self.dashboards[slug]["position_json"])
                shown = {node["meta"]["chartId"] for node in position.values() if node["type"] == "CHART"}
                form = {"datasource": "1__table"}
                return {
                    "result": [{"id": at, "form_data": form} for at in sorted(shown & self.charts.keys())]
                }
            case ("GET", "chart", number):
                return {"result": self.charts[int(number)]}
            case ("POST", "assets", "import"):
                return self._import(content)
            case ("POST", "chart", "data") | ("GET", "chart", _, "data"):
                return {"result": [{"data": self.rows}]}
        return Answer(404, '{"message": "no such address"}')

    def _select(self, kind: str, query: str) -> list[dict[str, Any]]:
        known = {"database": self.databases, "dataset": self.datasets, "chart": self.charts}[kind]
        wanted = re.findall(r"'col':'(\w+)','opr':'\w+','value':(?:'([^']*)'|(\d+))", parse_qs(query)["q"][0])
        return [
            entry
            for entry in known.values()
            if all(str(entry[name]) == text + number for name, text, number in wanted)
        ]

    def _add(self, known: dict[int, dict[str, Any]], content: dict[str, Any]) -> dict[str, Any]:
        number = len(known) + 1
        known[number] = {"uuid": f"made-up-{number}", **content, "id": number}
        return {"id": number}

    def _add_dataset(self, content: dict[str, Any]) -> Any:
        if content["table_name"] not in self.tables:
            text = f"Table [druid.{content['table_name']}] could not be found, please double check"
            return Answer(422, json.dumps({"message": {"table": [text]}}))
        made = self._add(self.datasets, content | {"columns": [], "main_dttm_col": None})
        self._refresh(self.datasets[made["id"]])
        return made

    def _refresh(self, dataset: dict[str, Any]) -> None:
        before = {column["column_name"]: column for column in dataset["columns"]}
        dataset["columns"] = [
            before.get(name, {"column_name": name, "verbose_name": None}) | {"type": type_}
            for name, type_ in self.tables[dataset["table_name"]].items()
        ]

    def _import(self, body: bytes) -> dict[str, Any]:
        start = body.index(b"PK\x03\x04")
        with zipfile.ZipFile(io.BytesIO(body[start:])) as bundle:
            files = {name: yaml.safe_load(bundle.read(name)) for name in bundle.namelist()}
        numbers: dict[str, int] = {}
        for name, fields in files.items():
            if "/charts/" in name:
                known = (number for number, chart in self.charts.items() if chart["uuid"] == fields["uuid"])
                numbers[fields["uuid"]] = next(known, max(self.charts, default=0) + 1)
                self.charts[numbers[fields["uuid"]]] = fields
        for name, fields in files.items():
            if "/dashboards/" in name:
                nodes = {key: node for key, node in fields["position"].items() if isinstance(node, dict)}
                for node in nodes.values():
                    if node["type"] == "CHART":
                        node["meta"]["chartId"] = numbers[node["meta"]["uuid"]]
                number = self.dashboards.get(fields["slug"], {}).get("id", len(self.dashboards) + 1)
                self.dashboards[fields["slug"]] = fields | {"position_json": json.dumps(nodes), "id": number}
        return {"message": "OK"}

    def _export(self, number: int) -> bytes:
        """As Superset 6.0 does: with fields of its own, numbers of its own, and what lies below the charts."""
        board = next(board for board in self.dashboards.values() if board["id"] == number)
        nodes = [node for node in board["position"].values() if isinstance(node, dict)]
        shown = {node["meta"]["uuid"] for node in nodes if node["type"] == "CHART"}
        fields = {name: value for name, value in board.items() if name not in ("position_json", "id")}
        files = {
            "metadata.yaml": {"type": "Dashboard"},
            "dashboards/any_1.yaml": {"theme_uuid": None} | fields,
        }
        for at, chart in self.charts.items():
            if chart["uuid"] in shown:
                made: dict[str, Any] = copy.deepcopy(chart)
                made["params"] |= {"datasource": "7__table", "annotation_layers": []}
                context = json.loads(made["query_context"] or "null")
                if context:
                    made["query_context"] = json.dumps(context | {"datasource": {"id": 7, "type": "table"}})
                files[f"charts/any_{at}.yaml"] = made
                dataset = {"uuid": chart["dataset_uuid"], "table_name": self.table, "database_uuid": "d"}
                files["datasets/docker-druid/any_7.yaml"] = dataset
        files["databases/docker-druid.yaml"] = {"uuid": "d", "database_name": "docker-druid"}
        return zipped(files)


def zipped(files: dict[str, Any]) -> bytes:
    """A bundle as Superset's export gives it: one folder with files of YAML."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for name, content in files.items():
            bundle.writestr(
                f"dashboard_export_20260101T000000/{name}", yaml.dump(content, Dumper=DUMPER, sort_keys=False)
            )
    return buffer.getvalue()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: FakeSuperset

    def _any(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.state.answer(self.command, url.path, url.query, self.headers, body)
        content = answer.body.encode() if isinstance(answer.body, str) else answer.body
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = _any  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


@contextmanager
def served(state: FakeSuperset) -> Iterator[FakeSuperset]:
    """The fake on a free port of loopback."""
    handler = type("Handler", (_Handler,), {"state": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        state.base = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield state
        server.shutdown()
