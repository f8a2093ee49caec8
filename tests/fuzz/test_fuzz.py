"""Every target for a while, and that the fuzzer finds what it is for. `make fuzz` goes on for longer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.__main__ import main
from tests.fuzz.every_target import every_target
from tests.fuzz.runner import Failure, Tally, replay, run
from tests.fuzz.targets import KIB, Target, words

SEED = 20_260_101
EXECUTIONS = 6000


@pytest.mark.parametrize("name", every_target())
def test_no_input_breaks_a_promise(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Whatever bytes come, there is no exception, and neither time nor memory beyond what the input is long."""
    tally = run(every_target()[name], SEED, EXECUTIONS, tmp_path)
    assert tally.executions >= EXECUTIONS // every_target()[name].share
    assert len(tally.outcomes) > 1, "all inputs come to the same: they do not get past the first look"
    record_property("fuzz", f"{name}: {tally.executions} executions, {len(tally.outcomes)} outcomes")


def target(act: object, *, seed: bytes = b"k=v&a=b", most: int = 256 * KIB) -> Target:
    """A target of the test's own."""
    assert callable(act)
    return Target("own", [seed], words("& = %41 a"), act, lambda _data, result: repr(result)[:20], most=most)


def crash(data: bytes) -> int:
    """Fails at a word that is in no seed, where a sign is."""
    return int(data.partition(b"=%41")[1] != b"" and data[b"no number"])  # type: ignore[call-overload]


def quadratic(data: bytes) -> int:
    """Looks at all the rest for each sign."""
    return sum(data[at:].count(b"&") for at, sign in enumerate(data) if sign == ord("&"))


def doubling(data: bytes) -> int:
    """Each sign makes what there is twice as long."""
    return len(data[:1] * 2 ** min(data.count(b"&"), 24))


@pytest.mark.parametrize(("act", "told"), [(crash, "TypeError"), (quadratic, " ms"), (doubling, "of memory")])
def test_what_is_wrong_is_found(act: object, told: str, tmp_path: Path) -> None:
    """An exception, time that grows faster than the input, and memory that does are found, each with an input in a file."""
    with pytest.raises(Failure, match=told) as caught:
        run(target(act), SEED, EXECUTIONS, tmp_path)
    [file] = tmp_path.iterdir()
    text = str(caught.value)
    assert f"seed    {SEED}\n" in text
    assert text.endswith(f"python -m tests.fuzz --replay {file} own")
    lines: list[str] = []
    if told != " ms":  # time that grows is seen by two inputs alone
        with pytest.raises((AssertionError, TypeError)):
            replay(target(act), file.read_bytes(), lines.append)


def test_a_broken_promise_is_found(tmp_path: Path) -> None:
    """What `check` asserts is a failure as well."""

    def check(data: bytes, _result: object) -> str:
        assert b"==" not in data, "two signs"
        return ""

    own = Target("own", [b"k=v"], words("="), len, check)
    with pytest.raises(Failure, match="two signs"):
        run(own, SEED, EXECUTIONS, tmp_path)


def test_the_seed_repeats_a_run(tmp_path: Path) -> None:
    """The same seed makes the same inputs, another one others."""

    def inputs(seed: int) -> list[bytes]:
        found: list[bytes] = []
        run(target(found.append), seed, 300, tmp_path, sizes=())
        return found

    assert inputs(1) == inputs(1)
    assert inputs(1) != inputs(2)


def test_it_ends_when_it_is_time(tmp_path: Path) -> None:
    """A run without end is asked after each execution whether it is time."""
    asked = iter([False, False, True])
    tally: Tally = run(target(len), SEED, 10**9, tmp_path, until=lambda: next(asked))
    assert tally.executions < 20


def test_the_command_tells_seed_and_executions(capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is enough to do it again."""
    assert main(["spool", "--executions", "30", "--seed", "7"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "seed 7"
    assert lines[-1].endswith("executions, 0 of 1 targets failed")


def test_the_command_tries_an_input_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--replay` takes the file that a failure left."""
    file = tmp_path / "input"
    file.write_bytes(os.urandom(20))
    assert main(["mincode", "--replay", str(file)]) == 0
    assert "all promises are kept" in capsys.readouterr().out
