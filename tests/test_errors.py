"""Errors: what they say survives the way from one process to another."""

from __future__ import annotations

import errno
import pickle

import pytest

from pyglue.errors import BadAnswer, InputError, Problem, PyglueError, Unreachable, UsageError, unwritable


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


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk-full"), (errno.EDQUOT, "disk-full"), (errno.EACCES, "cannot-write")],
)
def test_a_file_that_cant_be_written_says_whether_the_disk_is_full(number: int, code: str) -> None:
    """A full disk, or a used-up quota, has another remedy than a folder that is somebody else's."""
    error = unwritable("out.tsv can't be written", OSError(number, "the reason"))
    assert (error.message, error.code) == ("out.tsv can't be written: the reason", code)


def test_half_a_pair_can_be_printed() -> None:
    """What an escape in a file spells, and no encoding has, is told as an escape."""
    error = InputError([Problem("f", 1, 2, "no field '\ud800'")])
    assert error.details == ["f:1:2: no field '\\ud800'"]
