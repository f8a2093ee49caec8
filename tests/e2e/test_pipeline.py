"""A click on a page becomes a row in Druid and a slice of a chart; every value arrives as it was sent."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import avro.io
import avro.schema
import psutil
import pytest
import requests
from playwright.sync_api import Browser

from pyglue.layout import Layout
from pyglue.native.processes import marked
from pyglue.superset.chart_data import chart_rows
from tests.collector.scrapes import Scrape
from tests.e2e.live import LiveStack, eventually

pytestmark = [pytest.mark.e2e]
CLICKED = ("Kafka", "Druid", "MariaDB")


def slices(stack: LiveStack) -> dict[str, int]:
    """What the donut shows: clicks by technology."""
    superset = stack.superset()
    try:
        rows = chart_rows(superset, "Clicks by technology")
    finally:
        superset.http.close()
    found = {}
    for row in rows:
        numbers = [value for value in row.values() if isinstance(value, int | float)]
        texts = [value for value in row.values() if isinstance(value, str)]
        found[texts[0]] = int(numbers[0])
    return found


@pytest.mark.browser
def test_three_clicks_in_a_browser_are_three_rows_and_three_slices(
    stack: LiveStack, browser: Browser
) -> None:
    """Chromium clicks three logos of the sample app: Druid has the rows, the donut counts them."""
    before = slices(stack)
    context = browser.new_context(
        user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"
    )
    page = context.new_page()
    page.goto(f"http://localhost:{stack.ports['SAMPLE_APP_PORT']}/")
    for name in CLICKED:
        page.get_by_role("button", name=re.compile(name)).click()
    page.evaluate("new Promise(done => divolte.whenCommitted(done, 10000))")
    party = page.evaluate("divolte.partyId")
    context.close()
    query = (
        'SELECT "technology", "eventType", "partyId", "location", "userAgentName", "userAgentOsFamily",'
        ' "detectedCorruption", "detectedDuplicate" FROM "divolte-clickstream" '
        f"WHERE \"partyId\" = '{party}' ORDER BY __time"
    )
    eventually(lambda: len(stack.sql(query)) >= 4, "a page view and three clicks in Druid")
    rows = stack.sql(query)
    assert [row["eventType"] for row in rows] == ["pageView", "click", "click", "click"]
    assert [row["technology"] for row in rows[1:]] == list(CLICKED)
    assert {row["location"] for row in rows} == {f"http://localhost:{stack.ports['SAMPLE_APP_PORT']}/"}
    assert {(row["userAgentName"], row["userAgentOsFamily"]) for row in rows} == {("Firefox", "Linux")}
    assert {(row["detectedCorruption"], row["detectedDuplicate"]) for row in rows} == {(0, 0)}
    wanted = {**before, **{name: before.get(name, 0) + 1 for name in CLICKED}}
    eventually(lambda: slices(stack) == wanted, f"a donut of {wanted}")


@pytest.mark.browser
def test_the_click_of_the_shown_workflow_arrives(stack: LiveStack, tmp_path: Path) -> None:
    """What .github/workflows/smoke.yml does between `up` and `down`: a click, and a report for the CI's own page."""
    before = slices(stack)
    script = stack.directory / ".github" / "click.py"
    url = f"http://localhost:{stack.ports['SAMPLE_APP_PORT']}"
    done = subprocess.run(
        [sys.executable, script, url, "ZooKeeper"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    wanted = {**before, "ZooKeeper": before.get("ZooKeeper", 0) + 1}
    eventually(lambda: slices(stack) == wanted, f"a donut of {wanted}")
    smoke = stack.run("smoke-test", "--json", "--junit", str(tmp_path / "smoke.xml"), timeout=90)
    assert smoke.returncode == 0, smoke.stderr
    report = ElementTree.parse(tmp_path / "smoke.xml").getroot()  # noqa: S314 - pyglue wrote it
    assert [case.get("name") for case in report.iter("testcase")] == [
        "collector",
        "kafka",
        "druid",
        "superset",
    ]
    assert not list(report.iter("failure"))


def test_the_shown_app_that_is_no_browser(stack: LiveStack) -> None:
    """The curl of docs/collector.md, as it stands there but for the port, makes a row."""
    page = (stack.directory / "docs" / "collector.md").read_text(encoding="utf-8")
    shown = re.search(r"^    (curl -X POST (?:.*\n)+?)\n", page, re.MULTILINE)
    assert shown is not None
    command = shlex.split(shown[1].replace("localhost:8290", f"127.0.0.1:{stack.ports['DIVOLTE_PORT']}"))
    answer = subprocess.run(
        [*command, "-s", "-o", "/dev/null", "-w", "%{http_code}"], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "204"
    query = (
        'SELECT "partyId", "sessionId", "eventType", "technology", "pageViewId" FROM "divolte-clickstream" '
        "WHERE \"eventId\" = 'visit-7-1'"
    )
    eventually(lambda: len(stack.sql(query)) == 1, "the app's event in Druid")
    assert stack.sql(query) == [
        {
            "partyId": "0:lq1a7c3k:installation-42",
            "sessionId": "0:lq1a9zzz:visit-7",
            "eventType": "click",
            "technology": "Kafka",
            "pageViewId": None,
        }
    ]


def test_visitors_of_an_app_have_numbers_of_their_own(stack: LiveStack) -> None:
    """Identifiers that an app makes, of any length and with one time in all of them: no two share their key."""
    names = [
        "",
        "user-1",
        "user-2",
        "customer-number-0000000000000001",
        "customer-number-0000000000000002",
        "550e8400-e29b-41d4-a716-446655440000",
        "550e8400-e29b-41d4-a716-446655440001",
        "550e8400e29b41d4a716446655440000",
        "550e8400e29c41d4a716446655440000",
    ]
    for number, name in enumerate(names):
        body = {
            "session_id": "0:lq1a9zzz:visit",
            "event_id": f"key-{number}",
            "is_new_party": False,
            "is_new_session": True,
            "client_timestamp_iso": "2026-02-01T12:00:00Z",
            "event_type": "keys",
        }
        address = f"{stack.url('DIVOLTE_PORT')}/api/events?p=0:lq1a7c3k:{name}"
        assert requests.post(address, json=body, timeout=20).status_code == 204
    query = (
        'SELECT "partyId", "partyKey" FROM "divolte-clickstream" WHERE "eventType" = \'keys\' GROUP BY 1, 2'
    )
    eventually(lambda: len(stack.sql(query)) == len(names), "the app's visitors in Druid")
    rows = stack.sql(query)
    assert {row["partyId"] for row in rows} == {f"0:lq1a7c3k:{name}" for name in names}
    assert len({row["partyKey"] for row in rows}) == len(names)


def test_records_read_by_apaches_library_equal_what_was_sent(stack: LiveStack) -> None:
    """The topic's records, read by an independent implementation of Avro, hold every value of the request."""
    schema_text = (stack.directory / "divolte" / "DefaultEventRecord.avsc").read_text()
    schema = avro.schema.parse(schema_text)
    starts = stack.kafka.ends("divolte")
    now = int(time.time() * 1000)
    for number in range(20):
        status = stack.send(
            f"record-{number}",
            "récord ✓",
            location=f"http://example.org/ä?n={number}",
            parameters={"technology": f"Tech-{number}", "other": "~!"},
        )
        assert status == 200
    found: dict[str, tuple[bytes, dict[str, Any]]] = {}

    def take(message: Any) -> bool:
        reader = avro.io.DatumReader(schema)
        decoder = avro.io.BinaryDecoder(io.BytesIO(message.value()))
        record: Any = reader.read(decoder)
        assert decoder.reader.read() == b""
        if str(record["eventId"]).startswith("record-"):
            found[record["eventId"]] = (message.key(), record)
        return len(found) == 20

    stack.kafka.read("divolte", starts, take, 20)
    assert len(found) == 20
    for number in range(20):
        key, record = found[f"record-{number}"]
        assert key == b"0:lq1a7c3k:tester"
        assert abs(record.pop("timestamp") - now) < 60_000
        assert abs(record.pop("clientTimestamp") - now) < 60_000
        # To a container, whoever is outside has the address of its network's gateway.
        assert ip_address(record.pop("remoteHost")).is_private
        sent = {
            "eventId": f"record-{number}",
            "technology": f"Tech-{number}",
            "eventType": "récord ✓",
            "location": f"http://example.org/ä?n={number}",
            "partyId": "0:lq1a7c3k:tester",
            "sessionId": "0:lq1a9zzz:tester",
            "pageViewId": "view",
            "detectedDuplicate": False,
            "detectedCorruption": False,
            "firstInSession": False,
            "path": "/ä",
            "eventParameters": {"technology": f"Tech-{number}", "other": "~!"},
            "bot": True,
            "botReason": "no Accept-Language",
        }
        assert {name: record[name] for name in sent} == sent
        agents = {name: value for name, value in record.items() if name not in sent}
        assert agents.pop("userAgentString").startswith("python-requests")
        assert all(value is None for name, value in agents.items() if not name.startswith("userAgent"))


def test_an_undecodable_record_is_counted_and_hurts_nothing(stack: LiveStack) -> None:
    """Rubbish in the topic shows up as unparseable; the events after it arrive."""
    from confluent_kafka import Producer

    before = stack.status()["pipeline"]
    producer = Producer({"bootstrap.servers": stack.kafka.servers})
    producer.produce("divolte", b"\xff\xff\xff\xff\xff not avro")
    assert producer.flush(10) == 0
    assert stack.send("after-rubbish", "after-rubbish") == 200
    eventually(lambda: stack.ids("after-rubbish") == ["after-rubbish"], "the event after the rubbish")
    unparseable = _figure(before, "unparseable")
    eventually(
        lambda: _figure(stack.status()["pipeline"], "unparseable") > unparseable, "the count of unparseable"
    )


def _figure(parts: list[dict[str, Any]], name: str) -> int:
    supervisor = next(part for part in parts if part["kind"] == "supervisor")
    return int(supervisor["figures"][name])


def test_prometheus_is_told_of_every_event(stack: LiveStack) -> None:
    """What came since the scrape before is in it, each event in one state; `/ready` agrees."""

    def scrape() -> Scrape:
        return Scrape(requests.get(stack.url("DIVOLTE_METRICS_PORT") + "/metrics", timeout=20).text)

    before = scrape()
    for number in range(3):
        assert stack.send(f"metrics-{number}", "metrics") == 200
    assert requests.get(f"{stack.url('DIVOLTE_PORT')}/csc-event?s=1", timeout=20).status_code == 200
    after = scrape()
    assert before.adds_up()
    assert after.adds_up()
    grown = {name: count - before.fates.get(name, 0) for name, count in after.fates.items()}
    assert grown["acknowledged"] >= 3
    assert grown["discarded: missing p"] >= 1
    assert after.value("acknowledgement_seconds_count", place="divolte") >= 3
    assert after.value("ready") == 1
    assert requests.get(f"{stack.url('DIVOLTE_PORT')}/ready", timeout=20).text == "ready\n"


def test_smoke_test_tells_every_hop(stack: LiveStack) -> None:
    """`smoke-test --json` prints one object with the four hops, and exits with 0."""
    done = stack.run("smoke-test", "--json", timeout=90)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report) == {"ok", "event_id", "hops", "problem"}
    assert (report["ok"], report["problem"]) == (True, None)
    assert [hop["hop"] for hop in report["hops"]] == ["collector", "kafka", "druid", "superset"]
    assert all(hop["ok"] and hop["ms"] > 0 for hop in report["hops"])
    assert report["event_id"] not in str(slices(stack))


def test_what_listens_listens_on_loopback(stack: LiveStack) -> None:
    """No port of the stack is open to other machines."""
    connections = psutil.net_connections("inet")
    listening = [
        (found.pid, found.laddr.ip, found.laddr.port)
        for found in connections
        if found.status == psutil.CONN_LISTEN and found.laddr
    ]
    if stack.engine == "native":
        pids = {process.pid for process in marked(Layout(stack.directory).identity)}
        addresses = [address for pid, address, _ in listening if pid in pids]
        assert len(addresses) >= 12
    else:  # whatever publishes the containers' ports, a process or the kernel, it is at these numbers
        addresses = [address for _, address, port in listening if str(port) in stack.ports.values()]
        bindings = [
            json.loads(stack.docker("inspect", "--format", "{{json .HostConfig.PortBindings}}", name))
            for name in map(stack.container, stack.pids())
        ]
        addresses += [
            bound["HostIp"] for found in bindings for ports in (found or {}).values() for bound in ports
        ]
        assert len(addresses) >= 7
    assert set(addresses) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}, listening


def test_the_secrets_are_generated_and_private(stack: LiveStack) -> None:
    """`.env` holds a password that nobody else can read, and no default one works."""
    file = stack.directory / ".env"
    assert file.stat().st_mode & 0o777 == 0o600
    body = {"username": "admin", "password": "admin", "provider": "db"}
    answer = requests.post(stack.url("SUPERSET_PORT") + "/api/v1/security/login", json=body, timeout=20)
    assert answer.status_code == 401
