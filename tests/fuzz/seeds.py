"""What inputs begin with: the requests of the parity suites, the cases in tests/collector/data, the shipped files."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from bench.collector import traffic
from pyglue.collector.avro import schema
from tests.collector import recorded, support
from tests.collector.http_fakes import JSON_EVENT, in_chunks

_SUITES = support.ROOT / "tests" / "parity" / "suites"
_PATHS = ("/csc-event", "/json", "/ping", "/divolte.js", "/")


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The JSON on each line of a file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def recorded_requests() -> list[dict[str, Any]]:
    """All requests of the parity suites."""
    return [request for path in sorted(_SUITES.glob("*/requests.jsonl")) for request in lines_of(path)]


def body_of(request: dict[str, Any]) -> bytes:
    """A recorded request's body."""
    if "body_b64" in request:
        return base64.b64decode(request["body_b64"])
    return str(request.get("body", "")).encode()


def queries() -> list[bytes]:
    """Queries of the recorded requests, and of events that were sent to Divolte."""
    found = [str(request["target"]).partition("?")[2] for request in recorded_requests()[::5]]
    found += [str(case["query"]) for case in recorded.lines("events.jsonl")[::5]]
    found += _tag_queries()
    return [query.encode() for query in dict.fromkeys(found) if query]


def _tag_queries() -> list[str]:
    """Queries in the tag's own order, which the recorded ones are not."""
    requests = traffic.tag_requests(list(traffic.events(60)))
    return [request.partition(b"?")[2].partition(b" ")[0].decode() for request in requests]


def bodies() -> list[bytes]:
    """JSON bodies."""
    found = [str(case["body"]).encode() for case in recorded.lines("json_bodies.jsonl") if "body" in case]
    found += [body for request in recorded_requests() if (body := body_of(request))]
    return [JSON_EVENT, *dict.fromkeys(found), JSON_EVENT.decode().encode("utf-16-le")]


def requests() -> list[bytes]:
    """Whole requests, as they are sent: the recorded ones, on this room's paths; some in chunks."""
    found = []
    for at, request in enumerate(recorded_requests()):
        target, body = str(request["target"]), body_of(request)
        _, question, query = target.partition("?")
        place = "/json" if body else _PATHS[0] if question else _PATHS[at % len(_PATHS)]
        given = request.get("headers", [])
        lines = [f"{name}: {value}" for name, value in (given.items() if isinstance(given, dict) else given)]
        head = "\r\n".join([f"{request['method']} {place}{question}{query} HTTP/1.1", "Host: x", *lines, ""])
        if body and at % 3 == 0:
            found.append(head.encode("latin-1") + b"Transfer-Encoding: chunked\r\n\r\n" + in_chunks(body, 7))
        elif body:
            found.append(head.encode("latin-1") + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        else:
            found.append(head.encode("latin-1") + b"\r\n")
    return found


def configurations() -> list[bytes]:
    """Configurations: the shipped one and those of the suites."""
    paths = [support.CONF, *sorted(_SUITES.glob("*/divolte-collector.conf"))]
    return list(dict.fromkeys(path.read_bytes() for path in paths))


def mappings() -> list[bytes]:
    """Mappings: the shipped one and those of the suites."""
    return [path.read_bytes() for path in (support.MAPPING, *sorted(_SUITES.glob("*/*.groovy")))]


def suite_schema(name: str) -> schema.RecordSchema:
    """The schema of a suite."""
    return schema.read(_SUITES / name / "schema.avsc")


def suite_mapping(name: str) -> str:
    """The mapping of a suite."""
    return (_SUITES / name / "mapping.groovy").read_text(encoding="utf-8")
