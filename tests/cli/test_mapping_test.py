"""`pyglue mapping test`: what a mapping makes of an event, with nothing running."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.ended import Run


def test_the_example(pyglue: Run) -> None:
    """Without a file an example goes through the checkout's mapping."""
    ended = pyglue("mapping", "test")
    assert ended.code == 0
    record = json.loads(ended.out)
    assert (record["technology"], record["screenPixelWidth"]) == ("Kafka", 1920)
    assert (record["userAgentFamily"], record["bot"]) == ("Chrome", False)
    robot = json.loads(pyglue("mapping", "test", "--header", "User-Agent: Googlebot/2.1").out)
    assert (robot["userAgentFamily"], robot["bot"]) == ("Googlebot", True)


def test_an_event_of_ones_own(pyglue: Run, project: Path) -> None:
    """A file's event goes through another script, with headers; what it does not say stays empty."""
    (project / "event.json").write_text('{"event_type": "order", "parameters": {"technology": ["Ä"]}}')
    (project / "m.groovy").write_text(
        "mapping {\n  map eventParameters().path('$.technology') onto 'technology'\n"
        "  map cookie('g') onto 'referer'\n  map location() onto 'location'\n" + REQUIRED
    )
    ended = pyglue("mapping", "test", "event.json", "--script", "m.groovy", "--header", "Cookie: g=b")
    assert ended.code == 0
    record = json.loads(ended.out)
    assert (record["technology"], record["referer"], record["location"]) == ("Ä", "b", None)


def test_privacy_settings_count(pyglue: Run) -> None:
    """The record has as much of the address as the collector would keep, and whoever opts out would leave none."""
    assert json.loads(pyglue("mapping", "test").out)["remoteHost"] == "192.0.2.0"
    ended = pyglue("mapping", "test", "--header", "Sec-GPC: 1")
    assert (ended.code, ended.out) == (1, "")
    assert "the event would be dropped: global privacy control" in ended.err


REQUIRED = """
  map duplicate() onto 'detectedDuplicate'
  map corrupt() onto 'detectedCorruption'
  map firstInSession() onto 'firstInSession'
  map timestamp() onto 'timestamp'
  map clientTimestamp() onto 'clientTimestamp'
  map remoteHost() onto 'remoteHost'
}
"""


@pytest.mark.parametrize(
    ("event", "arguments", "code", "message"),
    [
        ('{"event_typ": "x"}', (), 1, "unknown field 'event_typ'"),
        ('{"party_id": "x", "location": 5}', (), 1, "party_id: expected an identifier"),
        ('{"location": 5}', (), 1, "location: expected a text"),
        ('{"screen_pixel_width": true}', (), 1, "expected a whole number"),
        ("[]", (), 1, "expected an object"),
        ("{", (), 1, "event.json:1:2: no JSON"),
        ("{}", ("--mapping", "nope"), 2, "there is no mapping 'nope'"),
        ("{}", ("--header", "nope"), 2, "expected --header 'NAME: VALUE'"),
    ],
)
def test_what_is_refused(
    pyglue: Run, project: Path, event: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    """Each mistake is told with what was expected."""
    (project / "event.json").write_text(event)
    ended = pyglue("mapping", "test", "event.json", *arguments)
    assert ended.code == code
    assert message in ended.err
    assert ended.out == ""


def test_an_event_that_would_be_dropped(pyglue: Run, project: Path) -> None:
    """The reason is told, and what was to be seen before it as a warning."""
    (project / "m.groovy").write_text("mapping { }")
    ended = pyglue("mapping", "test", "--script", "m.groovy")
    assert ended.code == 1
    assert "nothing is mapped onto 'timestamp'" in ended.err
    assert "the event would be dropped: no value for field detectedDuplicate" in ended.err
