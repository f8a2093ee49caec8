"""What lies at which path once a configuration is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyglue.collector.app import Place, Ready
from pyglue.collector.http.routes import Routes
from pyglue.collector.loading import load
from pyglue.collector.sources import EventsAt, JsonEventsAt
from tests.collector.http_fakes import FakeOutlet


def routes(directory: Path, sources: str) -> Routes[Place]:
    """The paths of a configuration with these sources."""
    conf = directory / "c.conf"
    conf.write_text(f"divolte {{ global.hdfs.enabled = false, sources {{ {sources} }} }}")
    return Routes(load(conf, {}).table(lambda *_: FakeOutlet()))


def test_ready_is_there_beside_the_ping(tmp_path: Path) -> None:
    """In every configuration."""
    assert isinstance(routes(tmp_path, "a { type = browser }").find(b"/ready"), Ready)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("a { type = json, event_path = /ready }", JsonEventsAt),
        ("a { type = browser, event_suffix = ready }", EventsAt),
        ("a { type = browser, event_suffix = ready/ }", EventsAt),
    ],
)
def test_who_has_ready_already_keeps_it(tmp_path: Path, source: str, kind: type) -> None:
    """Divolte has no such path, so a source of a configuration of its own goes before."""
    assert isinstance(routes(tmp_path, source).find(b"/ready"), kind)
