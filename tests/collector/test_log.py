"""Nothing of a visitor is in the log, whatever comes."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
from contextlib import suppress
from urllib.parse import quote

import pytest

from pyglue.collector.bugs import Bugs
from tests.collector.http_fakes import event_query
from tests.collector.test_server import Plant, rest

VISITOR = "127.0.0.9"
FORWARDED = "192.0.2.77"
PARTY, SESSION = "0:lq1a7c3k:SECRETparty", "0:lq1a9zzz:SECRETsession"
WHOLE = event_query("SECRETevent", party_id=PARTY, session_id=SESSION, page_view_id="0:SECRETview")


def odd_requests() -> list[bytes]:
    """Events that are whole, broken at every parameter, and no requests at all."""
    parts = WHOLE.split("&")
    queries = [WHOLE, WHOLE]
    for at, part in enumerate(parts):
        name = part.partition("=")[0]
        for value in ("", "SECRET", quote(PARTY), "%ff%00SECRET", "0:SECRET:SECRET:x", "9" * 3000 + "SECRET"):
            queries.append("&".join([*parts[:at], f"{name}={value}", *parts[at + 1 :]]))
    headers = f"Host: x\r\nX-Forwarded-For: {FORWARDED}\r\nCookie: _dvp={PARTY}; _dvs={SESSION}\r\nUser-Agent: SECRET\r\n"
    gets = [f"GET /csc-event?{query} HTTP/1.1\r\n{headers}\r\n" for query in queries]
    body = json.dumps({"session_id": SESSION, "event_id": "SECRET", "client_timestamp_iso": "SECRET"})
    json_headers = f"{headers}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    post = f"POST /json?p={PARTY} HTTP/1.1\r\n{json_headers}\r\n{body}"
    garbage = [
        f"SECRET {PARTY} {FORWARDED}\r\n\r\n",
        f"GET /{PARTY}|SECRET HTTP/1.1\r\n{headers}\r\n",
        f"{PARTY}: \x00\r\n\r\n",
    ]
    return [request.encode("latin-1") for request in [*gets, post, *garbage]]


def test_the_log_tells_nothing_of_visitors(caplog: pytest.LogCaptureFixture) -> None:
    """No address, no id, no word of theirs: not at odd events, not at our own bugs, not at the end."""
    plant = Plant(use_x_forwarded_for=True)
    plant.outlet.verdict = True
    bugs = 0

    def interrupt() -> None:
        nonlocal bugs
        bugs += 1
        if bugs % 2:
            raise ValueError(f"{PARTY} from {VISITOR}")

    plant.outlet.interrupt = interrupt

    def client() -> None:
        plant.connect().close()
        for request in odd_requests():
            with socket.create_connection(("127.0.0.1", plant.config.port), 10, (VISITOR, 0)) as sock:
                sock.sendall(request)
                sock.shutdown(socket.SHUT_WR)
                with suppress(ConnectionResetError):
                    rest(sock)
        os.kill(os.getpid(), signal.SIGTERM)

    with caplog.at_level(logging.DEBUG):
        plant.run(client)
    told = caplog.text
    assert "an event could not be recorded: ValueError" in told
    assert told.count("could not be recorded") == 1
    assert "malformed request 3" in told
    assert [
        secret for secret in ("SECRET", VISITOR, FORWARDED, "lq1a7c3k", "lq1a9zzz") if secret in told
    ] == []


def test_each_place_of_a_bug_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """What a client can cause without end does not fill a disk; another place is told, too, and where it is."""
    bugs = Bugs()
    nothing: dict[str, int] = {}

    for number in range(10):
        try:
            _ = int("SECRET") if number % 2 else nothing["SECRET"]
        except (KeyError, ValueError) as error:
            bugs.tell("it failed", error)
    bugs.tell("nowhere", ValueError("SECRET"))
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [
        "it failed: KeyError",
        "it failed: ValueError",
        "nowhere: ValueError",
    ]
    assert not [line for line in caplog.text.splitlines() if "SECRET" in line and "_ = int(" not in line]
    assert "test_log.py" in caplog.text
