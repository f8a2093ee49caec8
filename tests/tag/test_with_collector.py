"""The pages of Divolte's users with the collector as it runs: from a click in a browser to a record in an Avro file."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastavro
import pytest
from playwright.sync_api import Page

from tests.browser import COMMITTED, PATIENCE
from tests.tag.web import SITE_PAGE, Web, escaped

pytestmark = pytest.mark.browser

SITE = "http://shop.example/"
CONF = """
divolte {
  global.server.port = %d
  sources {
    shop { type = browser, javascript.event_timeout = 1 hour }
    blog { type = browser, prefix = /blog, party_cookie = reader, javascript { name = blog.js, debug = true } }
  }
  sinks.files {
    type = hdfs
    file_strategy { working_dir = ".", publish_dir = "published" }
  }
  mappings.all {
    sources = [shop, blog]
    sinks = [files]
    schema_file = schema.avsc
    mapping_script_file = mapping.groovy
  }
}
"""
SCHEMA = """
{"type": "record", "name": "Click", "fields": [
  {"name": "type", "type": "string"},
  {"name": "id", "type": "string"},
  {"name": "party", "type": "string"},
  {"name": "page", "type": "string"},
  {"name": "corrupt", "type": "boolean"},
  {"name": "duplicate", "type": "boolean"},
  {"name": "first", "type": "boolean"},
  {"name": "price", "type": ["null", "double"], "default": null},
  {"name": "tags", "type": ["null", {"type": "array", "items": "string"}], "default": null}
]}
"""
MAPPING = """
mapping {
  map eventType() onto 'type'
  map eventId() onto 'id'
  map partyId() onto 'party'
  map location() onto 'page'
  map corrupt() onto 'corrupt'
  map duplicate() onto 'duplicate'
  map firstInSession() onto 'first'
  map eventParameters().path('$.product.price') onto 'price'
  map eventParameters().path('$.product.tags') onto 'tags'
}
"""


@pytest.fixture
def collector(web: Web, tmp_path: Path, checkout: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A collector process that the browser knows as track.example and that writes files below the test's folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "published").mkdir()
    (tmp_path / "divolte.conf").write_text(CONF % port)
    (tmp_path / "schema.avsc").write_text(SCHEMA)
    (tmp_path / "mapping.groovy").write_text(MAPPING)
    words = [sys.executable, "-m", "pyglue.collector", "--config", "divolte.conf"]
    process = subprocess.Popen(words, cwd=tmp_path, env={"PYTHONPATH": str(checkout)})
    try:
        until_it_answers(process, port)
        web.collectors["track.example"] = port
        yield process
    finally:
        process.kill()
        process.wait()


def until_it_answers(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait for the collector's `pong`."""
    end = time.monotonic() + 2 * PATIENCE
    while True:
        assert process.poll() is None, "the collector ended"
        assert time.monotonic() < end, "the collector does not answer"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", "/ping")
            if connection.getresponse().status == 200:
                return
        except ConnectionError:
            pass  # the port is not open yet
        finally:
            connection.close()
        time.sleep(0.05)


def records(folder: Path) -> list[dict[str, Any]]:
    """All records of the published files."""
    found: list[Any] = []
    for file in folder.glob("*.avro"):
        with file.open("rb") as content:
            found += fastavro.reader(content)
    return found


def test_clicks_become_records(
    web: Web, tab: Page, collector: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """A visitor who clicks through a shop and a blog leaves one whole record for each event, with what it told."""
    errors = escaped(tab)
    web.publish_pages(SITE)
    blog = web.publish(SITE + "blog", SITE_PAGE.format("//track.example/blog/blog.js"))
    tab.goto(SITE + "plain.html")
    tab.get_by_role("button").click()
    tab.get_by_role("link").click()
    tab.wait_for_url(SITE + "next.html")
    tab.wait_for_function("window.divolte")
    tab.get_by_role("button").click()
    tab.evaluate(COMMITTED)
    tab.goto(blog)
    tab.evaluate(COMMITTED)
    sent = {hit["e"]: hit for hit in web.wait(7)}
    collector.terminate()
    assert collector.wait(PATIENCE) == 0
    found = [record for record in records(tmp_path / "published") if not record["duplicate"]]
    assert {(record["id"], record["type"], record["party"], record["page"]) for record in found} == {
        (id_, hit["t"], hit["p"], hit["l"]) for id_, hit in sent.items()
    }
    assert len(found) == 7
    assert not any(record["corrupt"] for record in found)
    assert [record["type"] for record in found if record["first"]] == ["pageView"]
    assert [(record["price"], record["tags"]) for record in found if record["price"] is not None] == [
        (24.95, ["kitchen", "red"])
    ]
    assert {hit.url for hit in sent.values()} == {
        "http://track.example/csc-event",
        "http://track.example/blog/csc-event",
    }
    assert errors == []
