"""Carries targets out: inputs, the laws of time and memory, and what is told of a failure.

Time is the processor's, of this thread. An input that seems too slow is tried again before it is called so, for a
machine with other work to do measures too much, never too little.
"""

from __future__ import annotations

import gc
import hashlib
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.mutation import Mutator
from tests.fuzz.targets import KIB, Target

GROWN_SIZES = (KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, KIB * KIB)
# Four times the input may take four times the time, and somewhat more where it no longer fits into the processor's cache.
# More than ten times is on the way to sixteen, unless it is a small part of what is allowed.
MOST_GROWTH = 10.0
SMALL_PART = 0.2 / KIB  # milliseconds for a byte
LEAST_BYTES = 2**20
_TRIES = 4
_EVERY = 40  # the memory of one input among so many is looked at, for that takes its time
_PER_GROWN = 6  # executions for each piece that is grown a little
_PER_GROWN_FAR = 36  # and for each that is grown to the end, though nothing is odd at the begin
_NEAR = 4 * KIB
_ODD_GROWTH, _ODD_MILLISECONDS = 7.0, 0.3
_OUTCOMES = 2000
_PER_COLLECTION = 1000


class Failure(AssertionError):
    """A target broke a promise; the text says which, and how to see it again."""


@dataclass
class Tally:
    """What a run did: executions of the target, and how many different things came of them."""

    executions: int = 0
    outcomes: set[str] = field(default_factory=set)
    slowest: float = 0.0  # milliseconds for a KiB, of inputs that are longer than that


def run(
    target: Target,
    seed: int,
    executions: int,
    folder: Path,
    *,
    sizes: tuple[int, ...] = GROWN_SIZES[:4],
    until: Callable[[], bool] = lambda: False,
) -> Tally:
    """Try `target` so many times by its share, or until it is time.

    Raises Failure, whose input is then in a file in `folder`.
    `sizes` are those to which pieces are grown.
    """
    chance = Random(f"{target.name}:{seed}")  # noqa: S311 - no secret; the same inputs every time
    mutator = Mutator(target.seeds, target.words, target.most, chance)
    tally = Tally()
    executions //= target.share
    gc.disable()  # it comes when it likes, and looks at all that the tests hold
    try:
        for data in target.seeds[: max(executions // 2, 1)]:
            _note(target, data, tally, mutator, seed, folder)
        grow_at = 0
        while tally.executions < executions and not until():
            if tally.executions >= grow_at:
                grow_at = tally.executions + _PER_GROWN
                _grow(target, mutator.growing(), sizes, tally, seed, folder)
            _note(target, mutator.mutated(), tally, mutator, seed, folder)
            if tally.executions % _PER_COLLECTION == 0:
                gc.collect()
    finally:
        gc.enable()
    return tally


def replay(target: Target, data: bytes, tell: Callable[[str], None]) -> None:
    """Try one input; raises AssertionError, or what the target raises.

    Tells its time beside that of its beginning: one that was found because time grew faster may be legal in itself.
    """
    gc.disable()
    try:
        result, milliseconds = _timed(target, data)
        quarter = len(data) // 4
        begin = _timed(target, data[:quarter])[1]
        tell(f"{len(data)} bytes take {milliseconds:.2f} ms, the first {quarter} of them {begin:.2f} ms")
        target.check(data, result)
        _obey_time(target, data, milliseconds)
        _obey_memory(target, data)
    finally:
        gc.enable()


def _note(target: Target, data: bytes, tally: Tally, mutator: Mutator, seed: int, folder: Path) -> None:
    """One execution; an input of which something new came is kept."""
    tally.executions += 1
    try:
        result, milliseconds = _timed(target, data)
        outcome = target.check(data, result)
        _obey_time(target, data, milliseconds)
        if tally.executions % _EVERY == 0:
            _obey_memory(target, data)
    except Exception as error:
        raise _failure(target, data, seed, error, folder) from error
    if outcome not in tally.outcomes and len(tally.outcomes) < _OUTCOMES:
        tally.outcomes.add(outcome)
        mutator.keep(data)


def _grow(
    target: Target,
    grown: Callable[[int], bytes],
    sizes: tuple[int, ...],
    tally: Tally,
    seed: int,
    folder: Path,
) -> None:
    """Inputs of one form, each four times as long as the one before."""
    before = 0.0
    far = tally.executions % _PER_GROWN_FAR < _PER_GROWN
    for size in sizes:
        if size > _NEAR and not far:
            return
        data = grown(size)
        if len(data) > target.most + LEAST_BYTES // 16:
            return
        tally.executions += 1
        try:
            result, milliseconds = _timed(target, data)
            _obey_time(target, data, milliseconds)
            small = SMALL_PART * len(data)
            if before and milliseconds > max(small, MOST_GROWTH * before):
                before = _again(target, grown(size // 4), before)
                milliseconds = _again(target, data, milliseconds)
                assert milliseconds <= max(small, MOST_GROWTH * before), (
                    f"{len(data)} bytes take {milliseconds:.1f} ms, a quarter of them {before:.2f} ms"
                )
            target.check(data, result)
            if far:
                _obey_memory(target, data)
        except Exception as error:
            raise _failure(target, data, seed, error, folder) from error
        far = far or (milliseconds > max(_ODD_MILLISECONDS, _ODD_GROWTH * before) and before > 0)
        tally.slowest = max(tally.slowest, milliseconds * KIB / len(data))
        before = milliseconds


def _timed(target: Target, data: bytes) -> tuple[Any, float]:
    """What the target gives, and the milliseconds that it takes."""
    begin = time.thread_time_ns()
    result = target.act(data)
    return result, (time.thread_time_ns() - begin) / 1e6


def _again(target: Target, data: bytes, milliseconds: float) -> float:
    """The least time of several."""
    return min(milliseconds, *(_timed(target, data)[1] for _ in range(_TRIES)))


def _obey_time(target: Target, data: bytes, milliseconds: float) -> None:
    allowed = max(target.least_milliseconds, target.milliseconds_per_kib * len(data) / KIB)
    if milliseconds > allowed:
        milliseconds = _again(target, data, milliseconds)
    assert milliseconds <= allowed, (
        f"{len(data)} bytes take {milliseconds:.1f} ms; {allowed:.1f} ms is the most"
    )


def _obey_memory(target: Target, data: bytes) -> None:
    tracemalloc.start()
    try:
        target.act(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    allowed = LEAST_BYTES + target.bytes_per_byte * len(data)
    assert peak <= allowed, f"{len(data)} bytes take {peak} bytes of memory; {allowed} is the most"


def _failure(target: Target, data: bytes, seed: int, error: Exception, folder: Path) -> Failure:
    file = folder / f"{target.name}-{hashlib.sha256(data).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    shown = repr(data) if len(data) <= KIB else f"{data[:KIB]!r}... ({len(data)} bytes)"
    return Failure(
        f"{target.name}: {type(error).__name__}: {error}\n"
        f"  input   {shown}\n"
        f"  seed    {seed}\n"
        f"  again   .venv/bin/python -m tests.fuzz --replay {file} {target.name}"
    )
