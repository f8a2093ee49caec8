"""The loop: order, side by side, the first failure, and the end of waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from pyglue.errors import PyglueError
from pyglue.flow import TICK, Call, Cancel, Cancelled, Done, run


class Fake:
    """A job that is done after so many looks."""

    def __init__(self, name: str, log: list[str], *needs: str, looks: int = 1, fails: str = "") -> None:
        self.name = name
        self.label = f"Do {name}"
        self.needs = frozenset(needs)
        self._log = log
        self._left = looks
        self._fails = fails
        self.closed = False

    def begin(self) -> None:
        self._log.append(f"begin {self.name}")
        if self._fails == "begin":
            raise PyglueError(f"{self.name} can't begin")

    def poll(self) -> Done | None:
        self._left -= 1
        if self._left:
            return None
        if self._fails == "poll":
            raise PyglueError(f"{self.name} broke")
        self._log.append(f"end {self.name}")
        return Done("ok", f"Did {self.name}" if self.name == "c" else None)

    def close(self) -> None:
        self.closed = True


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Heard:
    """A listener that keeps everything."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, float]] = []
        self.moves: list[list[str]] = []

    def running(self, labels: list[tuple[str, float]]) -> None:
        self.moves.append([label for label, _ in labels])

    def finished(self, label: str, verdict: str, seconds: float) -> None:
        self.lines.append((label, verdict, round(seconds, 6)))


def go(jobs: list[Fake], cancel: Cancel | None = None, watch: Callable[[], None] = lambda: None) -> Heard:
    """Run without waiting; returns what was heard, also when the loop fails."""
    heard, time = Heard(), Time()
    try:
        run(jobs, heard, cancel or Cancel(), watch=watch, clock=time, sleep=time.sleep)
    except PyglueError as error:
        heard.lines.append(("error", error.message, 0.0))
    return heard


def test_a_job_begins_once_its_needs_are_done() -> None:
    """Whatever the order in which the jobs are given."""
    log: list[str] = []
    go([Fake("c", log, "a", "b"), Fake("b", log, "a"), Fake("a", log)])
    assert log == ["begin a", "end a", "begin b", "end b", "begin c", "end c"]


def test_jobs_without_open_needs_run_side_by_side() -> None:
    """A slow one holds nobody up who does not need it."""
    log: list[str] = []
    heard = go([Fake("slow", log, looks=5), Fake("a", log), Fake("b", log, "a", looks=2)])
    assert log.index("end b") < log.index("end slow")
    assert ["Do slow", "Do b"] in heard.moves


def test_a_finished_job_is_told_once_with_its_verdict_and_time() -> None:
    """The label may say more at the end than at the beginning."""
    log: list[str] = []
    heard = go([Fake("a", log, looks=3), Fake("c", log, "a")])
    assert heard.lines == [("Do a", "ok", round(2 * TICK, 6)), ("Did c", "ok", 0.0)]


@pytest.mark.parametrize(("fails", "said"), [("begin", "b can't begin"), ("poll", "b broke")])
def test_the_first_failure_ends_the_loop(fails: str, said: str) -> None:
    """The failed step has its line, what needs it never begins, and every wait ends."""
    log: list[str] = []
    cancel = Cancel()
    heard = go([Fake("a", log), Fake("b", log, "a", fails=fails), Fake("c", log, "b")], cancel)
    assert [line[:2] for line in heard.lines] == [("Do a", "ok"), ("Do b", "failed"), ("error", said)]
    assert "begin c" not in log
    with pytest.raises(Cancelled):
        cancel.wait(0)


@pytest.mark.parametrize("fails", ["", "begin", "poll"])
def test_whatever_began_is_closed(fails: str) -> None:
    """Also what was under way when another one failed: a service's question to itself would be left running."""
    log: list[str] = []
    jobs = [Fake("slow", log, looks=5), Fake("a", log), Fake("b", log, "a", fails=fails), Fake("c", log, "b")]
    go(jobs)
    assert [job.closed for job in jobs] == [True, True, True, not fails]


def test_the_watch_may_end_the_loop() -> None:
    """A service that had run and died is a failure even though no job looks at it any more."""
    log: list[str] = []
    looks = iter([None, None, PyglueError("kafka stopped")])

    def watch() -> None:
        trouble = next(looks)
        if trouble:
            raise trouble

    heard = go([Fake("a", log, looks=1000)], watch=watch)
    assert heard.lines == [("error", "kafka stopped", 0.0)]


@pytest.mark.parametrize("jobs", [[("a", "b"), ("b", "a")], [("a", "nowhere"), ("b", "a")]])
def test_needs_that_can_never_be_done_are_told(jobs: list[tuple[str, str]]) -> None:
    """A circle, or a need that nobody has heard of, is an error and no endless loop."""
    heard = go([Fake(name, [], need) for name, need in jobs])
    assert heard.lines == [("error", "these can never begin, for what they need is missing: a, b", 0.0)]


def test_no_jobs_are_done_at_once() -> None:
    """Nothing to do is fine."""
    assert go([]).lines == []


def test_a_bug_in_a_job_is_not_swallowed() -> None:
    """Only known trouble gets a line; everything else goes up as it is, and still ends every wait."""
    cancel = Cancel()

    def broken() -> Done:
        raise ZeroDivisionError

    with ThreadPoolExecutor(1) as pool, pytest.raises(ZeroDivisionError):
        run([Call("a", "A", frozenset(), broken, pool)], Heard(), cancel)
    with pytest.raises(Cancelled):
        cancel.wait(0)


def test_a_function_that_waits_is_cancelled_when_another_fails() -> None:
    """Waiting stops at once when it has become pointless."""
    cancel = Cancel()
    waiting = threading.Event()

    def waits() -> Done:
        waiting.set()
        cancel.wait(1000)
        return Done("ok")

    def fails() -> Done:
        waiting.wait()
        raise PyglueError("broken")

    heard = Heard()
    with ThreadPoolExecutor(2) as pool, pytest.raises(PyglueError, match="broken"):
        run([Call(f.__name__, f.__name__, frozenset(), f, pool) for f in (waits, fails)], heard, cancel)
    assert [line[:2] for line in heard.lines] == [("fails", "failed")]


def test_waiting_without_a_cancel_only_sleeps() -> None:
    """`wait` returns when its time is over."""
    Cancel().wait(0.001)
