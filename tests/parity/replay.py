"""One suite against one server: start, ask, wait for the records, compare."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.parity import suites
from tests.parity.avro_files import Stored, read_sinks
from tests.parity.compare import Strictness, comparable_record, differences, record_order
from tests.parity.deviations import Deviations
from tests.parity.exchange import Answer
from tests.parity.server import Server
from tests.parity.suites import Json

STOP_REFUSED_S = 5  # a server that did not start has nothing to flush


@dataclass(frozen=True)
class Settings:
    """How to start a server, how long to wait for what, and what counts as the same."""

    command: str
    url: str
    startup_s: float
    grace_s: float
    records_s: float
    strictness: Strictness
    deviations: Deviations


@dataclass(frozen=True)
class Outcome:
    """How many comparisons were the same, how many different as named; and the messages about the others."""

    identical: int
    named: int
    total: int
    differing: Sequence[tuple[str, list[str]]] = ()


@dataclass(frozen=True)
class _Replayed:
    answers: Mapping[str, Answer]
    records: Mapping[str, list[Json]]
    stray: Sequence[Json | str]  # records of no request, and unreadable files


def run_suite(suite: Path, scratch: Path, settings: Settings) -> Outcome:
    """Replay the suite in a copy below `scratch`."""
    folder = suites.copy(suite, scratch)
    if suites.must_not_start(suite):
        return _run_refused(suite, folder, settings)
    meta = suites.read_json(suite / "suite.json")
    requests = suites.read_lines(suite / "requests.jsonl")
    expected = {line["id"]: line for line in suites.read_lines(suite / "expected.jsonl")}
    server = Server(settings.command, folder, settings.url)
    try:
        if not server.wait_up(settings.startup_s):
            message = f"server did not start: {server.log()[-2000:]}"
            return Outcome(0, 0, len(requests), [("(start)", [message])])
        wanted = sum(len(line["records"]) for line in expected.values())
        replayed = _replay(server, meta, folder, requests, wanted, settings.records_s)
    finally:
        server.stop()
    return _judge(suite.name, requests, expected, replayed, settings)


def _run_refused(suite: Path, folder: Path, settings: Settings) -> Outcome:
    """A set-up that must not start: the server says why, and never answers."""
    expected = suites.read_json(suite / "expected.json")
    facts = expected["message_contains"]
    server = Server(settings.command, folder, settings.url)
    try:
        started = _starts(server, facts, settings)
    finally:
        server.stop(STOP_REFUSED_S)
    if started != expected["starts"]:
        messages = ["server started, expected a failure"]
    else:
        log = server.log()
        messages = [f"message lacks {fact!r}" for fact in facts if fact not in log]
    if not messages:
        return Outcome(1, 0, 1)
    messages = settings.deviations.unnamed(suite.name, suite.name, messages)
    return Outcome(0, 0, 1, [(suite.name, messages)]) if messages else Outcome(0, 1, 1)


def _starts(server: Server, facts: Sequence[str], settings: Settings) -> bool:
    told_at: float | None = None
    deadline = time.monotonic() + settings.startup_s
    while time.monotonic() < deadline and not server.ended():
        if server.answers():
            return True
        if all(fact in server.log() for fact in facts):
            told_at = told_at or time.monotonic()
            if time.monotonic() - told_at > settings.grace_s:  # said why, never listened, lingers
                return False
        time.sleep(0.2)
    return False


def _replay(
    server: Server, meta: Json, folder: Path, requests: Sequence[Json], wanted: int, records_s: float
) -> _Replayed:
    start_ms = time.time() * 1000
    answers = _ask_all(server, requests)
    span_ms = (start_ms, time.time() * 1000)
    sinks = meta.get("sinks", [])
    deadline = time.monotonic() + min(records_s, meta.get("wait_s", records_s))
    while len(read_sinks(folder, sinks)[0]) < wanted and time.monotonic() <= deadline:
        time.sleep(0.2)
    server.stop()
    stored, unreadable = read_sinks(folder, sinks)
    records, stray = _by_request(stored, meta, requests, span_ms)
    return _Replayed(answers, records, [*stray, *unreadable])


def _ask_all(server: Server, requests: Sequence[Json]) -> dict[str, Answer]:
    answers: dict[str, Answer] = {}
    etags: dict[str, str] = {}
    for request in requests:
        answer = answers[request["id"]] = server.ask(request, etags)
        if "etag" in answer.headers:
            etags[request["id"]] = answer.headers["etag"]
        if request.get("pause_ms"):
            time.sleep(request["pause_ms"] / 1000)
    return answers


def _by_request(
    stored: Sequence[Stored], meta: Json, requests: Sequence[Json], span_ms: tuple[float, float]
) -> tuple[dict[str, list[Json]], list[Json]]:
    """The records, ready to be compared, by request; and those that belong to none."""
    ids: dict[Any, str] = {}
    for request in requests:
        ids.setdefault(request.get("key", request["id"]), request["id"])
    records: dict[str, list[Json]] = {}
    stray: list[Json] = []
    for item in stored:
        request_id = ids.get(_key(item.record, meta["key"]))
        record = comparable_record(item, meta.get("volatile", []), span_ms)
        (stray if request_id is None else records.setdefault(request_id, [])).append(record)
    for own in records.values():
        own.sort(key=record_order)
    return records, stray


def _key(record: Any, path: str) -> Any:
    """The field that tells a record's request; a dot leads into a nested record."""
    value = record
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _judge(
    suite: str,
    requests: Sequence[Json],
    expected: Mapping[str, Json],
    replayed: _Replayed,
    settings: Settings,
) -> Outcome:
    identical = named = 0
    differing: list[tuple[str, list[str]]] = []
    for request in requests:
        name = request["id"]
        answer, records = replayed.answers[name], replayed.records.get(name, [])
        messages = differences(request, expected[name], answer, records, settings.strictness)
        unnamed = settings.deviations.unnamed(suite, name, messages)
        if unnamed:
            differing.append((name, unnamed))
        elif messages:
            named += 1
        else:
            identical += 1
    total = len(requests)
    if replayed.stray:  # one more comparison, that failed
        total += 1
        example = json.dumps(replayed.stray[0])[:500]
        message = f"{len(replayed.stray)} record(s) of no request or unreadable file(s): {example}"
        differing.append(("(stray)", [message]))
    return Outcome(identical, named, total, differing)
