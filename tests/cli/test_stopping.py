"""Ctrl-C while something is under way that is not to be left half done."""

from __future__ import annotations

import signal

import pytest

from pyglue.cli.stopping import stoppable


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_one_is_remembered(number: int) -> None:
    """The second one ends at once; outside all is as before."""
    acted: list[int] = []
    before = signal.getsignal(number)
    with stoppable(lambda: acted.append(1)) as stopped:
        assert not stopped()
        signal.raise_signal(number)
        assert (stopped(), acted) == (True, [1])
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert acted == [1]
    assert signal.getsignal(number) is before
