"""Times with an offset, as Java reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.events.iso_time import milliseconds
from tests.collector.recorded import lines


@pytest.mark.parametrize("case", lines("iso_times.jsonl"), ids=lambda case: repr(case["text"]))
def test_times_as_java_17_read_them(case: dict[str, Any]) -> None:
    """Each text is the time that Java's ISO_OFFSET_DATE_TIME reads, or none."""
    assert milliseconds(case["text"]) == case["milliseconds"]


@given(
    st.datetimes(
        timezones=st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-1080, 1080))
    )
)
def test_times_of_any_zone(time: datetime) -> None:
    """Times of the years 1 to 9999 are those that Python's calendar has, cut to milliseconds."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert milliseconds(time.isoformat()) == (time - epoch) // timedelta(milliseconds=1)


@given(st.text("0123456789-+:.TtZz", max_size=35))
def test_any_text(text: str) -> None:
    """Any text is a time or none."""
    assert isinstance(milliseconds(text), int | None)


def test_a_time_cut_anywhere() -> None:
    """Only at the offset may a time end early."""
    time = "+12024-02-29T12:34:56.789+01:02:03"
    whole = [end for end in range(len(time) + 1) if milliseconds(time[:end]) is not None]
    assert [time[:end][25:] for end in whole] == ["+01", "+01:02", "+01:02:03"]
    assert milliseconds(time + "0") is None
