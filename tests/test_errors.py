"""Errors: what they say survives the way from one process to another."""

from __future__ import annotations

import pickle

import pytest

from pyglue.errors import BadAnswer, InputError, Problem, PyglueError, Unreachable, UsageError


@pytest.mark.parametrize(
    "error",
    [
        PyglueError("no", details=["asked"], try_="pyglue up"),
        UsageError("no"),
        InputError([Problem("a.groovy", 4, 2, "wrong"), Problem("b", None, None, "gone")]),
        Unreachable("away", try_="pyglue logs"),
        BadAnswer("odd", status=503, details=["x"]),
    ],
)
def test_an_error_gets_to_another_process_as_it_is(error: PyglueError) -> None:
    """Type, text and everything that belongs to it."""
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert str(again) == str(error)
