"""Whatever a page signals: the collector's own parsers take what the tag sends, and read what was meant."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

from pyglue.collector.events import checksum, mincode
from pyglue.collector.http import query
from pyglue.collector.tag import render
from tests.browser import TAG, Recorder
from tests.collector.support import browser_event

pytestmark = pytest.mark.browser

EXACT = 2**53  # beyond it browsers round when they write a whole number in base 36, and so did Divolte's tag
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBERS = (
    st.integers(-EXACT, EXACT)
    | st.integers(-(10**24), 10**24).map(float)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
SIGNALS = st.lists(st.tuples(TEXTS.filter(bool), VALUES, TEXTS), min_size=1, max_size=12)
SIGNAL = """text => JSON.parse(text).map(([type, value, anchor]) => {
    history.replaceState(null, '', '#' + anchor);
    return [divolte.signal(type, value), location.href];
})"""


def same(read: Any, meant: Any) -> bool:
    """Whether the collector read what was meant; a browser knows no difference between 1 and 1.0."""
    if isinstance(meant, list):
        return isinstance(read, list) and len(read) == len(meant) and all(map(same, read, meant))
    if isinstance(meant, dict):
        return (
            isinstance(read, dict)
            and read.keys() == meant.keys()
            and all(same(read[k], meant[k]) for k in meant)
        )
    if isinstance(meant, bool | str | None):
        return read is meant if isinstance(meant, bool | None) else bool(read == meant)
    if isinstance(read, bool) or not isinstance(read, int | Decimal):
        return False
    return float(read) == meant or (abs(meant) > EXACT and float(read) == pytest.approx(meant, rel=2e-15))


@pytest.mark.parametrize("debug", [False, True], ids=["minified", "readable"])
def test_the_collector_takes_what_the_tag_sends(page: Page, recorder: Recorder, debug: bool) -> None:
    """For any types, parameters and addresses: checksum right, parameters and texts as they were."""
    recorder.tag = lambda: render(**TAG, debug=debug)
    page.goto(recorder.page("/", ""))
    recorder.wait(1)

    @settings(
        max_examples=30,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(SIGNALS)
    def check(signals: list[tuple[str, Any, str]]) -> None:
        seen = len(recorder.hits)
        sent = page.evaluate(SIGNAL, json.dumps(signals))
        hits = recorder.wait(seen + len(signals))[seen:]
        for (type_, value, _), (event_id, location), hit in zip(signals, sent, hits, strict=True):
            parameters = query.parameters(hit.query.encode())
            assert checksum.matches(parameters)
            assert same(mincode.parse(parameters[b"u"][0].decode()), value)
            event = browser_event(hit.query.encode())
            assert not event.corrupt
            assert same(event.parameters(), value)
            assert (event.event_type, event.event_id) == (type_.encode(), event_id.encode())
            assert event.location == location.encode()

    check()
