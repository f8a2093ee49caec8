"""Services that are stopped and started again, natively: what hangs ends, what is named starts anew, the rest stays."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from pyglue.errors import PyglueError
from pyglue.flow import Cancelled
from pyglue.native.engine import NativeEngine
from pyglue.restart import restart
from tests.native.stacks import SERVES, Checkout, Heard, until

GRACE = "stop_grace_period: 1s"


def again(checkout: Checkout, *names: str) -> list[tuple[str, str]]:
    """Restart services; returns (label, verdict) of each step."""
    heard = Heard()
    restart(checkout.engine(), names, heard)
    return heard.lines


def test_a_service_that_hangs_is_replaced(two: Checkout) -> None:
    """SIGTERM does not reach what SIGSTOP has stopped: it is killed after its grace, and another process serves."""
    two.compose(f"one: {{build: one, {GRACE}}}", f"two: {{build: two, depends_on: [one], {GRACE}}}")
    two.up()
    before = two.pids()
    os.kill(before["one"], signal.SIGSTOP)
    until(lambda: psutil.Process(before["one"]).status() == psutil.STATUS_STOPPED)
    assert again(two, "one") == [("Stop one", "stopped"), ("Start one", "ok")]
    after = two.pids()
    assert after["one"] != before["one"]
    assert after["two"] == before["two"]
    assert not psutil.pid_exists(before["one"])


def test_what_outlasts_all_patience_is_killed_with_what_it_started(two: Checkout) -> None:
    """However long its grace is in docker-compose.yml."""
    two.service(
        "one", "trap '' TERM\nsleep 1000 &\ntouch \"$RUN_DIR/healthy\"\nwhile :; do sleep 0.1; done\n"
    )
    two.compose("one: {build: one, stop_grace_period: 10m}")
    two.up()
    before = {process.pid for process in two.marked() if process.name() != "python"}
    engine = NativeEngine(two.engine().stack, patience=0.5)
    restart(engine, ["one"], Heard())
    supervisord = engine.supervisord.pid()
    left = {process.pid for process in two.marked()} & before - {supervisord}
    assert left == set()
    two.service("one")  # what ends when it is told to, for the end of the test
    restart(engine, ["one"], Heard())


def test_several_start_in_their_order_with_what_the_file_says_now(two: Checkout) -> None:
    """The second one's `start` finds the first one's health, and its new value."""
    two.up()
    two.service("one", 'sleep 0.3\ntouch "$DATA_DIR/../was-healthy"\n' + SERVES)
    two.service("two", "[[ -e $DATA_DIR/../was-healthy && $A == 1 ]] || exit 9\n" + SERVES)
    two.compose("one: {build: one}", "two: {build: two, depends_on: [one], environment: {A: '1'}}")
    for name in ("one", "two"):
        (two.engine().layout.run / name / "healthy").unlink()
    assert again(two, "one", "two") == [
        ("Stop one, two", "stopped"),
        ("Start one", "ok"),
        ("Start two", "ok"),
    ]
    assert two.engine().changed() == []


def test_one_that_does_not_run_is_started(two: Checkout) -> None:
    """It was stopped, or supervisord has given it up."""
    two.up()
    two.engine().stop(["two"])
    assert again(two, "two")[-1] == ("Start two", "ok")


def test_one_that_does_not_come_up_is_told_with_its_last_words(two: Checkout) -> None:
    """As `up` tells it."""
    two.up()
    two.service("two", "echo no room >&2\nexit 3\n")
    (two.engine().layout.run / "two/healthy").unlink()
    with pytest.raises(PyglueError) as caught:
        again(two, "two")
    assert (caught.value.code, caught.value.try_) == ("service-died", "pyglue logs two")
    assert caught.value.details[-1] == "  | no room"


def test_waiting_can_be_broken_off(two: Checkout) -> None:
    """As when another step of `up` failed."""
    two.up()

    def cancelled(_seconds: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        restart(two.engine(), ["one"], Heard(), cancelled)


def test_one_that_ran_before_and_hangs_is_told_to_be_restarted(two: Checkout) -> None:
    """`up` waited for it in vain: looking into its log would not mend it."""
    two.compose("one: {build: one}")
    two.up()
    (two.engine().layout.run / "one/healthy").unlink()
    file = two.path / "docker-compose.yml"
    file.write_text(file.read_text().replace("interval: 1s, retries: 20", "interval: 100ms, retries: 1"))
    with pytest.raises(PyglueError) as caught:
        two.up()
    assert (caught.value.code, caught.value.try_) == ("service-slow", "pyglue restart one")
