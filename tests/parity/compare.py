"""What of an answer and a record is comparable, and every difference from what was recorded, one message each.

`Deviations` reads these messages (`field NAME: ...`, `bytes: ...`): the words change together.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.parity.avro_files import Stored, has_big_map
from tests.parity.exchange import Answer
from tests.parity.suites import Json

HEADERS = frozenset(
    {
        "content-type",
        "content-encoding",
        "etag",
        "cache-control",
        "pragma",
        "expires",
        "allow",
        "vary",
        "content-length",
        "server",
        "connection",
    }
)
PAGES = ("text/html", "application/javascript")  # test page and tag: each server has its own
LONGEST_BODY = 2048  # longer ones were not recorded
SERVER_TIME = "<server-time>"
CLOCK_MS = 5000  # how far a server's time may be outside the run
ANY = "<any>"
ABSENT = "<no such field>"


@dataclass(frozen=True)
class Strictness:
    """What is not compared."""

    ignored_headers: Collection[str] = ()
    raw_bytes: bool = True


def comparable_record(stored: Stored, volatile: Sequence[str], span_ms: tuple[float, float]) -> Json:
    """`sink`, `record` and, where its bytes are defined, `hex`; the fields `volatile` hold a time of the run."""
    record = dict(stored.record)
    first, last = span_ms
    masked = False
    for name in volatile:
        value = record.get(name)
        if isinstance(value, int) and first - CLOCK_MS <= value <= last + CLOCK_MS:
            record[name], masked = SERVER_TIME, True
    comparable = {"sink": stored.sink, "record": plain(record)}
    if not masked and not has_big_map(stored.record, stored.schema):
        comparable["hex"] = stored.raw.hex()
    return comparable


def record_order(comparable: Json) -> tuple[str, str]:
    """Where a record stands among those of its request."""
    return comparable["sink"], json.dumps(comparable["record"], sort_keys=True)


def plain(value: Any) -> Any:
    """A value of a record as plain JSON: bytes and fixed as {"$b64": ..}, numbers that JSON lacks as {"$float": ..}."""
    if isinstance(value, bytes | bytearray):
        return {"$b64": base64.b64encode(value).decode()}
    if isinstance(value, float):
        return _plain_float(value)
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _plain_float(value: float) -> Any:
    if math.isnan(value):
        return {"$float": "NaN"}
    if math.isinf(value):
        return {"$float": "Infinity" if value > 0 else "-Infinity"}
    return {"$float": repr(value)} if value == int(value) else value  # keeps 1.0 and -0.0 apart from integers


def differences(
    request: Json, expected: Json, answer: Answer, records: Sequence[Json], strictness: Strictness
) -> list[str]:
    """What is different from what was recorded of this request; nothing where all is the same."""
    found = _answer_differences(request, expected, answer, strictness.ignored_headers)
    return found + _record_differences(expected["records"], records, strictness.raw_bytes)


def _answer_differences(
    request: Json, expected: Json, answer: Answer, ignored_headers: Collection[str]
) -> list[str]:
    found = []
    headers, body = _comparable(request, answer, ignored_headers)
    if expected["status"] != answer.status:
        found.append(f"status: expected {expected['status']}, got {answer.status}")
    wanted = {name: value for name, value in expected["headers"].items() if name not in ignored_headers}
    for name in sorted({*wanted, *headers}):
        want, got = wanted.get(name), headers.get(name)
        if want != got:
            found.append(f"header {name}: expected {want!r}, got {got!r}")
    if "body_b64" in expected and expected["body_b64"] != body:
        want_body = base64.b64decode(expected["body_b64"])
        found.append(f"body: expected {want_body[:200]!r}, got {answer.body[:200]!r}")
    if bool(expected.get("continued")) != answer.continued:
        found.append(f"100 Continue: expected {bool(expected.get('continued'))}")
    return found


def _comparable(
    request: Json, answer: Answer, ignored_headers: Collection[str]
) -> tuple[dict[str, str], str | None]:
    """The headers, and the body in Base64 where it is compared."""
    headers = {
        name: value
        for name, value in answer.headers.items()
        if name in HEADERS and name not in ignored_headers
    }
    if not request.get("opaque") and not headers.get("content-type", "").startswith(PAGES):
        short = len(answer.body) < LONGEST_BODY
        return headers, base64.b64encode(answer.body).decode() if short else None
    if headers.get("content-length", "0") != "0":
        headers["content-length"] = ANY
    if "etag" in headers:
        headers["etag"] = re.sub(r'^(W/)?"(gz\+)?[^"]+"$', _any_etag, headers["etag"])
    return headers, None


def _any_etag(etag: re.Match[str]) -> str:
    return f'{etag[1] or ""}"{etag[2] or ""}<etag>"'


def _record_differences(expected: Sequence[Json], records: Sequence[Json], raw_bytes: bool) -> list[str]:
    found = []
    if len(expected) != len(records):
        found.append(f"records: expected {len(expected)}, got {len(records)}")
    for want, got in zip(expected, records, strict=False):
        if want["sink"] != got["sink"]:
            found.append(f"sink: expected {want['sink']}, got {got['sink']}")
        found += _field_differences(want["record"], got["record"])
        if raw_bytes and "hex" in want and want["hex"] != got.get("hex"):
            found.append(f"bytes: expected {want['hex']}, got {got.get('hex')}")
    return found


def _field_differences(expected: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    found = []
    for name in {**expected, **record}:
        want, got = expected.get(name, ABSENT), record.get(name, ABSENT)
        if json.dumps(want, sort_keys=True) != json.dumps(got, sort_keys=True):
            want_text, got_text = (json.dumps(value, ensure_ascii=False) for value in (want, got))
            found.append(f"field {name}: expected {want_text}, got {got_text}")
    return found
