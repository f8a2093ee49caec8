"""The memory of events that several workers share: whose event is under way, and what of it is forgotten when."""

from __future__ import annotations

import os

import pytest

from pyglue.collector.duplicates import DuplicateMemory, Seen
from pyglue.collector.workers.share import MOST


def remember(memory: DuplicateMemory, worker: int, event: bytes = b"e") -> Seen:
    """By this worker."""
    memory.belong(worker)
    return memory.remember(b"p", b"s", event)


def test_an_event_is_known_to_all_workers_and_safe_once_it_is_kept() -> None:
    """Under way it is a duplicate, too, but not one that may be left out."""
    memory = DuplicateMemory(100)
    first = remember(memory, 0)
    second = remember(memory, MOST - 1)
    assert (first[0], second[0], memory.was_safe(second)) == (False, True, False)
    memory.belong(0)
    memory.keep(first)
    third = remember(memory, 1)
    assert (third[0], memory.was_safe(third)) == (True, True)
    assert not memory.was_safe(remember(memory, 1, b"other"))


def test_what_a_dead_worker_had_under_way_is_forgotten() -> None:
    """Nothing else: not what is safe, not what others have."""
    memory = DuplicateMemory(10_000)
    kept = remember(memory, 1, b"kept")
    memory.keep(kept)
    for number in range(300):
        remember(memory, number % 3, b"%d" % number)
    memory.release(1)
    gone = [number for number in range(300) if not remember(memory, 0, b"%d" % number)[0]]
    assert [number for number in range(300) if number % 3 == 1] == [one for one in gone if one % 3 == 1]
    assert len(gone) < 110  # some share a slot
    assert remember(memory, 0, b"kept")[0]


def test_a_refused_duplicate_leaves_its_first() -> None:
    """And a duplicate that is safe stays, though its first is refused."""
    memory = DuplicateMemory(100)
    first, second = remember(memory, 0), remember(memory, 1)
    memory.forget(second)
    assert remember(memory, 1)[0]
    memory.keep(second)
    memory.belong(0)
    memory.forget(first)
    assert memory.was_safe(remember(memory, 0))


def test_a_forgotten_event_gives_back_what_was_safe() -> None:
    """Of one that was under way when it lost its slot nobody knows what became."""
    memory = DuplicateMemory(1)
    safe = remember(memory, 0, b"safe")
    memory.keep(safe)
    memory.forget(remember(memory, 0, b"x"))
    assert remember(memory, 0, b"safe")[0]
    under_way = remember(memory, 0, b"under way")
    memory.forget(remember(memory, 0, b"y"))
    memory.forget(under_way)
    assert not remember(memory, 0, b"under way")[0]


def test_a_late_event_is_late_for_all_until_it_arrives() -> None:
    """Then it is told once, and a duplicate as any other."""
    memory = DuplicateMemory(100)
    first = remember(memory, 5)
    assert memory.arrived(first) is None
    assert memory.arrived(remember(memory, 6)) is None
    memory.belong(5)
    memory.delay(first)
    again = remember(memory, 6)
    assert (memory.arrived(again), memory.was_safe(again)) == (False, False)
    memory.belong(5)
    memory.arrive(first)
    again = remember(memory, 6)
    assert memory.arrived(again) is True
    memory.keep(again)
    last = remember(memory, 7)
    assert (memory.arrived(last), memory.was_safe(last)) == (None, True)


@pytest.mark.parametrize("dies", [False, True])
def test_a_late_event_that_does_not_arrive_is_forgotten(dies: bool) -> None:
    """Whether its record failed, or its worker died."""
    memory = DuplicateMemory(100)
    first = remember(memory, 5)
    memory.delay(first)
    if dies:
        memory.release(5)
    else:
        memory.forget(first)
    assert not remember(memory, 6)[0]


def test_a_duplicate_that_is_late_leaves_a_first_that_is_safe() -> None:
    """Only who has an event under way can be late with it."""
    memory = DuplicateMemory(100)
    memory.keep(remember(memory, 0))
    second = remember(memory, 1)
    memory.delay(second)
    memory.arrive(second)
    assert memory.was_safe(remember(memory, 2))


def test_forked_processes_share_it() -> None:
    """What the one remembers, the other finds."""
    memory = DuplicateMemory(100)
    pid = os.fork()
    if pid == 0:
        memory.keep(remember(memory, 1))
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert memory.was_safe(remember(memory, 0))


def test_a_size_that_no_machine_has() -> None:
    """Is a lack of memory, as with any other size."""
    with pytest.raises(MemoryError):
        DuplicateMemory(2**59)


def test_what_is_forgotten_leaves_a_late_event_that_arrived() -> None:
    """Its next try is still to be told that it is safe."""
    memory = DuplicateMemory(1)
    first = memory.remember(b"p", b"s", b"1")
    memory.delay(first)
    memory.arrive(first)
    memory.forget(memory.remember(b"p", b"s", b"2"))
    assert memory.arrived(memory.remember(b"p", b"s", b"1")) is True
