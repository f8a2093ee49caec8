"""Spans of time as Compose's documentation shows them."""

import pytest

from pyglue.stack.durations import compose_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10ms", 0.01),
        ("40s", 40),
        ("1m30s", 90),
        ("1h5m30s20ms", 3930.02),
        ("250us", 0.00025),
        ("2.5s", 2.5),
        ("90m", 5400),
        (" 5s ", 5),
        ("0s", 0),
    ],
)
def test_spans_of_compose(text: str, seconds: float) -> None:
    """Hours, minutes, seconds, milli- and microseconds, in that order, give seconds."""
    assert compose_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "1s1m", "-1s", "1d", "10 s", "1,5s", "ten", "1s\nx"])
def test_anything_else_is_refused(text: str) -> None:
    """A number without its unit, or units out of order, is no span of time."""
    with pytest.raises(ValueError, match="is no span of time"):
        compose_seconds(text)
