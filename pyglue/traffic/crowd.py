"""The actions of many visitors as one stream in the order of time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from functools import cache
from itertools import count
from math import ceil

from pyglue.traffic import people, schedule, visits
from pyglue.traffic.people import Visitor
from pyglue.traffic.visits import Action

SAMPLE = 2000  # visits from which it is known how long they are
TRIES = 20  # to find a visitor who is not here already


def actions(
    seed: int, visitors: int, from_ms: int, to_ms: int, rate: float, *, run: str, curved: bool = True
) -> Iterator[Action]:
    """What happens on the site from `from_ms` until before `to_ms`, `rate` events per second on the average.

    A site does not begin to be visited when somebody begins to look: some visits are under way at the start. A visitor
    has one visit at a time, so there must be many more of them than are here at once; see `least_visitors`. `run` is
    what their identifiers begin with.
    """
    return _Crowd(seed, visitors, run).actions(from_ms, to_ms, rate, curved=curved)


def least_visitors(rate: float) -> int:
    """How many visitors `rate` events per second need, so that at the busiest time no more than half of them are here."""
    events, length_ms, _ = _typical()
    return ceil(2 * schedule.MOST * rate / events * length_ms / 1000)


class _Crowd:
    def __init__(self, seed: int, visitors: int, run: str) -> None:
        self._chance = random.Random(f"crowd:{seed}")  # noqa: S311 - no secret
        self._visitors = visitors
        self._run = run
        self._known: dict[int, Visitor] = {}
        self._busy: set[int] = set()
        self._waiting: list[tuple[int, int, Action, Iterator[Action]]] = []
        self._order = count()

    def actions(self, from_ms: int, to_ms: int, rate: float, *, curved: bool) -> Iterator[Action]:
        """See `actions`."""
        per_second = rate / _typical()[0]
        self._under_way(from_ms, per_second * (schedule.busyness(from_ms) if curved else 1.0))
        for begin_ms in schedule.beginnings(from_ms, to_ms, per_second, self._chance, curved=curved):
            yield from self._until(begin_ms)
            self._begin(begin_ms)
        yield from self._until(to_ms)

    def _under_way(self, from_ms: int, per_second: float) -> None:
        """Visits that began earlier and are not over: the longer one is, the likelier it is met in the middle."""
        _, mean_ms, lengths = _typical()
        known = range(len(lengths))
        for sample in self._chance.choices(known, lengths, k=round(per_second * mean_ms / 1000)):
            begin_ms = from_ms - int(self._chance.random() * lengths[sample])
            number = self._free()
            if number is not None:
                again = _chance_of(sample)
                visitor = people.visitor(number, begin_ms, self._run, again, self._chance)
                self._known[number] = visitor
                self._advance(visits.visit(visitor, begin_ms, again, self._chance), number, from_ms)

    def _begin(self, begin_ms: int) -> None:
        number = self._free()
        if number is None:
            return
        visitor = self._known.get(number)
        if visitor is None:
            visitor = people.visitor(number, begin_ms, self._run, self._chance, self._chance)
            self._known[number] = visitor
        self._advance(visits.visit(visitor, begin_ms, self._chance, self._chance), number, 0)

    def _free(self) -> int | None:
        """Somebody who is not here; it is a visit from now on."""
        draw = self._chance.random
        for _ in range(TRIES):
            number = int(draw() * self._visitors)
            if number not in self._busy:
                self._busy.add(number)
                return number
        return None

    def _until(self, at_ms: int) -> Iterator[Action]:
        waiting = self._waiting
        while waiting and waiting[0][0] < at_ms:
            _, _, action, visit = heapq.heappop(waiting)
            yield action
            self._advance(visit, action.visitor.number, 0)

    def _advance(self, visit: Iterator[Action], number: int, from_ms: int) -> None:
        action = next(visit, None)
        while action is not None and action.at_ms < from_ms:
            action = next(visit, None)
        if action is None:
            self._busy.discard(number)
        else:
            heapq.heappush(self._waiting, (action.at_ms, next(self._order), action, visit))


@cache
def _typical() -> tuple[float, float, list[int]]:
    """The mean number of a visit's events, the mean length in milliseconds, and each length of a sample."""
    found = []
    names = _chance_of(SAMPLE)
    for sample in range(SAMPLE):
        chance = _chance_of(sample)
        visitor = people.visitor(sample, 0, "", chance, names)
        found.append(list(visits.visit(visitor, 0, chance, names)))
    lengths = [visit[-1].at_ms for visit in found]
    return sum(map(len, found)) / SAMPLE, sum(lengths) / SAMPLE, lengths


def _chance_of(sample: int) -> random.Random:
    """What the sample's visit of this number was made with, so that it can be made again."""
    return random.Random(sample)  # noqa: S311 - no secret
