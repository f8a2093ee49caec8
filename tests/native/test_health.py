"""Asking `healthy`: many questions, none waited for, nothing left over."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pyglue.native.contract import Program
from pyglue.native.health import EVERY, Check, healthy_now

Script = Callable[[str], Program]


class Clock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Makes a program whose `healthy` is this bash text."""

    def make(text: str) -> Program:
        path = tmp_path / "healthy"
        path.write_text("#!/bin/bash\n" + text)
        path.chmod(0o755)
        environment = {"PATH": "/usr/bin:/bin", "DATA_DIR": str(tmp_path)}
        return Program("x", (), (str(path), "word"), str(tmp_path), environment, (), "")

    return make


def answered(check: Check, clock: Clock) -> bool:
    """Ask until the question that is under way is answered."""
    before = check.tries
    while True:
        healthy = check.ask()
        if healthy or check.tries > before + 1:
            return healthy
        clock.now += EVERY / 10
        time.sleep(0.005)


def test_healthy_is_what_ends_with_0(script: Script) -> None:
    """The script's code decides; it sees its arguments and its environment."""
    clock = Clock()
    check = Check(script('test "$1" = word && test -d "$DATA_DIR" && test -z "${HOME:-}"'), 5, clock)
    assert answered(check, clock)


def test_the_reason_is_what_it_printed(script: Script) -> None:
    """The last failing answer is kept for the error."""
    clock = Clock()
    check = Check(script("echo not yet; echo really >&2; exit 1"), 5, clock)
    assert check.last == "not asked yet"
    assert not answered(check, clock)
    assert check.last == "not yet\nreally"
    check.close()


def test_silence_is_told_with_the_code(script: Script) -> None:
    """A script that fails without a word is shown by its exit code."""
    clock = Clock()
    check = Check(script("exit 7"), 5, clock)
    assert not answered(check, clock)
    assert check.last == "`healthy` ended with 7 and said nothing"
    check.close()


def test_questions_keep_their_distance(script: Script) -> None:
    """However often it is called, one question begins per interval."""
    clock = Clock()
    check = Check(script("exit 1"), 5, clock)
    for _ in range(50):
        check.ask()
        time.sleep(0.002)
    assert check.tries == 1
    clock.now += EVERY
    check.ask()
    assert check.tries == 2
    check.close()


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_a_hanging_question_is_ended_with_its_children(script: Script) -> None:
    """After the time-out it is over, at once, whatever the script had started."""
    clock = Clock()
    check = Check(script("sleep 1000"), 5, clock)
    check.ask()
    while not any(child.name() == "sleep" for child in children()):
        time.sleep(0.01)
    clock.now += 6
    assert not check.ask()
    assert check.last == "no answer within 5 s"
    assert not any(child.name() == "sleep" for child in children())


def test_a_child_that_lives_on_holds_nobody_up(script: Script) -> None:
    """A process in the background that keeps the output open does not make `ask` wait for it."""
    clock = Clock()
    check = Check(script("sleep 1000 &\nexit 0"), 5, clock)
    assert answered(check, clock)
    assert not any(child.name() == "sleep" for child in children())


def test_close_ends_the_question(script: Script) -> None:
    """Nothing runs on once nobody wants to know."""
    check = Check(script("sleep 1000"), 5, Clock())
    check.ask()
    check.close()
    check.close()
    assert not any(child.name() == "sleep" for child in children())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("echo fine", (True, "fine")),
        ("echo bad >&2; exit 3", (False, "bad")),
        ("sleep 1000", (False, "no answer within 0.2 s")),
        ("sleep 1000 &\necho fine", (True, "fine")),
    ],
)
def test_one_question_waited_for(script: Script, text: str, expected: tuple[bool, str]) -> None:
    """`status` asks once, with the time-out, and leaves nothing behind."""
    seconds = 0.2 if text == "sleep 1000" else 10.0
    assert healthy_now(script(text), seconds) == expected
    assert not any(child.name() == "sleep" for child in children())
